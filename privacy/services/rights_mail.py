"""What a request tells by mail: the person, our officers, in the end who runs the service."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import staff
from accounts.enums import Desk
from accounts.services import mailing
from privacy import deadlines
from privacy.models import RequestType, SubjectRequest
from privacy.services import desk, request_words
from privacy.services.request_states import KIND
from smartinvoicing.templatetags import formats


def tell_person(
    request: SubjectRequest,
    template: str,
    *,
    key: str,
    at: datetime,
    to: str = "",
    **context: Any,
) -> bool:
    """Mail the person once for each `key`; False where no address is left to mail to."""
    address = to or request_words.address_of(request)
    if not address:
        return False
    mailing.post(
        key=f"request-{request.pk}-{key}",
        to=address,
        template=f"privacy/mail/{template}",
        context=_about(request) | {"page": request_words.page_of(request)} | context,
        at=at,
        user_id=request.user_id,
        tenant_id=request.tenant_id,
        language=request.language,
    )
    return True


def _about(request: SubjectRequest) -> dict[str, Any]:
    with override(request.language):
        return {
            "reference": request.reference,
            "type": str(RequestType(request.type).label),
            "due": formats.karachi_date(deadlines.last_day(request.due_at)),
            "contact": settings.PRIVACY_EMAIL,
        }


def open_task(request: SubjectRequest, *, at: datetime) -> None:
    """On the officer's red list until it ends; words and date as they stand now."""
    desk.open_task(
        KIND,
        str(request.pk),
        title=f"{RequestType(request.type).label} {request.reference}",
        url=reverse("admin:privacy_subjectrequest_change", args=[request.pk]),
        at=at,
        due_at=request.due_at,
        state=str(request.state),
    )


def alert_desk(
    request: SubjectRequest, step: str, *, at: datetime, time: int = 1, owner_too: bool = False
) -> None:
    """Mail whoever decides requests, and from the second day of lateness who runs the service."""
    open_task(request, at=at)
    people: list[tuple[str, Any]] = [
        (user.email, user.pk) for user in staff.with_deed(Desk.DECIDE_REQUESTS)
    ]
    if owner_too or not people:
        people += [
            (address, None) for address in settings.PRIVACY_OWNER_EMAILS or settings.OPERATOR_EMAILS
        ]
    url = settings.PUBLIC_URL + reverse("admin:privacy_subjectrequest_change", args=[request.pk])
    for place, (address, user_id) in enumerate(people):
        mailing.post(
            key=f"request-{request.pk}-{step}-{time}-{user_id or place}",
            to=address,
            template="privacy/mail/request_alert",
            context=_about(request) | {"url": url, "what": words_of(step)},
            at=at,
            user_id=user_id,
        )


def words_of(step: str) -> str:
    """What an alarm says."""
    kind, _dash, number = step.removesuffix("-extended").partition("-")
    if kind == "t":
        return _("Days left to decide: %(days)s.") % {"days": number}
    said = {
        "human": _("Nobody of ours has looked at it yet."),
        "human-late": _("Nobody looked at it within three working days."),
        "overdue": _("It is late. Every day counts from now on."),
        "forward": _("It has to be handed to the business within two working days."),
        "forwarded": _("The business has not answered for %(days)s days.") % {"days": number},
        "export": _("Its export could not be put together."),
        "routed": _("Nobody is left in the business: we answer in its place."),
    }
    return said.get(step) or said[kind]
