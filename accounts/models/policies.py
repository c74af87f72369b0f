"""Versions of our papers, and who said yes or no to exactly which of them."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7


class PolicyKind(models.TextChoices):
    PRIVACY = "privacy", _("Privacy policy")
    TERMS = "terms", _("Terms of service")
    COOKIES = "cookies", _("Cookies")
    DPA = "dpa", _("Data processing agreement")
    SUBPROCESSORS = "subprocessors", _("Who helps us")
    FBR_SHARING = "fbr_sharing", _("What FBR gets")


class Language(models.TextChoices):
    ENGLISH = "en", "English"
    URDU = "ur", "اردو"


class AnswerChannel(models.TextChoices):
    """Where somebody answered."""

    SIGN_UP = "sign_up", _("Opening an account")
    ASKED = "asked", _("After a sign-in")
    GO_LIVE = "go_live", _("On the way to production")


class PolicyVersion(models.Model):
    """One text in one language. Once published it changes no more: the database sees to that.

    number:       of the text; all languages of a number say the same and are published together.
    sha256:       of the body, in UTF-8; the database computes it as well.
    effective_at: from when it holds. Of a material change it may be put off until enough people
                  were told, never brought forward.
    told_at:      when enough people had been told of a material change; it holds only after that.
    diff:         what differs from the version before, line by line.
    author, approver: none of the first versions, which the installation publishes by itself.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(_("text"), max_length=14, choices=PolicyKind)
    language = models.CharField(_("language"), max_length=2, choices=Language)
    number = models.PositiveIntegerField(_("number"))
    title = models.CharField(_("title"), max_length=120)
    body = models.TextField()
    sha256 = models.CharField(max_length=64)
    is_material = models.BooleanField(_("changes what we do with data"), default=False)
    summary = models.TextField(_("what changes, in short"))
    diff = models.TextField(blank=True)
    drafted_at = models.DateTimeField(_("drafted"))
    author = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    approver = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    published_at = models.DateTimeField(_("published"), null=True)
    effective_at = models.DateTimeField(_("in force from"), null=True)
    told_at = models.DateTimeField(_("people were told"), null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["kind", "language", "number"], name="policyversion_once"
            ),
            models.UniqueConstraint(
                fields=["kind", "language"],
                condition=Q(published_at=None),
                name="policyversion_one_draft",
            ),
            models.CheckConstraint(
                condition=Q(published_at=None, effective_at=None, told_at=None)
                | Q(published_at__isnull=False, effective_at__gte=models.F("published_at"))
                & (Q(is_material=True) | Q(told_at__isnull=False)),
                name="policyversion_published_whole",
            ),
            models.CheckConstraint(
                condition=Q(author=None) | Q(approver=None) | ~Q(author=models.F("approver")),
                name="policyversion_by_two",
            ),
            models.CheckConstraint(
                condition=Q(is_material=False) | Q(published_at=None) | Q(approver__isnull=False),
                name="policyversion_material_approved",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["sha256"], name="policyversion_by_hash"),
        ]

    class Privacy:
        retention = Retention.REG
        subject = "staff"
        basis = "legitimate interest"
        personal = {"author": Category.IDENTITY, "approver": Category.IDENTITY}
        plain = (
            *("id", "kind", "language", "number", "title", "body", "sha256", "is_material"),
            *("summary", "diff", "drafted_at", "published_at", "effective_at", "told_at"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.number} {self.language}"


class PolicyAcceptance(models.Model):
    """Somebody's yes or no to exactly one text; written once. The newest of a text counts.

    version_sha256: of the text that they were shown; the database compares it with the version's.
    tenant_id:      the business for which it was said, where it was said for one.
    address_prefix: of the network that it came from, never the whole address.
    No foreign keys to people: the proof stays when the account is gone.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    version = models.ForeignKey(PolicyVersion, on_delete=models.PROTECT, related_name="answers")
    version_sha256 = models.CharField(max_length=64)
    user_id = models.UUIDField()
    tenant_id = models.UUIDField(null=True, blank=True)
    is_accepted = models.BooleanField(default=True)
    channel = models.CharField(max_length=8, choices=AnswerChannel)
    at = models.DateTimeField(_("when"))
    address_prefix = models.CharField(max_length=45, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["user_id", "-at"], name="acceptance_of_user"),
        ]

    class Privacy:
        retention = Retention.PRF
        subject = "user"
        basis = "law"
        personal = {
            "user_id": Category.IDENTITY,
            "address_prefix": Category.TECHNICAL,
        }
        plain = ("id", "version", "version_sha256", "tenant_id", "is_accepted", "channel", "at")

    def __str__(self) -> str:
        return f"{self.version_id} {self.is_accepted}"
