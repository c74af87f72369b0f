"""Asking FBR's register about all customers of a business: a long job that may be resumed."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from smartinvoicing.classified import Category, Retention


class BuyerCheckRun(TenantModel):
    """One walk over all customers. After a stop it goes on behind the customer `after`.

    differing:    customers of whom the register says something else than we do.
    unanswered:   customers about whom nothing came.
    leased_until: a worker is at it until then.
    why:          what ended it early.
    """

    asked_at = models.DateTimeField()
    asked_by = models.CharField(_("asked by"), max_length=80)
    total = models.PositiveIntegerField()
    done = models.PositiveIntegerField(default=0)
    differing = models.PositiveIntegerField(default=0)
    unanswered = models.PositiveIntegerField(default=0)
    after = models.UUIDField(null=True, blank=True)
    stepped_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    why = models.CharField(max_length=200, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(
                fields=["tenant"], condition=Q(ended_at=None), name="buyercheckrun_one_at_a_time"
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant", "-asked_at"], name="buyercheckrun_newest"),
            models.Index(
                fields=["stepped_at"], condition=Q(ended_at=None), name="buyercheckrun_due"
            ),
        ]

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        personal = {"asked_by": Category.IDENTITY}
        plain = (
            "id",
            "tenant",
            "asked_at",
            "total",
            "done",
            "differing",
            "unanswered",
            "after",
            "stepped_at",
            "leased_until",
            "ended_at",
            "why",
        )

    def __str__(self) -> str:
        return f"{self.done} of {self.total}"
