"""Who helps us with a business's data, and its word against whoever is not needed."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.enums import Permission
from accounts.guards import MemberRequest, member_required
from accounts.services import processors as service
from privacy import selectors
from smartinvoicing import clock


@require_http_methods(["GET", "HEAD", "POST"])
@member_required(Permission.MANAGE_BUSINESS)
def processors(request: MemberRequest) -> HttpResponse:
    """The list as it is for this business, and the choice."""
    if request.method == "POST":
        needed_only = request.POST.get("processors") == "needed"
        service.choose(needed_only=needed_only, actor=request.actor, at=clock.now())
        messages.success(request, _("Saved. It holds from now on."))
        return redirect("privacy:processors")
    needed_only = request.membership.tenant.needed_processors_only
    context = {
        "rows": selectors.processors(needed_only=needed_only),
        "needed_only": needed_only,
    }
    return render(request, "privacy/processors.html", context)
