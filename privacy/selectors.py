"""What the registers say, read by pages, texts and floors of services."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from privacy.models import (
    HOME,
    Dpia,
    Dpo,
    FeatureFlag,
    Processor,
    ProcessorKind,
    SecurityReview,
    Transfer,
)
from smartinvoicing import clock


def processors(*, needed_only: bool = False) -> Sequence[Mapping[str, Any]]:
    """Who helps us, for public lists: whom the settings name, and whoever is switched on.

    needed_only: without those that the service can do without.
    """
    rows = Processor.objects.filter(kind=ProcessorKind.PROCESSOR, ended_at=None)
    laid = {row.laid: row for row in rows if row.laid}
    found = [_helper(laid.get(key), said) for key, said in of_settings().items()]
    later = rows.filter(laid="", enabled_at__isnull=False).order_by("name")
    if needed_only:
        later = later.filter(is_optional=False)
    return [*found, *(_helper(row, {}) for row in later)]


def _helper(row: Processor | None, said: Mapping[str, str]) -> Mapping[str, Any]:
    """What the settings say, and else the register."""
    if row is None:
        return {**said, "is_optional": False}
    return {
        "name": said.get("name") or row.name,
        "purpose": said.get("purpose") or row.purpose,
        "data": said.get("data") or row.data,
        "where": row.country or said.get("where", ""),
        "is_optional": row.is_optional,
    }


def of_settings() -> Mapping[str, Mapping[str, str]]:
    """Whom the settings name as helpers: the host, and whoever carries our mail."""
    found = {
        "hosting": {
            "name": settings.HOSTING_COMPANY or _("The host of this installation"),
            "purpose": _("Machines, network and storage"),
            "data": _("All data, encrypted on the way and in backups"),
            "where": settings.HOSTING_COUNTRY or _("not yet named"),
        }
    }
    if settings.EMAIL_HOST:
        found["mail"] = {
            "name": settings.EMAIL_HOST,
            "purpose": _("Carries our mail"),
            "data": _("Addresses and texts of the mails that we send"),
            "where": _("not yet named"),
        }
    return found


def in_use() -> QuerySet[Processor]:
    """Processors and recipients that are switched on."""
    return Processor.objects.filter(enabled_at__isnull=False, ended_at=None).order_by("name")


def may_transfer(country: str) -> bool:
    """Whether data may go to this country: it is ours, or a transfer there is on record."""
    place = country.strip().lower()
    if place == HOME.lower():
        return True
    return bool(place) and Transfer.objects.filter(country__iexact=place, ended_at=None).exists()


def officer() -> Dpo | None:
    """Who is data protection officer now; None while nobody is."""
    return Dpo.objects.filter(until=None).select_related("person", "deputy").first()


def officer_name() -> str:
    """As notices and public pages name them."""
    found = officer()
    return found.person.name if found and found.person.name else settings.PRIVACY_OFFICER


def last_review() -> SecurityReview | None:
    """The newest look at how safe the service is, for the page of promises."""
    return SecurityReview.objects.order_by("-done_on", "-written_at").first()


def is_on(name: str, *, at: datetime) -> bool:
    """Whether a switch is on here. One of high risk goes off by itself with its assessment."""
    flag = FeatureFlag.objects.filter(name=name, environment=settings.ENVIRONMENT).first()
    if flag is None or not flag.is_on:
        return False
    if not (flag.is_high_risk and flag.environment == "production"):
        return True
    return counting(at=at).filter(flags=flag).exists()


def counting(*, at: datetime) -> QuerySet[Dpia]:
    """Assessments that were approved and still count."""
    return Dpia.objects.filter(
        Q(approved_at__isnull=False, withdrawn_at=None, review_on__gt=clock.karachi_date(at))
    )
