"""Which row of FBR's list is which document: points for what agrees, none for a stranger's."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from fbr import matching
from fbr.matching import LIKELY, SURE, Facts
from smartinvoicing.ids import uuid7

OURS = Facts(
    number="INV-2026-000001",
    seller="7000007",
    buyer="2046004",
    buyer_name="Sample Traders",
    dated_on=date(2026, 11, 20),
    value=Decimal("1000.00"),
    tax=Decimal("180.00"),
    lines=1,
)
THEIRS = replace(OURS, number="")


@pytest.mark.parametrize(
    ("changes", "is_sure", "differs"),
    [
        ({}, True, set()),
        ({"buyer": "2046004-7"}, True, set()),
        ({"buyer": "20460047"}, True, set()),
        ({"buyer": "", "buyer_name": "SAMPLE  TRADERS."}, True, set()),
        ({"lines": None, "seller": ""}, True, set()),
        ({"lines": 3}, True, {"lines"}),
        ({"value": Decimal("1000.40")}, True, {"value"}),
        ({"dated_on": date(2026, 11, 21)}, True, {"date"}),
        ({"dated_on": date(2026, 11, 25)}, False, {"date"}),
        ({"buyer": "3046004"}, False, {"buyer"}),
        ({"value": Decimal(2000), "tax": Decimal(360)}, False, {"value", "tax"}),
    ],
)
def test_what_agrees_counts(changes, is_sure, differs):
    points, found = matching.compare(OURS, replace(THEIRS, **changes))

    assert (points >= SURE, set(found)) == (is_sure, differs)


def test_the_row_of_another_seller_is_no_candidate():
    assert matching.compare(OURS, replace(THEIRS, seller="7000008")) == (0, {"seller"})


def test_a_row_that_says_little_is_not_likely():
    points, _differs = matching.compare(OURS, Facts(dated_on=OURS.dated_on, tax=OURS.tax))

    assert points < LIKELY


def test_the_same_number_of_ours_with_another_value_is_not_sure():
    points, differs = matching.compare(OURS, replace(OURS, value=Decimal(1), tax=Decimal(1)))

    assert points < SURE
    assert differs == {"value", "tax"}


@pytest.mark.parametrize(
    ("changes", "may_be"),
    [
        ({}, True),
        ({"number": "INV-2026-000009"}, True),  # typed again, it got another number
        ({"dated_on": date(2026, 11, 21)}, True),
        ({"dated_on": date(2026, 11, 22)}, False),
        ({"value": Decimal("1000.40")}, True),
        ({"value": Decimal(2000)}, False),
        ({"buyer": "3046004"}, False),
        ({"seller": "7000008"}, False),
        ({"buyer": "", "buyer_name": "", "seller": ""}, True),
        (
            {"value": None, "buyer": "", "buyer_name": "", "lines": None},
            False,
        ),  # it says too little
        ({"number": "inv-2026-000001", "value": Decimal(1), "tax": Decimal(1)}, True),
        ({"number": "INV-2026-000001", "seller": "7000008"}, False),
    ],
)
def test_one_sale_is_known_by_its_number_or_by_what_was_sold(changes, may_be):
    assert matching.may_be_one(OURS, replace(THEIRS, **changes)) is may_be


def test_the_best_comes_first_and_what_is_unlike_not_at_all():
    good, near, bad = uuid7(), uuid7(), uuid7()
    rows = {
        bad: replace(THEIRS, buyer="9999999", value=Decimal(5), tax=Decimal(1)),
        near: replace(THEIRS, dated_on=date(2026, 11, 18)),
        good: THEIRS,
    }

    found = matching.candidates(OURS, rows)

    assert [match.row_id for match in found] == [good, near]


def test_rows_are_found_by_two_things_in_common():
    same, other = uuid7(), uuid7()
    rows = matching.Rows(
        {same: THEIRS, other: Facts(buyer="2046004", dated_on=date(2026, 1, 1), value=Decimal(7))}
    )

    assert set(rows.near(OURS)) == {same}
