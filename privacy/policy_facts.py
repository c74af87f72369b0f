"""What the texts of ours say in numbers and names: read from where the program itself reads it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils import translation

from accounts.models import staff_access
from privacy import breach_clock, cookies, deadlines, selectors
from privacy.models import AHEAD, TaxRetention
from smartinvoicing.classified import Retention

TOLD_PERCENT: Final = 95  # of all registered people, before a material change may hold
HOUR: Final = timedelta(hours=1)
# Said above this floor, or in the database: tests compare them with where they hold.
EXPORT_DAYS: Final = 7
ACCESS_LOG_DAYS: Final = 90
ADDRESS_DAYS: Final = 30
TRAINING_MONTHS: Final = 12

LAWS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sales_tax_law": "Sales Tax Act 1990, s. 24",
        "income_tax_law": "Income Tax Ordinance 2001, s. 174",
        "constitution_law": "Constitution of Pakistan, art. 14",
    }
)


def numbers() -> dict[str, int]:
    """Every number that a text may name."""
    terms = deadlines.TERMS
    retention = TaxRetention.objects.first()
    return {
        "law_years": deadlines.LAW_YEARS,
        "policy_years": deadlines.POLICY_YEARS,
        "tax_years": retention.years if retention else deadlines.TAX_YEARS,
        "backup_days": settings.BACKUP_KEPT_DAYS,
        "promise_days": deadlines.PROMISED_DAYS,
        "purge_day": deadlines.LIVE_PURGE_DAY,
        "reopen_days": deadlines.REOPEN_DAYS,
        "decision_days": deadlines.DECISION_DAYS,
        "extension_days": deadlines.EXTENSION_DAYS,
        "human_days": deadlines.HUMAN_DAYS,
        "forward_days": deadlines.FORWARD_DAYS,
        "access_log_days": ACCESS_LOG_DAYS,
        "address_days": ADDRESS_DAYS,
        "log_days": terms[Retention.LOG].days,
        "tmp_days": terms[Retention.TMP].days,
        "security_months": terms[Retention.SEC].months,
        "support_months": terms[Retention.SUP].months,
        "analytics_months": terms[Retention.ANALYTICS].months,
        "proof_years": terms[Retention.PRF].months // 12,
        "register_years": terms[Retention.REG].months // 12,
        "staff_years": terms[Retention.STAFF].months // 12,
        "export_days": EXPORT_DAYS,
        "choice_months": cookies.KEPT.days // 30,
        "notice_days": AHEAD.days,
        "told_percent": TOLD_PERCENT,
        "breach_hours": breach_clock.HOURS // HOUR,
        "fbr_breach_hours": breach_clock.FBR_HOURS // HOUR,
        "window_hours": staff_access.WINDOW_LONGEST // HOUR,
        "glass_minutes": staff_access.GLASS_LASTS // timedelta(minutes=1),
        "second_minutes": staff_access.GLASS_ALONE // timedelta(minutes=1),
        "training_months": TRAINING_MONTHS,
    }


def names() -> dict[str, str]:
    """Who we are and how we are reached; empty where whoever runs this has not said it."""
    return {
        "company": settings.COMPANY_NAME,
        "company_address": settings.COMPANY_ADDRESS,
        "officer": selectors.officer_name(),
        "privacy_email": settings.PRIVACY_EMAIL,
        "support_email": settings.SUPPORT_EMAIL or settings.PRIVACY_EMAIL,
        "support_hours": settings.SUPPORT_HOURS,
        "authority_name": settings.PRIVACY_AUTHORITY_NAME,
        "authority_address": settings.PRIVACY_AUTHORITY_ADDRESS,
        "hosting": settings.HOSTING_COMPANY,
        "hosting_country": settings.HOSTING_COUNTRY,
    }


def addresses() -> dict[str, str]:
    """Of the other texts."""
    return {
        "privacy_url": reverse("privacy:privacy_policy"),
        "terms_url": reverse("privacy:terms"),
        "cookies_url": reverse("privacy:cookie_policy"),
        "dpa_url": reverse("privacy:dpa"),
        "subprocessors_url": reverse("privacy:subprocessors"),
        "versions_url": reverse("privacy:policy_versions"),
    }


def all_facts(language: str) -> dict[str, Any]:
    with translation.override(language):
        return {
            **numbers(),
            **names(),
            **addresses(),
            **LAWS,
            "cookies": _cookies(),
            "processors": selectors.processors(),
        }


def _cookies() -> Sequence[Mapping[str, str]]:
    return [
        {
            "name": each.name,
            "kind": str(each.kind.label),
            "purpose": str(each.purpose),
            "life": each.kept,
        }
        for each in cookies.inventory()
    ]
