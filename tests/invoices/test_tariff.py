"""The search in the tariff: by code, by words, by everyday words, with typos."""

from __future__ import annotations

import csv
import json

import pytest

from invoices import reference, tariff

DATA = reference.ALIASES.parent


@pytest.fixture(scope="module")
def index():
    with (DATA / "hs_headings.csv").open() as file:
        headings = {row["heading"]: row["description"] for row in csv.DictReader(file)}
    headings |= json.loads((DATA / "more_headings.json").read_text())
    with (DATA / "hs_codes.csv").open() as file:
        codes = [
            tariff.Code(
                code=row["code"],
                description=row["description"] or headings[row["code"][:4]],
                heading=headings[row["code"][:4]],
            )
            for row in csv.DictReader(file)
        ]
    return tariff.Index(codes, reference.aliases())


def found(index, text, limit=20):
    return [row.code for row in index.search(text, limit=limit)]


def headings(index, text):
    """Of the first five."""
    return {code[:4] for code in found(index, text, limit=5)}


@pytest.mark.parametrize("text", ["5205.1100", "52051100", " 5205 1100 ", "5205-1100"])
def test_a_whole_code_is_found_with_or_without_its_dot(index, text):
    assert found(index, text) == ["5205.1100"]


@pytest.mark.parametrize(
    ("text", "first"), [("5205", "5205.1100"), ("5205.1", "5205.1100"), ("17", "1701.1200")]
)
def test_the_beginning_of_a_code_finds_all_of_it_in_order(index, text, first):
    codes = found(index, text)

    assert codes[0] == first
    assert codes == sorted(codes)
    assert all(code.replace(".", "").startswith(text.replace(".", "")) for code in codes)


def test_all_words_must_fit_in_any_order(index):
    assert found(index, "cotton yarn") == found(index, "yarn cotton")
    assert headings(index, "cotton yarn") == {"5205"}
    assert set(found(index, "chlorate potassium")) == {"2829.1910"}


@pytest.mark.parametrize(
    ("one", "many"), [("tile", "tiles"), ("battery", "batteries"), ("pump", "pumps")]
)
def test_one_and_many_find_the_same(index, one, many):
    assert found(index, one) == found(index, many)


@pytest.mark.parametrize(
    ("text", "heading"),
    [
        ("cheeni", "1701"),
        ("sariya", "7214"),
        ("ATTA", "1101"),
        ("mitti ka tel", "2710"),
        ("doodh", "0401"),
        ("kapra", "5208"),
        ("dawai", "3004"),
        ("mobile phone", "8517"),
    ],
)
def test_everyday_words_find_their_heading_first(index, text, heading):
    assert found(index, text)[0].startswith(heading)


@pytest.mark.parametrize(
    ("typo", "heading"),
    [
        ("cemnt", "2523"),
        ("suger", "1701"),
        ("chawl", "1006"),
        ("sarya", "7214"),
        ("tarctor", "8701"),
        ("batery", "8507"),
    ],
)
def test_a_slip_of_the_hand_is_forgiven(index, typo, heading):
    assert heading in headings(index, typo)


def test_the_beginning_of_a_word_is_enough(index):
    assert "2829.1910" in found(index, "potass chlor")


def test_words_may_be_narrowed_by_a_heading(index):
    codes = found(index, "8517 telephone", limit=50)

    assert codes
    assert all(code.startswith("8517") for code in codes)


def test_words_that_never_stand_together_find_those_with_the_most(index):
    assert headings(index, "basmati zzzz rice") == {"1006"}


@pytest.mark.parametrize(
    "text", ["", " ", ".", "%", "'; drop", "zzzzqqq", "\u0686\u06cc\u0646\u06cc"]
)
def test_what_means_nothing_finds_nothing_and_breaks_nothing(index, text):
    assert len(found(index, text, limit=3)) <= 3


def test_a_limit_is_kept(index):
    assert len(found(index, "other", limit=7)) == 7
    assert len(found(index, "84", limit=7)) == 7


def test_every_everyday_word_goes_to_codes_that_there_are():
    with (DATA / "hs_codes.csv").open() as file:
        codes = [row["code"] for row in csv.DictReader(file)]
    aliases = reference.aliases()
    lost = {
        (word, heading)
        for word, goes in aliases.items()
        for heading in goes
        if not any(code.startswith(heading) for code in codes)
    }

    assert len(aliases) >= 150
    assert lost == set()
    assert [word for word, goes in aliases.items() if not goes] == []


def test_every_heading_of_the_tariff_has_words(index):
    assert [code.code for code in index._codes if not code.words] == []
