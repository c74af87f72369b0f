"""What FBR's names of fields mean, in our own words, for whoever reads a document as FBR does.

Data only. Source: PRAL DI API v1.12, section 4; FBR's data sharing of Tier-1 retailers, sections
4 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from invoices.enums import Channel

_DI: Final[Mapping[str, Any]] = {
    "invoiceType": _("Kind of document"),
    "invoiceDate": _("Date of the supply, in Pakistan"),
    "sellerNTNCNIC": _("Your NTN or CNIC"),
    "sellerBusinessName": _("Your registered name"),
    "sellerProvince": _("Your province"),
    "sellerAddress": _("Your address"),
    "buyerNTNCNIC": _("Customer's NTN or CNIC"),
    "buyerBusinessName": _("Customer's name"),
    "buyerProvince": _("Customer's province"),
    "buyerAddress": _("Customer's address"),
    "buyerRegistrationType": _("Customer's sales tax registration"),
    "invoiceRefNo": _("FBR number of the invoice that a note corrects"),
    "reason": _("Reason of the note"),
    "scenarioId": _("Scenario of the sandbox; left out in production"),
    "hsCode": _("HS code"),
    "productDescription": _("Description"),
    "rate": _("Rate, in FBR's words"),
    "uoM": _("Unit"),
    "quantity": _("Quantity"),
    "totalValues": _("Value with all taxes"),
    "valueSalesExcludingST": _("Value without sales tax, after discount"),
    "fixedNotifiedValueOrRetailPrice": _("Value at the printed retail price, the whole line"),
    "salesTaxApplicable": _("Sales tax, or excise in sales tax mode"),
    "salesTaxWithheldAtSource": _("Sales tax withheld: nothing or the whole"),
    "extraTax": _("Extra tax; empty where FBR takes none"),
    "furtherTax": _("Further tax"),
    "sroScheduleNo": _("SRO or schedule"),
    "fedPayable": _("Federal excise outside sales tax mode"),
    "discount": _("Discount, already taken off the value"),
    "saleType": _("Kind of supply"),
    "sroItemSerialNo": _("Serial in the SRO or schedule"),
    "petroleumLevyOn": _("What the petroleum levy is charged on"),
}
_POS: Final[Mapping[str, Any]] = {
    "InvoiceNumber": _("FBR's number; empty until FBR fills it"),
    "POSID": _("Registration of the till"),
    "USIN": _("Our number of the bill"),
    "RefUSIN": _("Our number of the bill that is taken back"),
    "DateTime": _("Date and time in Pakistan"),
    "BuyerName": _("Customer's name"),
    "BuyerNTN": _("Customer's NTN"),
    "BuyerCNIC": _("Customer's CNIC"),
    "TotalSaleValue": _("Value of all lines"),
    "TotalQuantity": _("Quantity of all lines"),
    "TotalTaxCharged": _("Sales tax of all lines"),
    "Discount": _("Discount"),
    "FurtherTax": _("Further tax"),
    "TotalBillAmount": _("Amount of the bill"),
    "PaymentMode": _("Way of payment, as FBR numbers it"),
    "InvoiceType": _("Kind of bill: 1 new, 3 return; 11 and 12 on retail price"),
    "ItemCode": _("Your item code"),
    "ItemName": _("Description"),
    "PCTCode": _("HS code without its point"),
    "Quantity": _("Quantity"),
    "TaxRate": _("Rate in percent"),
    "SaleValue": _("Value without tax"),
    "TaxCharged": _("Sales tax"),
    "TotalAmount": _("Value with taxes"),
}
_OF_CHANNEL: Final = {Channel.DI.value: _DI, Channel.POS.value: _POS}


def label_of(name: str, *, channel: str) -> str:
    """Our words for a field of FBR's; "" for one that we never send."""
    return str(_OF_CHANNEL[channel].get(name, ""))
