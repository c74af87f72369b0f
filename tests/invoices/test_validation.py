"""What must hold before issue: each problem with its code, its field and its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from unittest.mock import patch

import pytest

from accounts.enums import Activity, Environment, Province
from accounts.models import LegalEntity
from invoices import reference, validation, warnings
from invoices.content import MOST_LINES, Content, Line, Party
from invoices.enums import BuyerKind, SaleType
from invoices.reference import Reference
from invoices.services import assessing
from tests.factories import DAY, make_content, make_line, make_party

D = Decimal
SELLER = "7000007"
LISTS = Reference(
    hs_codes=frozenset({"5205.1100", "0101.2100", "2716.0000"}),
    units=frozenset({"KG", "MT", "KWH", "SqY", "Bill of lading", "Liter", "Others"}),
    rates={},
)


def seller(activity=Activity.WHOLESALER, environment=Environment.SANDBOX):
    return LegalEntity(ntn_cnic=SELLER, activity=activity, environment=environment)


def case_of(content, *, today=DAY, **fields):
    assessed = {}
    entity = seller(**fields)
    noon = datetime(today.year, today.month, today.day, 7, tzinfo=UTC)
    with (
        patch.object(validation, "problems_of", lambda case: assessed.update(case=case) or []),
        patch.object(reference, "current", lambda: LISTS),
    ):
        assessing.assess(content, entity, at=noon)
    return assessed["case"]


def problems_of(content, **more):
    return list(validation.problems_of(case_of(content, **more)))


def warnings_in(content, **more):
    found = warnings.warnings_of(case_of(content, **more))
    return [(problem.code, problem.field, problem.line, problem.deed) for problem in found]


def found_in(content, **more):
    return [(problem.code, problem.field, problem.line) for problem in problems_of(content, **more)]


ANY = make_party()
UNREGISTERED = make_party(registration_type=BuyerKind.UNREGISTERED, ntn_cnic="")


def test_nothing_is_wrong_with_the_sample():
    assert problems_of(make_content()) == []


@pytest.mark.parametrize(
    ("fields", "environment", "expected"),
    [
        ({"invoice_date": date(2026, 11, 21)}, "sandbox", ("0043", "invoice_date")),
        ({"lines": ()}, "sandbox", ("no_lines", "lines")),
        ({"scenario": "SN001"}, "production", ("scenario_in_production", "scenario")),
        ({"scenario": "nonsense"}, "production", ("scenario_in_production", "scenario")),
        ({"scenario": "SN000"}, "sandbox", ("0203", "scenario")),
        ({"scenario": "SN029"}, "sandbox", ("0203", "scenario")),
        ({"scenario": "SN1"}, "sandbox", ("0203", "scenario")),
        ({"scenario": "SN0\u06611"}, "sandbox", ("0203", "scenario")),
    ],
)
def test_a_wrong_document_is_said(fields, environment, expected):
    content = replace(make_content(), **fields)

    assert found_in(content, environment=environment) == [(*expected, None)]


@pytest.mark.parametrize("scenario", ["", "SN001", "SN002", "SN026"])
def test_a_scenario_of_the_kind_of_supply_passes(scenario):
    assert found_in(replace(make_content(), scenario=scenario)) == []


@pytest.mark.parametrize("scenario", ["SN003", "SN009", "SN028"])
def test_a_scenario_of_another_kind_of_supply_is_said_at_the_line(scenario):
    found = problems_of(replace(make_content(), scenario=scenario))

    assert [(each.code, each.field, each.line, each.deed) for each in found] == [
        ("0204", "sale_type", 1, "clear_scenario")
    ]


@pytest.mark.parametrize("day", [DAY, date(2026, 11, 1), date(2023, 2, 15), date(1989, 12, 31)])
def test_today_and_the_past_are_no_future(day):
    """FBR's limit to the past is hearsay: nothing is refused for it."""
    content = replace(make_content(), invoice_date=day, buyer=UNREGISTERED)

    assert found_in(content) == []


def test_a_thousand_lines_pass_and_one_more_does_not():
    lines = (make_line(),) * MOST_LINES

    assert found_in(make_content(*lines)) == []
    assert found_in(make_content(*lines, make_line())) == [("too_many_lines", "lines", None)]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"name": ""}, [("0010", "buyer.name")]),
        ({"registration_type": ""}, [("0012", "buyer.registration_type")]),
        ({"registration_type": "Registered"}, [("0012", "buyer.registration_type")]),
        ({"province": ""}, [("0074", "buyer.province")]),
        ({"province": "Sindh"}, [("0074", "buyer.province")]),
        ({"province": "ATLANTIS"}, [("0074", "buyer.province")]),
        ({"address": ""}, [("buyer_address", "buyer.address")]),
        ({"ntn_cnic": ""}, [("0009", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "123456"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "12345678"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "123456789"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "12345678901234"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "0000000000000"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "2O46OO4"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "\u0662\u0660\u0664\u0666\u0660\u0660\u0664"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": "not a number"}, [("0002", "buyer.ntn_cnic")]),
        ({"ntn_cnic": SELLER}, [("0058", "buyer.ntn_cnic")]),
        ({"ntn_cnic": f"{SELLER}-3"}, [("0058", "buyer.ntn_cnic")]),
        (
            {"name": "", "registration_type": "", "province": "", "address": "", "ntn_cnic": ""},
            [
                ("0010", "buyer.name"),
                ("0012", "buyer.registration_type"),
                ("0074", "buyer.province"),
                ("buyer_address", "buyer.address"),
            ],
        ),
    ],
)
def test_a_wrong_buyer_is_said_field_by_field(fields, expected):
    content = make_content(buyer=make_party(**fields))

    assert found_in(content) == [(*each, None) for each in expected]


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        (BuyerKind.REGISTERED, "2046004"),
        (BuyerKind.REGISTERED, "2046004-5"),
        (BuyerKind.REGISTERED, "A123456"),
        (BuyerKind.REGISTERED, "a123456"),
        (BuyerKind.REGISTERED, "35202-1234567-1"),
        (BuyerKind.REGISTERED, "3520212345671"),
        (BuyerKind.UNREGISTERED, ""),
        (BuyerKind.UNREGISTERED, "1234567"),
    ],
)
def test_numbers_of_either_form_pass(kind, number):
    content = make_content(buyer=make_party(registration_type=kind, ntn_cnic=number))

    assert found_in(content) == []


@pytest.mark.parametrize("province", Province.values)
def test_every_province_of_fbrs_list_passes(province):
    assert found_in(make_content(buyer=make_party(province=province))) == []


SRO = {"sro_schedule": "EIGHTH SCHEDULE Table 1", "sro_item": "82"}
LINES = [
    ({"description": ""}, [("description", "description")]),
    ({"hs_code": ""}, [("0019", "hs_code")]),
    ({"hs_code": "0000.0000"}, [("0044", "hs_code")]),
    ({"hs_code": "5205.1"}, [("0044", "hs_code")]),
    ({"hs_code": "52051100"}, [("0044", "hs_code")]),
    ({"hs_code": "5205.1100 "}, [("0044", "hs_code")]),
    ({"hs_code": "\u0665\u0662\u0660\u0665.\u0661\u0661\u0660\u0660"}, [("0044", "hs_code")]),
    ({"unit": ""}, [("0099", "unit")]),
    ({"unit": "kg"}, [("0099", "unit")]),
    ({"unit": "Kilos"}, [("0099", "unit")]),
    ({"sale_type": ""}, [("0013", "sale_type")]),
    ({"sale_type": "Goods at Standard Rate (default)"}, [("0013", "sale_type")]),
    ({"sale_type": SaleType.THIRD_SCHEDULE}, [("0090", "retail_price")]),
    ({"sale_type": SaleType.THIRD_SCHEDULE, "retail_price": D(0)}, [("0090", "retail_price")]),
    (
        {"sale_type": SaleType.REDUCED, "rate": "1%"},
        [("0077", "sro_schedule"), ("0078", "sro_item")],
    ),
    (
        {"sale_type": SaleType.REDUCED, "rate": "1%", "sro_schedule": "EIGHTH SCHEDULE Table 1"},
        [("0078", "sro_item")],
    ),
    ({"sale_type": SaleType.EXEMPT, "rate": "0%", **SRO}, [("0046", "rate")]),
    ({"sale_type": SaleType.ZERO, "rate": "Exempt", **SRO}, [("0046", "rate")]),
    ({"sale_type": SaleType.SRO_297, "rate": "18%", **SRO}, [("0046", "rate")]),
    ({"sale_type": SaleType.REDUCED, "rate": "one percent", **SRO}, [("0046", "rate")]),
    ({"sale_type": SaleType.REDUCED, "rate": "", **SRO}, [("0020", "rate")]),
    ({"sale_type": SaleType.STEEL}, [("0062", "unit")]),
    ({"sale_type": SaleType.SERVICES_FED, "rate": "200/bill"}, [("0061", "unit")]),
    ({"sale_type": SaleType.SERVICES, "rate": "100/SqY", **SRO}, [("0060", "unit")]),
    ({"sale_type": SaleType.CEMENT, "rate": "Rs.700/MT"}, [("0099", "unit")]),
    ({"hs_code": "2716.0000"}, [("0096", "unit")]),
    (
        {"sale_type": SaleType.PETROLEUM, "rate": "1.43%", "petroleum_levy_on": "Air", **SRO},
        [("0129", "petroleum_levy_on")],
    ),
    (
        {"sale_type": SaleType.PROCESSING, "rate": "5%", "quantity": D(10000)},
        [("0079", "rate")],
    ),
    (
        {"sale_type": SaleType.REDUCED, "rate": "1%", "extra_tax": D(1), **SRO},
        [("0091", "extra_tax")],
    ),
    ({"sale_type": SaleType.COTTON, "withheld": D(1)}, [("0050", "withheld")]),
    ({"sale_type": SaleType.GOODS_FED, "rate": "8%", "fed": D(5)}, [("fed_in_st_mode", "fed")]),
    (
        {"sale_type": SaleType.GOODS_FED, "rate": "8%", "fed_rate": "16%"},
        [("fed_in_st_mode", "fed")],
    ),
    ({"fed_rate": "much"}, [("fed_rate", "fed_rate")]),
    ({"rate": ""}, [("0020", "rate")]),
    ({"rate": "18 %"}, [("0046", "rate")]),
    ({"rate": "18"}, [("0046", "rate")]),
    ({"rate": "1%"}, [("0046", "rate")]),
    ({"rate": "Exempt"}, [("0046", "rate")]),
    ({"quantity": D(0)}, [("0098", "quantity")]),
    ({"quantity": D("-0.0001")}, [("0098", "quantity")]),
    ({"unit_price": D(0)}, [("0021", "unit_price")]),
    ({"unit_price": D("-2.50")}, [("0021", "unit_price")]),
    ({"discount": D("-0.01")}, [("0300", "discount")]),
    ({"discount": D(1000)}, [("0300", "discount")]),
    ({"discount": D("1000.01")}, [("0300", "discount")]),
    ({"quantity": D("0.0001"), "unit_price": D("0.01")}, [("0300", "discount")]),
    ({"unit_price": D("99999999999999")}, [("0300", "unit_price")]),
    ({"further_tax": D("-1")}, [("0300", "further_tax"), ("further_tax", "further_tax")]),
    ({"further_tax": D(40)}, [("further_tax", "further_tax")]),
    ({"extra_tax": D("-0.01")}, [("0300", "extra_tax")]),
    ({"fed": D("-0.01")}, [("0300", "fed")]),
    ({"withheld": D("-0.01")}, [("0300", "withheld"), ("0008", "withheld")]),
    ({"withheld": D("36.00")}, [("0008", "withheld")]),
    (
        {"description": "", "hs_code": "", "unit": "", "quantity": D(0), "unit_price": D(0)},
        [
            ("description", "description"),
            ("0019", "hs_code"),
            ("0099", "unit"),
            ("0098", "quantity"),
            ("0021", "unit_price"),
        ],
    ),
]


@pytest.mark.parametrize(("fields", "expected"), LINES)
def test_a_wrong_line_is_said_with_its_number(fields, expected):
    content = make_content(make_line(), make_line(**fields), make_line())

    assert found_in(content) == [(*each, 2) for each in expected]


@pytest.mark.parametrize(
    ("fields", "buyer"),
    [
        ({"withheld": D(0)}, make_party()),
        ({"withheld": D("180.00")}, make_party()),
        ({"further_tax": D(0)}, UNREGISTERED),
        ({"further_tax": D("40.00")}, UNREGISTERED),
        ({"further_tax": D(0)}, make_party()),
        ({"extra_tax": D("10.00"), "fed": D("5.00")}, make_party()),
        ({"sale_type": SaleType.THIRD_SCHEDULE, "retail_price": D(3)}, UNREGISTERED),
        ({"sale_type": SaleType.REDUCED, "rate": "1%", **SRO}, UNREGISTERED),
        ({"sale_type": SaleType.EXEMPT, "rate": "Exempt", **SRO}, UNREGISTERED),
        ({"sale_type": SaleType.STEEL, "unit": "MT"}, UNREGISTERED),
        ({"sale_type": SaleType.MOBILE_PHONES}, UNREGISTERED),  # standard rate: no SRO
        ({"sale_type": SaleType.SERVICES_FED, "rate": "200/bill", "unit": "Bill of lading"}, ANY),
        ({"sale_type": SaleType.CEMENT, "rate": "Rs.3"}, UNREGISTERED),
        (
            {"sale_type": SaleType.GOODS_FED, "rate": "18% and Rs. 80 per Liter", "unit": "Liter"},
            ANY,
        ),
        ({"sale_type": SaleType.PROCESSING, "rate": "5%", "quantity": D(8000)}, ANY),
        ({"discount": D("999.99")}, make_party()),
        ({"quantity": D("0.0001"), "unit_price": D(100)}, make_party()),
    ],
)
def test_a_line_at_its_limits_passes(fields, buyer):
    assert found_in(make_content(make_line(**fields), buyer=buyer)) == []


def test_a_further_tax_of_the_old_rate_is_refused_today_and_right_before_2023():
    line = make_line(further_tax=D("30.00"))
    content = make_content(line, buyer=UNREGISTERED)

    assert found_in(content) == [("further_tax", "further_tax", 1)]
    assert found_in(replace(content, invoice_date=date(2023, 6, 30))) == []


@pytest.mark.parametrize(("on", "rate"), [(date(2023, 2, 14), "17%"), (date(2023, 2, 15), "18%")])
def test_the_standard_rate_is_that_of_the_day(on, rate):
    other = {"17%": "18%", "18%": "17%"}[rate]
    right, wrong = (
        replace(make_content(make_line(rate=text)), invoice_date=on) for text in (rate, other)
    )

    assert found_in(right) == []
    assert [(each.code, each.put) for each in problems_of(wrong)] == [("0046", rate)]


# --- who must be named -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("activity", "price", "is_wrong"),
    [
        (Activity.MANUFACTURER, "1", True),
        (Activity.IMPORTER, "1", True),
        (Activity.RETAILER, "204.91", False),  # 100,000 and less, taxes in it
        (Activity.RETAILER, "204.92", True),
        (Activity.WHOLESALER, "204.92", True),
    ],
)
def test_who_must_be_named_depends_on_seller_and_amount(activity, price, is_wrong):
    content = make_content(make_line(unit_price=D(price)), buyer=UNREGISTERED)

    found = found_in(content, activity=activity)

    assert found == ([("buyer_identity", "buyer.ntn_cnic", None)] if is_wrong else [])


def test_the_consumers_limit_was_lower_before_july_2020():
    content = make_content(make_line(unit_price=D("120"), rate="17%"), buyer=UNREGISTERED)

    assert found_in(replace(content, invoice_date=date(2020, 7, 1))) == []
    assert found_in(replace(content, invoice_date=date(2020, 6, 30))) == [
        ("buyer_identity", "buyer.ntn_cnic", None)
    ]


def test_cotton_is_for_registered_customers():
    content = make_content(make_line(sale_type=SaleType.COTTON), buyer=UNREGISTERED)

    assert ("0100", "sale_type", 1) in found_in(content)


def test_withholding_is_for_registered_customers():
    content = replace(make_content(buyer=UNREGISTERED), withholding="full")

    assert found_in(content) == [("0070", "withholding", None)]


def test_a_fifth_withheld_is_possible_where_the_customer_withholds_a_fifth():
    content = make_content(make_line(withheld=D("36.00")))

    assert found_in(replace(content, withholding="one_fifth")) == []
    assert found_in(replace(content, withholding="full")) == [("0008", "withheld", 1)]


# --- one press mends it ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "field", "put"),
    [
        ({"hs_code": "52051100"}, "hs_code", "5205.1100"),
        ({"unit": "kg"}, "unit", "KG"),
        ({"sale_type": SaleType.STEEL}, "unit", "MT"),
        ({"rate": "18"}, "rate", "18%"),
        ({"sale_type": SaleType.EXEMPT, "rate": "0%", **SRO}, "rate", "Exempt"),
        ({"withheld": D("36.00")}, "withheld", "180.00"),
    ],
)
def test_a_problem_brings_its_remedy_and_the_remedy_mends_it(fields, field, put):
    line = make_line(**fields)

    (problem,) = problems_of(make_content(line))
    assert (problem.field, problem.put) == (field, put)
    mended = D(put) if field == "withheld" else put
    assert found_in(make_content(replace(line, **{field: mended}))) == []


# --- worth a second look -----------------------------------------------------------------------


def test_repeated_goods_are_worth_a_look_and_can_be_merged():
    content = make_content(make_line(), make_line(quantity=D(3)))

    assert warnings_in(content) == [("repeated_line", "description", 2, "merge_lines")]
    assert found_in(content) == []


def test_another_price_is_not_merged():
    content = make_content(make_line(), make_line(unit_price=D(3)))

    assert warnings_in(content) == [("repeated_line", "description", 2, "")]


def test_one_hs_code_at_two_rates_is_worth_a_look():
    reduced = make_line(description="Other", sale_type=SaleType.REDUCED, rate="1%", **SRO)

    assert warnings_in(make_content(make_line(), reduced)) == [("shared_hs_code", "hs_code", 2, "")]


def test_different_goods_of_one_hs_code_may_be_merged_but_need_not():
    content = make_content(make_line(), make_line(description="Other yarn"))

    assert warnings_in(content) == [("shared_hs_code", "hs_code", 2, "merge_lines")]


@pytest.mark.parametrize(("day", "is_old"), [(17, False), (16, True)])
def test_a_date_more_than_three_days_back_is_worth_a_look(day, is_old):
    content = replace(make_content(), invoice_date=date(2026, 11, day))

    found = warnings_in(content)

    assert found == ([("old_date", "invoice_date", None, "")] if is_old else [])


def test_petroleum_without_the_base_of_its_levy_is_worth_a_look():
    line = make_line(sale_type=SaleType.PETROLEUM, rate="1.43%", **SRO)

    assert found_in(make_content(line)) == []
    assert warnings_in(make_content(line)) == [("0129", "petroleum_levy_on", 1, "")]
    assert warnings_in(make_content(replace(line, petroleum_levy_on="Value"))) == []


def test_excise_without_its_kind_is_worth_a_look():
    assert warnings_in(make_content(make_line(fed=D(5)))) == [("fed_type", "fed_type", 1, "")]
    assert warnings_in(make_content(make_line(fed=D(5), fed_type="First Schedule"))) == []


def test_the_document_comes_first_then_line_by_line():
    content = Content(
        invoice_date=date(2026, 11, 21),
        buyer=replace(make_party(), name=""),
        lines=(make_line(unit="kg"), make_line(), make_line(description="")),
    )

    assert found_in(content) == [
        ("0043", "invoice_date", None),
        ("0010", "buyer.name", None),
        ("0099", "unit", 1),
        ("description", "description", 3),
    ]


def test_an_empty_form_is_no_accident():
    content = Content(invoice_date=DAY, buyer=Party(), lines=(Line(),))

    problems = problems_of(content)

    assert {problem.line for problem in problems} == {None, 1}


@pytest.mark.parametrize(("fields", "_expected"), LINES)
def test_every_problem_says_what_is_wrong_and_what_to_do(fields, _expected):
    for problem in problems_of(make_content(make_line(**fields))):
        assert problem.message.endswith(".")
        assert problem.fix.endswith(".")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, []),
        ({"ntn_cnic": SELLER}, []),
        ({"name": "", "address": ""}, ["buyer.name", "buyer.address"]),
        ({"ntn_cnic": "12"}, ["buyer.ntn_cnic"]),
    ],
)
def test_a_master_is_held_to_the_same_rules(fields, expected):
    problems = validation.problems_of_party(make_party(**fields))

    assert [problem.field for problem in problems] == expected


def test_scenario_sn001_is_refused_for_an_unregistered_customer():
    unregistered = make_party(registration_type="unregistered", ntn_cnic="")

    found = problems_of(make_content(scenario="SN001", buyer=unregistered))

    assert [(problem.code, problem.field) for problem in found] == [("0205", "scenario")]


def test_withheld_tax_is_refused_for_an_unregistered_customer():
    unregistered = make_party(registration_type="unregistered", ntn_cnic="")
    line = make_line(withheld=Decimal("180.00"))

    found = problems_of(make_content(line, buyer=unregistered))

    assert [(problem.code, problem.field, problem.line) for problem in found] == [
        ("0070", "withheld", 1)
    ]
