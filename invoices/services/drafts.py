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

from accounts import audit, registration
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from invoices import law, selectors, tax, validation
from invoices.content import Advance, Content, Line, Party
from invoices.enums import (
    EDITABLE,
    NOTES,
    Channel,
    DocumentType,
    NoteDirection,
    ServiceFee,
    State,
    Withholding,
)
from invoices.models import AdvanceUse, Buyer, Invoice, InvoiceLine, Product, Till
from invoices.services import printing
from invoices.services.assessing import Assessment, assess
from invoices.standing import Standing, standing_of
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation, StateConflict
from smartinvoicing.ids import uuid7
from smartinvoicing.money import LARGEST, ZERO
from smartinvoicing.pg import rows

_PARTY: Final = ("name", "registration_type", "ntn_cnic", "province", "address")
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
    "sro_schedule",
    "sro_item",
    "fed_type",
    "fed_rate",
    "fed_unit_price",
    "fed_schedule",
    "fed_item",
    "petroleum_levy_on",
)
_FROM_PRODUCT: Final = (
    *("sro_schedule", "sro_item", "fed_type", "fed_rate", "fed_schedule", "fed_item"),
    "petroleum_levy_on",
)
_GIVEN: Final = ("further_tax", "extra_tax", "fed", "withheld")
_LONGEST_NUMBER: Final = 13  # a CNIC
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
    content = resolved(content)
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
    content = resolved(content)
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


def resolved(content: Content) -> Content:
    """`content` with the masters that it names by id written out.

    Raises: RuleViolation naming the field when there is no such master here.
    """
    problems: list[Problem] = []
    if content.buyer_id is not None:
        content = _with_buyer(content, problems)
    wanted = {line.product_id for line in content.lines if line.product_id is not None}
    if wanted:
        content = _with_products(content, Product.objects.in_bulk(wanted), problems)
    problems += _strangers(content)
    if len(registration.normal(content.buyer.ntn_cnic)) > _LONGEST_NUMBER:
        # Cut to fit its column it would look right and be somebody else's.
        problems += validation.problems_of_number(content.buyer)
    if problems:
        raise RuleViolation.of(problems)
    number = registration.normal(content.buyer.ntn_cnic)
    if number != content.buyer.ntn_cnic:
        content = replace(content, buyer=replace(content.buyer, ntn_cnic=number))
    if not content.withholding:
        content = replace(content, withholding=Withholding.NONE)
    if content.document_type in NOTES and not content.direction:
        content = replace(content, direction=NoteDirection.DECREASE)
    return content


def _strangers(content: Content) -> Iterator[Problem]:
    """What the document names by id and is not here."""
    receipts = {each.receipt_id for each in content.advances}
    documents = receipts | ({content.original_id} if content.original_id else set())
    known = (
        set(Invoice.objects.filter(pk__in=documents).values_list("pk", flat=True))
        if documents
        else set()
    )
    if content.original_id and content.original_id not in known:
        yield _stranger("original_id", _("There is no such invoice to correct."))
    if receipts - known:
        yield _stranger("advances", _("There is no such advance receipt."))
    if len(receipts) < len(content.advances):
        yield Problem(
            code="advance_twice",
            field="advances",
            message=_("The same advance receipt stands here twice."),
            fix=_("Name it once, with the whole amount that this invoice takes of it."),
        )
    if content.till_id and not Till.objects.filter(pk=content.till_id).exists():
        yield _stranger("till_id", _("There is no such till."))


def _stranger(field: str, message: str) -> Problem:
    return Problem(
        code=f"unknown_{field.removesuffix('_id')}",
        field=field,
        message=message,
        fix=_("Choose one of this business, by its id."),
    )


def _with_buyer(content: Content, problems: list[Problem]) -> Content:
    if content.buyer_id is None:
        return content
    buyer = Buyer.objects.filter(pk=content.buyer_id).first()
    if buyer is None:
        problems.append(
            Problem(
                code="unknown_buyer",
                field="buyer_id",
                message=_("There is no such customer."),
                fix=_("Choose one from your customers, or send the customer itself."),
            )
        )
        return content
    if not content.withholding:
        content = replace(content, withholding=buyer.withholding)
    if content.buyer.name:
        return content  # what was typed on the document counts
    return replace(content, buyer=Party(**{name: getattr(buyer, name) for name in _PARTY}))


def _with_products(
    content: Content, products: dict[object, Product], problems: list[Problem]
) -> Content:
    lines = []
    for number, line in enumerate(content.lines, start=1):
        product = products.get(line.product_id)
        if line.product_id is not None and product is None:
            problems.append(
                Problem(
                    code="unknown_product",
                    field="product_id",
                    line=number,
                    message=_("There is no such product."),
                    fix=_("Choose one from your products, or describe the goods in the line."),
                )
            )
        lines.append(line if product is None or line.description else _filled(line, product))
    return replace(content, lines=tuple(lines))


def _filled(line: Line, product: Product) -> Line:
    return replace(
        line,
        description=product.name,
        hs_code=line.hs_code or product.hs_code,
        sale_type=product.sale_type,
        rate=product.rate,
        unit=line.unit or product.unit,
        unit_price=line.unit_price or product.unit_price,
        retail_price=product.retail_price if line.retail_price is None else line.retail_price,
        further_tax=ZERO
        if product.no_further_tax and line.further_tax is None
        else line.further_tax,
        **{name: getattr(line, name) or getattr(product, name) for name in _FROM_PRODUCT},
    )


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
    party = {f"buyer_{name}": getattr(content.buyer, name) for name in _PARTY}
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
        buyer=Party(**{name: getattr(invoice, f"buyer_{name}") for name in _PARTY}),
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
