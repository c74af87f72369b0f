"""What an invoice is, its masters, and FBR's lists."""

from invoices.models.catalogue import Buyer, Product
from invoices.models.invoice import Invoice, InvoiceEvent, InvoiceLine, InvoicePdf, Series
from invoices.models.reference import HsCode, RateText, Unit

__all__ = [
    "Buyer",
    "HsCode",
    "Invoice",
    "InvoiceEvent",
    "InvoiceLine",
    "InvoicePdf",
    "Product",
    "RateText",
    "Series",
    "Unit",
]
