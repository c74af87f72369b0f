"""Two lines as one: never at the price of a paisa."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices import merging, rates, tax
from tests.factories import DAY, make_line

D = Decimal
TERMS = tax.Terms(on=DAY, buyer_kind="unregistered")
money = st.decimals(min_value=0, max_value=99999, places=2)
quantities = st.decimals(min_value="0.0001", max_value=99999, places=4)
prices = st.decimals(min_value="0.0001", max_value=9999, places=4)


def value_on(terms):
    def value_of(line):
        supply = tax.Supply(
            sale_type=line.sale_type,
            rate=rates.parse(line.rate),
            quantity=line.quantity,
            unit_price=line.unit_price,
            discount=line.discount,
            fed=line.fed,
        )
        return tax.of_line(supply, terms).value

    return value_of


def merged(one, other, terms=TERMS):
    return merging.merged(one, other, value_of=value_on(terms))


@given(
    price=prices,
    first=quantities,
    second=quantities,
    less=st.tuples(money, money),
    inclusive=st.booleans(),
)
def test_values_add_up_to_the_paisa_or_the_lines_stay_two(price, first, second, less, inclusive):
    one = make_line(quantity=first, unit_price=price, discount=less[0])
    other = make_line(quantity=second, unit_price=price, discount=less[1])
    terms = replace(TERMS, inclusive=inclusive)
    value_of = value_on(terms)

    made = merged(one, other, terms)

    assert made is None or value_of(made) == value_of(one) + value_of(other)
    if made is not None:
        assert (made.quantity, made.discount) == (first + second, sum(less))


def test_quantities_discounts_and_typed_amounts_are_summed():
    one = make_line(discount=D(5), further_tax=D("39.80"), extra_tax=D(1))
    other = make_line(quantity=D(100), discount=D(7), further_tax=D("9.72"), extra_tax=D(2))

    made = merged(one, other)

    assert (made.quantity, made.discount) == (D(500), D(12))
    assert (made.further_tax, made.extra_tax) == (D("49.52"), D(3))


def test_two_descriptions_are_both_kept():
    made = merged(make_line(), make_line(description="Cones"))

    assert made.description == "Cotton yarn; Cones"


@pytest.mark.parametrize(
    "fields",
    [
        {"rate": "1%"},
        {"unit": "MT"},
        {"unit_price": D(3)},
        {"hs_code": "5205.1200"},
        {"further_tax": D(0)},
        {"fed": D(1)},
        {"fed_schedule": "First Schedule"},
        {"description": "x" * 300},
        {"quantity": D("9999999999999.9900")},
    ],
)
def test_lines_that_differ_in_more_stay_two(fields):
    assert merged(make_line(), make_line(**fields)) is None


def test_a_paisa_that_would_be_lost_keeps_them_apart():
    """Twice 0.5 paisa is rounded up twice; once it is one paisa."""
    one = make_line(quantity=D(1), unit_price=D("0.005"))

    assert merged(one, one) is None


def test_a_line_goes_into_the_first_with_its_code():
    lines = [make_line(), make_line(hs_code="5205.1200"), make_line(), make_line()]

    assert [merging.partner_of(lines, number) for number in range(6)] == [
        None,
        None,
        None,
        1,
        1,
        None,
    ]


def test_a_line_without_a_code_goes_nowhere():
    assert merging.partner_of([make_line(hs_code="")] * 2, 2) is None
