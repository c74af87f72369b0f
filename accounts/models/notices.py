"""What the bell rings for in a business. A notice goes by itself when its matter is settled."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.enums import NoticeKind
from accounts.tenancy import TenantModel
from smartinvoicing.classified import Category, Retention


class Notice(TenantModel):
    """One matter that somebody has to look at; the row is also the outbox of its mail.

    facts:      what the words need: our number, hours, counts; never a personal value.
    step:       how far the matter went (`7` days left): another step rings and mails once more.
    due_at:     until when it should be done; null where nothing runs out.
    mail_after: before this instant nobody else tries to mail it: a claim, or a pause.
    """

    kind = models.CharField(max_length=20, choices=NoticeKind)
    object_type = models.CharField(max_length=40)
    object_id = models.UUIDField()
    facts = models.JSONField(default=dict)
    step = models.CharField(max_length=20, blank=True)
    posted_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    cleared_at = models.DateTimeField(null=True)
    mail_after = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant", "kind", "object_type", "object_id"],
                condition=Q(cleared_at=None),
                name="notice_once_while_open",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["mail_after"],
                condition=Q(mailed_at=None, cleared_at=None),
                name="notice_to_mail",
            ),
        ]

    class Privacy:
        retention = Retention.SEC
        subject = "none"
        basis = "contract"
        personal: ClassVar[dict[str, Category]] = {}
        plain = (
            "id",
            "tenant",
            "kind",
            "object_type",
            "object_id",
            "facts",
            "step",
            "posted_at",
            "due_at",
            "cleared_at",
            "mail_after",
            "mailed_at",
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.object_id}"
