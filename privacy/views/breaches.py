"""A letter about a breach, in the portal of the business that it was written to."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from privacy.models import Delivery
from privacy.services import breach_notices
from smartinvoicing import clock
from smartinvoicing.errors import NotFound


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.MANAGE_BUSINESS)
def breach_letter(request: MemberRequest, breach_notice_id: UUID) -> HttpResponse:
    """What happened and what to do now. That somebody says they read it is the proof."""
    notice = breach_notices.of_business(breach_notice_id)
    if notice is None:
        raise NotFound(_("There is no such letter."))
    if request.method == "POST":
        breach_notices.seen(notice=notice, at=clock.now())
        messages.success(request, _("Thank you. The letter stays here."))
        return redirect("privacy:breach_letter", breach_notice_id)
    context = {"letter": notice.letter, "is_new": notice.state == Delivery.QUEUED}
    return render(request, "privacy/breach_letter.html", context)
