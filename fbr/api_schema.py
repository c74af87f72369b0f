"""The shapes of the documents' API, for its published description, and an attempt's own shape."""

from __future__ import annotations

from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers

from accounts.enums import Province
from fbr.models import Attempt
from fbr.outcomes import Outcome
from invoices import reasons, sale_types, tax
from invoices.enums import (
    BuyerKind,
    Channel,
    DocumentType,
    FurtherTaxWhy,
    NoteDirection,
    PaymentMode,
    State,
    Withholding,
)
from invoices.representation import instant

LIST_PARAMETERS = [
    OpenApiParameter("state", OpenApiTypes.STR, enum=State.values),
    OpenApiParameter("from", OpenApiTypes.DATE, description="First invoice date."),
    OpenApiParameter("to", OpenApiTypes.DATE, description="Last invoice date."),
    OpenApiParameter("buyer", OpenApiTypes.UUID),
    OpenApiParameter(
        "q",
        OpenApiTypes.STR,
        description="Beginning of a number or customer, or a whole reference.",
    ),
    OpenApiParameter("cursor", OpenApiTypes.STR),
    OpenApiParameter("limit", OpenApiTypes.INT, description="Rows a page, at most 200."),
]


def _amount(**kwargs: Any) -> serializers.DecimalField:
    return serializers.DecimalField(max_digits=18, decimal_places=2, **kwargs)


class ProblemOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    field = serializers.CharField()
    line = serializers.IntegerField(allow_null=True)
    message = serializers.CharField()
    fix = serializers.CharField()
    put = serializers.CharField(required=False)
    deed = serializers.CharField(required=False)


class RefusalDetails(serializers.Serializer[Any]):
    problems = ProblemOut(many=True, required=False)


class Refusal(serializers.Serializer[Any]):
    code = serializers.CharField()
    message = serializers.CharField()
    details = RefusalDetails()


class BuyerInline(serializers.Serializer[Any]):
    name = serializers.CharField()
    registration_type = serializers.ChoiceField(BuyerKind.choices)
    ntn_cnic = serializers.CharField(required=False)
    province = serializers.ChoiceField(Province.choices)
    address = serializers.CharField()


class LineIn(serializers.Serializer[Any]):
    product_id = serializers.UUIDField(required=False, allow_null=True)
    description = serializers.CharField(required=False)
    hs_code = serializers.CharField(required=False)
    sale_type = serializers.CharField(required=False)
    rate = serializers.CharField(required=False)
    unit = serializers.CharField(required=False)
    quantity = serializers.DecimalField(max_digits=18, decimal_places=4)
    unit_price = serializers.DecimalField(max_digits=18, decimal_places=4, required=False)
    discount = _amount(required=False)
    retail_price = _amount(required=False, allow_null=True)
    sro_schedule = serializers.CharField(required=False)
    sro_item = serializers.CharField(required=False)
    further_tax = _amount(required=False, allow_null=True)
    extra_tax = _amount(required=False, allow_null=True)
    fed = _amount(required=False, allow_null=True)
    withheld = _amount(required=False, allow_null=True)
    fed_type = serializers.CharField(required=False)
    fed_rate = serializers.CharField(required=False)
    fed_unit_price = serializers.DecimalField(
        max_digits=18, decimal_places=4, required=False, allow_null=True
    )
    fed_schedule = serializers.CharField(required=False)
    fed_item = serializers.CharField(required=False)
    petroleum_levy_on = serializers.ChoiceField(sale_types.LEVIES, required=False)


class AdvanceIn(serializers.Serializer[Any]):
    receipt_id = serializers.UUIDField()
    value = _amount()


class InvoiceIn(serializers.Serializer[Any]):
    document_type = serializers.ChoiceField(DocumentType.choices, required=False)
    invoice_date = serializers.DateField(required=False)
    client_reference = serializers.CharField(required=False)
    scenario = serializers.CharField(required=False)
    buyer = BuyerInline(required=False)
    buyer_id = serializers.UUIDField(required=False, allow_null=True)
    prices_include_tax = serializers.BooleanField(required=False)
    withholding = serializers.ChoiceField(Withholding.choices, required=False)
    original_id = serializers.UUIDField(required=False, allow_null=True)
    reason = serializers.CharField(required=False)
    direction = serializers.ChoiceField(NoteDirection.choices, required=False)
    is_advance = serializers.BooleanField(required=False)
    advances = AdvanceIn(many=True, required=False)
    till_id = serializers.UUIDField(required=False, allow_null=True)
    payment_mode = serializers.ChoiceField(PaymentMode.choices, required=False)
    lines = LineIn(many=True)
    issue = serializers.BooleanField(required=False)


class NoteLineIn(serializers.Serializer[Any]):
    position = serializers.IntegerField(help_text="Of the line on the invoice, counted from 1.")
    quantity = serializers.DecimalField(
        max_digits=18, decimal_places=4, required=False, help_text="How much of it comes back."
    )
    value = _amount(required=False, help_text="Rupees before tax that the note takes of the line.")


class DebitNoteIn(serializers.Serializer[Any]):
    reason = serializers.ChoiceField(sorted(reasons.REASONS))
    direction = serializers.ChoiceField(NoteDirection.choices, required=False)
    lines = NoteLineIn(many=True, required=False, help_text="Left out: all that is left.")
    issue = serializers.BooleanField(required=False)


class ReasonIn(serializers.Serializer[Any]):
    reason = serializers.CharField(max_length=300)


class ResolveIn(serializers.Serializer[Any]):
    found = serializers.BooleanField(help_text="Whether FBR has it.")
    fbr_number = serializers.CharField(required=False, max_length=64)
    dated = serializers.CharField(required=False, max_length=40)
    proof = serializers.CharField(
        required=False, max_length=300, help_text="Where it stands at FBR, when it was found."
    )
    why = serializers.CharField(
        required=False, max_length=300, help_text="Where you looked, when it was not found."
    )


class IssueIn(serializers.Serializer[Any]):
    duplicate_reason = serializers.CharField(
        required=False, max_length=300, help_text="Why a held look-alike is a sale of its own."
    )


class Totals(serializers.Serializer[Any]):
    def get_fields(self) -> dict[str, Any]:
        return {name: _amount() for name in tax.AMOUNTS}


class LineOut(LineIn):
    position = serializers.IntegerField()

    def get_fields(self) -> dict[str, Any]:
        amounts = (*tax.AMOUNTS, "retail_value", "residue", "advance")
        why = serializers.ChoiceField(FurtherTaxWhy.choices, allow_null=True)
        return (
            super().get_fields() | {name: _amount() for name in amounts} | {"further_tax_why": why}
        )


class InvoiceRow(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(State.choices)
    state_at = serializers.DateTimeField()
    hold = serializers.CharField(allow_null=True)
    document_type = serializers.CharField()
    environment = serializers.CharField()
    number = serializers.CharField(allow_null=True)
    client_reference = serializers.CharField(allow_null=True)
    invoice_date = serializers.DateField()
    fbr_number = serializers.CharField(allow_null=True)
    fbr_dated = serializers.CharField(allow_null=True)
    buyer = BuyerInline()
    buyer_id = serializers.UUIDField(allow_null=True)
    totals = Totals()
    problems = ProblemOut(many=True)
    pdf_url = serializers.CharField()


class InvoiceOut(InvoiceRow):
    prices_include_tax = serializers.BooleanField()
    withholding = serializers.ChoiceField(Withholding.choices)
    scenario = serializers.CharField(allow_null=True)
    original_id = serializers.UUIDField(allow_null=True)
    original_fbr_number = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    direction = serializers.ChoiceField(NoteDirection.choices, allow_null=True)
    is_advance = serializers.BooleanField()
    channel = serializers.ChoiceField(Channel.choices)
    till_id = serializers.UUIDField(allow_null=True)
    payment_mode = serializers.ChoiceField(PaymentMode.choices, allow_null=True)
    service_fee = _amount()
    warnings = ProblemOut(many=True)
    lines = LineOut(many=True)


class ClaimOut(serializers.Serializer[Any]):
    verdict = serializers.CharField()
    made_at = serializers.DateTimeField()
    not_before = serializers.DateTimeField(help_text="Before this nobody can confirm it.")


class InvoiceClaimed(InvoiceOut):
    claim = ClaimOut()


class InvoicePage(serializers.Serializer[Any]):
    results = InvoiceRow(many=True)
    next = serializers.URLField(allow_null=True)


class Rendering(serializers.Serializer[Any]):
    state = serializers.CharField()


class AttemptOut(serializers.Serializer[Any]):
    attempt_no = serializers.IntegerField()
    call = serializers.CharField(allow_null=True)
    started_at = serializers.DateTimeField()
    answered_at = serializers.DateTimeField(allow_null=True)
    sent = serializers.BooleanField(allow_null=True)
    http_status = serializers.IntegerField(allow_null=True)
    outcome = serializers.ChoiceField(Outcome.choices, allow_null=True)
    why = serializers.CharField(allow_null=True)
    failure = serializers.CharField(allow_null=True)
    took_ms = serializers.IntegerField(allow_null=True)
    body_sha256 = serializers.CharField()
    answer = serializers.CharField(allow_null=True)


class AttemptPage(serializers.Serializer[Any]):
    results = AttemptOut(many=True)
    next = serializers.URLField(allow_null=True)


class EventOut(serializers.Serializer[Any]):
    was = serializers.CharField()
    became = serializers.CharField()
    at = serializers.DateTimeField()
    actor = serializers.CharField()
    note = serializers.CharField(allow_null=True)


class EventPage(serializers.Serializer[Any]):
    results = EventOut(many=True)
    next = serializers.URLField(allow_null=True)


def attempt(row: Attempt) -> dict[str, Any]:
    """One attempt as a program reads it; the answer as text."""
    answer = bytes(row.answer).decode(errors="replace") if row.answer else None
    return {
        "attempt_no": row.attempt_no,
        "call": row.call or None,
        "started_at": instant(row.started_at),
        "answered_at": instant(row.answered_at),
        "sent": row.sent,
        "http_status": row.http_status,
        "outcome": row.outcome or None,
        "why": row.why or None,
        "failure": row.failure or None,
        "took_ms": row.took_ms,
        "body_sha256": row.body_sha256,
        "answer": answer,
    }
