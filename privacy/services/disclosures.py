"""What an authority is given of a business: written down, agreed to by two, cut to its paper.

There is no other way out: without an entry that was approved nothing is put together, and what
is put together holds the days and the parts that the entry names.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.core.serializers.json import DjangoJSONEncoder
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, four_eyes, staff, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Desk, StaffAction
from accounts.models import Approval, Tenant, User
from accounts.services import mailing
from invoices.enums import State
from invoices.models import Invoice, InvoiceLine
from privacy import selectors
from privacy.models import HOME, Disclosure, Part
from privacy.services import closing, registers
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict

DEED: Final = "disclose"
SWITCH: Final = "authority_export"

_DOCUMENTS: Final = (
    *("id", "environment", "document_type", "state", "number", "invoice_date", "fbr_number"),
    *("accepted_at", "seller_name", "seller_ntn_cnic", "seller_strn", "value", "sales_tax"),
    *("further_tax", "extra_tax", "fed", "discount", "withheld", "total"),
)
_CUSTOMERS: Final = (
    *("id", "buyer_name", "buyer_ntn_cnic", "buyer_registration_type", "buyer_province"),
    "buyer_address",
)
_LINES: Final = (
    *("invoice_id", "position", "description", "hs_code", "sale_type", "rate", "unit"),
    *("quantity", "unit_price", "value", "sales_tax", "further_tax", "extra_tax", "fed", "total"),
)
_OF_DOCUMENT: Final[Mapping[Part, Sequence[str]]] = MappingProxyType(
    {Part.DOCUMENTS: _DOCUMENTS, Part.CUSTOMERS: _CUSTOMERS}
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What an authority asks for, as its paper has it."""

    tenant_id: UUID
    authority: str
    instrument: str
    received_on: date
    from_on: date
    to_on: date
    parts: tuple[str, ...]
    tells_tenant: bool
    untold_why: str = ""
    country: str = HOME


@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """A ZIP, and the hash that the register holds of it."""

    name: str
    content: bytes
    sha256: str


@transaction.atomic
def write(*, wanted: Wanted, by: User, at: datetime) -> Disclosure:
    """Write down what is asked for. Nothing leaves by that.

    Raises: NotAllowed; NotFound; RuleViolation where the paper or the scope is not said.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    _refuse_vague(wanted, at)
    with tenancy.in_tenant(wanted.tenant_id):
        if not Tenant.objects.exists():
            raise NotFound(_("There is no such business."))
    entry = Disclosure(
        tenant_id=wanted.tenant_id,
        authority=wanted.authority.strip(),
        country=wanted.country.strip(),
        instrument=wanted.instrument.strip(),
        received_on=wanted.received_on,
        from_on=wanted.from_on,
        to_on=wanted.to_on,
        parts=sorted(wanted.parts),
        tells_tenant=wanted.tells_tenant,
        untold_why="" if wanted.tells_tenant else wanted.untold_why.strip(),
        asked_at=at,
        asked_by=by,
    )
    entry.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, entry, at=at, tenant_id=entry.tenant_id)
    return entry


def _refuse_vague(wanted: Wanted, at: datetime) -> None:
    if not (wanted.authority.strip() and wanted.instrument.strip()):
        raise RuleViolation(_("Say which authority asks, and by which paper."))
    if wanted.to_on < wanted.from_on or wanted.received_on > clock.karachi_date(at):
        raise RuleViolation(_("These days cannot be."))
    if not wanted.parts or not set(wanted.parts) <= set(Part.values):
        raise RuleViolation(_("Say what of the business is asked for."))
    if not wanted.tells_tenant and not wanted.untold_why.strip():
        raise RuleViolation(_("Say what forbids telling the business."))
    registers.refuse_transfer(wanted.country)


@transaction.atomic
def ask(*, entry: Disclosure, why: str, by: User, at: datetime) -> Approval:
    """Ask a second person to agree to exactly this.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    held = _open(entry)
    if held.asked_by_id != by.pk:
        raise NotAllowed(_("Whoever wrote it asks for its approval."))
    return four_eyes.ask(DEED, held, digest=_digest(held), why=why, by=by, at=at)


@transaction.atomic
def approve(*, entry: Disclosure, by: User, at: datetime) -> None:
    """A second person agreed: it may be handed over, and the business is told.

    Raises: NotAllowed; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    held = _open(entry)
    agreed = four_eyes.spend(DEED, held, digest=_digest(held), by=by, at=at)
    held.approved_at, held.approved_by = at, agreed.answered_by
    held.save(update_fields=["approved_at", "approved_by"])
    staff.record(by, StaffAction.DECIDED, held, at=at, tenant_id=held.tenant_id)
    if held.tells_tenant:
        _tell(held, by=by, at=at)


@transaction.atomic
def refuse(*, entry: Disclosure, why: str, by: User, at: datetime) -> None:
    """The paper does not hold: nothing is handed over.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not why.strip():
        raise RuleViolation(_("Say why."))
    held = _open(entry)
    held.refused_at = at
    held.save(update_fields=["refused_at"])
    staff.record(by, StaffAction.CLOSED, held, at=at, why=why, tenant_id=held.tenant_id)


@transaction.atomic
def tell(*, entry: Disclosure, why: str, by: User, at: datetime) -> None:
    """What forbade telling the business has ended: it is told now.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not why.strip():
        raise RuleViolation(_("Say why."))
    held = _held(entry)
    if held.approved_at is None or held.told_at is not None:
        raise StateConflict(_("Nothing was approved, or the business was told."))
    _tell(held, by=by, at=at)


@transaction.atomic
def export(*, entry: Disclosure, by: User, at: datetime) -> HandedOver:
    """Put together what the entry names, and nothing else.

    Raises: NotAllowed without the right, or while the switch is off; StateConflict without an
            approval; RuleViolation for a country without a row.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not staff.is_trained(by, at=at):
        raise NotAllowed(_("Your training has run out."))
    if not selectors.is_on(SWITCH, at=at):
        raise NotAllowed(_("Handing over to authorities is switched off here."))
    held = _held(entry)
    if held.approved_at is None or held.refused_at is not None:
        raise StateConflict(_("Nothing is handed over without an approved entry."))
    registers.refuse_transfer(held.country)
    content = _packed(held)
    digest = hashlib.sha256(content).hexdigest()
    held.exported_at, held.sha256 = at, digest
    held.save(update_fields=["exported_at", "sha256"])
    staff.record(by, StaffAction.EXPORTED, held, at=at, tenant_id=held.tenant_id, sha256=digest)
    if held.told_at is not None:
        _note(held, AuditAction.EXPORT_FETCHED, by=by, at=at)
    return HandedOver(name=f"disclosure-{held.pk}.zip", content=content, sha256=digest)


# --- what is put together -----------------------------------------------------------------------


def _packed(entry: Disclosure) -> bytes:
    """The same rows give the same bytes."""
    packed = io.BytesIO()
    with (
        tenancy.in_tenant(entry.tenant_id),
        zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for part in sorted(entry.parts):
            rows = list(_rows(entry, Part(part)))
            text = json.dumps(rows, cls=DjangoJSONEncoder, ensure_ascii=False, indent=1)
            archive.writestr(zipfile.ZipInfo(f"{part}.json"), text)
        archive.writestr(zipfile.ZipInfo("cover.json"), json.dumps(_cover(entry), indent=1))
    return packed.getvalue()


def _rows(entry: Disclosure, part: Part) -> Iterator[dict[str, Any]]:
    documents = (
        Invoice.objects.filter(invoice_date__gte=entry.from_on, invoice_date__lte=entry.to_on)
        .exclude(state=State.DRAFT)
        .order_by("invoice_date", "id")
    )
    if part == Part.LINES:
        lines = InvoiceLine.objects.filter(invoice__in=documents)
        yield from lines.order_by("invoice_id", "position").values(*_LINES)
    else:
        yield from documents.values(*_OF_DOCUMENT[part])


def _cover(entry: Disclosure) -> dict[str, Any]:
    return {
        "authority": entry.authority,
        "instrument": entry.instrument,
        "from": entry.from_on.isoformat(),
        "to": entry.to_on.isoformat(),
        "parts": entry.parts,
        "entry": str(entry.pk),
    }


# --- the business -----------------------------------------------------------------------------


def _tell(entry: Disclosure, *, by: User, at: datetime) -> None:
    """Its owners by mail, and its own trail."""
    entry.told_at = at
    entry.save(update_fields=["told_at"])
    with tenancy.in_tenant(entry.tenant_id):
        business = Tenant.objects.get(pk=entry.tenant_id)
        for owner in closing.owners():
            mailing.post(
                key=f"disclosure:{entry.pk}:{owner.pk}",
                to=owner.email,
                template="privacy/mail/disclosure",
                context={"business": business.name, **_cover(entry)},
                at=at,
                user_id=owner.pk,
                tenant_id=entry.tenant_id,
            )
    _note(entry, AuditAction.EXPORT_ASKED, by=by, at=at)
    if entry.exported_at is not None:
        _note(entry, AuditAction.EXPORT_FETCHED, by=by, at=entry.exported_at)


def _note(entry: Disclosure, action: AuditAction, *, by: User, at: datetime) -> None:
    with tenancy.in_tenant(entry.tenant_id):
        audit.record(Actor.staff(by.pk), action, entry, at=at, authority=True)


def _open(entry: Disclosure) -> Disclosure:
    """Raises: StateConflict when it was approved, or not followed."""
    held = _held(entry)
    if held.approved_at is not None or held.refused_at is not None:
        raise StateConflict(_("This was approved, or not followed."))
    return held


def _held(entry: Disclosure) -> Disclosure:
    held: Disclosure = Disclosure.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    return held


def _digest(entry: Disclosure) -> str:
    words = ("tenant_id", "authority", "country", "instrument", "from_on", "to_on", "parts")
    told = {"tells_tenant": entry.tells_tenant, "untold_why": entry.untold_why}
    return four_eyes.digest_of(
        entry=entry.pk, **{name: getattr(entry, name) for name in words}, **told
    )
