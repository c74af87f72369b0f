"""Four eyes: what one person asks for, another agrees to, and then it is done once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final

from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import staff
from accounts.enums import Desk, StaffAction
from accounts.models import Approval, User
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict

LASTS: Final = timedelta(days=7)

# What the second person must be allowed to do, for each deed that asks for one.
DESK_OF: Final[Mapping[str, Desk]] = MappingProxyType(
    {
        "publish_policy": Desk.KEEP_REGISTERS,
        "break_glass": Desk.SIGN_BREACHES,
        "close_account": Desk.DECIDE_REQUESTS,
        "give_role": Desk.GIVE_ROLES,
        "move_aware_at": Desk.SIGN_BREACHES,
        "purge": Desk.APPROVE_PURGE,
        "request_erase": Desk.APPROVE_PURGE,
        "request_refuse": Desk.DECIDE_REQUESTS,
        "hand_out_archive": Desk.DECIDE_REQUESTS,
        "lift_hold": Desk.HOLD,
        "approve_dpia": Desk.KEEP_REGISTERS,
        "disclose": Desk.KEEP_REGISTERS,
    }
)

# How a deed is called on the pages of the desk.
WORDS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "publish_policy": gettext_lazy("Publish a policy"),
        "break_glass": gettext_lazy("Emergency access to a business"),
        "close_account": gettext_lazy("Close an account for its owner"),
        "give_role": gettext_lazy("Give somebody a role"),
        "move_aware_at": gettext_lazy("Move the hour when we knew of a breach"),
        "purge": gettext_lazy("Purge tax records"),
        "request_erase": gettext_lazy("Erase a person's data"),
        "request_refuse": gettext_lazy("Refuse a request"),
        "hand_out_archive": gettext_lazy("Hand out the archive of a closed account"),
        "lift_hold": gettext_lazy("Lift a legal hold"),
        "approve_dpia": gettext_lazy("Approve an impact assessment"),
        "disclose": gettext_lazy("Hand data to an authority"),
    }
)


def called(deed: str) -> str:
    """A deed in words."""
    return str(WORDS.get(deed, deed))


def digest_of(**asked: Any) -> str:
    """Of exactly what is asked for: its values as JSON, in one order."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=str).encode()).hexdigest()


def ask(
    deed: str,
    about: models.Model,
    *,
    digest: str,
    why: str,
    by: User,
    at: datetime,
    lasts: timedelta = LASTS,
) -> Approval:
    """Ask a second person. Asked again while the first question is open, it is the same one.

    Raises: RuleViolation without a reason.
    """
    if not why.strip():
        raise RuleViolation(_("Say why this is to be done."))
    known = _open(deed, about, digest, at).first()
    if known is not None:
        return known
    asked = Approval(
        deed=deed,
        object_type=str(about._meta.model_name),
        object_id=str(about.pk),
        digest=digest,
        why=why.strip()[:300],
        asked_by=by,
        asked_at=at,
        expires_at=at + lasts,
    )
    with transaction.atomic():
        _of(deed, about).filter(expires_at__lte=at, spent_at=None).delete()
        asked.save(force_insert=True)
        staff.record(by, StaffAction.APPROVAL_ASKED, asked, at=at, why=why, deed=deed)
    return asked


@transaction.atomic
def answer(
    approval: Approval, *, agrees: bool, by: User, at: datetime, desk: Desk, why: str = ""
) -> Approval:
    """The second person's word. desk: what they must be allowed to do to give it.

    Raises: NotAllowed for whoever asked, or without the right; StateConflict when it was answered
            or has run out; RuleViolation when refused without a reason.
    """
    staff.allow(by, desk)
    held = Approval.objects.select_for_update().get(pk=approval.pk)
    if held.asked_by_id == by.pk:
        raise NotAllowed(_("You asked for this yourself. Another person has to look at it."))
    if held.answered_at is not None or held.expires_at <= at:
        raise StateConflict(_("This was answered already, or has run out."))
    if not agrees and not why.strip():
        raise RuleViolation(_("Say why you refuse."))
    held.answered_by, held.answered_at, held.is_agreed = by, at, agrees
    try:
        with transaction.atomic():
            held.save(update_fields=["answered_by", "answered_at", "is_agreed"])
    except IntegrityError as error:
        raise StateConflict(_("This was answered already, or has run out.")) from error
    action = StaffAction.APPROVAL_GIVEN if agrees else StaffAction.APPROVAL_REFUSED
    staff.record(by, action, held, at=at, why=why, deed=held.deed)
    return held


@transaction.atomic
def spend(deed: str, about: models.Model, *, digest: str, by: User | str, at: datetime) -> Approval:
    """Do the deed that was agreed to: its approval is used up, in the transaction of the deed.

    Raises: NotAllowed when nobody agreed to exactly this, or too long ago.
    """
    agreed = _open(deed, about, digest, at).filter(is_agreed=True).select_for_update().first()
    if agreed is None:
        raise NotAllowed(_("A second person has to agree to exactly this first."))
    agreed.spent_at = at
    agreed.save(update_fields=["spent_at"])
    staff.record(by, StaffAction.APPROVAL_SPENT, agreed, at=at, deed=deed)
    return agreed


def waiting(*, at: datetime) -> models.QuerySet[Approval]:
    """What waits for a second person, the oldest first."""
    return Approval.objects.filter(is_agreed=None, expires_at__gt=at).order_by("asked_at")


def _of(deed: str, about: models.Model) -> models.QuerySet[Approval]:
    return Approval.objects.filter(
        deed=deed, object_type=str(about._meta.model_name), object_id=str(about.pk)
    )


def _open(deed: str, about: models.Model, digest: str, at: datetime) -> models.QuerySet[Approval]:
    return _of(deed, about).filter(
        Q(is_agreed=None) | Q(is_agreed=True), digest=digest, spent_at=None, expires_at__gt=at
    )
