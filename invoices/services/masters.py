"""What a document names by id, written out: customer, products; and whether the rest is here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from django.utils.translation import gettext as _

from accounts import registration
from invoices import validation
from invoices.content import PARTICULARS, PARTY, Content, Line, Party
from invoices.enums import NOTES, NoteDirection, Withholding
from invoices.models import Buyer, Invoice, Product, Till
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.money import ZERO

_LONGEST_NUMBER: Final = 13  # a CNIC


def written_out(content: Content) -> Content:
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
    return replace(content, buyer=Party(**{name: getattr(buyer, name) for name in PARTY}))


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
        **{name: getattr(line, name) or getattr(product, name) for name in PARTICULARS},
    )
