"""What is known of documents of which FBR may know, or not: proofs, lists, and what people say."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from fbr.outcomes import Outcome
from smartinvoicing.classified import Category, Mask, Recipient, Retention
from smartinvoicing.ids import uuid7
from smartinvoicing.pg.constraints import SameTenant


class EvidenceKind(models.TextChoices):
    LATE_ANSWER = "late_answer", _("FBR's answer came late")
    LIST_ROW = "list_row", _("Stands in a list from FBR")
    ABSENT = "absent", _("Does not stand in a list from FBR")
    TYPED = "typed", _("Number seen in IRIS")
    ANOTHER_SALE = "another_sale", _("A sale of its own")
    UNDONE = "undone", _("Second number cancelled at FBR")


class Verdict(models.TextChoices):
    AT_FBR = "at_fbr", _("FBR has it")
    NOT_AT_FBR = "not_at_fbr", _("FBR does not have it")


class Standing(models.TextChoices):
    """As whom somebody confirmed a claim."""

    MEMBER = "member", _("Member of the business")
    WITNESS = "witness", _("Witness from SmartInvoicing")


def _amount() -> Any:
    return models.DecimalField(max_digits=18, decimal_places=2, null=True)


class Statement(TenantModel):
    """A list that FBR's portal gave out, as it was uploaded. Written once.

    covers_from, covers_until: the period that it was asked for; without it, it proves nothing by
        what is missing in it.
    problems: rows that could not be read: their number and what is wrong.
    """

    legal_entity = within_tenant("accounts.LegalEntity", related_name="statements")
    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    name = models.CharField(_("file"), max_length=200)
    path = models.CharField(max_length=200)
    sha256 = models.CharField(max_length=64)
    uploaded_at = models.DateTimeField()
    uploaded_by = models.CharField(max_length=80)
    covers_from = models.DateField(_("from"), null=True)
    covers_until = models.DateField(_("until"), null=True)
    read = models.PositiveIntegerField()
    problems = models.JSONField(default=list)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("legal_entity", name="statement_entity_same_tenant"),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "-uploaded_at", "-id"], name="statement_newest"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        personal = {
            "name": Category.CONTENT,
            "path": Category.CONTENT,
            "uploaded_by": Category.IDENTITY,
            "problems": Category.CONTENT,
        }
        plain = (
            "id",
            "tenant",
            "legal_entity",
            "environment",
            "sha256",
            "uploaded_at",
            "covers_from",
            "covers_until",
            "read",
        )

    def __str__(self) -> str:
        return self.name


class StatementRow(TenantModel):
    """One document as FBR lists it. Written once. row: its place in the file, counted from 1."""

    statement = within_tenant("fbr.Statement", related_name="rows")
    row = models.PositiveIntegerField()
    number = models.CharField(max_length=64, blank=True)
    fbr_number = models.CharField(max_length=64)
    seller_ntn_cnic = models.CharField(max_length=20, blank=True)
    buyer_ntn_cnic = models.CharField(max_length=20, blank=True)
    buyer_name = models.CharField(max_length=200, blank=True)
    dated_on = models.DateField(null=True)
    value = _amount()
    tax = _amount()
    lines = models.PositiveIntegerField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("statement", name="statementrow_statement_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "statement", "fbr_number"], name="statementrow_once_a_list"
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        subjects = {"fbr_number": "owner", "seller_ntn_cnic": "owner"}
        recipients = dict.fromkeys(
            ("seller_ntn_cnic", "buyer_ntn_cnic", "buyer_name"),
            (Recipient.HOSTING, Recipient.FBR),
        )
        mask = {"fbr_number": Mask.SHOWN}
        personal = {
            # FBR begins its number with the seller's NTN or CNIC.
            "fbr_number": Category.GOVERNMENT_ID,
            "seller_ntn_cnic": Category.GOVERNMENT_ID,
            "buyer_ntn_cnic": Category.GOVERNMENT_ID,
            "buyer_name": Category.IDENTITY,
            "value": Category.FINANCIAL,
            "tax": Category.FINANCIAL,
        }
        plain = (
            "id",
            "tenant",
            "statement",
            "row",
            "number",
            "dated_on",
            "lines",
        )

    def __str__(self) -> str:
        return self.fbr_number


class Evidence(TenantModel):
    """One thing that tells whether FBR has a document. Written once.

    attempt: the send that it is about, where it is about one.
    outcome: what a late answer means.
    twin:    the document that it was held for, where it is a sale of its own.
    """

    invoice = within_tenant("invoices.Invoice", related_name="evidence")
    attempt = within_tenant("fbr.Attempt", related_name="evidence", null=True)
    kind = models.CharField(max_length=12, choices=EvidenceKind)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    fbr_number = models.CharField(max_length=64, blank=True)
    fbr_dated = models.CharField(max_length=40, blank=True)
    note = models.CharField(max_length=300, blank=True)
    twin = within_tenant("invoices.Invoice", related_name="+", null=True)
    statement = within_tenant("fbr.Statement", related_name="evidence", null=True)
    row = within_tenant("fbr.StatementRow", related_name="evidence", null=True)
    proof_path = models.CharField(max_length=200, blank=True)
    proof_sha256 = models.CharField(max_length=64, blank=True)
    proof_type = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField()
    by = models.CharField(max_length=80)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="evidence_invoice_same_tenant"),
            SameTenant("attempt", name="evidence_attempt_same_tenant"),
            SameTenant("twin", name="evidence_twin_same_tenant"),
            SameTenant("statement", name="evidence_statement_same_tenant"),
            SameTenant("row", name="evidence_row_same_tenant"),
            # The same late answer may be handed in twice; it is kept once.
            models.UniqueConstraint(
                fields=["tenant", "attempt"],
                condition=Q(kind="late_answer"),
                name="evidence_one_late_answer",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "invoice", "at"], name="evidence_of_invoice"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        subjects = {"fbr_number": "owner"}
        mask = {"fbr_number": Mask.SHOWN}
        personal = {
            # FBR begins its number with the seller's NTN or CNIC.
            "fbr_number": Category.GOVERNMENT_ID,
            "note": Category.CONTENT,
            "proof_path": Category.CONTENT,
            "by": Category.IDENTITY,
        }
        plain = (
            "id",
            "tenant",
            "invoice",
            "attempt",
            "kind",
            "outcome",
            "fbr_dated",
            "twin",
            "statement",
            "row",
            "proof_sha256",
            "proof_type",
            "at",
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class Claim(TenantModel):
    """What somebody says of a document that is uncertain. Its columns are written once.

    attempt:      the last send when it was made; for another one it says nothing.
    made_person:  who stands behind it; of a program, the person who made its key.
    evidence:     what it rests on, where there is more than eyes.
    is_alone:     nobody else here may settle: it waits a day, and a witness confirms it.
    ripe_at:      not before this may it be confirmed; set by the database, with its clock.
    """

    invoice = within_tenant("invoices.Invoice", related_name="claims")
    attempt = within_tenant("fbr.Attempt", related_name="claims", null=True)
    verdict = models.CharField(max_length=10, choices=Verdict)
    why = models.CharField(_("where you looked"), max_length=300)
    evidence = within_tenant("fbr.Evidence", related_name="claims", null=True)
    made_at = models.DateTimeField()
    made_by = models.CharField(max_length=80)
    made_person = models.UUIDField()
    is_alone = models.BooleanField(default=False)
    ripe_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True)
    confirmed_by = models.CharField(max_length=80, blank=True)
    confirmed_person = models.UUIDField(null=True)
    confirmed_as = models.CharField(max_length=8, choices=Standing, blank=True)
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_by = models.CharField(max_length=80, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="claim_invoice_same_tenant"),
            SameTenant("attempt", name="claim_attempt_same_tenant"),
            SameTenant("evidence", name="claim_evidence_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "invoice"],
                condition=Q(confirmed_at=None, withdrawn_at=None),
                name="claim_one_open",
            ),
            models.CheckConstraint(
                condition=Q(confirmed_at=None) | Q(withdrawn_at=None),
                name="claim_confirmed_or_withdrawn",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "invoice", "made_at"], name="claim_of_invoice"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        personal = {
            "why": Category.CONTENT,
            "made_by": Category.IDENTITY,
            "made_person": Category.IDENTITY,
            "confirmed_by": Category.IDENTITY,
            "confirmed_person": Category.IDENTITY,
            "withdrawn_by": Category.IDENTITY,
        }
        plain = (
            "id",
            "tenant",
            "invoice",
            "attempt",
            "verdict",
            "evidence",
            "made_at",
            "is_alone",
            "ripe_at",
            "confirmed_at",
            "confirmed_as",
            "withdrawn_at",
        )

    def __str__(self) -> str:
        return f"{self.verdict} {self.pk}"


class WitnessRequest(models.Model):
    """A business of one person asks us to witness a claim: for the staff's desk, of no tenant.

    It holds ids and our own number; what the document is about stays behind the tenant's wall.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    business = models.UUIDField(_("business"))
    claim = models.UUIDField(unique=True)
    number = models.CharField(_("document"), max_length=40)
    environment = models.CharField(_("environment"), max_length=10, choices=Environment)
    asked_at = models.DateTimeField(_("asked"))
    ripe_at = models.DateTimeField(_("not before"))
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    closed_by = models.CharField(_("closed by"), max_length=80, blank=True)

    class Meta:
        verbose_name = _("claim that asks for a witness")
        verbose_name_plural = _("claims that ask for a witness")

    class Privacy:
        retention = Retention.SEC
        subject = "user"
        basis = "legitimate interest"
        personal = {"closed_by": Category.IDENTITY}
        plain = (
            "id",
            "business",
            "claim",
            "number",
            "environment",
            "asked_at",
            "ripe_at",
            "closed_at",
        )

    def __str__(self) -> str:
        return self.number
