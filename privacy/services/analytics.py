"""Counting how the service is used: only browsers that agreed, only words from a list.

It reads no table of the business: what it writes is the name of a page and a kind of system.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from typing import Final

from django.db import transaction
from django.urls import URLPattern, URLResolver, get_resolver

from accounts import consents
from accounts.enums import Purpose
from privacy.models import Os, Screen, UsageEvent, UsageName

KEPT: Final = timedelta(days=14 * 365 // 12)  # fourteen months
MOST: Final = 500  # browsers that are asked about at once

_SYSTEMS: Final = (
    ("android", Os.ANDROID),
    ("iphone", Os.IOS),
    ("ipad", Os.IOS),
    ("windows", Os.WINDOWS),
    ("mac os", Os.MACOS),
    ("linux", Os.LINUX),
    ("cros", Os.LINUX),
)
# Doors of programs, of staff, and those that only carry a choice or a measurement.
_NOT_COUNTED: Final = ("admin", "api", "alive", "ready", "schema", "metrics", "privacy:usage")


@cache
def pages() -> frozenset[str]:
    """Names of the pages that may be counted."""
    return frozenset(
        name for name in _names(get_resolver().url_patterns) if not name.startswith(_NOT_COUNTED)
    )


def _names(patterns: list[URLPattern | URLResolver], space: str = "") -> list[str]:
    found: list[str] = []
    for each in patterns:
        if isinstance(each, URLResolver):
            inner = f"{space}{each.namespace}:" if each.namespace else space
            found += _names(each.url_patterns, inner)
        elif each.name:
            found.append(f"{space}{each.name}")
    return found


def system_of(agent: str) -> Os:
    """The kind of system, in one word; versions and makes are not kept."""
    told = agent.lower()
    return next((system for sign, system in _SYSTEMS if sign in told), Os.OTHER)


def note(
    name: UsageName, page: str, *, visitor: str, agent: str, at: datetime, screen: str = ""
) -> bool:
    """Write one event, if this browser agreed and all is on the list. Whether it was written."""
    if page not in pages() or (screen and screen not in Screen.values):
        return False
    if not (visitor and consents.may_use(Purpose.ANALYTICS, visitor=visitor, at=at)):
        return False
    with transaction.atomic():
        UsageEvent.objects.create(
            at=at, visitor=visitor, name=name, page=page, os=system_of(agent), screen=screen
        )
    return True


def forget(visitor: str) -> int:
    """All that was counted of one browser; how many events went."""
    return UsageEvent.objects.filter(visitor=visitor).delete()[0]


def forget_due(*, at: datetime) -> int:
    """What is too old, and what of a browser that does not agree (any more). The second should
    never be: a withdrawal deletes at once, and this makes up for one that could not."""
    gone = UsageEvent.objects.filter(at__lt=at - KEPT).delete()[0]
    for visitors in _visitors():
        agreeing = consents.agreeing(Purpose.ANALYTICS, visitors=visitors, at=at)
        others = set(visitors) - agreeing
        gone += UsageEvent.objects.filter(visitor__in=others).delete()[0] if others else 0
    return gone


def _visitors() -> Iterator[list[str]]:
    """All browsers of which something was counted, page by page."""
    names = UsageEvent.objects.order_by("visitor").values_list("visitor", flat=True).distinct()
    page = list(names[:MOST])
    while page:
        yield page
        page = list(names.filter(visitor__gt=page[-1])[:MOST])
