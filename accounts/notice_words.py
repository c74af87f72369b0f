"""A notice in words: for the page of the bell and for its mail."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.bells import BELLS, INVOICE, INVOICE_PAGE
from accounts.enums import Environment, NoticeKind
from accounts.models import Notice


def said(notice: Notice) -> dict[str, Any]:
    """What the templates show: tone, icon, title, facts, advice, since, due, url."""
    kind = NoticeKind(notice.kind)
    bell = BELLS[kind]
    return {
        "tone": bell.tone,
        "icon": bell.icon,
        "title": kind.label,
        "facts": " · ".join(_facts(notice)),
        "advice": bell.advice,
        "since": notice.posted_at,
        "due": notice.due_at,
        "url": url(notice),
    }


def url(notice: Notice) -> str:
    """Where something can be done about it; the list of notices where that page is missing."""
    bell = BELLS[NoticeKind(notice.kind)]
    try:
        if notice.object_type == INVOICE:
            return reverse(INVOICE_PAGE, args=[notice.object_id])
        return reverse(bell.page, args=[notice.object_id] if bell.takes_id else [])
    except NoReverseMatch:
        return reverse("accounts:notices")


def _facts(notice: Notice) -> Iterator[str]:
    facts: dict[str, str] = notice.facts
    if number := facts.get("number"):
        yield number
    if environment := facts.get("environment"):
        yield str(Environment(environment).label)
    if month := facts.get("month"):
        yield date_format(date.fromisoformat(f"{month}-01"), "F Y")
    if (count := _number(facts, "count")) is not None:
        yield ngettext("%(n)s document", "%(n)s documents", count) % {"n": count}
    if (days := _number(facts, "days")) is not None:
        yield (
            ngettext("%(n)s day left", "%(n)s days left", days) % {"n": days}
            if days
            else (_("today is the last day"))
        )
    if (hours := _number(facts, "hours")) is not None:
        yield (
            ngettext("%(n)s hour left", "%(n)s hours left", hours) % {"n": hours}
            if hours
            else (_("no time left"))
        )


def _number(facts: dict[str, str], name: str) -> int | None:
    text = facts.get(name, "")
    return int(text) if text.isdigit() else None
