"""What must hold before issue: each problem with its code, its field and its line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from accounts.enums import Environment, Province
from invoices import tax, validation
from invoices.content import MOST_LINES, Content, Line, Party
from invoices.enums import BuyerKind, DocumentType, SaleType
from invoices.reference import Reference
from invoices.tax import Rate
from tests.factories import DAY, make_content, make_line, make_party

D = Decimal
SELLER = "7000007"
LISTS = Reference(
    hs_codes=frozenset({"5205.1100", "0101.2100"}),
    units=frozenset({"KG", "MT"}),
    rates={
        "18%": Rate(text="18%", percent=D(18)),
        "1%": Rate(text="1%", percent=D(1)),
        "Exempt": Rate(text="Exempt"),
    },
)


def amounts_of(content):
    return [
        tax.of_line(
            tax.Supply(
                sale_type=line.sale_type,
                rate=LISTS.rate(line.rate),
                quantity=max(line.quantity, D(0)),
                unit_price=line.unit_price,
                discount=line.discount,
                further_tax=line.further_tax,
                extra_tax=line.extra_tax,
                fed=line.fed,
                withheld=line.withheld,
            ),
            inclusive=content.prices_include_tax,
            buyer_kind=content.buyer.registration_type,
            on=content.invoice_date,
        )
        for line in content.lines
    ]


def problems_of(content, *, environment=Environment.SANDBOX, today=DAY):
    return validation.problems_of(
        content,
        amounts=amounts_of(content),
        seller_ntn_cnic=SELLER,
        environment=environment,
        reference=LISTS,
        today=today,
    )


def found_in(content, **more):
    return [(problem.code, problem.field, problem.line) for problem in problems_of(content, **more)]


UNREGISTERED = make_party(registration_type=BuyerKind.UNREGISTERED, ntn_cnic="")


def test_nothing_is_wrong_with_the_sample():
    assert problems_of(make_content()) == []


@pytest.mark.parametrize(
    ("fields", "environment", "expected"),
    [
        ({"document_type": DocumentType.DEBIT_NOTE}, "sandbox", ("0003", "document_type")),
        ({"document_type": "credit_note"}, "sandbox", ("0003", "document_type")),
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


@pytest.mark.parametrize("scenario", ["", "SN001", "SN009", "SN010", "SN019", "SN020", "SN028"])
def test_a_scenario_of_the_list_passes(scenario):
    assert found_in(replace(make_content(), scenario=scenario)) == []


@pytest.mark.parametrize("day", [DAY, date(2026, 11, 1), date(1989, 12, 31)])
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
    ({"sale_type": SaleType.REDUCED}, [("sale_type_later", "sale_type")]),
    ({"sale_type": SaleType.THIRD_SCHEDULE}, [("sale_type_later", "sale_type")]),
    ({"rate": ""}, [("0046", "rate")]),
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
