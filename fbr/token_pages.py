"""What the page of the tokens shows, as plain values for its template."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.enums import Environment
from fbr.di.probe import ADVICE, CAUSES, Finding
from fbr.models import Credential
from smartinvoicing.templatetags.formats import karachi_date, karachi_time

Row = dict[str, Any]

WARNED: Final = timedelta(days=60)
YEARS: Final = 5

_REFUSALS: Final = frozenset({Finding.REFUSED, Finding.FORBIDDEN})


def usual_end(today: date) -> date:
    """The last day of a token that FBR makes today (PRAL DI API v1.12, section 3: five years)."""
    day = 28 if (today.month, today.day) == (2, 29) else today.day
    return today.replace(year=today.year + YEARS, day=day)


def tills_url() -> str:
    """The page of the tills and their tokens; "" where there is none."""
    try:
        return reverse("fbr:tills")
    except NoReverseMatch:
        return ""


# --- one of the two places --------------------------------------------------------------------


def slot(
    environment: Environment, credential: Credential | None, *, current: bool, today: date
) -> Row:
    """One of the two places for a token of Digital Invoicing."""
    return {
        "environment": environment.value,
        "title": environment.label,
        "is_current": current,
        "badge": _badge(credential, today),
        "facts": _facts(credential),
        "ending": ending(credential, today) if credential else None,
        "verdict": _verdict(credential),
        "test_url": reverse("fbr:test_token", args=[credential.pk]) if credential else "",
        "test_kind": "primary" if credential and credential.tested_at is None else "",
        "held": _hold(credential),
    }


def _badge(credential: Credential | None, today: date) -> Row:
    if credential is None:
        return {"tone": "neutral", "icon": "minus", "label": _("None stored")}
    if credential.held_at is not None:
        return {"tone": "danger", "icon": "pause", "label": _("On hold")}
    if credential.expires_on is not None and credential.expires_on < today:
        return {"tone": "danger", "icon": "clock", "label": _("Run out")}
    if credential.test_worked is None:
        return {"tone": "wait", "icon": "question", "label": _("Stored, not tested")}
    if not credential.test_worked:
        return {"tone": "attention", "icon": "alert", "label": _("Stored, test failed")}
    return {"tone": "ok", "icon": "check-circle", "label": _("Stored and tested")}


def _facts(credential: Credential | None) -> list[Row]:
    if credential is None:
        return []
    facts: list[Row] = [
        {"name": _("Ends in"), "value": f"…{credential.last_four}", "code": True},
        {"name": _("Stored"), "value": karachi_time(credential.stored_at)},
        {"name": _("For NTN or CNIC"), "value": credential.seller_ntn_cnic, "code": True},
    ]
    if credential.expires_on is not None:
        facts.append({"name": _("Valid until"), "value": karachi_date(credential.expires_on)})
    return facts


def _verdict(credential: Credential | None) -> Row | None:
    """What the last test came to; words that are not ours are shown as they stand."""
    if credential is None or credential.tested_at is None:
        return None
    at = _("Tested %(at)s.") % {"at": karachi_time(credential.tested_at)}
    if credential.test_said not in Finding.values:
        tone = "ok" if credential.test_worked else "attention"
        return {"tone": tone, "icon": "info", "title": credential.test_said, "text": at}
    finding = Finding(credential.test_said)
    tone, icon = _look_of(finding)
    return {
        "tone": tone,
        "icon": icon,
        "title": finding.label,
        "text": f"{ADVICE[finding]}",
        "causes": CAUSES.get(finding, ()),
        "at": at,
    }


def _look_of(finding: Finding) -> tuple[str, str]:
    if finding == Finding.WORKS:
        return "ok", "check-circle"
    return ("danger", "x-circle") if finding in _REFUSALS else ("attention", "alert")


def _hold(credential: Credential | None) -> Row | None:
    if credential is None or credential.held_at is None:
        return None
    about = {"at": karachi_time(credential.held_at), "why": credential.held_why}
    text = _("FBR refused it on %(at)s (%(why)s). Its invoices wait; none is lost.") % about
    works_again = bool(
        credential.test_worked
        and credential.tested_at is not None
        and credential.tested_at >= credential.held_at
    )
    if works_again:
        text += " " + _("The test since then worked: let them go on.")
    return {
        "text": text,
        "url": reverse("fbr:release", args=[credential.pk]),
        "action": _("Let its invoices go on") if works_again else _("Try it again"),
        "kind": "primary" if works_again else "",
    }


# --- its last day -----------------------------------------------------------------------------


def ending(credential: Credential, today: date) -> Row | None:
    """A warning before the last day of a token, and after it; None while there is time."""
    last = credential.expires_on
    if last is None or last - today > WARNED:
        return None
    left, day = (last - today).days, karachi_date(last)
    if left < 0:
        return {
            "tone": "danger",
            "icon": "alert",
            "title": _("The token has run out"),
            "text": _("%(day)s was its last day. FBR takes no invoice with it: store a new one.")
            % {"day": day},
        }
    words = (
        ngettext(
            "%(day)s is its last day, tomorrow. Store the new one before that.",
            "%(day)s is its last day, in %(n)d days. Store the new one before that.",
            left,
        )
        if left
        else _("Today is its last day. Store the new one now.")
    )
    return {
        "tone": "attention",
        "icon": "clock",
        "title": _("The token runs out soon"),
        "text": words % {"day": day, "n": left},
    }
