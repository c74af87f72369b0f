"""What each audience of a breach is written, in English and Urdu, from the facts of its case.

The words are data (`data/breach_letters.toml`) and no catalogue of translations: a letter goes out
in the languages that it was written in, whatever language the officer's own pages are in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.utils.translation import override

from privacy import authorities, breach_clock
from privacy.models import Audience, BreachCase
from smartinvoicing.templatetags import formats

LANGUAGES: Final = ("en", "ur")
BOTH: Final = "en+ur"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """One letter before anybody stood by it."""

    subject: str
    body: str


_WORDS: Final = tomllib.loads((Path(__file__).parent / "data/breach_letters.toml").read_text())


def draft(
    case: BreachCase, audience: Audience, language: str, *, is_partial: bool = False
) -> Draft:
    """The letter as the facts of the case make it; an officer reads and changes it.

    language: `en`, `ur`, or both, one below the other.
    """
    drafts = [
        _draft(case, audience, each, is_partial=is_partial)
        for each in (LANGUAGES if language == BOTH else (language,))
    ]
    return Draft(
        subject=" / ".join(each.subject for each in drafts)[:200],
        body="\n\n---\n\n".join(each.body for each in drafts),
    )


def reference_of(case: BreachCase) -> str:
    """How letters name a case: by its day and the end of its id."""
    return f"B-{case.aware_at:%Y%m%d}-{case.pk.hex[-6:]}"


def _draft(case: BreachCase, audience: Audience, language: str, *, is_partial: bool) -> Draft:
    words = _WORDS[language]["labels"]
    named = {
        "reference": reference_of(case),
        "authority": authorities.to_tell(case.aware_at).name,
        "fbr": authorities.FBR.name,
    }
    facts = "\n".join(f"{name}: {value}" for name, value in _facts(case, language))
    parts = [
        _WORDS[language]["openings"][audience.value].format(**named),
        words["partial"] if is_partial else "",
        facts,
        _WORDS[language]["advice"].get(audience.value, ""),
        f"{words['contact']}: {settings.PRIVACY_EMAIL}",
        "SmartInvoicing",
    ]
    return Draft(
        subject=_WORDS[language]["subjects"][audience.value].format(**named),
        body="\n\n".join(part for part in parts if part),
    )


def _facts(case: BreachCase, language: str) -> list[tuple[str, str]]:
    words = _WORDS[language]["labels"]
    unknown = words["unknown"]
    facts = [
        (words["reference"], reference_of(case)),
        (words["occurred"], _time(case.occurred_at, language) or unknown),
        (words["aware"], _time(case.aware_at, language)),
        (words["what"], case.what or unknown),
        (words["classes"], _classes(case, language) or unknown),
        (words["subjects"], _range(case.subjects_low, case.subjects_high, words)),
        (words["records"], _range(case.records_low, case.records_high, words)),
        (words["harm"], case.likely_harm or unknown),
        (words["measures"], case.measures or unknown),
    ]
    if case.late_reason:
        facts.append((words["late"], case.late_reason))
    return facts


def _time(instant: datetime | None, language: str) -> str:
    if instant is None:
        return ""
    with override(language):
        return formats.karachi_time(instant)


def _classes(case: BreachCase, language: str) -> str:
    named = [str(_WORDS[language]["classes"][each]) for each in case.data_classes]
    return str(_WORDS[language]["labels"]["and"]).join(named)


def _range(low: int, high: int | None, words: Mapping[str, str]) -> str:
    if high is None:
        return words["at_least"].format(low=low) if low else words["unknown"]
    return str(low) if low == high else words["to"].format(low=low, high=high)


def is_late(case: BreachCase, sent_at: datetime) -> bool:
    """Whether a letter to the authority that leaves at `sent_at` is late."""
    return breach_clock.is_over(breach_clock.ends_at(case.aware_at), at=sent_at)
