"""Words of an invoice."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class State(models.TextChoices):
    """Where a document stands with FBR (reliability contract, 2)."""

    DRAFT = "draft", _("Draft")
    QUEUED = "queued", _("Queued")
    SUBMITTING = "submitting", _("Submitting")
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")
    UNCERTAIN = "uncertain", _("Uncertain")
    CANCEL_REQUESTED = "cancel_requested", _("Cancellation requested")
    CANCELLED = "cancelled", _("Cancelled")
    VOID = "void", _("Void")


EDITABLE = frozenset({State.DRAFT, State.REJECTED})
REPORTED = frozenset({State.ACCEPTED, State.CANCEL_REQUESTED, State.CANCELLED})


class DocumentType(models.TextChoices):
    SALE_INVOICE = "sale_invoice", _("Sale invoice")
    DEBIT_NOTE = "debit_note", _("Debit note")
    # A return at a till: FBR's POS service knows credits, Digital Invoicing does not.
    CREDIT_NOTE = "credit_note", _("Credit note")


# What corrects another document.
NOTES = frozenset({DocumentType.DEBIT_NOTE, DocumentType.CREDIT_NOTE})


class Paper(models.TextChoices):
    """What a document is printed on."""

    A4 = "a4", _("A4")
    RECEIPT = "receipt", _("Receipt of 80 mm")


class Channel(models.TextChoices):
    DI = "di", _("Digital Invoicing")
    POS = "pos", _("Point of sale")


class Withholding(models.TextChoices):
    """How much of the sales tax a withholding agent keeps back (Eleventh Schedule)."""

    NONE = "none", _("Nothing")
    FULL = "full", _("The whole sales tax")
    FIFTH = "one_fifth", _("One fifth of the sales tax")


class FurtherTaxWhy(models.TextChoices):
    """Why a line bears further tax, or none: kept with the line for whoever asks later."""

    CHARGED = "charged", _("Customer is not registered")
    REGISTERED = "registered", _("Customer is registered")
    EXEMPT = "exempt", _("Exempt supply")
    ZERO_RATED = "zero_rated", _("Zero-rated supply")
    THIRD_SCHEDULE = "third_schedule", _("Third Schedule goods")
    DTRE = "dtre", _("DTRE goods")
    TYPED = "typed", _("Typed by hand")
    CONSUMER = "consumer", _("Final consumer at a till")
    NONE_IN_FORCE = "none_in_force", _("Not in force on that day")


class NoteDirection(models.TextChoices):
    """What a note does to the supply it speaks of."""

    DECREASE = "decrease", _("Reduces the supply")
    INCREASE = "increase", _("Increases the supply")


class PaymentMode(models.TextChoices):
    """How a till was paid; which of FBR's codes that becomes is `fbr.pos`'s affair."""

    CASH = "cash", _("Cash")
    CARD = "card", _("Card")
    GIFT_VOUCHER = "gift_voucher", _("Gift voucher")
    LOYALTY_CARD = "loyalty_card", _("Loyalty card")
    MIXED = "mixed", _("Several ways")
    CHEQUE = "cheque", _("Cheque")
    BANK = "bank", _("Bank transfer or wallet")
    CREDIT = "credit", _("On credit (udhaar)")


class Transport(models.TextChoices):
    """How the bills of a till reach FBR."""

    CLOUD = "cloud", _("From our server")
    AGENT = "agent", _("From the shop's own computer")


class PosAmounts(models.TextChoices):
    """What FBR's `SaleValue` of a line says: integrators differ (POS reference, section 6)."""

    NET = "net_line", _("After discount")
    GROSS = "gross_line", _("Before discount")


class ServiceFee(models.TextChoices):
    """The one rupee of a Tier-1 bill (SRO 1279(I)/2021): printed, or also in the bill's total."""

    NONE = "none", _("Not charged")
    PRINTED = "printed", _("Printed, outside FBR's totals")
    IN_BILL = "in_bill", _("Printed, and in FBR's bill amount")


class BuyerKind(models.TextChoices):
    REGISTERED = "registered", _("Registered")
    UNREGISTERED = "unregistered", _("Unregistered")


class SaleType(models.TextChoices):
    """Kinds of supply, spelt as FBR's list spells them (`transtypecode`, trimmed)."""

    STANDARD = "Goods at standard rate (default)", _("Goods at standard rate")
    REDUCED = "Goods at Reduced Rate", _("Goods at reduced rate")
    ZERO = "Goods at zero-rate", _("Goods at zero rate")
    PETROLEUM = "Petroleum Products", _("Petroleum products")
    ELECTRICITY = "Electricity Supply to Retailers", _("Electricity supply to retailers")
    SIM = "SIM", _("SIM")
    GAS_TO_CNG = "Gas to CNG stations", _("Gas to CNG stations")
    MOBILE_PHONES = "Mobile Phones", _("Mobile phones")
    PROCESSING = "Processing/Conversion of Goods", _("Processing or conversion of goods")
    THIRD_SCHEDULE = "3rd Schedule Goods", _("Third Schedule goods")
    GOODS_FED = "Goods (FED in ST Mode)", _("Goods (FED in sales tax mode)")
    SERVICES_FED = "Services (FED in ST Mode)", _("Services (FED in sales tax mode)")
    SERVICES = "Services", _("Services")
    EXEMPT = "Exempt goods", _("Exempt goods")
    DTRE = "DTRE goods", _("DTRE goods")
    COTTON = "Cotton ginners", _("Cotton ginners")
    ELECTRIC_VEHICLE = "Electric Vehicle", _("Electric vehicle")
    CEMENT = "Cement /Concrete Block", _("Cement or concrete block")
    TELECOM = "Telecommunication services", _("Telecommunication services")
    STEEL = "Steel melting and re-rolling", _("Steel melting and re-rolling")
    SHIP_BREAKING = "Ship breaking", _("Ship breaking")
    POTASSIUM = "Potassium Chlorate", _("Potassium chlorate")
    CNG = "CNG Sales", _("CNG sales")
    TOLL = "Toll Manufacturing", _("Toll manufacturing")
    NON_ADJUSTABLE = "Non-Adjustable Supplies", _("Non-adjustable supplies")
    SRO_297 = "Goods as per SRO.297(|)/2023", _("Goods as per SRO 297(I)/2023")


class Registration(models.TextChoices):
    """What FBR's register of sales tax says of a number."""

    REGISTERED = "registered", _("Registered")
    UNREGISTERED = "unregistered", _("Not registered")
    UNKNOWN = "unknown", _("No clear word")


class TaxpayerStanding(models.TextChoices):
    """Whether a number is on FBR's list of active taxpayers."""

    ACTIVE = "active", _("Active")
    INACTIVE = "inactive", _("Not active")
    UNKNOWN = "unknown", _("No clear word")


class ListName(models.TextChoices):
    """FBR's reference lists, each under a name of ours."""

    PROVINCES = "provinces", _("Provinces")
    DOCUMENT_TYPES = "document_types", _("Kinds of document")
    SALE_TYPES = "sale_types", _("Kinds of supply")
    UNITS = "units", _("Units of measure")
    HS_CODES = "hs_codes", _("HS codes")
    SERIALS = "serials", _("Serials of SROs, the older list")
    RATES = "rates", _("Rates of each kind of supply")
    SCHEDULES = "schedules", _("SROs and schedules of each rate")
    ITEMS = "items", _("Serials of each SRO and schedule")
    HS_UNITS = "hs_units", _("Units of each HS code")
