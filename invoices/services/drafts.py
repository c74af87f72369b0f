"""Make, change and delete a draft. Totals come from `tax`, problems from `validation`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit, registration
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from invoices import reference, tax, validation
from invoices.content import Content, Line, Party
from invoices.enums import EDITABLE, State
from invoices.models import Buyer, Invoice, InvoiceLine, Product
from invoices.services import printing
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
)
_GIVEN: Final = ("further_tax", "extra_tax", "fed", "withheld")
_LONGEST_NUMBER: Final = 13  # a CNIC
_REFERENCE_ONCE: Final = "invoice_client_reference_once"
_LINE_AMOUNTS: Final = tuple(name for name in tax.AMOUNTS if name != "discount")


@dataclass(frozen=True, kw_only=True)
class Assessment:
    """What a document amounts to and what keeps it from being issued."""

    lines: tuple[tax.Taxes, ...]
    totals: tax.Taxes
    problems: tuple[Problem, ...]


def assess(content: Content, entity: LegalEntity, *, at: datetime) -> Assessment:
    """Taxes and problems of `content` as `entity` would issue it at `at`. Stores nothing."""
    lists = reference.current()
    amounts = [
        tax.of_line(
            _supply(line, lists),
            inclusive=content.prices_include_tax,
            buyer_kind=content.buyer.registration_type,
            on=content.invoice_date,
        )
        for line in content.lines
    ]
    problems = validation.problems_of(
        content,
        amounts=amounts,
        seller_ntn_cnic=entity.ntn_cnic,
        environment=entity.environment,
        reference=lists,
        today=clock.karachi_date(at),
    )
    return Assessment(lines=tuple(amounts), totals=tax.totals(amounts), problems=tuple(problems))


def all_problems(
    noted: list[Problem], content: Content, entity: LegalEntity, *, at: datetime
) -> list[Problem]:
    """What could not be read, and what else is wrong: said once, not one after the other."""
    known = {(problem.field, problem.line) for problem in noted}
    others = assess(content, entity, at=at).problems
    return noted + [other for other in others if (other.field, other.line) not in known]


def _supply(line: Line, lists: reference.Reference) -> tax.Supply:
    return tax.Supply(
        sale_type=line.sale_type,
        rate=lists.rate(line.rate),
        quantity=max(line.quantity, ZERO),
        unit_price=line.unit_price,
        discount=line.discount,
        **{name: getattr(line, name) for name in _GIVEN},
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
    assessment = assess(content, entity, at=at)
    _refuse_too_large(assessment)
    invoice = Invoice(
        id=invoice_id or uuid7(),
        tenant_id=entity.tenant_id,
        legal_entity=entity,
        environment=entity.environment,
        state=State.DRAFT,
        state_at=at,
        made_at=at,
        **_header(content, assessment),
    )
    lines = _lines(invoice, content, assessment)
    saved = audit.event(actor, AuditAction.DRAFT_SAVED, invoice, at=at, lines=len(lines))
    rows.insert(invoice, *lines, saved)
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
    assessment = assess(content, entity, at=at)
    _refuse_too_large(assessment)
    fields = _header(content, assessment) | {"version": seen_version + 1}
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
    printing.forget_drafts(invoice)
    for name, value in fields.items():
        setattr(invoice, name, value)
    lines = _lines(invoice, content, assessment)
    saved = audit.event(actor, AuditAction.DRAFT_SAVED, invoice, at=at, lines=len(lines))
    rows.insert(*lines, saved)
    return lines


@transaction.atomic
def copy(*, invoice: Invoice, actor: Actor, at: datetime) -> Invoice:
    """A new draft of today with what stands on `invoice`; its own reference is not repeated.

    Raises: NotAllowed.
    """
    lines = InvoiceLine.objects.filter(invoice=invoice).order_by("position")
    content = replace(
        content_of(invoice, list(lines)),
        invoice_date=clock.karachi_date(at),
        client_reference="",
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
    if len(registration.normal(content.buyer.ntn_cnic)) > _LONGEST_NUMBER:
        # Cut to fit its column it would look right and be somebody else's.
        problems += validation.problems_of_number(content.buyer)
    if problems:
        raise RuleViolation.of(problems)
    number = registration.normal(content.buyer.ntn_cnic)
    if number != content.buyer.ntn_cnic:
        content = replace(content, buyer=replace(content.buyer, ntn_cnic=number))
    return content


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


def _header(content: Content, assessment: Assessment) -> dict[str, object]:
    party = {f"buyer_{name}": getattr(content.buyer, name) for name in _PARTY}
    amounts = {name: getattr(assessment.totals, name) for name in tax.AMOUNTS}
    return {
        "document_type": content.document_type,
        "client_reference": content.client_reference,
        "scenario": content.scenario,
        "invoice_date": content.invoice_date,
        "prices_include_tax": content.prices_include_tax,
        "buyer_id": content.buyer_id,
        "problems": [problem.as_dict() for problem in assessment.problems],
        **party,
        **amounts,
    }


def _lines(invoice: Invoice, content: Content, assessment: Assessment) -> list[InvoiceLine]:
    pairs = zip(content.lines, assessment.lines, strict=True)
    return [
        InvoiceLine(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            position=position,
            product_id=line.product_id,
            **{name: getattr(line, name) for name in _COPIED},
            **{f"{name}_given": getattr(line, name) for name in _GIVEN},
            **{name: getattr(taxes, name) for name in _LINE_AMOUNTS},
        )
        for position, (line, taxes) in enumerate(pairs, start=1)
    ]


def content_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Content:
    """A stored document as it was typed."""
    return Content(
        document_type=invoice.document_type,
        invoice_date=invoice.invoice_date,
        client_reference=invoice.client_reference,
        scenario=invoice.scenario,
        buyer_id=invoice.buyer_id,
        buyer=Party(**{name: getattr(invoice, f"buyer_{name}") for name in _PARTY}),
        prices_include_tax=invoice.prices_include_tax,
        lines=tuple(
            Line(
                product_id=row.product_id,
                **{name: getattr(row, name) for name in _COPIED},
                **{name: getattr(row, f"{name}_given") for name in _GIVEN},
            )
            for row in lines
        ),
    )
