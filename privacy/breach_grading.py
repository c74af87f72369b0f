"""How severe a breach is, and who must be told of one: the matrix of the house. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from privacy.models import Audience, OurHat, Severity
from smartinvoicing.classified import Category

# What each class of data can do to a person in the wrong hands: 1 a nuisance, 4 lasting harm.
WEIGHT: Final = MappingProxyType(
    {
        Category.TECHNICAL: 1,
        Category.CONTACT: 2,
        Category.IDENTITY: 2,
        Category.CONTENT: 2,
        Category.FINANCIAL: 3,
        Category.GOVERNMENT_ID: 4,
        Category.CREDENTIAL: 4,
    }
)
MANY: Final = 1000
_BANDS: Final = ((7, Severity.SEVERE), (5, Severity.HIGH), (3, Severity.MEDIUM))


def proposed(
    classes: Collection[str], *, subjects_high: int | None, is_confidentiality: bool, hat: str
) -> Severity:
    """What the matrix says; a person decides, and says why.

    subjects_high: None while nobody can say how many: then many are assumed.
    """
    worst = max((WEIGHT[Category(each)] for each in classes), default=1)
    score = worst
    score += 1 if is_confidentiality else 0
    score += 1 if len(set(classes)) > 2 else 0
    score += 2 if subjects_high is None or subjects_high >= MANY else 0
    score += 0 if hat == OurHat.CONTROLLER else 1
    return next((band for floor, band in _BANDS if score >= floor), Severity.LOW)


@dataclass(frozen=True, kw_only=True)
class Duty:
    """Whether one audience must be told; why: the rule in words."""

    must: bool
    why: Any


def duties(severity: str, *, hat: str, touches_invoicing: bool) -> dict[Audience, Duty]:
    """Who must be told at this severity. Where none is set yet, the worst is assumed."""
    level = list(Severity).index(Severity(severity)) if severity else len(Severity)
    medium, high = list(Severity).index(Severity.MEDIUM), list(Severity).index(Severity.HIGH)
    severe = list(Severity).index(Severity.SEVERE)
    is_processor = hat != OurHat.CONTROLLER
    return {
        Audience.AUTHORITY: Duty(
            must=level >= medium, why=_("From medium on, within 72 hours of our knowing.")
        ),
        Audience.FBR: Duty(
            must=touches_invoicing, why=_("Where the invoicing system is affected: 24 hours.")
        ),
        Audience.TENANTS: Duty(
            must=is_processor, why=_("It is their data; they decide and need to know: 36 hours.")
        ),
        Audience.SUBJECTS: Duty(
            must=level >= high, why=_("From high on: they can protect themselves.")
        ),
        Audience.PROCESSORS: Duty(must=False, why=_("Where it began with one or needs its help.")),
        Audience.INSURER: Duty(must=level >= high, why=_("From high on, as policies ask for.")),
        Audience.POLICE: Duty(must=level >= severe, why=_("At severe, or where a crime is seen.")),
    }


EVIDENCE: Final = MappingProxyType(
    {
        "access_log": _("Access log of the time copied to where nobody can change it"),
        "audit_trail": _("Audit trails of the businesses verified and their anchors copied"),
        "server_logs": _("Logs of servers, mail and database copied"),
        "snapshots": _("Pictures of disks and memory taken before anything is restarted"),
        "screens": _("Screens, mails and messages about it saved"),
        "clock": _("Time of all clocks compared and written down"),
        "hold": _("Deleting and purging of what it touches stopped"),
        "people": _("Who saw or did what since then written down"),
    }
)
CREDENTIALS: Final = MappingProxyType(
    {
        "sessions": _("Sessions of the people concerned ended"),
        "passwords": _("Passwords of staff and of the people concerned"),
        "second_factors": _("Second factors of staff"),
        "api_keys": _("API keys of the businesses concerned"),
        "fbr_tokens": _("FBR tokens of the businesses concerned, in IRIS"),
        "database": _("Passwords of the database roles"),
        "secret_key": _("SECRET_KEY and FIELD_KEY"),
        "mail": _("Password of the mail account"),
        "backups": _("Keys of backups and of the file store"),
    }
)
