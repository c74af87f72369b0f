"""Our texts, made from their templates, the settings and the data map; and what may not be in them.

A template says no number: each comes from `policy_facts`. Each promise that a person could hold us
to is marked by its code (id="S33"), so that the page of promises can lead to its sentence.
"""

from __future__ import annotations

import difflib
import html
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from django.template import Context, Engine
from django.utils import translation
from django.utils.safestring import mark_safe

from accounts.models import PolicyKind
from accounts.models.policies import Language
from privacy import inventory, policy_facts, policy_words
from smartinvoicing.classified import Category, Retention, Use

FOLDER: Final = Path(policy_facts.__file__).parent / "policies"
PROMISES: Final = (
    *(f"S{number}" for number in range(1, 50)),
    *(f"I{number}" for number in range(1, 22)),
)
_ANNEX: Final = "annex"
_TITLES: Final[Mapping[tuple[str, str], str]] = {
    ("privacy", "ur"): "رازداری کی پالیسی",
}
_TAG: Final = re.compile(r"<[^>]*>")
_BLOCK: Final = re.compile(r"</(?:p|h2|h3|li|tr|section)>|<br>")
_TABLE: Final = re.compile(r"<table.*?</table>", re.DOTALL)
_SAID: Final = re.compile(r"{[{%#].*?[}%#]}")
_NUMBER: Final = re.compile(r"\d+")
_PROMISE: Final = re.compile(r'\bid="([SI]\d+)"')
_ADDRESS: Final = re.compile(r'<a href="[^"]*">[^<]*</a>')


@dataclass(frozen=True, kw_only=True)
class Text:
    """One text in one language, not yet a version."""

    kind: str
    language: str
    title: str
    body: str


@cache
def _engine() -> Engine:
    return Engine(dirs=[str(FOLDER)], autoescape=True)


def languages_of(kind: str) -> list[str]:
    """In which languages there is a template; English always."""
    return [each for each in Language.values if (FOLDER / kind / f"{each}.html").is_file()]


def write(kind: str, language: str) -> Text:
    """The text as it would be published now."""
    facts = policy_facts.all_facts(language)
    body = _render(f"{kind}/{language}.html", facts)
    if kind == PolicyKind.PRIVACY:
        body += _render(f"{_ANNEX}/{language}.html", {"annex": annex(language)})
    with translation.override(Language.ENGLISH):
        english = str(PolicyKind(kind).label)
    return Text(
        kind=kind,
        language=language,
        title=_TITLES.get((kind, language), english),
        body=body.strip() + "\n",
    )


def _render(name: str, facts: Mapping[str, Any]) -> str:
    return _engine().get_template(name).render(Context(dict(facts)))


def shown(body: str) -> str:
    """A body as the page shows it: it is HTML of our own templates, with values escaped."""
    return mark_safe(body)  # noqa: S308 -- see above; the database keeps it from changing


# --- the annex --------------------------------------------------------------------------------


def annex(language: str) -> list[dict[str, str]]:
    """The data map in short: whom it is about, what, what for, on which ground, how long."""
    groups: dict[tuple[str, Retention, str], tuple[set[Category], set[Use]]] = {}
    for each in inventory.personal_fields():
        key = (each.subject, each.retention, each.basis)
        categories, uses = groups.setdefault(key, (set(), set()))
        if each.category is not None:
            categories.add(each.category)
        uses.update(each.purposes)
    order = list(policy_words.SUBJECTS[language])
    keys = sorted(groups, key=lambda key: (order.index(key[0]), key[1].value, key[2]))
    lengths = policy_facts.numbers()
    return [_annex_row(language, key, *groups[key], lengths) for key in keys]


def _annex_row(
    language: str,
    key: tuple[str, Retention, str],
    categories: Iterable[Category],
    uses: Iterable[Use],
    lengths: Mapping[str, int],
) -> dict[str, str]:
    subject, retention, basis = key
    what, purposes = policy_words.CATEGORIES[language], policy_words.USES[language]
    return {
        "subject": policy_words.SUBJECTS[language][subject],
        "categories": ", ".join(text for each, text in what.items() if each in set(categories)),
        "purposes": ", ".join(text for each, text in purposes.items() if each in set(uses)),
        "basis": policy_words.BASES[language][basis],
        "retention": policy_words.RETENTIONS[language][retention].format(**lengths),
    }


# --- what may not be in a text ----------------------------------------------------------------


def problems_of(text: Text) -> list[str]:
    """What keeps a text from being published: words that nobody can keep, numbers of no setting."""
    body = plain(_ADDRESS.sub("", _TABLE.sub("", text.body)))
    found = [f"“{word.group()}”" for word in policy_words.ABSOLUTE.finditer(plain(text.body))]
    known = _known_numbers()
    found += [
        f"{each} is no number of the settings"
        for each in _NUMBER.findall(body)
        if each not in known
    ]
    if text.kind == PolicyKind.PRIVACY:
        there = promises_in(text.body)
        found += [f"{code} is not said" for code in PROMISES if there.count(code) != 1]
    return found


def _known_numbers() -> frozenset[str]:
    named = " ".join([*policy_facts.LAWS.values(), *policy_facts.names().values()])
    numbers = [str(each) for each in policy_facts.numbers().values()]
    return frozenset([*numbers, *_NUMBER.findall(named)])


def typed_numbers(source: str) -> list[str]:
    """Numbers that stand in a template itself, where they would outlive a setting."""
    return _NUMBER.findall(_TAG.sub("", _SAID.sub("", re.sub(r"</?h[1-6][^>]*>", "", source))))


def promises_in(body: str) -> list[str]:
    return _PROMISE.findall(body)


def where_is(promise: str) -> str:
    """In which text a promise stands, by its kind.

    Raises: LookupError where nothing says it.
    """
    for kind in PolicyKind.values:
        source = (FOLDER / kind / f"{Language.ENGLISH}.html").read_text()
        if promise in promises_in(source):
            return kind
    raise LookupError(promise)


# --- what differs -----------------------------------------------------------------------------


def plain(body: str) -> str:
    """The words, a line for each paragraph."""
    lines = _TAG.sub(" ", _BLOCK.sub("\n", body)).splitlines()
    return "\n".join(line for each in lines if (line := " ".join(html.unescape(each).split())))


def difference(before: str, after: str) -> str:
    """What differs between two bodies, line by line; "" when the words are the same."""
    lines = difflib.unified_diff(
        plain(before).splitlines(), plain(after).splitlines(), lineterm="", n=1
    )
    return "\n".join(list(lines)[2:])


def marked(diff: str) -> Sequence[Mapping[str, Any]]:
    """A stored difference for the page, line by line: {tone, mark, text, is_new, is_gone}."""
    looks = {"+": "ok", "-": "danger", " ": "neutral"}
    return [
        {
            "tone": looks.get(line[:1], "neutral"),
            "mark": line[:1].strip() if line[:1] in looks else "…",
            "text": line[1:] if line[:1] in looks else "",
            "is_new": line.startswith("+"),
            "is_gone": line.startswith("-"),
        }
        for line in diff.splitlines()
    ]


def contents(body: str) -> Sequence[Mapping[str, str]]:
    """The headings, for the list beside the text: {id, title}."""
    return [
        {"id": name, "title": html.unescape(title)}
        for name, title in re.findall(r'<h2 id="([^"]+)">([^<]+)</h2>', body)
    ]
