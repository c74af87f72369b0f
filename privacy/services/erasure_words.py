"""The plan of an erasure in the words in which a person is told of it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from datetime import date
from functools import cache
from types import MappingProxyType
from typing import Any, Final

from django.apps import apps
from django.db import models
from django.utils.translation import gettext_lazy, override

from privacy.services.erasure_plans import ANONYMISE, CLOSE_FIRST, DELETE, HOLD
from smartinvoicing.classified import Retention
from smartinvoicing.templatetags.formats import karachi_date

CLASSES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        Retention.TAX: gettext_lazy("Tax documents and their proofs"),
        Retention.ACC: gettext_lazy("Account, customers and drafts"),
        Retention.CRED: gettext_lazy("Tokens and keys"),
        Retention.SEC: gettext_lazy("Sign-ins and security"),
        Retention.LOG: gettext_lazy("Logs and mail that was sent"),
        Retention.TMP: gettext_lazy("Temporary records"),
        Retention.SUP: gettext_lazy("Letters to our support"),
        Retention.PRF: gettext_lazy("Proofs of consent and acceptance"),
        Retention.REG: gettext_lazy("Registers that we must keep"),
        Retention.STAFF: gettext_lazy("What our staff looked at"),
        Retention.ANALYTICS: gettext_lazy("Use of the service"),
        Retention.REFERENCE: gettext_lazy("Lists about nobody"),
    }
)
DEEDS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        DELETE: gettext_lazy("Deleted"),
        ANONYMISE: gettext_lazy("Made anonymous"),
        HOLD: gettext_lazy("Held"),
        CLOSE_FIRST: gettext_lazy("The account has to be closed first"),
    }
)
TONES: Final[Mapping[str, str]] = MappingProxyType(
    {DELETE: "ok", ANONYMISE: "ok", HOLD: "wait", CLOSE_FIRST: "attention"}
)


def told(rows: Iterable[Mapping[str, Any]], *, language: str = "") -> list[dict[str, Any]]:
    """Rows of a plan or a receipt (`PlannedRow.as_dict`), as plain words.

    Tables of one class that go the same way are one line, which names what is in them.
    """
    lines: dict[tuple[str, str, str, str], Counter[str]] = defaultdict(Counter)
    for row in rows:
        key = (str(row["retention"]), row["deed"], row["until"] or "", row["basis"])
        lines[key][row["table"]] += int(row["count"])
    with override(language) if language else nullcontext():
        return [_line(key, counts) for key, counts in lines.items()]


def _line(key: tuple[str, str, str, str], counts: Counter[str]) -> dict[str, Any]:
    retention, deed, until, basis = key
    return {
        "what": str(CLASSES[retention]),
        "of": ", ".join(sorted(_named(table) for table in counts)),
        "count": counts.total(),
        "deed": str(DEEDS[deed]),
        "tone": TONES[deed],
        "until": karachi_date(date.fromisoformat(until)) if until else "",
        "basis": str(basis),
    }


@cache
def _models() -> Mapping[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models()}


def _named(table: str) -> str:
    """What a person calls the rows of a table; a receipt may name one that is there no more."""
    model = _models().get(table)
    return str(model._meta.verbose_name_plural) if model else table
