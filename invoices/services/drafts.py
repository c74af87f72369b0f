"""Make, change and delete a draft. Totals come from `tax`, problems from `validation`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from invoices import law, selectors, tax
from invoices.content import PARTICULARS, PARTY, Advance, Content, Line, Party
from invoices.enums import (
    EDITABLE,
    Channel,
    DocumentType,
    ServiceFee,
    State,
)
from invoices.models import AdvanceUse, Invoice, InvoiceLine
from invoices.services import masters, printing
from invoices.services.assessing import Assessment, assess
from invoices.standing import Standing, standing_of
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation, StateConflict
from smartinvoicing.ids import uuid7
from smartinvoicing.money import LARGEST, ZERO
from smartinvoicing.pg import rows

_COPIED: Final = (
    "description",
    "hs_code",
    "sale_type",
    "rate",
    "unit",
    "quantity",
    "unit_price",
    "discount",
    "retail_price",
    "fed_unit_price",
    *PARTICULARS,
)
_GIVEN: Final = ("further_tax", "extra_tax", "fed", "withheld")
_REFERENCE_ONCE: Final = "invoice_client_reference_once"
_LINE_AMOUNTS: Final = (
    *(name for name in tax.AMOUNTS if name != "discount"),
    *("retail_value", "residue", "further_tax_why"),
)
_DOCUMENT: Final = (
    "document_type",
    "client_reference",
    "scenario",
    "invoice_date",
    "prices_include_tax",
    "withholding",
    "buyer_id",
    "original_id",
    "reason",
    "direction",
    "is_advance",
    "till_id",
    "payment_mode",
)


@transaction.atomic
def create(
    *,
    content: Content,
    entity: LegalEntity,
    actor: Actor,
    at: datetime,
    invoice_id: UUID | None = None,
) -> tuple[Invoice, list[InvoiceLine]]:
    """Store a new draft, complete or not; its problems stand on it.

    invoice_id: made before the first save, so that saving twice makes one draft.
    Raises: NotAllowed; RuleViolation when a buyer or product named by id is not here;
            IntegrityError when there is a document of this id already.
    """
    allow(actor, Permission.WRITE_DRAFTS)
    content = masters.written_out(content)
    standing = standing_of(content)
    assessment = assess(content, entity, at=at, standing=standing)
    _refuse_too_large(assessment)
    invoice = Invoice(
        id=invoice_id or uuid7(),
        tenant_id=entity.tenant_id,
        legal_entity=entity,
        environment=entity.environment,
        state=State.DRAFT,
        state_at=at,
        made_at=at,
        **_header(content, assessment, standing),
    )
    lines = _lines(invoice, content, assessment)
    saved = audit.event(actor, AuditAction.DRAFT_SAVED, invoice, at=at, lines=len(lines))
    rows.insert(invoice, *lines, *_advances(invoice, content), saved)
    return invoice, lines


@transaction.atomic
def change(
    *, invoice: Invoice, content: Content, actor: Actor, at: datetime, seen_version: int
) -> list[InvoiceLine]:
    """Replace the content of a draft or a rejected document; its number, if any, stays.

    seen_version: the version the person was looking at.
    Raises: NotAllowed; RuleViolation; StateConflict when it is no longer editable, or somebody
            else saved it meanwhile.
    """
    allow(actor, Permission.WRITE_DRAFTS)
    content = masters.written_out(content)
    entity = LegalEntity.objects.get(pk=invoice.legal_entity_id)
    standing = standing_of(content, apart_from=invoice.pk)
    assessment = assess(content, entity, at=at, standing=standing)
    _refuse_too_large(assessment)
    fields = _header(content, assessment, standing) | {"version": seen_version + 1}
    if invoice.state == State.REJECTED:
        del fields["problems"]  # FBR's answer stays until FBR gives another
    editable = Invoice.objects.filter(
        pk=invoice.pk, state__in=[state.value for state in EDITABLE], version=seen_version
    )
    if not editable.update(**fields):
        raise StateConflict(
            "This invoice was changed or issued meanwhile. Open it again; your text is still here."
        )
    InvoiceLine.objects.filter(invoice=invoice).delete()
    AdvanceUse.objects.filter(invoice=invoice).delete()
    printing.forget_drafts(invoice)
    for name, value in fields.items():
        setattr(invoice, name, value)
    lines = _lines(invoice, content, assessment)
    saved = audit.event(actor, AuditAction.DRAFT_SAVED, invoice, at=at, lines=len(lines))
    rows.insert(*lines, *_advances(invoice, content), saved)
    return lines


@transaction.atomic
def copy(*, invoice: Invoice, actor: Actor, at: datetime) -> Invoice:
    """A new draft of today with what stands on `invoice`.

    Its own reference is not repeated, nor what it took off for advance receipts: that is used up.
    Raises: NotAllowed.
    """
    lines = InvoiceLine.objects.filter(invoice=invoice).order_by("position")
    content = replace(
        content_of(invoice, list(lines)),
        invoice_date=clock.karachi_date(at),
        client_reference="",
        advances=(),
    )
    entity = LegalEntity.objects.get(pk=invoice.legal_entity_id)
    made, _lines_made = create(content=content, entity=entity, actor=actor, at=at)
    return made


@transaction.atomic
def delete(*, invoice: Invoice, actor: Actor, at: datetime) -> None:
    """Throw a draft away. A numbered document is never deleted.

    Raises: NotAllowed; StateConflict.
    """
    allow(actor, Permission.WRITE_DRAFTS)
    draft = Invoice.objects.select_for_update(of=("self",)).filter(pk=invoice.pk, state=State.DRAFT)
    if not draft.exists():
        raise StateConflict("Only a draft can be deleted; this document has a number.")
    audit.record(actor, AuditAction.DRAFT_DELETED, invoice, at=at)
    printing.forget_drafts(invoice)
    InvoiceLine.objects.filter(invoice=invoice).delete()
    AdvanceUse.objects.filter(invoice=invoice).delete()
    Invoice.objects.filter(pk=invoice.pk).delete()


@contextmanager
def reference_once() -> Iterator[None]:
    """Around a save: the database's refusal of a reference used before, in words.

    Raises: RuleViolation.
    """
    try:
        yield
    except IntegrityError as error:
        if _REFERENCE_ONCE not in str(error):
            raise
        problem = Problem(
            code="client_reference_used",
            field="client_reference",
            message=_("This reference stands on another document already."),
            fix=_("Look for that document before you write it again, or use a new reference."),
        )
        raise RuleViolation.of([problem]) from error


def _refuse_too_large(assessment: Assessment) -> None:
    """Amounts that no column holds; every smaller mistake may stand on a draft."""
    large: list[int | None] = [
        number
        for number, taxes in enumerate(assessment.lines, start=1)
        if any(abs(getattr(taxes, name)) > LARGEST for name in tax.AMOUNTS)
    ]
    whole = any(abs(getattr(assessment.totals, name)) > LARGEST for name in tax.AMOUNTS)
    if large or whole:
        raise RuleViolation.of(
            [
                Problem(
                    code="0300",
                    field="unit_price" if number else "lines",
                    line=number,
                    message=_("The amount is too large."),
                    fix=_("Check quantity and price."),
                )
                for number in large or [None]
            ]
        )


def _header(content: Content, assessment: Assessment, standing: Standing) -> dict[str, object]:
    party = {f"buyer_{name}": getattr(content.buyer, name) for name in PARTY}
    amounts = {name: getattr(assessment.totals, name) for name in tax.AMOUNTS}
    return {
        **{name: getattr(content, name) for name in _DOCUMENT},
        "channel": Channel.POS if content.till_id else Channel.DI,
        "service_fee": _service_fee(content, standing),
        "problems": [problem.as_dict() for problem in assessment.problems],
        **party,
        **amounts,
    }


def _service_fee(content: Content, standing: Standing) -> Decimal:
    """What a till's bill bears on top, in rupees (SRO 1279(I)/2021)."""
    terms = standing.pos_terms
    is_sale = content.document_type == DocumentType.SALE_INVOICE
    if not is_sale or terms is None or terms.service_fee == ServiceFee.NONE:
        return ZERO
    return law.in_force(law.SERVICE_FEE, content.invoice_date) or ZERO


def _lines(invoice: Invoice, content: Content, assessment: Assessment) -> list[InvoiceLine]:
    parts = zip(content.lines, assessment.lines, assessment.advances, strict=True)
    return [
        InvoiceLine(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            position=position,
            product_id=line.product_id,
            advance=advance,
            **{name: getattr(line, name) for name in _COPIED},
            **{f"{name}_given": getattr(line, name) for name in _GIVEN},
            **{name: getattr(taxes, name) for name in _LINE_AMOUNTS},
        )
        for position, (line, taxes, advance) in enumerate(parts, start=1)
    ]


def _advances(invoice: Invoice, content: Content) -> list[AdvanceUse]:
    """What the document takes of receipts that are here; a strange one is a problem, not a row."""
    wanted = {each.receipt_id: each.value for each in content.advances}
    known = Invoice.objects.filter(pk__in=wanted).values_list("pk", flat=True) if wanted else ()
    return [
        AdvanceUse(tenant_id=invoice.tenant_id, invoice=invoice, receipt_id=pk, value=wanted[pk])
        for pk in known
    ]


def content_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Content:
    """A stored document as it was typed. Asks for its advances only where it can have some."""
    return Content(
        **{name: getattr(invoice, name) for name in _DOCUMENT},
        buyer=Party(**{name: getattr(invoice, f"buyer_{name}") for name in PARTY}),
        advances=tuple(
            Advance(receipt_id=row.receipt_id, value=row.value)
            for row in selectors.advances_of(invoice, lines)
        ),
        lines=tuple(
            Line(
                product_id=row.product_id,
                **{name: getattr(row, name) for name in _COPIED},
                **{name: getattr(row, f"{name}_given") for name in _GIVEN},
            )
            for row in lines
        ),
    )
