"""Legal holds, and the term of tax records. What they mean for a DELETE: migration 0001."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from accounts.tenancy import TenantModel
from smartinvoicing.classified import Category, Retention


class HoldScope(models.TextChoices):
    TENANT = "tenant", _("Everything of the business")
    ENTITY = "entity", _("One registered taxpayer")
    INVOICE = "invoice", _("One document")
    PERIOD = "period", _("Documents of a period")
    BUYER = "buyer", _("Documents to one customer")


class LegalHold(TenantModel):
    """Proceedings are under way: what it covers stays, however old it is, until it is lifted.

    Written once, lifted once. Records that belong to no single document stay under any hold.

    covers: id of the taxpayer, the document or the customer. No foreign key: a hold that was
            lifted stays on record after what it covered.
    Source: Sales Tax Act 1990, s. 24 (records of proceedings until their final decision).
    """

    scope = models.CharField(_("covers"), max_length=8, choices=HoldScope)
    covers = models.UUIDField(null=True, blank=True)
    from_on = models.DateField(_("first day"), null=True, blank=True)
    to_on = models.DateField(_("last day"), null=True, blank=True)
    authority = models.CharField(_("authority or court"), max_length=200)
    reference = models.CharField(_("reference of the case"), max_length=100)
    review_on = models.DateField(_("to be looked at again on"))
    placed_at = models.DateTimeField()
    placed_by = models.CharField(max_length=80)
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.CharField(max_length=80, blank=True)
    lifted_why = models.CharField(_("why it was lifted"), max_length=300, blank=True)

    class Meta(TenantModel.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            *TenantModel.Meta.constraints,
            models.CheckConstraint(
                condition=Q(scope="tenant", covers=None, from_on=None, to_on=None)
                | Q(
                    scope__in=["entity", "invoice", "buyer"],
                    covers__isnull=False,
                    from_on=None,
                    to_on=None,
                )
                | (
                    Q(scope="period", covers=None)
                    & Q(from_on__isnull=False)
                    & Q(to_on__gte=models.F("from_on"))
                ),
                name="hold_covers_what_it_says",
            ),
            models.CheckConstraint(
                condition=Q(lifted_at=None, lifted_by="", lifted_why="")
                | (Q(lifted_at__isnull=False) & ~Q(lifted_by="") & ~Q(lifted_why="")),
                name="hold_lifted_by_somebody",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["tenant"], condition=Q(lifted_at=None), name="hold_in_force"),
        ]

    class Privacy:
        retention = Retention.TAX
        subject = "user"
        basis = "law"
        subjects = {"placed_by": "staff", "lifted_by": "staff"}
        export = False
        personal = {
            "reference": Category.CONTENT,
            "placed_by": Category.IDENTITY,
            "lifted_by": Category.IDENTITY,
            "lifted_why": Category.CONTENT,
        }
        plain = (
            "id",
            "tenant",
            "scope",
            "covers",
            "from_on",
            "to_on",
            "authority",
            "review_on",
            "placed_at",
            "lifted_at",
        )

    def __str__(self) -> str:
        return f"{self.scope} {self.reference}"


class HoldListed(models.Model):
    """A hold as the staff's desk lists it, over all businesses: ids and days, no words of the case.

    A view upon a narrow function: nobody writes here.
    """

    id = models.UUIDField(primary_key=True, editable=False)
    business = models.UUIDField(_("business"))
    scope = models.CharField(_("covers"), max_length=8, choices=HoldScope)
    review_on = models.DateField(_("to be looked at again on"))
    placed_at = models.DateTimeField(_("since"))
    lifted_at = models.DateTimeField(_("lifted"), null=True)

    class Meta:
        managed = False
        verbose_name = _("legal hold")
        verbose_name_plural = _("legal holds")

    class Privacy:
        retention = Retention.REFERENCE
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "business", "scope", "review_on", "placed_at", "lifted_at")

    def __str__(self) -> str:
        return f"{self.get_scope_display()} …{str(self.business)[-8:]}"


class TaxRetention(models.Model):
    """One row: for how many years after its tax period a tax record stays. Of the platform.

    The database refuses less than six; who serves may read it and no more.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    years = models.PositiveSmallIntegerField(default=7)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(id=1), name="taxretention_is_one"),
            models.CheckConstraint(
                condition=Q(years__gte=6, years__lte=30), name="taxretention_as_law_wants"
            ),
        ]

    class Privacy:
        retention = Retention.REFERENCE
        subject = "none"
        basis = "law"
        personal: ClassVar[dict[str, Category]] = {}
        plain = ("id", "years")

    def __str__(self) -> str:
        return f"{self.years} years"
