"""Search in the tariff: by code, by words in any order, by everyday words, with typos. Pure.

All of it is in memory: the tariff has 7,800 codes and about 5,500 different words, an answer takes
a millisecond, and a worker asks nobody. A word is looked for as it stands, as the beginning of a
longer one, as a word of the bazaar (`cheeni`), and only then as a misspelt one: by the share of
three-letter pieces that two words have in common, and by how few letters differ.
"""

from __future__ import annotations

import heapq
import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_WORD: Final = re.compile(r"[a-z0-9]+")
_LAST: Final = "\U0010ffff"
_MOST_WORDS: Final = 8
_ALIKE: Final = 0.25  # share of common pieces below which nobody looks closer
_MOST_ALIKE: Final = 30
_TAKEN: Final = 4  # how many words a misspelt one may stand for
_REMEMBERED: Final = 2000  # answers

# How much a word counts, by how it was found.
_EVERYDAY: Final = 5.0
_WHOLE: Final = 3.0
_BEGUN: Final = 2.0
_MISSPELT: Final = 1.0
_OWN: Final = 0.5  # in the words of the code itself, not only of its heading
_EARLY: Final = 1.0  # divided by the place of the word among those of the code


@dataclass(frozen=True, kw_only=True)
class Code:
    """A tariff code with the words that it is found by.

    said: FBR's own description, heading and all.
    """

    code: str
    description: str
    heading: str
    said: str = ""

    @property
    def words(self) -> str:
        """What it is, in one line."""
        if not self.description or self.description == self.heading:
            return self.heading
        return f"{self.heading}: {self.description}" if self.heading else self.description


def stem(word: str) -> str:
    """`tiles`, `boxes` and `batteries` are found by `tile`, `box`, `battery`, and the reverse."""
    if len(word) > 4 and word.endswith("ies"):
        return f"{word[:-3]}y"
    if len(word) > 4 and word.endswith(("ses", "xes", "ches", "shes", "oes")):
        return word[:-2]
    if len(word) > 3 and word.endswith("s") and not word.endswith("ss"):
        return word[:-1]
    return word


def stems(text: str) -> list[str]:
    return [stem(word) for word in _WORD.findall(text.lower().replace("'", ""))]


class Index:
    """The tariff, made ready for questions; it does not change."""

    def __init__(self, codes: Iterable[Code], aliases: Mapping[str, Sequence[str]]) -> None:
        self._codes = sorted(codes, key=lambda each: each.code)
        self._digits = [each.code.replace(".", "") for each in self._codes]
        self._worth = [_first_places(each) for each in self._codes]
        self._order = [(len(each.words), place) for place, each in enumerate(self._codes)]
        self._rows: dict[str, frozenset[int]] = _postings(self._codes)
        self._aliases = {" ".join(stems(word)): tuple(goes) for word, goes in aliases.items()}
        self._vocabulary = sorted(self._rows.keys() | self._aliases.keys())
        self._pieces: dict[str, list[int]] = defaultdict(list)
        for number, word in enumerate(self._vocabulary):
            for piece in _pieces(word):
                self._pieces[piece].append(number)
        # People type alike: the beginnings of the same words come again and again.
        self._answers: dict[tuple[str, int], list[Code]] = {}

    def search(self, text: str, *, limit: int) -> list[Code]:
        """The codes that `text` may mean, the likeliest first; at most `limit`."""
        asked = (text, limit)
        found = self._answers.get(asked)
        if found is None:
            if len(self._answers) >= _REMEMBERED:
                self._answers.clear()
            found = self._answers[asked] = self._found(text, limit)
        return list(found)

    def _found(self, text: str, limit: int) -> list[Code]:
        digits = re.sub(r"[.\s-]", "", text)
        if digits.isascii() and digits.isdigit():
            return self._beginning_with(digits)[:limit]
        words = stems(text)[:_MOST_WORDS]
        within: set[int] | None = None
        for code in [word for word in words if len(word) >= 4 and word.isdigit()]:
            words.remove(code)
            within = set(self._places(code)) & (within if within is not None else {*self._all()})
        found = self._scores(words)
        if within is not None:
            found = {place: score for place, score in found.items() if place in within}
        best = heapq.nsmallest(limit, found, key=lambda place: (-found[place], self._order[place]))
        return [self._codes[place] for place in best]

    def _all(self) -> range:
        return range(len(self._codes))

    def _beginning_with(self, digits: str) -> list[Code]:
        places = self._places(digits)
        return [self._codes[place] for place in places]

    def _places(self, digits: str) -> range:
        """Where the codes stand that begin with these digits."""
        first = bisect_left(self._digits, digits)
        return range(first, bisect_left(self._digits, digits + _LAST, first))

    def _scores(self, words: Sequence[str]) -> dict[int, float]:
        """Each code that fits all the words; where none does, those that fit the most of them."""
        if not words:
            return {}
        each = [self._scores_of(word) for word in words]
        together = set(each[0]).intersection(*each[1:])
        if not together:
            fits = Counter(place for found in each for place in found)
            most = max(fits.values(), default=0)
            together = {place for place, count in fits.items() if count == most}
        total = {place: sum(found.get(place, 0.0) for found in each) for place in together}
        for place, score in self._everyday(" ".join(words)).items():
            total[place] = max(total.get(place, 0.0), score * len(words))
        return total

    def _scores_of(self, word: str) -> dict[int, float]:
        found = self._begun(word)
        for place in self._rows.get(word, ()):
            found[place] = _WHOLE + self._worth[place].get(word, 0.0)
        found |= self._everyday(word)
        return found or self._misspelt(word)

    def _everyday(self, word: str) -> dict[int, float]:
        """The codes of the headings that a word of the bazaar goes to, the first one before."""
        found: dict[int, float] = {}
        for rank, heading in enumerate(self._aliases.get(word, ())):
            for place in self._places(heading):
                found.setdefault(place, _EVERYDAY - 0.1 * rank)
        return found

    def _begun(self, word: str) -> dict[int, float]:
        """The codes with a word that begins so, an everyday one or the tariff's."""
        first = bisect_left(self._vocabulary, word)
        last = bisect_left(self._vocabulary, word + _LAST, first)
        found: dict[int, float] = {}
        for longer in self._vocabulary[first:last]:
            found.update(dict.fromkeys(self._rows.get(longer, ()), _BEGUN))
        for longer in self._vocabulary[first:last]:
            for place in self._everyday(longer):
                found[place] = _BEGUN + _OWN
        return found

    def _misspelt(self, word: str) -> dict[int, float]:
        found: dict[int, float] = {}
        for meant, likeness in self._alike(word):
            sure = self._everyday(meant) or dict.fromkeys(self._rows.get(meant, ()), _WHOLE)
            for place, score in sure.items():
                found[place] = max(found.get(place, 0.0), _MISSPELT * likeness * score / _EVERYDAY)
        return found

    def _alike(self, word: str) -> list[tuple[str, float]]:
        """The words that `word` may be a slip of, with how alike they are."""
        pieces = _pieces(word)
        common = Counter(number for piece in pieces for number in self._pieces.get(piece, ()))
        near = []
        for number, count in common.most_common(_MOST_ALIKE * 4):
            other = self._vocabulary[number]
            likeness = count / (len(pieces) + len(_pieces(other)) - count)
            if likeness >= _ALIKE:
                near.append((_slips(word, other), -likeness, other))
        allowed = 1 if len(word) < 6 else 2
        near = sorted(near)[:_TAKEN]
        return [(other, -less) for slips, less, other in near if slips <= allowed]


def _first_places(code: Code) -> dict[str, float]:
    """What each word of a code is worth besides being there: more the nearer to the front."""
    own = {*stems(code.description)} if code.description != code.heading else set()
    worth: dict[str, float] = {}
    for place, word in enumerate(stems(code.words), start=1):
        worth.setdefault(word, _EARLY / place + (_OWN if word in own else 0.0))
    return worth


def _postings(codes: Sequence[Code]) -> dict[str, frozenset[int]]:
    rows: dict[str, set[int]] = defaultdict(set)
    for place, each in enumerate(codes):
        for word in {*stems(each.description), *stems(each.heading), *stems(each.said)}:
            rows[word].add(place)
    return {word: frozenset(places) for word, places in rows.items()}


@lru_cache(maxsize=16_384)
def _pieces(word: str) -> frozenset[str]:
    padded = f"  {word} "
    return frozenset(padded[place : place + 3] for place in range(len(padded) - 2))


def _slips(one: str, other: str) -> int:
    """How many letters were missed, added, changed or swapped."""
    before: list[int] = []
    above = list(range(len(other) + 1))
    for row, letter in enumerate(one, start=1):
        here = [row]
        for column, facing in enumerate(other, start=1):
            cost = min(
                above[column] + 1, here[column - 1] + 1, above[column - 1] + (letter != facing)
            )
            swapped = row > 1 and column > 1 and letter == other[column - 2]
            if swapped and one[row - 2] == facing:
                cost = min(cost, before[column - 2] + 1)
            here.append(cost)
        before, above = above, here
    return above[-1]
