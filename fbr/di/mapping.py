"""An invoice to a DI document: it maps and never computes. No query, no clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

from accounts.enums import Environment
from fbr.di.document import Document, Item, plain
from invoices.enums import BuyerKind, DocumentType
from invoices.models import Invoice, InvoiceLine

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
        invoiceRefNo="",
        scenarioId=_scenario(invoice) if sandbox else None,
        items=tuple(_item(line) for line in lines),
    )


def _scenario(invoice: Invoice) -> str:
    """The sandbox wants one; SN001 and SN002 are standard-rate goods by the buyer's kind."""
    if invoice.scenario:
        return invoice.scenario
    registered = invoice.buyer_registration_type == BuyerKind.REGISTERED
    return "SN001" if registered else "SN002"


def _item(line: InvoiceLine) -> Item:
    return Item(
        hsCode=line.hs_code,
        productDescription=plain(line.description),
        rate=line.rate,
        uoM=line.unit,
        quantity=line.quantity,
        totalValues=line.total,
        valueSalesExcludingST=line.value,
        fixedNotifiedValueOrRetailPrice=line.retail_price or Decimal(0),
        salesTaxApplicable=line.sales_tax,
        salesTaxWithheldAtSource=line.withheld,
        extraTax=line.extra_tax,
        furtherTax=line.further_tax,
        sroScheduleNo=line.sro_schedule,
        fedPayable=line.fed,
        discount=line.discount,
        saleType=line.sale_type,
        sroItemSerialNo=line.sro_item,
    )
