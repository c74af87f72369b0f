"""What our desk hands out in the place of a business that is gone; only who asked can fetch it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, four_eyes, staff, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Desk, StaffAction
from accounts.models import Approval, Tenant, User
from privacy.models import (
    Closure,
    ClosureState,
    ExportFile,
    IdentityProof,
    ProofMethod,
    RequestState,
    SubjectRequest,
)
from privacy.services import deciding, exporting, routing
from privacy.subjects import Subject, SubjectKind
from smartinvoicing.errors import RuleViolation

ARCHIVE: Final = "hand_out_archive"
_EMPTIED: Final = (ClosureState.PURGED, ClosureState.SEALED)


@transaction.atomic
def customer(request: SubjectRequest, *, by: User, at: datetime) -> ExportFile:
    """What is held of a customer whose business is gone.

    Raises: NotAllowed; RuleViolation while it is not proved who asks, or while a business decides.
    """
    staff.allow(by, Desk.DECIDE_REQUESTS)
    _refuse_others(request, by=by, at=at)
    if request.buyer_id is None or not routing.is_ours(request):
        raise RuleViolation(_("Hand it to the business: it decides, we only assist."))
    export = exporting.build_export(request, at=at)
    _record(request, by=by, at=at)
    return export


@transaction.atomic
def archive(request: SubjectRequest, *, why: str, by: User, at: datetime) -> Approval | None:
    """The sealed archive of a closed business, to whoever owned it. The second call does it.

    Returns: the question that waits for the second person, None when it is put together.
    Raises: NotAllowed; RuleViolation where the account is not closed, or where no person of ours
            made sure who asks: nothing is left by which a code could tell.
    """
    staff.allow(by, Desk.WORK_REQUESTS)
    _refuse_others(request, by=by, at=at)
    emptied = Closure.objects.filter(state__in=_EMPTIED).values_list("tenant_id", flat=True)
    known = IdentityProof.objects.filter(
        request=request, method=ProofMethod.STAFF, ended_at__gte=request.proved_at
    )
    is_closed = request.tenant_id in emptied
    if not is_closed or not known.exists() or request.buyer_id is not None:
        raise RuleViolation(
            _("Only of a closed account, and only after one of ours wrote down who asks.")
        )
    digest = digest_of(request, why)
    asked = four_eyes.ask(ARCHIVE, request, digest=digest, why=why.strip(), by=by, at=at)
    if not asked.is_agreed:
        return asked
    four_eyes.spend(ARCHIVE, request, digest=digest, by=by, at=at)
    subject = Subject(SubjectKind.TENANT, tenant_id=request.tenant_id)
    exporting.ask(subject, asked_by=None, at=at, request=request)
    _record(request, by=by, at=at)
    return None


def digest_of(request: SubjectRequest, why: str) -> str:
    """Of what the second person agrees to."""
    tenant = str(request.tenant_id)
    return four_eyes.digest_of(
        deed=ARCHIVE, request=str(request.pk), tenant=tenant, why=why.strip()
    )


def _refuse_others(request: SubjectRequest, *, by: User, at: datetime) -> None:
    deciding.take_in_hand(request, by=by, at=at)
    if request.type not in deciding.EXPORTED or request.state != RequestState.IN_PROGRESS:
        raise RuleViolation(_("Nobody asked for an export, or this request does not run any more."))


def _record(request: SubjectRequest, *, by: User, at: datetime) -> None:
    """At our desk, and in the trail of the business."""
    staff.record(by, StaffAction.EXPORTED, request, at=at, tenant_id=request.tenant_id)
    if request.tenant_id is None:
        return
    with tenancy.in_tenant(request.tenant_id):
        business = Tenant.objects.get(pk=request.tenant_id)
        actor = Actor.staff(by.pk)
        audit.record(actor, AuditAction.EXPORT_ASKED, business, at=at, request=str(request.pk))
