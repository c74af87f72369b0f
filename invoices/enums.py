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


class Channel(models.TextChoices):
    DI = "di", _("Digital Invoicing")
    POS = "pos", _("Point of sale")


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
