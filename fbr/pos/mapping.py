"""A till's document to the bill that FBR reads: it maps, and sums where FBR asks for sums. Pure.

Source: FBR, data sharing through the Software Fiscal Component; POS reference, sections 4 to 6
and 9.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from fbr.pos.document import Document, Item
from fbr.texts import plain
from invoices import rates, sale_types
from invoices.enums import DocumentType, PaymentMode, PosAmounts, ServiceFee
from invoices.models import Invoice, InvoiceLine, PosTerms
from smartinvoicing import clock
from smartinvoicing.money import ZERO

NEW: Final = 1
CREDIT: Final = 3
NEW_ON_RETAIL_PRICE: Final = 11
CREDIT_ON_RETAIL_PRICE: Final = 12

_LONGEST_TEXT: Final = 150
_LONGEST_CODE: Final = 50
_CNIC: Final = 13
_MODES: Final[Mapping[str, int]] = {
    PaymentMode.CASH: 1,
    PaymentMode.CARD: 2,
    PaymentMode.GIFT_VOUCHER: 3,
    PaymentMode.LOYALTY_CARD: 4,
    PaymentMode.MIXED: 5,
    PaymentMode.CHEQUE: 6,
}


@dataclass(frozen=True, kw_only=True)
class Counter:
    """What a bill says that does not stand on our document.

    pos_id:          the till's registration at FBR.
    terms:           how the business settled what FBR leaves open.
    item_codes:      the codes of products that have one.
    original_number: of the bill that a return takes back.
    """

    pos_id: int
    terms: PosTerms
    item_codes: Mapping[UUID, str] = field(default_factory=dict)
    original_number: str = ""


def document_of(
    invoice: Invoice, lines: Sequence[InvoiceLine], counter: Counter, *, at: datetime
) -> Document:
    """The bill that reports `invoice`, frozen before and issued at `at`.

    A return names the bill it takes back by our number of it; its amounts are positive.
    """
    reference = counter.original_number if _is_credit(invoice) else None
    items = tuple(_item(invoice, line, counter, reference) for line in lines)
    number = invoice.buyer_ntn_cnic
    return Document(
        InvoiceNumber="",
        POSID=counter.pos_id,
        USIN=invoice.number,
        RefUSIN=reference,
        DateTime=_moment(invoice, at),
        BuyerName=plain(invoice.buyer_name)[:_LONGEST_TEXT].strip() or None,
        BuyerNTN=number if number and len(number) != _CNIC else None,
        BuyerCNIC=number if len(number) == _CNIC else None,
        TotalSaleValue=_sum(item.SaleValue for item in items),
        TotalQuantity=_sum(item.Quantity for item in items),
        TotalTaxCharged=_sum(item.TaxCharged for item in items),
        Discount=_sum(item.Discount for item in items),
        FurtherTax=_sum(item.FurtherTax for item in items),
        TotalBillAmount=_sum(item.TotalAmount for item in items) + _fee(invoice, counter.terms),
        PaymentMode=mode_of(invoice.payment_mode, counter.terms),
        InvoiceType=CREDIT if _is_credit(invoice) else NEW,
        Items=items,
    )


def mode_of(payment_mode: str, terms: PosTerms) -> int:
    """FBR's number for a way to pay; it has none of its own for banks and for credit."""
    if payment_mode == PaymentMode.BANK:
        return terms.bank_as
    return terms.credit_as if payment_mode == PaymentMode.CREDIT else _MODES[payment_mode]


def code_of(line: InvoiceLine, pct_code: str, item_codes: Mapping[UUID, str]) -> str:
    """The product's code; goods typed by hand get one that is always theirs, of code and name."""
    known = item_codes.get(line.product_id, "") if line.product_id else ""
    if known:
        return plain(known)[:_LONGEST_CODE]
    name = plain(line.description).casefold().encode()
    return f"{pct_code}-{hashlib.sha256(name).hexdigest()[:8]}"


def _is_credit(invoice: Invoice) -> bool:
    return invoice.document_type == DocumentType.CREDIT_NOTE


def _moment(invoice: Invoice, at: datetime) -> str:
    """The bill's own day, at the hour of Pakistan when it was issued."""
    return f"{invoice.invoice_date.isoformat()} {clock.karachi(at):%H:%M:%S}"


def _fee(invoice: Invoice, terms: PosTerms) -> Decimal:
    """Outside items and tax, and in the bill's amount only where the business wants it there."""
    return invoice.service_fee if terms.service_fee == ServiceFee.IN_BILL else ZERO


def _item(invoice: Invoice, line: InvoiceLine, counter: Counter, reference: str | None) -> Item:
    """Before the discount, the value is that after it and what was taken off."""
    pct_code = line.hs_code.replace(".", "") or counter.terms.usual_pct_code
    is_gross = counter.terms.amounts == PosAmounts.GROSS
    return Item(
        ItemCode=code_of(line, pct_code, counter.item_codes),
        ItemName=plain(line.description)[:_LONGEST_TEXT].strip(),
        PCTCode=pct_code,
        Quantity=line.quantity,
        TaxRate=rates.parse(line.rate).percent,
        SaleValue=line.value + line.discount if is_gross else line.value,
        Discount=line.discount,
        FurtherTax=line.further_tax,
        TaxCharged=line.sales_tax,
        TotalAmount=line.total,
        InvoiceType=_item_type(invoice, line),
        RefUSIN=reference,
    )


def _item_type(invoice: Invoice, line: InvoiceLine) -> int:
    if sale_types.of(line.sale_type).on_retail_price:
        return CREDIT_ON_RETAIL_PRICE if _is_credit(invoice) else NEW_ON_RETAIL_PRICE
    return CREDIT if _is_credit(invoice) else NEW


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    return sum(amounts, ZERO)
