"""Amounts in words: what a cheque and an invoice in Pakistan say."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices.words import rupees_in_words
from smartinvoicing.money import LARGEST

ONES = (
    "Zero One Two Three Four Five Six Seven Eight Nine Ten Eleven Twelve Thirteen Fourteen Fifteen"
    " Sixteen Seventeen Eighteen Nineteen"
)
TENS = "Twenty Thirty Forty Fifty Sixty Seventy Eighty Ninety"
VALUES = {word: number for number, word in enumerate(ONES.split())} | {
    word: 10 * number for number, word in enumerate(TENS.split(), start=2)
}
STEPS = {
    "Hundred": 100,
    "Thousand": 10**3,
    "Lakh": 10**5,
    "Crore": 10**7,
    "Arab": 10**9,
    "Kharab": 10**11,
}


def counted(words: str) -> int:
    """The number that `words` say, read by a child's rule: add, and multiply at a step."""
    total = waiting = 0
    for word in words.replace("-", " ").split():
        if word == "Hundred":
            waiting *= 100
        elif word in STEPS:
            total, waiting = total + waiting * STEPS[word], 0
        else:
            waiting += VALUES[word]
    return total + waiting


def amount_in(words: str) -> Decimal:
    rupees, _, paisa = words.removeprefix("Rupees ").removesuffix(" Only").partition(" and Paisa ")
    return Decimal(counted(rupees)) + Decimal(counted(paisa)) / 100


@pytest.mark.parametrize(
    ("amount", "words"),
    [
        ("0", "Rupees Zero Only"),
        ("0.05", "Rupees Zero and Paisa Five Only"),
        ("1.00", "Rupees One Only"),
        ("13", "Rupees Thirteen Only"),
        ("20", "Rupees Twenty Only"),
        ("99.99", "Rupees Ninety-Nine and Paisa Ninety-Nine Only"),
        ("100", "Rupees One Hundred Only"),
        ("101.10", "Rupees One Hundred One and Paisa Ten Only"),
        ("99999", "Rupees Ninety-Nine Thousand Nine Hundred Ninety-Nine Only"),
        ("100000", "Rupees One Lakh Only"),
        (
            "123456.78",
            (
                "Rupees One Lakh Twenty-Three Thousand Four Hundred Fifty-Six"
                " and Paisa Seventy-Eight Only"
            ),
        ),
        ("10000000", "Rupees One Crore Only"),
        ("1000000001", "Rupees One Arab One Only"),
        ("100000000000", "Rupees One Kharab Only"),
        (
            "9999999999999.99",
            (
                "Rupees Ninety-Nine Kharab Ninety-Nine Arab Ninety-Nine Crore Ninety-Nine Lakh"
                " Ninety-Nine Thousand Nine Hundred Ninety-Nine and Paisa Ninety-Nine Only"
            ),
        ),
        ("10000000000000", "Rupees One Hundred Kharab Only"),
        ("1E+3", "Rupees One Thousand Only"),
    ],
)
def test_rupees_in_words_counts_as_pakistan_does(amount, words):
    assert rupees_in_words(Decimal(amount)) == words


@given(st.decimals(min_value=0, max_value=LARGEST, places=2))
def test_rupees_in_words_says_exactly_the_amount(amount):
    assert amount_in(rupees_in_words(amount)) == amount


@pytest.mark.parametrize("amount", ["-0.01", "-5", "1.005", "NaN", "Infinity", "-Infinity"])
def test_rupees_in_words_refuses_what_nobody_can_pay(amount):
    with pytest.raises(ValueError, match="whole paisa"):
        rupees_in_words(Decimal(amount))
