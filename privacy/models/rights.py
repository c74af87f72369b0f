"""Requests of persons about their data: how each went, who proved what, what was handed out."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class RequestType(models.TextChoices):
    ACCESS = "access", _("See my data")
    PORTABILITY = "portability", _("Take my data along")
    RECTIFICATION = "rectification", _("Correct my data")
    ERASURE = "erasure", _("Erase my data")
    RESTRICTION = "restriction", _("Set my data aside")
    OBJECTION = "objection", _("Object to a use of my data")
    WITHDRAWAL = "withdrawal", _("Withdraw a consent")
    COMPLAINT = "complaint", _("Complain")
    WHY = "why", _("Ask why my data is still held")


class RequestChannel(models.TextChoices):
    PROFILE = "profile", _("Own page")
    FORM = "form", _("Public form")
    MAILBOX = "mailbox", _("Mailbox")
    STAFF = "staff", _("Entered by staff")


class RequestState(models.TextChoices):
    RECEIVED = "received", _("Received")
    IDENTITY_PENDING = "identity_pending", _("Waits for a proof of identity")
    IN_PROGRESS = "in_progress", _("Being worked on")
    WAITING_CONTROLLER = "waiting_controller", _("Waits for the business")
    WAITING_SUBJECT = "waiting_subject", _("Waits for the person")
    DONE = "done", _("Done")
    REFUSED = "refused", _("Refused")
    WITHDRAWN = "withdrawn", _("Taken back")


ENDED = frozenset({RequestState.DONE, RequestState.REFUSED, RequestState.WITHDRAWN})


class Hat(models.TextChoices):
    CONTROLLER = "controller", _("We decide")
    PROCESSOR = "processor", _("The business decides")


class SubjectRequest(models.Model):
    """What one person asks of us. Its state is written by `services.requests` and nobody else.

    sealed:      who writes from where and what, as JSON under the installation's key: the row tells
                 nothing of the person to whoever reads the table.
    address_key: keyed hash of the address, to find what else the same person asked.
    mail_key:    hash of the Message-ID that brought it, so that a mail is taken in once.
    looked_up_at: when we looked who it may be; it is done by a task, so that a form tells nothing.
    due_at:      the instant at which it is late: the first one after the last day.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(_("asks for"), max_length=14, choices=RequestType)
    channel = models.CharField(_("came by"), max_length=8, choices=RequestChannel)
    subject_kind = models.CharField(max_length=8)
    hat = models.CharField(_("who decides"), max_length=10, choices=Hat, default=Hat.CONTROLLER)
    state = models.CharField(_("state"), max_length=20, choices=RequestState, default="received")
    state_at = models.DateTimeField()
    tenant_id = models.UUIDField(null=True, blank=True)
    user_id = models.UUIDField(null=True, blank=True)
    buyer_id = models.UUIDField(null=True, blank=True)
    sealed = models.BinaryField()
    address_key = models.CharField(max_length=64, blank=True)
    mail_key = models.CharField(max_length=64, null=True, blank=True, unique=True)
    language = models.CharField(max_length=5, default="en")
    received_at = models.DateTimeField(_("received"))
    due_at = models.DateTimeField(_("late from"))
    human_due_at = models.DateTimeField()
    human_at = models.DateTimeField(_("looked at"), null=True, blank=True)
    looked_up_at = models.DateTimeField(null=True, blank=True)
    proof_asked_at = models.DateTimeField(null=True, blank=True)
    proved_at = models.DateTimeField(_("identity proved"), null=True, blank=True)
    forwarded_at = models.DateTimeField(_("handed to the business"), null=True, blank=True)
    extended_at = models.DateTimeField(_("extended"), null=True, blank=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    handled_by = models.CharField(max_length=80, blank=True)
    duplicate_of = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="duplicates"
    )
    resumes_on = models.DateField(_("goes on by itself on"), null=True, blank=True)
    receipt: models.JSONField[Any, Any] = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=[state.value for state in RequestState]),
                name="request_state_is_known",
            ),
            models.CheckConstraint(
                condition=(Q(state__in=sorted(ENDED)) & Q(closed_at__isnull=False))
                | (~Q(state__in=sorted(ENDED)) & Q(closed_at=None)),
                name="request_closed_when_ended",
            ),
            models.CheckConstraint(
                condition=Q(hat=Hat.CONTROLLER) | Q(tenant_id__isnull=False),
                name="request_of_a_business",
            ),
            models.CheckConstraint(
                condition=~Q(state=RequestState.WAITING_CONTROLLER)
                | Q(hat=Hat.PROCESSOR, forwarded_at__isnull=False),
                name="request_waits_for_a_business",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["due_at", "id"], condition=Q(closed_at=None), name="request_open"),
            models.Index(fields=["user_id", "-received_at"], name="request_of_user"),
            models.Index(fields=["tenant_id", "-received_at"], name="request_of_tenant"),
            models.Index(fields=["address_key", "-received_at"], name="request_of_address"),
            models.Index(fields=["-received_at", "-id"], name="request_newest"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "requester"
        basis = "law"
        personal = {
            "user_id": Category.IDENTITY,
            "buyer_id": Category.IDENTITY,
            "sealed": Category.CONTENT,
            "address_key": Category.CREDENTIAL,
            "mail_key": Category.CREDENTIAL,
            "handled_by": Category.IDENTITY,
        }
        plain = (
            *("id", "type", "channel", "subject_kind", "hat", "state", "state_at", "tenant_id"),
            *("language", "received_at", "due_at", "human_due_at", "human_at", "looked_up_at"),
            *(
                "proof_asked_at",
                "proved_at",
                "forwarded_at",
                "extended_at",
                "closed_at",
                "duplicate_of",
            ),
            *("resumes_on", "receipt"),
        )

    def __str__(self) -> str:
        return f"{self.get_type_display()} {self.reference}"

    @property
    def reference(self) -> str:
        """What people call it on the telephone."""
        return f"R-{self.id.hex[-8:].upper()}"


class RequestEvent(models.Model):
    """One thing that happened to a request, written once. sealed: words, like the request's."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(SubjectRequest, on_delete=models.PROTECT, related_name="events")
    at = models.DateTimeField(_("when"))
    by = models.CharField(_("who"), max_length=80)
    what = models.CharField(_("what"), max_length=24)
    was = models.CharField(max_length=20, blank=True)
    became = models.CharField(max_length=20, blank=True)
    sealed = models.BinaryField(default=bytes)
    facts = models.JSONField(default=dict)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["request", "at", "id"], name="requestevent_in_order"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "requester"
        basis = "law"
        personal = {"by": Category.IDENTITY, "sealed": Category.CONTENT}
        plain = ("id", "request", "at", "what", "was", "became", "facts")

    def __str__(self) -> str:
        return f"{self.what} {self.request_id}"


class ProofMethod(models.TextChoices):
    SESSION = "session", _("Signed in and proved again")
    CODE = "code", _("Code to an address")
    CODE_AND_FACT = "code_and_fact", _("Fact of an invoice, and code to the address we hold")
    STAFF = "staff", _("Checked by a person")


class ProofOutcome(models.TextChoices):
    WAITING = "waiting", _("Waits for the code")
    PROVED = "proved", _("Proved")
    FAILED = "failed", _("Too many wrong codes")
    EXPIRED = "expired", _("Ran out")


class IdentityProof(models.Model):
    """One try to show who somebody is. No document is kept; the code goes when the try ends."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(SubjectRequest, on_delete=models.PROTECT, related_name="proofs")
    method = models.CharField(_("how"), max_length=14, choices=ProofMethod)
    outcome = models.CharField(_("outcome"), max_length=8, choices=ProofOutcome)
    code_hash = models.CharField(max_length=64, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField(_("begun"))
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(outcome="waiting", ended_at=None)
                | (~Q(outcome="waiting") & Q(ended_at__isnull=False, code_hash="")),
                name="proof_keeps_no_code",
            ),
            models.CheckConstraint(condition=Q(tries__lte=5), name="proof_five_tries"),
            models.UniqueConstraint(
                fields=["request"], condition=Q(outcome="waiting"), name="proof_one_at_a_time"
            ),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "requester"
        basis = "law"
        personal = {"code_hash": Category.CREDENTIAL}
        plain = (
            *("id", "request", "method", "outcome", "tries", "made_at", "expires_at", "ended_at"),
        )

    def __str__(self) -> str:
        return f"{self.method} {self.outcome}"


class ExportState(models.TextChoices):
    WAITING = "waiting", _("Waits")
    BUILDING = "building", _("Being put together")
    READY = "ready", _("Ready")
    GONE = "gone", _("Gone")
    FAILED = "failed", _("Failed")


class ExportFile(models.Model):
    """One archive of one subject: sealed on the disk, fetched three times at most, then gone.

    user_id, tenant_id, buyer_id: whose data (privacy.subjects). asked_by: who may fetch it.
    categories: which parts of a business; empty for all. lease_until: one worker at a time.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    request = models.ForeignKey(
        SubjectRequest, on_delete=models.PROTECT, null=True, blank=True, related_name="exports"
    )
    subject_kind = models.CharField(max_length=8)
    user_id = models.UUIDField(null=True, blank=True)
    tenant_id = models.UUIDField(null=True, blank=True)
    buyer_id = models.UUIDField(null=True, blank=True)
    asked_by = models.UUIDField(null=True, blank=True)
    categories = models.JSONField(default=list)
    state = models.CharField(_("state"), max_length=8, choices=ExportState, default="waiting")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    name = models.CharField(max_length=120, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)
    asked_at = models.DateTimeField(_("asked"))
    ready_at = models.DateTimeField(_("ready"), null=True, blank=True)
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    tries = models.PositiveSmallIntegerField(default=0)
    downloads = models.PositiveSmallIntegerField(_("downloads"), default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(downloads__lte=3), name="export_three_downloads"),
            models.CheckConstraint(
                condition=~Q(state="ready") | Q(expires_at__isnull=False) & ~Q(name=""),
                name="export_ready_has_a_file",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["asked_at", "id"],
                condition=Q(state__in=["waiting", "building"]),
                name="export_to_build",
            ),
            models.Index(fields=["user_id", "-asked_at"], name="export_of_user"),
            models.Index(fields=["tenant_id", "-asked_at"], name="export_of_tenant"),
        ]

    class Privacy:
        retention = Retention.TMP
        subject = "user"
        basis = "law"
        personal = {
            "user_id": Category.IDENTITY,
            "buyer_id": Category.IDENTITY,
            "asked_by": Category.IDENTITY,
        }
        plain = (
            *("id", "request", "subject_kind", "tenant_id", "categories", "state", "done"),
            *("total", "name", "size", "sha256", "asked_at", "ready_at", "expires_at"),
            *("lease_until", "tries", "downloads"),
        )

    def __str__(self) -> str:
        return f"export {self.pk}"
