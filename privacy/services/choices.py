"""What a browser chose: read from its cookie, checked against the ledger, changed by its person."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from django.db import transaction

from accounts import consents
from accounts.consents import How, Who
from accounts.enums import Purpose
from privacy import cookies
from privacy.services import analytics

_LETTERS: Final = {Purpose.ANALYTICS: "a", Purpose.PREFERENCES: "p"}
_COOKIE: Final = re.compile(r"([0-9a-f]{12})\.(\d{1,11})\.([ap]*)")
_VISITOR: Final = re.compile(r"[A-Za-z0-9_-]{22}")


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What holds for one browser now.

    is_made: it was asked and has answered, not too long ago and about the cookies of today.
    given:   what it agreed to, and did not take back, by the ledger.
    visitor: the random number that stands for it; "" without consent to counting.
    signal:  it sends Global Privacy Control, which is a no to everything.
    """

    is_made: bool = False
    given: frozenset[Purpose] = frozenset()
    visitor: str = ""
    signal: bool = False

    @property
    def asks(self) -> bool:
        """Whether this browser is still to be asked."""
        return not (self.is_made or self.signal)

    @property
    def counts(self) -> bool:
        """Whether what it does may be counted."""
        return Purpose.ANALYTICS in self.given

    @property
    def remembers(self) -> bool:
        return Purpose.PREFERENCES in self.given


def read(sent: Mapping[str, str], *, signal: bool, at: datetime) -> Choice:
    """The choice behind the cookies of a request. Only for counting the ledger is asked."""
    found = _COOKIE.fullmatch(sent.get(cookies.CHOICE, ""))
    if found is None or found[1] != cookies.fingerprint() or not _is_fresh(int(found[2]), at):
        return Choice(signal=signal)
    if signal:
        return Choice(is_made=True, signal=True)
    given = {purpose for purpose, letter in _LETTERS.items() if letter in found[3]}
    visitor = visitor_of(sent)
    if not (visitor and consents.may_use(Purpose.ANALYTICS, visitor=visitor, at=at)):
        given.discard(Purpose.ANALYTICS)
        visitor = ""
    return Choice(is_made=True, given=frozenset(given), visitor=visitor)


def visitor_of(sent: Mapping[str, str]) -> str:
    """The random number that a browser sends, where it has the form of one of ours."""
    visitor = sent.get(cookies.VISITOR, "")
    return visitor if _VISITOR.fullmatch(visitor) else ""


def _is_fresh(seconds: int, at: datetime) -> bool:
    made = datetime.fromtimestamp(min(seconds, 99_999_999_999), UTC)
    return made <= at < made + cookies.KEPT


def written(choice: Choice, at: datetime) -> str:
    """The text of the cookie."""
    letters = "".join(letter for purpose, letter in _LETTERS.items() if purpose in choice.given)
    return f"{cookies.fingerprint()}.{int(at.timestamp())}.{letters}"


@transaction.atomic
def choose(
    wanted: frozenset[Purpose], *, visitor: str, how: How, at: datetime, signal: bool = False
) -> Choice:
    """Note the answer of a browser to each purpose that is asked of browsers.

    visitor: the number it had until now, or ""; it is kept only with a yes to counting. A no leaves
             a line in the ledger under a number that is told to nobody.
    Counting that was refused or withdrawn is deleted here and now.
    """
    wanted = frozenset() if signal else wanted & consents.OF_BROWSER
    number = visitor or secrets.token_urlsafe(16)
    for purpose in sorted(consents.OF_BROWSER):
        note = consents.give if purpose in wanted else consents.withdraw
        note(purpose, who=Who(visitor=number), how=how, at=at)
    if Purpose.ANALYTICS not in wanted:
        analytics.forget(number)
        number = ""
    return Choice(is_made=True, given=wanted, visitor=number, signal=signal)
