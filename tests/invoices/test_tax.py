"""The arithmetic of the law: FBR's own samples, the edges of rounding, and what always holds."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoices import tax
from invoices.enums import BuyerKind, SaleType, Withholding
from invoices.rates import Rate, parse
from invoices.tax import Supply, Taxes, Terms
from smartinvoicing import money
from smartinvoicing.env import BASE_DIR

D = Decimal
LISTS = BASE_DIR / "invoices" / "data" / "lists.json"
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
    return tax.of_line(supply(**fields), Terms(inclusive=inclusive, buyer_kind=buyer_kind, on=on))


def further_tax(
    value, *, sale_type=SaleType.STANDARD, buyer_kind=BuyerKind.UNREGISTERED, on=DAY, rate=STANDARD
):
    terms = Terms(buyer_kind=buyer_kind, on=on)
    return tax.further_tax(value=value, sale_type=sale_type, rate=rate, terms=terms)


def amounts(line):
    return {name: getattr(line, name) for name in tax.AMOUNTS if getattr(line, name)}


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
    found = further_tax(D(1000), sale_type=sale_type, buyer_kind=buyer_kind, on=on)

    assert found == D(due)


def test_further_tax_before_the_act_is_nothing():
    """A mistyped year is a problem to show, not an accident."""
    assert further_tax(D(1000), on=date(1989, 12, 31)) == D("0.00")


@pytest.mark.parametrize(
    ("value", "due"), [("0.12", "0.00"), ("0.125", "0.01"), ("3312.50", "132.50")]
)
def test_further_tax_rounds_half_up(value, due):
    assert further_tax(D(value)) == D(due)


def test_a_line_to_an_unregistered_buyer_is_the_one_seen_live():
    line = of_line(quantity=D("12.5"), unit_price=D(265), buyer_kind=BuyerKind.UNREGISTERED)

    assert amounts(line) == {
        "value": D("3312.50"),
        "sales_tax": D("596.25"),
        "further_tax": D("132.50"),
        "total": D("4041.25"),
    }


def test_a_line_with_everything_adds_every_tax_to_the_total_and_nothing_withheld():
    line = of_line(
        quantity=D(10),
        unit_price=D("100.50"),
        discount=D("5.00"),
        further_tax=D("40.00"),
        extra_tax=D("7.10"),
        fed=D("50.00"),
        withheld=D("189.00"),
    )

    assert amounts(line) == {
        "value": D("1050.00"),  # the excise is part of the value (s. 2(46))
        "sales_tax": D("189.00"),
        "further_tax": D("40.00"),
        "extra_tax": D("7.10"),
        "fed": D("50.00"),
        "discount": D("5.00"),
        "withheld": D("189.00"),
        "total": D("1286.10"),
    }


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


# --- Third Schedule ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("printed", "quantity", "inclusive_print", "retail", "due"),
    [
        ("11.80", "100", True, "1000.00", "180.00"),  # SN008
        ("10.00", "100", False, "1000.00", "180.00"),
        ("118.00", "1", True, "100.00", "18.00"),  # SN027
        ("100.00", "3", True, "254.24", "45.76"),  # 254.2372..., rounded once for the line
    ],
)
def test_third_schedule_goods_are_taxed_on_the_printed_price(
    printed, quantity, inclusive_print, retail, due
):
    line = third(printed, quantity, "8", retail_inclusive=inclusive_print)

    assert (line.retail_value, line.sales_tax) == (D(retail), D(due))
    assert line.value == D(8) * D(quantity)


def test_a_discount_does_not_touch_the_retail_base():
    line = third("11.80", "100", "10", discount=D(400))

    assert (line.value, line.retail_value, line.sales_tax) == (D(600), D(1000), D(180))


def test_a_price_with_tax_of_third_schedule_goods_leaves_the_value():
    line = third("11.80", "100", "11", inclusive=True)

    assert (line.value, line.sales_tax, line.total) == (D(920), D(180), D(1100))


def third(printed, quantity, unit_price, *, retail_inclusive=True, inclusive=False, **more):
    row = supply(
        sale_type=SaleType.THIRD_SCHEDULE,
        retail_price=D(printed),
        quantity=D(quantity),
        unit_price=D(unit_price),
        **more,
    )
    terms = Terms(
        on=DAY,
        buyer_kind=BuyerKind.UNREGISTERED,
        retail_inclusive=retail_inclusive,
        inclusive=inclusive,
    )
    return tax.of_line(row, terms)


# --- excise, withholding, advances -------------------------------------------------------------


@pytest.mark.parametrize(
    ("fed_rate", "inclusive", "price", "value", "fed", "due", "total"),
    [
        ("16%", False, "1000", "1160.00", "160.00", "208.80", "1368.80"),
        ("16%", True, "1368.80", "1160.00", "160.00", "208.80", "1368.80"),
        ("Rs. 5 per KG", False, "1000", "1005.00", "5.00", "180.90", "1185.90"),
        ("10% and Rs. 2 per Liter", False, "1000", "1102.00", "102.00", "198.36", "1300.36"),
    ],
)
def test_excise_is_part_of_the_value(fed_rate, inclusive, price, value, fed, due, total):
    line = of_line(inclusive=inclusive, unit_price=D(price), fed_rate=parse(fed_rate))

    assert amounts(line) == {
        "value": D(value),
        "fed": D(fed),
        "sales_tax": D(due),
        "total": D(total),
    }


def test_excise_in_sales_tax_mode_is_the_sales_tax():
    line = of_line(sale_type=SaleType.GOODS_FED, rate=parse("8%"), unit_price=D(100))

    assert (line.sales_tax, line.fed) == (D("8.00"), D("0.00"))


@pytest.mark.parametrize(
    ("withholding", "kept"),
    [(Withholding.NONE, "0"), (Withholding.FULL, "180.00"), (Withholding.FIFTH, "36.00")],
)
def test_a_withholding_agent_keeps_back_and_pays_the_same_total(withholding, kept):
    terms = Terms(on=DAY, buyer_kind=BuyerKind.REGISTERED, withholding=withholding)

    line = tax.of_line(supply(), terms)

    assert (line.withheld, line.total) == (D(kept), D(1180))


def test_what_was_charged_in_advance_is_not_charged_again():
    line = of_line(advance=D(400), unit_price=D(1000))

    assert amounts(line) == {"value": D(600), "sales_tax": D(108), "total": D(708)}


@pytest.mark.parametrize(
    ("kind", "sale_type", "rate", "typed", "why"),
    [
        (BuyerKind.UNREGISTERED, SaleType.STANDARD, "18%", None, "charged"),
        (BuyerKind.UNREGISTERED, SaleType.REDUCED, "1%", None, "charged"),
        (BuyerKind.REGISTERED, SaleType.STANDARD, "18%", None, "registered"),
        (BuyerKind.UNREGISTERED, SaleType.EXEMPT, "Exempt", None, "exempt"),
        (BuyerKind.UNREGISTERED, SaleType.SERVICES, "Exempt", None, "exempt"),
        (BuyerKind.UNREGISTERED, SaleType.ZERO, "0%", None, "zero_rated"),
        (BuyerKind.UNREGISTERED, SaleType.NON_ADJUSTABLE, "0%", None, "zero_rated"),
        (BuyerKind.UNREGISTERED, SaleType.THIRD_SCHEDULE, "18%", None, "third_schedule"),
        (BuyerKind.UNREGISTERED, SaleType.DTRE, "DTRE", None, "dtre"),
        (BuyerKind.UNREGISTERED, SaleType.STANDARD, "18%", "0", "typed"),
    ],
)
def test_the_reason_of_further_tax_is_kept(kind, sale_type, rate, typed, why):
    line = of_line(
        buyer_kind=kind,
        sale_type=sale_type,
        rate=parse(rate),
        further_tax=None if typed is None else D(typed),
    )

    assert line.further_tax_why == why
    assert bool(line.further_tax) == (why == "charged")


# --- what always holds -------------------------------------------------------------------------

prices = st.decimals("0.0001", "99999999.9999", places=4)
quantities = st.decimals("0.0001", "99999.9999", places=4)
discounts = st.decimals("0", "100", places=2)
given_amounts = st.none() | st.decimals("0", "1000", places=2)
EVERY_RATE = [parse(row["text"]) for row in json.loads(LISTS.read_text())["rates"]]
supplies = st.builds(
    Supply,
    sale_type=st.sampled_from(SaleType.values),
    rate=st.sampled_from(EVERY_RATE),
    quantity=quantities,
    unit_price=prices,
    discount=discounts,
    retail_price=st.none() | st.decimals("0.01", "99999.99", places=2),
    fed_rate=st.none() | st.sampled_from([parse("16%"), parse("Rs. 5 per KG")]),
    further_tax=given_amounts,
    extra_tax=given_amounts,
    fed=given_amounts,
    withheld=given_amounts,
)
terms_of = st.builds(
    Terms,
    on=st.just(DAY),
    buyer_kind=st.sampled_from(BuyerKind.values),
    inclusive=st.booleans(),
    retail_inclusive=st.booleans(),
    withholding=st.sampled_from(Withholding.values),
)
always = settings(deadline=None, max_examples=200)


def gross_of(row):
    return (row.quantity * row.unit_price).quantize(D("0.01"), ROUND_HALF_UP) - row.discount


def test_every_rate_text_of_fbr_is_among_the_samples():
    assert len(EVERY_RATE) == 114


@always
@given(st.lists(supplies, max_size=5), terms_of)
def test_the_header_is_the_sum_of_its_lines(rows, terms):
    lines = [tax.of_line(row, terms) for row in rows]

    header = tax.totals(lines)

    for name in tax.AMOUNTS:
        assert getattr(header, name) == sum(getattr(line, name) for line in lines)


@always
@given(st.lists(supplies, min_size=1, max_size=3), terms_of)
def test_every_amount_has_two_places_and_survives_json(rows, terms):
    lines = [tax.of_line(row, terms) for row in rows]

    figures = [getattr(each, name) for each in (*lines, tax.totals(lines)) for name in tax.AMOUNTS]

    assert {figure.as_tuple().exponent for figure in figures} == {-2}
    for figure in figures:
        wire = money.write_short(figure)
        assert json.loads(wire, parse_float=D, parse_int=D) == figure


@settings(deadline=None, max_examples=20)
@pytest.mark.parametrize("rate", EVERY_RATE, ids=lambda rate: rate.text)
@given(row=supplies, terms=terms_of)
def test_a_price_with_tax_gives_back_the_gross(rate, row, terms):
    """And the tax is what FBR computes anew from the value that is sent."""
    row, terms = replace(row, rate=rate), replace(terms, inclusive=True)

    line = tax.of_line(row, terms)

    on_top = line.further_tax + line.extra_tax
    assert line.total - on_top == gross_of(row)
    assert line.value + line.sales_tax + line.residue == gross_of(row)
    if line.value < 0:  # more rupees a unit than the price holds: validation refuses it
        return
    base = line.retail_value if row.sale_type == SaleType.THIRD_SCHEDULE else line.value
    assert line.sales_tax == tax.sales_tax(value=base, quantity=row.quantity, rate=row.rate)
    assert abs(line.residue) <= D("0.01")


@settings(deadline=None, max_examples=20)
@pytest.mark.parametrize("rate", EVERY_RATE, ids=lambda rate: rate.text)
@given(row=supplies, terms=terms_of)
def test_a_price_without_tax_adds_up_exactly(rate, row, terms):
    row, terms = replace(row, rate=rate), replace(terms, inclusive=False)

    line = tax.of_line(row, terms)

    assert line.total == line.value + line.sales_tax + line.further_tax + line.extra_tax
    assert line.value == gross_of(row) + line.fed
    assert line.residue == 0


def test_the_twin_that_rounds_the_header_again_is_caught():
    """Were the header computed from its own value, three lines of a quarter would lose a paisa."""
    lines = [of_line(unit_price=D("0.25")) for _ in range(3)]

    again = tax.sales_tax(value=tax.totals(lines).value, quantity=D(1), rate=STANDARD)

    assert again != tax.totals(lines).sales_tax
