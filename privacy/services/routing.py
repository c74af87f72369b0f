"""Customers of a business: the business decides, we hand the request over and help it to answer.

Only where the business is gone we answer ourselves, for what we still hold in its name.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, tenancy
from accounts.access import MAY, Actor, allow
from accounts.enums import AuditAction, NoticeKind, Permission
from accounts.models import Membership, Tenant
from accounts.services import notices
from invoices.content import Party
from invoices.models import Buyer
from invoices.services import catalogue
from privacy.models import Hat, RequestState, SubjectRequest
from privacy.services import clocks, exporting, identity, requests, rights_mail
from privacy.services.request_states import note, transition
from privacy.subjects import SubjectKind
from smartinvoicing.errors import NotFound, RuleViolation, StateConflict

PARTICULARS: Final = ("name", "registration_type", "ntn_cnic", "province", "address")
_ALL: Final = (*PARTICULARS, "phone", "email")
_DECIDE: Final = [role for role, may in MAY.items() if Permission.MANAGE_BUSINESS in may]
SYSTEM: Final = Actor.system("privacy.routing")


def is_answerable(tenant_id: UUID) -> bool:
    """Whether somebody is left in the business who could decide."""
    with transaction.atomic(), tenancy.in_tenant(tenant_id):
        return Membership.objects.filter(user__is_active=True, role__in=_DECIDE).exists()


def is_ours(request: SubjectRequest) -> bool:
    """Whether we answer: it concerns no business, or one in which nobody is left."""
    if request.hat != Hat.PROCESSOR or request.tenant_id is None:
        return True
    return not is_answerable(request.tenant_id)


@transaction.atomic
def take_over(request: SubjectRequest, *, by: Actor, at: datetime) -> None:
    """It lay with a business that is gone: our desk answers. Raises: StateConflict."""
    transition(request, RequestState.IN_PROGRESS, by=by, at=at, what="routed.nobody")
    clocks.settled(request, clocks.OF_BUSINESS, at=at)
    rights_mail.alert_desk(request, "routed", at=at)


def take_over_due(*, at: datetime) -> int:
    """All that lies with businesses in which nobody is left since it went there; how many."""
    waiting = SubjectRequest.objects.filter(state=RequestState.WAITING_CONTROLLER)
    taken = 0
    for request in waiting.order_by("due_at"):
        if is_ours(request):
            with suppress(StateConflict):  # it was answered this moment
                take_over(request, by=SYSTEM, at=at)
                taken += 1
    return taken


@transaction.atomic
def forward(request: SubjectRequest, *, by: Actor, at: datetime) -> bool:
    """Hand it to the business, ring its bell, tell the person. False where nobody is left there.

    Raises: RuleViolation for one that is ours to decide; StateConflict.
    """
    if request.hat != Hat.PROCESSOR or request.tenant_id is None:
        raise RuleViolation(_("This request is ours to decide: it concerns no business."))
    if not is_answerable(request.tenant_id):
        note(request, "routed.nobody", by=by, at=at)
        return False
    transition(
        request,
        RequestState.WAITING_CONTROLLER,
        by=by,
        at=at,
        what="routed",
        forwarded_at=at,
    )
    clocks.forwarded(request, at=at)
    with tenancy.in_tenant(request.tenant_id):
        notices.post(
            NoticeKind.RIGHTS_REQUEST,
            request,
            at=at,
            due_at=request.due_at,
            number=request.reference,
        )
        audit.record(by, AuditAction.REQUEST_ROUTED, request, at=at, type=str(request.type))
        business = Tenant.objects.get().name
    rights_mail.tell_person(request, "request_routed", key="routed", at=at, business=business)
    return True


@transaction.atomic
def assign(
    request: SubjectRequest, *, tenant_id: UUID, buyer_id: UUID | None, by: Actor, at: datetime
) -> None:
    """Somebody of ours found whose customer it is: what was proved before was of somebody else.

    Raises: NotFound where there is no such; StateConflict when it has ended or lies with one.
    """
    held = SubjectRequest.objects.select_for_update().get(pk=request.pk)
    if held.closed_at is not None or held.forwarded_at is not None:
        raise StateConflict(_("This request has ended, or was handed to a business."))
    with tenancy.in_tenant(tenant_id):
        known = Tenant.objects.filter(pk=tenant_id).exists()
        if not known or (buyer_id and not Buyer.objects.filter(pk=buyer_id).exists()):
            raise NotFound(_("There is no such business or customer."))
    requests.set_subject(
        request,
        hat=Hat.PROCESSOR,
        tenant_id=tenant_id,
        buyer_id=buyer_id,
        subject_kind=SubjectKind.BUYER,
        looked_up_at=held.looked_up_at or at,
    )
    identity.unproved(request, by=by, at=at)
    exporting.forget_of(request)
    note(request, "assigned", by=by, at=at, facts={"tenant": str(tenant_id)})
    clocks.to_forward(request, at=at)


def buyer_of(request: SubjectRequest) -> Buyer | None:
    """The customer as the business keeps them, inside its scope; None when they are gone."""
    if request.buyer_id is None or request.tenant_id != tenancy.current_tenant_id():
        return None
    return Buyer.objects.filter(pk=request.buyer_id).first()


# --- the deeds of the business ----------------------------------------------------------------


@transaction.atomic
def rectify(
    request: SubjectRequest, *, to: Mapping[str, str], actor: Actor, at: datetime
) -> list[str]:
    """Correct the customer's particulars; before and after stay with the request, sealed.

    Documents that FBR has are not touched: a note, or the flag of a dispute, goes with them.
    Raises: NotAllowed; NotFound; RuleViolation naming each field.
    """
    buyer = _held(request, actor)
    before = {name: str(getattr(buyer, name)) for name in _ALL}
    wanted = {name: to.get(name, before[name]).strip() for name in _ALL}
    changed = [name for name in _ALL if wanted[name] != before[name]]
    if not changed:
        raise RuleViolation(_("Nothing differs from what is kept already."))
    catalogue.save_buyer(
        buyer=buyer,
        party=Party(**{name: wanted[name] for name in PARTICULARS}),
        phone=wanted["phone"],
        email=wanted["email"],
        withholding=buyer.withholding,
        actor=actor,
        at=at,
    )
    note(
        request,
        "rectified",
        by=actor,
        at=at,
        words={name: f"{before[name]} → {wanted[name]}" for name in changed},
        facts={"fields": changed},
    )
    return changed


@transaction.atomic
def dispute(request: SubjectRequest, *, actor: Actor, at: datetime, on: bool = True) -> None:
    """The customer says it is wrong and the business is not sure: it is marked as disputed."""
    buyer = _held(request, actor)
    _flag(buyer, "disputed_at", at if on else None)
    note(request, "disputed" if on else "dispute.ended", by=actor, at=at)
    audit.record(actor, AuditAction.BUYER_DISPUTED, buyer, at=at, on=on)


@transaction.atomic
def restrict(request: SubjectRequest, *, actor: Actor, at: datetime, on: bool = True) -> None:
    """Set the customer aside: out of lists and search, kept for disputes, audit and law."""
    buyer = _held(request, actor)
    _flag(buyer, "restricted_at", at if on else None)
    note(request, "restricted" if on else "restriction.ended", by=actor, at=at)
    audit.record(actor, AuditAction.BUYER_RESTRICTED, buyer, at=at, on=on)


def _flag(buyer: Buyer, column: str, value: Any) -> None:
    Buyer.objects.filter(pk=buyer.pk).update(**{column: value})


def _held(request: SubjectRequest, actor: Actor) -> Buyer:
    allow(actor, Permission.MANAGE_BUSINESS)
    buyer = buyer_of(request)
    if buyer is None:
        raise NotFound(_("This customer is not kept any more."))
    return buyer


@transaction.atomic
def answered(request: SubjectRequest, *, actor: Actor, at: datetime, outcome: str) -> None:
    """The bell stops, the trail of the business says that it decided. The end: `deciding`."""
    if request.tenant_id is None or request.forwarded_at is None:
        return
    clocks.settled(request, clocks.OF_BUSINESS, at=at)
    with tenancy.in_tenant(request.tenant_id):
        notices.clear(NoticeKind.RIGHTS_REQUEST, request, at=at)
        audit.record(actor, AuditAction.REQUEST_ANSWERED, request, at=at, outcome=outcome)
