"""What a person reads when asked for consent. Its hash stands with each answer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.enums import Purpose


@dataclass(frozen=True, kw_only=True)
class Words:
    """title: what it is; asked: what saying yes means; what comes of saying no is nothing."""

    title: Any
    asked: Any


WORDS: Final[Mapping[Purpose, Words]] = {
    Purpose.ANALYTICS: Words(
        title=_("Counting how pages are used"),
        asked=_(
            "We count which pages are opened and which buttons are used, with the kind of system"
            " and the rough size of the screen. A random number stands for this browser; your"
            " name, your address on the net and what is in your invoices are not in it. We count"
            " ourselves and give it to nobody. It is deleted after fourteen months, or at once"
            " when you say no."
        ),
    ),
    Purpose.PREFERENCES: Words(
        title=_("Remembering how pages look"),
        asked=_("Light or dark, as you chose it, is remembered in this browser for a year."),
    ),
    Purpose.MARKETING_EMAIL: Words(
        title=_("News by e-mail"),
        asked=_(
            "Now and then a mail about what is new in SmartInvoicing, to your address. Each has a"
            " link that ends it."
        ),
    ),
    Purpose.MARKETING_SMS: Words(
        title=_("News by text message"),
        asked=_("Now and then a text message about what is new in SmartInvoicing."),
    ),
    Purpose.RESEARCH: Words(
        title=_("Questions by e-mail"),
        asked=_(
            "Now and then a mail that asks what would make SmartInvoicing better for you. Each"
            " has a link that ends it."
        ),
    ),
}


def text_of(purpose: Purpose, language: str) -> str:
    """Exactly what is shown, in one language."""
    words = WORDS[purpose]
    with translation.override(language):
        return f"{words.title}\n{words.asked}"


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
