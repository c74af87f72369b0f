"""Accounts that are being closed, step by step; and the ledger of who was erased."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class ClosureState(models.TextChoices):
    BEGUN = "begun", _("Can be read and opened again")
    PURGING = "purging", _("Being deleted")
    PURGED = "purged", _("Deleted; backups run out")
    SEALED = "sealed", _("Closed; tax records are kept")
    REVOKED = "revoked", _("Opened again")


class ClosurePath(models.TextChoices):
    OWNER = "owner", _("An owner")
    REPRESENTATIVE = "representative", _("Whoever acts for an owner who cannot")


class Closure(models.Model):
    """One account on its way out. Of the platform: it outlives the business.

    purge_from: from then on the database lets its rows go, and not a second before.
    sealed:     addresses of the receipt and words to look for afterwards, sealed under the key of
                the business; emptied when the receipt has left.
    open_items: documents whose matter with FBR was open when they were handed over in writing.
    receipt:    what was deleted and what is kept, by table and class: numbers, no names.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant_id = models.UUIDField(_("business"))
    state = models.CharField(_("state"), max_length=8, choices=ClosureState, default="begun")
    path = models.CharField(_("asked by"), max_length=14, choices=ClosurePath, default="owner")
    begun_at = models.DateTimeField(_("begun"))
    begun_by = models.CharField(max_length=80)
    purge_from = models.DateTimeField(_("deleted from"))
    purge_by = models.DateTimeField(_("deleted until"))
    ends_by = models.DateTimeField(_("promised until"))
    purged_at = models.DateTimeField(_("deleted"), null=True, blank=True)
    ended_at = models.DateTimeField(_("ended"), null=True, blank=True)
    open_items: models.JSONField[Any, Any] = models.JSONField(default=list)
    sealed = models.BinaryField(default=bytes)
    receipt: models.JSONField[Any, Any] = models.JSONField(default=list)
    receipt_sha256 = models.CharField(max_length=64, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["tenant_id"], condition=~Q(state="revoked"), name="closure_once"
            ),
            models.CheckConstraint(
                condition=Q(purge_by__gt=F("purge_from")) & Q(ends_by__gt=F("purge_by")),
                name="closure_days_in_order",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["begun", "purging"], ended_at=None)
                | Q(state="purged", ended_at=None, purged_at__isnull=False)
                | Q(state="sealed", ended_at__isnull=False, purged_at__isnull=False)
                | Q(state="revoked", ended_at__isnull=False, purged_at=None),
                name="closure_state_is_true",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["begun_at"], condition=Q(ended_at=None), name="closure_open"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "owner"
        basis = "contract"
        personal = {"begun_by": Category.IDENTITY, "sealed": Category.CONTACT}
        plain = (
            *("id", "tenant_id", "state", "path", "begun_at", "purge_from", "purge_by"),
            *("ends_by", "purged_at", "ended_at", "open_items", "receipt", "receipt_sha256"),
        )

    def __str__(self) -> str:
        return f"{self.state} {self.tenant_id}"


class ClosureStep(models.Model):
    """One dated step. facts: counts and instants of how it was done."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    closure = models.ForeignKey(Closure, on_delete=models.PROTECT, related_name="steps")
    step = models.CharField(_("step"), max_length=12)
    place = models.PositiveSmallIntegerField()
    due_at = models.DateTimeField(_("until"))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    facts = models.JSONField(default=dict)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["closure", "step"], name="closurestep_once"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "contract"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "closure", "step", "place", "due_at", "done_at", "facts")

    def __str__(self) -> str:
        return f"{self.step} {self.closure_id}"


class ClosureCount(models.Model):
    """How many rows of one table a closure took, counted in the transactions that took them."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    closure = models.ForeignKey(Closure, on_delete=models.PROTECT, related_name="counts")
    table = models.CharField(_("table"), max_length=63)
    retention = models.CharField(_("class"), max_length=10)
    deed = models.CharField(_("what happened"), max_length=10)
    count = models.PositiveBigIntegerField(_("rows"), default=0)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["closure", "table", "deed"], name="closurecount_once"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "none"
        basis = "contract"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "closure", "table", "retention", "deed", "count")

    def __str__(self) -> str:
        return f"{self.table} {self.deed} {self.count}"


class ErasureState(models.TextChoices):
    BEGUN = "begun", _("Under way")
    HELD = "held", _("Done, but for what law holds")
    DONE = "done", _("Done")


class Erasure(models.Model):
    """One subject that was erased: a line of the ledger, of which a file lies outside the database.

    subject_key: HMAC of the subject, the same in the file; from it nobody finds the person.
    user_id, buyer_id: kept while law holds something, so that the rest can follow by itself.
    sealed:      an address by which alone the subject is known, under the installation's key;
                 emptied when it is done.
    receipt:     what became of each table: numbers, classes, dates.
    mail_key:    the letter about it; its row goes when it has left.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    subject_kind = models.CharField(_("who"), max_length=8)
    subject_key = models.CharField(max_length=64)
    user_id = models.UUIDField(null=True, blank=True)
    tenant_id = models.UUIDField(null=True, blank=True)
    buyer_id = models.UUIDField(null=True, blank=True)
    sealed = models.BinaryField(default=bytes)
    asked_by = models.CharField(max_length=80)
    request_id = models.UUIDField(null=True, blank=True)
    state = models.CharField(_("state"), max_length=5, choices=ErasureState, default="begun")
    at = models.DateTimeField(_("when"))
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    resumes_on = models.DateField(_("goes on by itself on"), null=True, blank=True)
    receipt: models.JSONField[Any, Any] = models.JSONField(default=list)
    receipt_sha256 = models.CharField(max_length=64, blank=True)
    mail_key = models.CharField(max_length=120, blank=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state="begun", done_at=None)
                | Q(state="held", resumes_on__isnull=False, done_at__isnull=False)
                | Q(state="done", done_at__isnull=False, user_id=None, buyer_id=None, sealed=b""),
                name="erasure_state_is_true",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["subject_key"], name="erasure_of_subject"),
            models.Index(fields=["resumes_on"], condition=~Q(state="done"), name="erasure_goes_on"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "user"
        basis = "law"
        export = {"sealed": False}
        personal = {
            "subject_key": Category.TECHNICAL,
            "user_id": Category.IDENTITY,
            "buyer_id": Category.IDENTITY,
            "sealed": Category.CONTACT,
            "asked_by": Category.IDENTITY,
        }
        plain = (
            *("id", "subject_kind", "tenant_id", "request_id", "state", "at", "done_at"),
            *("resumes_on", "receipt", "receipt_sha256", "mail_key"),
        )

    def __str__(self) -> str:
        return f"{self.subject_kind} {self.state}"
