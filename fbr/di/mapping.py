"""An invoice to a DI document: it maps and never computes. No query, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from accounts.enums import Environment
from fbr.di.document import Document, Item
from fbr.texts import plain
from invoices import sale_types
from invoices.enums import BuyerKind, DocumentType
from invoices.models import Invoice, InvoiceLine

_NOTHING: Final = Decimal(0)
_TYPES: Final[Mapping[str, str]] = {
    DocumentType.SALE_INVOICE: "Sale Invoice",
    DocumentType.DEBIT_NOTE: "Debit Note",
}
_KINDS: Final[Mapping[str, str]] = {
    BuyerKind.REGISTERED: "Registered",
    BuyerKind.UNREGISTERED: "Unregistered",
}


def document_of(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Document:
    """The document that reports `invoice`, frozen before.

    Source: PRAL DI API v1.12, section 4; an anonymous buyer's number is left out.
    """
    sandbox = invoice.environment == Environment.SANDBOX
    return Document(
        invoiceType=_TYPES[invoice.document_type],
        invoiceDate=invoice.invoice_date.isoformat(),
        sellerNTNCNIC=invoice.seller_ntn_cnic,
        sellerBusinessName=plain(invoice.seller_name),
        sellerProvince=invoice.seller_province,
        sellerAddress=plain(invoice.seller_address),
        buyerNTNCNIC=invoice.buyer_ntn_cnic or None,
        buyerBusinessName=plain(invoice.buyer_name),
        buyerProvince=invoice.buyer_province,
        buyerAddress=plain(invoice.buyer_address),
        buyerRegistrationType=_KINDS[invoice.buyer_registration_type],
        invoiceRefNo=invoice.original_fbr_number,
        reason=invoice.reason or None,
        scenarioId=_scenario(invoice, lines) if sandbox else None,
        items=tuple(_item(line) for line in lines),
    )


def _scenario(invoice: Invoice, lines: Sequence[InvoiceLine]) -> str:
    """The sandbox wants one: that of the first line's kind of supply, where nobody chose."""
    if invoice.scenario:
        return invoice.scenario
    registered = invoice.buyer_registration_type == BuyerKind.REGISTERED
    standard = "SN001" if registered else "SN002"
    known = sale_types.of(lines[0].sale_type).scenarios if lines else ()
    return standard if standard in known or not known else known[0]


def _item(line: InvoiceLine) -> Item:
    """FBR takes no extra tax but the empty text for some kinds (0091), and of the tax withheld
    nothing or the whole (0008): any other share stands on the paper only."""
    kind = sale_types.of(line.sale_type)
    return Item(
        hsCode=line.hs_code,
        productDescription=plain(line.description),
        rate=line.rate,
        uoM=line.unit,
        quantity=line.quantity,
        totalValues=line.total,
        valueSalesExcludingST=line.value,
        fixedNotifiedValueOrRetailPrice=line.retail_value,
        salesTaxApplicable=line.sales_tax,
        salesTaxWithheldAtSource=line.withheld if line.withheld == line.sales_tax else _NOTHING,
        extraTax="" if kind.no_extra_tax else line.extra_tax,
        furtherTax=line.further_tax,
        sroScheduleNo=line.sro_schedule,
        fedPayable=line.fed,
        discount=line.discount,
        saleType=line.sale_type,
        sroItemSerialNo=line.sro_item,
        petroleumLevyOn=line.petroleum_levy_on or None,
    )
