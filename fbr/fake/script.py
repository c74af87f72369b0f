"""The script of a test run: rules, read strictly and used up in order.

The words are those of `fbr.fake.faults`.
"""

import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from fbr.fake.answers import GATEWAY_FAULTS
from fbr.fake.faults import ACCEPT, EVERY, HEADERS, VOCABULARY, Params, Play
from fbr.fake.ledger import POS, RECORD, RECORDING, Request
from fbr.fake.pos.answers import SHAPES
from fbr.fake.register import ENVIRONMENTS

# Word of a script -> kinds of request.
PATHS: Final[Mapping[str, tuple[str, ...]]] = {
    "post": RECORDING,
    "di": (RECORD,),
    "pos": (POS,),
    "validate": ("validate",),
    "reference": ("reference",),
}
ANY: Final = "any"

_CHOICES: Final[Mapping[str, tuple[Any, ...]]] = {
    "at": ("body", HEADERS, ACCEPT),
    "environment": ENVIRONMENTS,
    "form": ("int", "float"),
    "outer": ("00", "01"),
    "shape": SHAPES,
    "statuses": ("null", "missing", "empty"),
}
_FILTERS: Final = ("path", "seller", "environment")
_COMMON: Final = ("fault", "count", "chance", *_FILTERS)


class BadScript(ValueError):
    """A script with a word that is not in the vocabulary, or a value that does not fit."""


@dataclass(slots=True, kw_only=True, eq=False)
class Rule:
    """One rule of a script, and how much of it is left."""

    given: Mapping[str, Any]
    fault: str
    params: Params
    left: int | None
    chance: float = 1.0
    turns: int = field(default=0, init=False)

    def matches(self, request: Request) -> bool:
        """Whether the rule is for such a request."""
        path = self.given.get("path", "pos" if self.fault.startswith("pos_") else "post")
        asked = request.path.partition("?")[0]
        is_there = path in (ANY, asked) or request.kind in PATHS.get(path, ())
        seller = self.given.get("seller", request.seller)
        environment = self.given.get("environment", request.environment)
        return is_there and (seller, environment) == (request.seller, request.environment)

    def play(self) -> Play:
        """Use the rule once."""
        play = Play(fault=self.fault, params=self.params, turn=self.turns)
        self.turns += 1
        if self.left is not None:
            self.left -= 1
        return play


def rule_of(given: object) -> Rule:
    """Read one rule of a script.

    Raises: BadScript, with words that say what is wrong and what would be right.
    """
    if not isinstance(given, dict):
        raise BadScript(f"A rule is an object, not {given!r}.")
    name = str(given.get("fault", ""))
    if name not in VOCABULARY:
        raise BadScript(f"Unknown fault {name!r}. Known: {', '.join(VOCABULARY)}.")
    defaults = {**EVERY, **VOCABULARY[name][1]}
    params = {key: _fitted(name, key, given.get(key, was), was) for key, was in defaults.items()}
    _check_words(name, given, params)
    return Rule(
        given=MappingProxyType(dict(given)),
        fault=name,
        params=MappingProxyType(params),
        left=_count(given.get("count", 1)),
        chance=_chance(given.get("chance", 1)),
    )


def _fitted(fault: str, key: str, value: object, default: object) -> object:
    if isinstance(default, str) and type(value) is int:
        value = str(value)
    if type(value) is not type(default) or (isinstance(value, int) and value < 0):
        kind = {int: "a whole number", str: "a text", bool: "true or false"}[type(default)]
        raise BadScript(f"{fault}: {key} is {kind}, not {value!r}.")
    return value


def _check_words(name: str, given: Mapping[str, Any], params: Params) -> None:
    unknown = set(given) - {*_COMMON, *params}
    if unknown:
        known = ", ".join([*_COMMON, *params])
        raise BadScript(f"{name}: unknown {', '.join(sorted(unknown))}. Known: {known}.")
    for key, value in {**params, **given}.items():
        if key in _CHOICES and value not in _CHOICES[key]:
            raise BadScript(f"{name}: {key} is one of {', '.join(_CHOICES[key])}, not {value!r}.")
    path = given.get("path", ANY)
    if path not in {*PATHS, ANY} and not str(path).startswith("/"):
        raise BadScript(f"{name}: path is one of {', '.join(PATHS)}, any, or begins with a slash.")
    if Play(fault=name, params=params).is_at_accept and any(key in given for key in _FILTERS):
        raise BadScript(f"{name} at accept knows no {', '.join(_FILTERS)}.")
    if name == "gateway_fault" and params["code"] not in GATEWAY_FAULTS:
        raise BadScript(f"{name}: code is one of {', '.join(map(str, GATEWAY_FAULTS))}.")


def _count(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or value < 1:
        raise BadScript(f"count is a whole number from 1, or null, not {value!r}.")
    return value


def _chance(value: object) -> float:
    if type(value) not in (int, float) or not 0 <= float(str(value)) <= 1:
        raise BadScript(f"chance is a number from 0 to 1, not {value!r}.")
    return float(str(value))


class Script:
    """The rules that are left, shared by all connections."""

    def __init__(self, seed: int | None = None) -> None:
        self._lock = threading.Lock()
        self._rules: list[Rule] = []
        self._dice = random.Random(seed)  # noqa: S311 -- a test's dice, no secret

    def load(self, rules: object, *, append: bool = False) -> int:
        """Take a new script, in place of the old one or after it; returns the rules now left.

        Raises: BadScript; then the old script stands.
        """
        if not isinstance(rules, list):
            raise BadScript("A script is a JSON list of rules.")
        parsed = [rule_of(rule) for rule in rules]
        with self._lock:
            self._rules = [*self._rules, *parsed] if append else parsed
            return len(self._rules)

    def left(self) -> list[dict[str, Any]]:
        """The rules that are not used up, each with the count that is left."""
        with self._lock:
            return [{**rule.given, "count": rule.left} for rule in self._rules]

    def take(self, request: Request) -> Play | None:
        """What is to happen to a request."""
        if not self._rules:
            return None
        with self._lock:
            for rule in self._rules:
                if not _at_accept(rule) and rule.matches(request) and self._hits(rule):
                    return self._use(rule)
        return None

    def take_connection(self) -> Play | None:
        """What is to happen to a connection that has just been accepted."""
        if not self._rules:
            return None
        with self._lock:
            first = self._rules[0] if self._rules else None
            if first and _at_accept(first) and self._hits(first):
                return self._use(first)
        return None

    def _hits(self, rule: Rule) -> bool:
        return rule.chance >= 1 or self._dice.random() < rule.chance

    def _use(self, rule: Rule) -> Play:
        play = rule.play()
        if rule.left == 0:
            self._rules.remove(rule)
        return play


def _at_accept(rule: Rule) -> bool:
    return Play(fault=rule.fault, params=rule.params).is_at_accept
