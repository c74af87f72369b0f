"""The arithmetic of the law: FBR's own samples, the edges of rounding, and what always holds."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from invoices import tax
from invoices.enums import BuyerKind, SaleType
from invoices.tax import Rate, Supply, Taxes

D = Decimal
DAY = date(2026, 11, 20)
STANDARD = Rate(text="18%", percent=D(18))
POTASSIUM = Rate(text="18% along with rupees 60 per kilogram", percent=D(18), per_unit=D(60))


def supply(**fields):
    known = {
        "sale_type": SaleType.STANDARD,
        "rate": STANDARD,
        "quantity": D(1),
        "unit_price": D(1000),
    }
    return Supply(**{**known, **fields})


def of_line(inclusive=False, buyer_kind=BuyerKind.REGISTERED, on=DAY, **fields):
    return tax.of_line(supply(**fields), inclusive=inclusive, buyer_kind=buyer_kind, on=on)


# Source: di-api.md 7 (the worked samples) and PRAL's DI Scenarios Description v1.11, sample items.
SAMPLES = [
    # value, quantity, percent, per unit, sales tax
    ("1000", "400", "18", "0", "180.00"),  # SN001, SN002
    ("100", "123", "1.43", "0", "1.43"),  # SN012
    ("1234", "123", "18", "0", "222.12"),  # SN015
    ("123", "12", "0", "3", "36.00"),  # SN021, Rs.3
    ("234", "123", "0", "200", "24600.00"),  # SN023, Rs.200
    ("100", "1", "18", "60", "78.00"),  # SN022
    ("3312.50", "12.5", "18", "0", "596.25"),  # seen accepted live; 500.00 was refused with 0104
    ("205000", "1", "18", "0", "36900.00"),  # SN003, SN011
    ("175000", "1", "18", "0", "31500.00"),  # SN004
    ("2500", "0", "18", "0", "450.00"),  # SN009
    ("1000", "1", "1", "0", "10.00"),  # SN005
    ("100", "1000", "17", "0", "17.00"),  # SN010
    ("1000", "123", "25", "0", "250.00"),  # SN024
    ("99.01", "1", "1", "0", "0.99"),  # SN028
    ("10", "1", "0", "0", "0.00"),  # SN006, Exempt
]


@pytest.mark.parametrize(("value", "quantity", "percent", "per_unit", "due"), SAMPLES)
def test_sales_tax_is_that_of_fbrs_samples(value, quantity, percent, per_unit, due):
    rate = Rate(text="sample", percent=D(percent), per_unit=D(per_unit))

    found = tax.sales_tax(value=D(value), quantity=D(quantity), rate=rate)

    assert found == D(due)
    assert found.as_tuple().exponent == -2


@pytest.mark.parametrize(
    ("value", "due"),
    [
        ("0.02", "0.00"),  # 0.0036
        ("0.03", "0.01"),  # 0.0054
        ("0.25", "0.05"),  # 0.0450: half, away from zero; half-even gives 0.04
        ("0.75", "0.14"),  # 0.1350: half-even gives 0.14 too
        ("1.25", "0.23"),  # 0.2250: half-even gives 0.22
        ("1.24", "0.22"),  # 0.2232
        ("1.26", "0.23"),  # 0.2268
        ("9999999999999.75", "1799999999999.96"),  # .9550: exact, no float in between
    ],
)
def test_sales_tax_rounds_half_up(value, due):
    assert tax.sales_tax(value=D(value), quantity=D(1), rate=STANDARD) == D(due)


def test_sales_tax_of_a_mixed_rate_is_rounded_once():
    rate = Rate(text="mixed", percent=D("0.5"), per_unit=D("0.004"))

    # 0.0045 + 0.0040 = 0.0085; rounded apart both would vanish.
    assert tax.sales_tax(value=D("0.90"), quantity=D(1), rate=rate) == D("0.01")


@pytest.mark.parametrize(("value", "quantity"), [("-0.01", "1"), ("1", "-0.0001")])
def test_sales_tax_refuses_what_is_negative(value, quantity):
    with pytest.raises(ValueError, match="not negative"):
        tax.sales_tax(value=D(value), quantity=D(quantity), rate=STANDARD)


@pytest.mark.parametrize(
    ("buyer_kind", "sale_type", "on", "due"),
    [
        (BuyerKind.UNREGISTERED, SaleType.STANDARD, date(2026, 11, 20), "40.00"),
        (BuyerKind.UNREGISTERED, SaleType.STANDARD, date(2023, 7, 1), "40.00"),
        (BuyerKind.UNREGISTERED, SaleType.STANDARD, date(2023, 6, 30), "30.00"),
        (BuyerKind.UNREGISTERED, SaleType.STANDARD, date(1990, 1, 1), "30.00"),
        (BuyerKind.REGISTERED, SaleType.STANDARD, date(2026, 11, 20), "0.00"),
        ("", SaleType.STANDARD, date(2026, 11, 20), "0.00"),
        (BuyerKind.UNREGISTERED, SaleType.EXEMPT, date(2026, 11, 20), "0.00"),
        (BuyerKind.UNREGISTERED, SaleType.ZERO, date(2026, 11, 20), "0.00"),
        (BuyerKind.UNREGISTERED, SaleType.THIRD_SCHEDULE, date(2026, 11, 20), "0.00"),
    ],
)
def test_further_tax_depends_on_the_date_the_buyer_and_the_supply(buyer_kind, sale_type, on, due):
    found = tax.further_tax(value=D(1000), sale_type=sale_type, buyer_kind=buyer_kind, on=on)

    assert found == D(due)


def test_further_tax_before_the_act_is_nothing():
    """A mistyped year is a problem to show, not an accident."""
    kind = BuyerKind.UNREGISTERED

    found = tax.further_tax(
        value=D(1000), sale_type=SaleType.STANDARD, buyer_kind=kind, on=date(1989, 12, 31)
    )

    assert found == D("0.00")


@pytest.mark.parametrize(
    ("value", "due"), [("0.12", "0.00"), ("0.125", "0.01"), ("3312.50", "132.50")]
)
def test_further_tax_rounds_half_up(value, due):
    kind = BuyerKind.UNREGISTERED

    found = tax.further_tax(value=D(value), sale_type=SaleType.STANDARD, buyer_kind=kind, on=DAY)

    assert found == D(due)


def test_a_line_to_an_unregistered_buyer_is_the_one_seen_live():
    line = of_line(quantity=D("12.5"), unit_price=D(265), buyer_kind=BuyerKind.UNREGISTERED)

    assert line == Taxes(
        value=D("3312.50"),
        sales_tax=D("596.25"),
        further_tax=D("132.50"),
        total=D("4041.25"),
    )


def test_a_line_with_everything_adds_every_tax_to_the_total_and_nothing_withheld():
    line = of_line(
        quantity=D(10),
        unit_price=D("100.50"),
        discount=D("5.00"),
        further_tax=D("40.00"),
        extra_tax=D("7.10"),
        fed=D("3.05"),
        withheld=D("180.00"),
    )

    assert line == Taxes(
        value=D("1000.00"),
        sales_tax=D("180.00"),
        further_tax=D("40.00"),
        extra_tax=D("7.10"),
        fed=D("3.05"),
        discount=D("5.00"),
        withheld=D("180.00"),
        total=D("1230.15"),
    )


def test_a_shared_discount_falls_on_the_lines_as_it_did_live():
    lines = [
        of_line(unit_price=D("2000.00"), discount=D("109.67")),
        of_line(unit_price=D("7118.75"), discount=D("390.33")),
    ]

    assert [line.value for line in lines] == [D("1890.33"), D("6728.42")]
    assert tax.totals(lines).discount == D("500.00")


@pytest.mark.parametrize(("given", "due"), [(None, "40.00"), (D("0.00"), "0.00"), (D(12), "12.00")])
def test_a_given_further_tax_is_used_and_a_missing_one_computed(given, due):
    line = of_line(further_tax=given, buyer_kind=BuyerKind.UNREGISTERED)

    assert line.further_tax == D(due)


@pytest.mark.parametrize(
    ("gross", "rate", "value", "due", "total"),
    [
        ("1180", STANDARD, "1000.00", "180.00", "1180.00"),
        ("100.00", Rate(text="1%", percent=D(1)), "99.01", "0.99", "100.00"),  # di-api 7.13
        ("100.00", STANDARD, "84.75", "15.26", "100.00"),  # 100.01: the paisa goes, the tax stays
        ("0.01", STANDARD, "0.01", "0.00", "0.01"),
        ("0.03", STANDARD, "0.03", "0.01", "0.03"),
        ("178", POTASSIUM, "100.00", "78.00", "178.00"),
        ("63", Rate(text="Rs.3", per_unit=D(3)), "60.00", "3.00", "63.00"),
        ("10", Rate(text="Exempt"), "10.00", "0.00", "10.00"),
    ],
)
def test_a_price_with_tax_is_worked_backwards(gross, rate, value, due, total):
    line = of_line(inclusive=True, unit_price=D(gross), rate=rate)

    assert (line.value, line.sales_tax, line.total) == (D(value), D(due), D(total))


def test_a_price_with_tax_takes_the_discount_off_first_and_further_tax_on_top():
    line = of_line(
        inclusive=True,
        unit_price=D(1280),
        discount=D(100),
        buyer_kind=BuyerKind.UNREGISTERED,
    )

    assert (line.value, line.sales_tax, line.further_tax) == (D(1000), D(180), D(40))
    assert line.total == D("1220.00")


def test_a_discount_above_the_value_leaves_no_tax():
    line = of_line(unit_price=D(10), discount=D(25))

    assert (line.value, line.sales_tax) == (D("-15.00"), D("0.00"))


def test_totals_of_no_line_are_zero():
    assert tax.totals([]) == Taxes()
    assert set(asdict(Taxes()).values()) == {D("0.00")}


def test_totals_are_sums_of_rounded_lines_and_are_not_rounded_again():
    """Three lines of 0.25: 0.0450 each is 0.05, together 0.15, while 18 % of 0.75 is 0.14."""
    lines = [of_line(unit_price=D("0.25")) for _ in range(3)]

    assert tax.totals(lines).sales_tax == D("0.15")


# --- what always holds -------------------------------------------------------------------------

prices = st.decimals("0.0001", "99999999.9999", places=4)
quantities = st.decimals("0.0001", "99999.9999", places=4)
discounts = st.decimals("0", "100", places=2)
rates = st.sampled_from(
    [
        STANDARD,
        POTASSIUM,
        Rate(text="1%", percent=D(1)),
        Rate(text="1.43%", percent=D("1.43")),
        Rate(text="25%", percent=D(25)),
        Rate(text="Rs.3", per_unit=D(3)),
        Rate(text="0%"),
    ]
)
supplies = st.builds(
    Supply,
    sale_type=st.sampled_from([SaleType.STANDARD, SaleType.EXEMPT]),
    rate=rates,
    quantity=quantities,
    unit_price=prices,
    discount=discounts,
    further_tax=st.none() | st.decimals("0", "1000", places=2),
    extra_tax=st.none() | st.decimals("0", "1000", places=2),
    fed=st.none() | st.decimals("0", "1000", places=2),
    withheld=st.none() | st.decimals("0", "1000", places=2),
)
kinds = st.sampled_from(list(BuyerKind))
always = settings(deadline=None, max_examples=50)


def computed(rows, inclusive, kind):
    return [tax.of_line(row, inclusive=inclusive, buyer_kind=kind, on=DAY) for row in rows]


@always
@given(st.lists(supplies, max_size=5), st.booleans(), kinds)
def test_the_header_is_the_sum_of_its_lines(rows, inclusive, kind):
    lines = computed(rows, inclusive, kind)

    header = tax.totals(lines)

    for name in tax.AMOUNTS:
        assert getattr(header, name) == sum(getattr(line, name) for line in lines)


@always
@given(st.lists(supplies, min_size=1, max_size=3), st.booleans(), kinds)
def test_every_amount_has_two_places(rows, inclusive, kind):
    lines = computed(rows, inclusive, kind)

    amounts = [asdict(each) for each in (*lines, tax.totals(lines))]

    places = {value.as_tuple().exponent for row in amounts for value in row.values()}
    assert places == {-2}


@always
@given(supplies, kinds)
def test_a_price_with_tax_gives_back_the_gross(row, kind):
    line = tax.of_line(row, inclusive=True, buyer_kind=kind, on=DAY)

    gross = (row.quantity * row.unit_price).quantize(D("0.01"), ROUND_HALF_UP) - row.discount
    on_top = line.further_tax + line.extra_tax + line.fed
    assert line.total == gross + on_top


@always
@given(supplies, kinds)
def test_a_price_with_tax_misses_at_most_a_paisa_in_value_and_tax(row, kind):
    """The tax is what FBR computes from the value, whatever the gross says."""
    line = tax.of_line(row, inclusive=True, buyer_kind=kind, on=DAY)
    assume(line.value >= 0)

    on_top = line.further_tax + line.extra_tax + line.fed
    assert abs(line.total - on_top - line.value - line.sales_tax) <= D("0.01")
    due = tax.sales_tax(value=line.value, quantity=row.quantity, rate=row.rate)
    assert line.sales_tax == due


@always
@given(supplies, kinds)
def test_a_price_without_tax_adds_up_exactly(row, kind):
    line = tax.of_line(row, inclusive=False, buyer_kind=kind, on=DAY)

    taxes = line.sales_tax + line.further_tax + line.extra_tax + line.fed
    assert line.total == line.value + taxes
    gross = (row.quantity * row.unit_price).quantize(D("0.01"), ROUND_HALF_UP)
    assert line.value == gross - row.discount
