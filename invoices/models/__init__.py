"""What an invoice is, its masters, and FBR's lists."""

from invoices.models.catalogue import Buyer, Product
from invoices.models.checks import BuyerCheck
from invoices.models.closings import BookEntry, Closing
from invoices.models.history import InvoiceEvent, InvoicePdf
from invoices.models.invoice import AdvanceUse, Invoice, InvoiceLine
from invoices.models.reference import (
    DocumentTypeRow,
    HsCode,
    HsUnit,
    Listing,
    ProvinceRow,
    RateSchedule,
    RateText,
    ReferenceRun,
    ReferenceSync,
    SaleTypeRate,
    SaleTypeRow,
    SroItem,
    SroSchedule,
    Unit,
)
from invoices.models.series import Series
from invoices.models.signing import Signature, SignatureRound, SigningKey
from invoices.models.tills import PosTerms, Till

__all__ = [
    "AdvanceUse",
    "BookEntry",
    "Buyer",
    "BuyerCheck",
    "Closing",
    "DocumentTypeRow",
    "HsCode",
    "HsUnit",
    "Invoice",
    "InvoiceEvent",
    "InvoiceLine",
    "InvoicePdf",
    "Listing",
    "PosTerms",
    "Product",
    "ProvinceRow",
    "RateSchedule",
    "RateText",
    "ReferenceRun",
    "ReferenceSync",
    "SaleTypeRate",
    "SaleTypeRow",
    "Series",
    "Signature",
    "SignatureRound",
    "SigningKey",
    "SroItem",
    "SroSchedule",
    "Till",
    "Unit",
]
