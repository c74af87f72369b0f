"""How the service is used: our own count, of browsers that agreed, and nothing else."""

from __future__ import annotations

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from smartinvoicing.classified import Category, Retention
from smartinvoicing.ids import uuid7

PAGE: Final = r"^[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)?$"


class UsageName(models.TextChoices):
    PAGE = "page", _("Page opened")
    DEED = "deed", _("Button used")
    SCREEN = "screen", _("Screen told")


class Os(models.TextChoices):
    ANDROID = "android", _("Android")
    IOS = "ios", _("iPhone or iPad")
    WINDOWS = "windows", _("Windows")
    MACOS = "macos", _("macOS")
    LINUX = "linux", _("Linux")
    OTHER = "other", _("Other")


class Screen(models.TextChoices):
    """By the width of the window, in three steps."""

    NARROW = "narrow", _("Phone")
    MIDDLE = "middle", _("Tablet")
    WIDE = "wide", _("Desk")


class UsageEvent(models.Model):
    """One thing that a browser did. There is no column for who, from where, or about what.

    visitor: a random number that stands for a browser, made when it agreed.
    page:    the name of a page (`invoices:detail`), never its address.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(_("when"))
    visitor = models.CharField(max_length=43)
    name = models.CharField(_("what"), max_length=8, choices=UsageName)
    page = models.CharField(_("page"), max_length=60)
    os = models.CharField(_("system"), max_length=8, choices=Os)
    screen = models.CharField(_("screen"), max_length=8, choices=Screen, blank=True)

    class Meta:
        verbose_name = _("use of the service")
        verbose_name_plural = _("use of the service")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(name__in=UsageName.values)
                & Q(page__regex=PAGE)
                & Q(os__in=Os.values)
                & Q(screen__in=["", *Screen.values])
                & ~Q(visitor=""),
                name="usage_says_no_more",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["visitor"], name="usage_of_visitor"),
            models.Index(fields=["at"], name="usage_by_age"),
        ]

    class Privacy:
        retention = Retention.ANALYTICS
        subject = "visitor"
        basis = "consent"
        personal = {
            "visitor": Category.TECHNICAL,
            "os": Category.TECHNICAL,
            "screen": Category.TECHNICAL,
        }
        plain = ("id", "at", "name", "page")

    def __str__(self) -> str:
        return f"{self.name} {self.page}"
