"""Each cookie that this site may set. What is not in this list does not leave the server."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models
from django.utils import translation
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

CHOICE: Final = "choice"
VISITOR: Final = "visitor"
THEME: Final = "theme"
KEPT: Final = timedelta(days=182)  # a choice; then it is asked again
PROVIDER: Final = "SmartInvoicing"


class CookieKind(models.TextChoices):
    ESSENTIAL = "essential", _("Essential")
    PREFERENCES = "preferences", _("Preferences")
    ANALYTICS = "analytics", _("Counting")


@dataclass(frozen=True, kw_only=True)
class Cookie:
    """life: None until the browser closes. by_own_act: set when its person presses a button for
    just this, and that is their choice."""

    name: str
    kind: CookieKind
    purpose: Any
    life: timedelta | None
    provider: str = PROVIDER
    by_own_act: bool = False

    @property
    def kept(self) -> str:
        if self.life is None:
            return str(_("until the browser closes"))
        if self.life < timedelta(days=1):
            hours = int(self.life.total_seconds()) // 3600
            return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
        return ngettext("%(n)s day", "%(n)s days", self.life.days) % {"n": self.life.days}


def inventory() -> tuple[Cookie, ...]:
    return (
        Cookie(
            name=settings.SESSION_COOKIE_NAME,
            kind=CookieKind.ESSENTIAL,
            purpose=_("Knows that you are signed in."),
            life=timedelta(seconds=settings.SESSION_COOKIE_AGE),
        ),
        Cookie(
            name=settings.CSRF_COOKIE_NAME,
            kind=CookieKind.ESSENTIAL,
            purpose=_("Keeps other sites from sending forms in your name."),
            life=timedelta(seconds=settings.CSRF_COOKIE_AGE),
        ),
        Cookie(
            name="messages",
            kind=CookieKind.ESSENTIAL,
            purpose=_("Carries “Saved.” and the like to the next page, and is gone then."),
            life=None,
        ),
        Cookie(
            name=CHOICE,
            kind=CookieKind.ESSENTIAL,
            purpose=_("Remembers what you chose here. It holds no number that stands for you."),
            life=KEPT,
        ),
        Cookie(
            name=THEME,
            kind=CookieKind.PREFERENCES,
            purpose=_(
                "Light or dark pages. Set when you press that switch, which is your choice of it;"
                " it goes when you switch preferences off."
            ),
            life=timedelta(days=365),
            by_own_act=True,
        ),
        Cookie(
            name=VISITOR,
            kind=CookieKind.ANALYTICS,
            purpose=_("A random number that stands for this browser while we count."),
            life=KEPT,
        ),
        Cookie(
            name="usage",
            kind=CookieKind.ANALYTICS,
            purpose=_(
                "Not a cookie: a word in the storage of this tab, that the size of the screen was"
                " told once."
            ),
            life=None,
        ),
    )


def row_of(name: str) -> Cookie | None:
    return next((cookie for cookie in inventory() if cookie.name == name), None)


def fingerprint() -> str:
    """Of the list as it stands: with another list, everybody is asked again."""
    with translation.override("en"):
        said = [
            [each.name, each.provider, each.kind.value, str(each.purpose), each.kept]
            for each in inventory()
        ]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]
