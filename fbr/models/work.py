"""The queue and its evidence. The table is the queue; Celery is the doorbell."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from accounts.tenancy import TenantModel, within_tenant
from fbr.outcomes import Hold, Outcome
from invoices.enums import Channel
from smartinvoicing.classified import Category, Recipient, Retention, Use
from smartinvoicing.pg.constraints import SameTenant


class WorkState(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    SENDING = "sending", _("Being sent")
    DONE = "done", _("Done")
    STOPPED = "stopped", _("Waits for a person")


class Call(models.TextChoices):
    """Which of FBR's calls the answer on an attempt belongs to."""

    RECORD = "record", _("Record")
    VALIDATE = "validate", _("Dry run")


class Outbox(TenantModel):
    """One version of a document that FBR must hear of. `attempt_no` is the fence.

    is_bulk:  nobody sits and waits for it; a part of the line is kept for the others.
    deadline: until when law wants it there; known once a line that was away is back.
    """

    invoice = within_tenant("invoices.Invoice", related_name="work")
    version = models.PositiveIntegerField()
    environment = models.CharField(max_length=10, choices=Environment)
    channel = models.CharField(max_length=4, choices=Channel)
    credential = within_tenant("fbr.Credential", related_name="work", null=True)
    body = models.BinaryField()
    body_sha256 = models.CharField(max_length=64)
    lines = models.PositiveIntegerField()
    state = models.CharField(max_length=8, choices=WorkState, default=WorkState.WAITING)
    hold_reason = models.CharField(max_length=20, choices=Hold, blank=True)
    is_bulk = models.BooleanField(default=False)
    deadline = models.DateTimeField(null=True)
    made_at = models.DateTimeField()
    run_after = models.DateTimeField()
    attempt_no = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    leased_by = models.CharField(max_length=80, blank=True)
    done_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("invoice", name="outbox_invoice_same_tenant"),
            SameTenant("credential", name="outbox_credential_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "invoice", "version"], name="outbox_once_a_version"
            ),
            models.UniqueConstraint(
                fields=["tenant", "invoice"],
                condition=Q(state__in=["waiting", "sending", "stopped"]),
                name="outbox_one_open",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # What is due, over all tenants: read by one narrow function only.
            models.Index(
                fields=["credential", "is_bulk", "run_after", "id"],
                condition=Q(state="waiting", hold_reason__in=["", "clock", "endpoint"]),
                name="outbox_due",
            ),
            models.Index(
                fields=["credential", "deadline", "id"],
                condition=Q(
                    state="waiting",
                    hold_reason__in=["", "clock", "endpoint"],
                    deadline__isnull=False,
                ),
                name="outbox_due_by_law",
            ),
            models.Index(
                fields=["lease_until"], condition=Q(lease_until__isnull=False), name="outbox_leased"
            ),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        purposes = (Use.REPORTING, Use.TAX_RECORD)
        recipients = {"body": (Recipient.HOSTING, Recipient.FBR)}
        personal = {"body": Category.CONTENT}
        plain = (
            "id",
            "tenant",
            "invoice",
            "version",
            "environment",
            "channel",
            "credential",
            "body_sha256",
            "lines",
            "state",
            "hold_reason",
            "is_bulk",
            "deadline",
            "made_at",
            "run_after",
            "attempt_no",
            "lease_until",
            "leased_by",
            "done_at",
        )

    def __str__(self) -> str:
        return f"work {self.pk}"


class Attempt(TenantModel):
    """One time that bytes may have left. Each column is written once."""

    work = within_tenant("fbr.Outbox", related_name="attempts")
    invoice = within_tenant("invoices.Invoice", related_name="attempts")
    attempt_no = models.PositiveIntegerField()
    body_sha256 = models.CharField(max_length=64)
    worker = models.CharField(max_length=80)
    call = models.CharField(max_length=8, choices=Call, blank=True)
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)
    answered_at = models.DateTimeField(null=True)
    sent = models.BooleanField(null=True)
    http_status = models.PositiveSmallIntegerField(null=True)
    answer = models.BinaryField(null=True)
    retry_after = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=80, blank=True)
    took_ms = models.PositiveIntegerField(null=True)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True)
    why = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            SameTenant("work", name="attempt_work_same_tenant"),
            SameTenant("invoice", name="attempt_invoice_same_tenant"),
            models.UniqueConstraint(
                fields=["tenant", "work", "attempt_no"], name="attempt_once_a_fence"
            ),
            models.UniqueConstraint(
                fields=["tenant", "invoice"],
                condition=Q(finished_at__isnull=True),
                name="attempt_one_open",
            ),
            models.UniqueConstraint(
                fields=["tenant", "invoice"],
                condition=Q(outcome="accepted"),
                name="attempt_one_accepted",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "invoice", "started_at"], name="attempt_of_invoice"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        purposes = (Use.REPORTING, Use.TAX_RECORD)
        recipients = {"answer": (Recipient.HOSTING, Recipient.FBR)}
        personal = {"answer": Category.CONTENT}
        plain = (
            "id",
            "tenant",
            "work",
            "invoice",
            "attempt_no",
            "body_sha256",
            "worker",
            "call",
            "started_at",
            "finished_at",
            "answered_at",
            "sent",
            "http_status",
            "retry_after",
            "failure",
            "took_ms",
            "outcome",
            "why",
        )

    def __str__(self) -> str:
        return f"attempt {self.attempt_no}"
