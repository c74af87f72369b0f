"""Whatever a program may send: it is understood exactly, or refused by field and line."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.enums import Province
from accounts.texts import clean
from invoices import intake
from invoices.content import Content, Line, Party
from invoices.enums import BuyerKind, DocumentType, SaleType
from smartinvoicing import money
from smartinvoicing.api import DecimalJSONParser, Malformed, read_json
from tests.factories import DAY

D = Decimal
ID = "019374a8-0000-7000-8000-000000000001"
ARABIC = "\u0661\u0662\u0663\u0664\u066b\u0665"  # 1234, an Arabic decimal mark, 5
URDU = "\u06f1\u06f2\u06f3\u06f4.\u06f5\u06f0"  # 1234.50
DEVANAGARI = "\u0967\u0968"  # 12
FULL_WIDTH = "\uff11\uff12"  # 12

# The body of interface.md 4, as it stands there.
SAMPLE = """
{"document_type": "sale_invoice", "invoice_date": "2026-11-21", "client_reference": "SO-1001",
 "scenario": "SN001",
 "buyer": {"name": "Sample Traders", "registration_type": "registered", "ntn_cnic": "2046004",
           "province": "Sindh", "address": "Karachi"},
 "prices_include_tax": false,
 "lines": [{"description": "Cotton yarn", "hs_code": "5205.1100",
            "sale_type": "Goods at standard rate (default)", "rate": "18%",
            "unit": "KG", "quantity": "400", "unit_price": "2.50", "discount": "0",
            "retail_price": null, "sro_schedule": "", "sro_item": "", "further_tax": null,
            "extra_tax": null, "fed": null, "withheld": null}],
 "issue": true}
"""


def parsed(text):
    """As the parser of the API reads it."""
    return read_json(text.encode("utf-8", "surrogatepass"))


def read(body, today=DAY):
    return intake.read(body, today=today)


def problems_in(body):
    return [(problem.code, problem.field, problem.line) for problem in read(body)[1]]


def line_of(**fields):
    content, problems = read({"lines": [fields]})
    return content.lines[0], [(problem.code, problem.field, problem.line) for problem in problems]


def test_the_body_of_the_contract_is_read_whole():
    content, problems = read(parsed(SAMPLE))

    assert problems == []
    assert content == Content(
        document_type=DocumentType.SALE_INVOICE,
        invoice_date=date(2026, 11, 21),
        client_reference="SO-1001",
        scenario="SN001",
        buyer=Party(
            name="Sample Traders",
            registration_type=BuyerKind.REGISTERED,
            ntn_cnic="2046004",
            province=Province.SINDH,
            address="Karachi",
        ),
        lines=(
            Line(
                description="Cotton yarn",
                hs_code="5205.1100",
                unit="KG",
                quantity=D(400),
                unit_price=D("2.50"),
            ),
        ),
    )


def test_what_is_left_out_takes_its_default():
    content, problems = read({"lines": [{}]})

    assert problems == []
    assert content == Content(invoice_date=DAY, lines=(Line(),))
    assert (content.lines[0].sale_type, content.lines[0].rate) == (SaleType.STANDARD, "18%")


def test_an_empty_body_is_an_empty_draft_of_today():
    assert read({}) == (Content(invoice_date=DAY), [])


# --- numbers -------------------------------------------------------------------------------------

NUMBERS = [
    # JSON text of the value, what it is
    ("2", "2"),
    ("2.5", "2.5"),
    ("2.50", "2.50"),
    ("0.0001", "0.0001"),
    ("1.00000", "1"),
    ("1e0", None),
    ('"2.50"', "2.50"),
    ('" 2.50 "', "2.50"),
    ('"+2.5"', "2.5"),
    ('"007"', "7"),
    ('"0.10000"', "0.1"),
    (f'"{URDU}"', "1234.50"),
    ("9999999999999.99", "9999999999999.99"),
    ("123456789012", "123456789012"),
    ('"123456789012.1234"', "123456789012.1234"),
    # what is not a plain number
    ('"NaN"', None),
    ('"nan"', None),
    ('"sNaN"', None),
    ('"Infinity"', None),
    ('"-inf"', None),
    ('"1e3"', None),
    ('"1E+400"', None),
    ("1e400", None),
    ("1e-400", None),
    ("1e3", None),
    ("1.5E2", None),
    ('"0x10"', None),
    ('"1_000"', None),
    ('"1,000.50"', None),
    ('"1 000"', None),
    ('"Rs 5"', None),
    ('"5%"', None),
    ('".5"', None),
    ('"5."', None),
    ('"--5"', None),
    ('"\\u2212 5"', None),
    (f'"{ARABIC}"', None),
    (f'"{DEVANAGARI}"', None),
    (f'"{FULL_WIDTH}"', None),
    ('"12\\u00b2"', None),
    ('"1\\u0000"', None),
    ('"\\ud800"', None),
    ('"1\\n2"', None),
    ("true", None),
    ("[]", None),
    ("[1]", None),
    ("{}", None),
    ('{"a": 1}', None),
    ("1" * 19, None),
    ("1" * 4000, None),
    (f'"{"1" * 4000}"', None),
    ("1" + "0" * 60 + ".5", None),
]


@pytest.mark.parametrize(("written", "value"), NUMBERS, ids=[n[0][:24] for n in NUMBERS])
def test_a_number_is_plain_and_exact_or_refused(written, value):
    line, problems = line_of(**parsed(f'{{"quantity": {written}}}'))

    if value is None:
        assert problems == [("0300", "quantity", 1)]
        assert line.quantity == D("0.00")
    else:
        assert problems == []
        assert line.quantity == D(value)
        assert not line.quantity.is_signed()


@pytest.mark.parametrize("written", ["NaN", "Infinity", "-Infinity", "01", "1.", ".5", "+1", "0x1"])
def test_what_is_no_json_number_is_no_json(written):
    with pytest.raises(ValueError):  # noqa: PT011 -- json's own, with words of every kind
        parsed(f'{{"quantity": {written}}}')


@pytest.mark.parametrize(
    ("field", "written", "code"),
    [
        ("quantity", "1.00001", "0302"),
        ("quantity", '"1.00001"', "0302"),
        ("unit_price", "1.00001", "0302"),
        ("discount", "1.001", "0302"),
        ("retail_price", "1.001", "0302"),
        ("further_tax", "1.001", "0302"),
        ("extra_tax", "1.001", "0302"),
        ("fed", "1.001", "0302"),
        ("withheld", "1.001", "0302"),
        ("quantity", "0.00000000000000000001", "0302"),
        ("quantity", "1000000000000.00000000000000000001", "0302"),
        ("discount", "1000000000000.00000000000000000001", "0302"),
        ("quantity", "10000000000000", "0300"),
        ("unit_price", '"10000000000000.0001"', "0300"),
        ("further_tax", "10000000000000", "0300"),
        ("further_tax", "-10000000000000", "0300"),
        ("quantity", "-1", "0300"),
        ("quantity", '"-0.0001"', "0300"),
        ("unit_price", "-2.50", "0300"),
        ("discount", "-0.01", "0300"),
        ("further_tax", '"ten"', "0300"),
        ("withheld", "false", "0300"),
    ],
)
def test_a_number_out_of_bounds_names_its_field_and_line(field, written, code):
    row = parsed(f'{{"{field}": {written}}}')

    content, problems = read({"lines": [{}, {}, row]})

    assert [(each.code, each.field, each.line) for each in problems] == [(code, field, 3)]
    assert getattr(content.lines[2], field) in {None, D("0.00")}


@pytest.mark.parametrize("field", ["retail_price", "further_tax", "extra_tax", "fed", "withheld"])
@pytest.mark.parametrize("written", ["null", '""'])
def test_null_means_compute_it(field, written):
    line, problems = line_of(**parsed(f'{{"{field}": {written}}}'))

    assert (getattr(line, field), problems) == (None, [])


@pytest.mark.parametrize("written", ["0", "-0", "-0.0", '"-0"', '"-0.00"', '"+0"'])
def test_a_zero_has_no_sign(written):
    line, problems = line_of(**parsed(f'{{"discount": {written}, "further_tax": {written}}}'))

    assert problems == []
    assert [money.write(line.discount), money.write(line.further_tax)] == ["0.00", "0.00"]


def test_a_negative_tax_is_kept_for_validation_to_refuse():
    line, problems = line_of(further_tax="-1.00")

    assert (line.further_tax, problems) == (D("-1.00"), [])


@settings(deadline=None, max_examples=50)
@given(st.decimals("0", "9999999999999.99", places=2, allow_nan=False, allow_infinity=False))
def test_a_json_round_trip_keeps_every_paisa(amount):
    """As a number, as text, and in our own writing of it."""
    for written in (f"{amount:f}", f'"{amount:f}"', f'"{money.write(amount)}"'):
        line, problems = line_of(**parsed(f'{{"discount": {written}}}'))

        assert problems == []
        assert line.discount == amount


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=40))
def test_any_text_as_a_number_is_a_number_or_a_problem(text):
    line, problems = line_of(quantity=text)

    assert line.quantity.is_finite()
    assert problems in ([], [("0300", "quantity", 1)], [("0302", "quantity", 1)])


# --- text ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given_text", "kept"),
    [
        ("Cotton  yarn\t20/1\n", "Cotton yarn 20/1"),
        ("cafe\u0301", "caf\u00e9"),
        ("a\u0000b", "a b"),
        ("a\u001fb\u007fc\u0085d", "a b c d"),
        ("a\u2028b\u2029c", "a b c"),
        ("a\ud800b", "a b"),
        ("\udfff", ""),
        ("\u202eevil\u202c", "evil"),
        ("\u2066a\u2069\u2067b\u2068", "ab"),
        ("\u200eLTR\u200f", "LTR"),
        ("\u061cALM", "ALM"),
        ("\ufeffBOM", "BOM"),
        (
            "\u0633\u0648\u062a\u06cc \u062f\u06be\u0627\u06af\u06c1",
            "\u0633\u0648\u062a\u06cc \u062f\u06be\u0627\u06af\u06c1",
        ),
        ("\u0645\u06cc\u200c\u062e\u0648", "\u0645\u06cc\u200c\u062e\u0648"),  # ZWNJ spells words
        ("\U0001f4a1 lamp", "\U0001f4a1 lamp"),
        ("   ", ""),
    ],
)
def test_text_is_tidied_but_not_rewritten(given_text, kept):
    line, problems = line_of(description=given_text)

    assert (line.description, problems) == (kept, [])


def test_lone_surrogates_and_nul_come_through_the_parser_too():
    body = parsed('{"lines": [{"description": "a\\ud800b\\u0000c"}]}')

    assert read(body)[0].lines[0].description == "a b c"


@settings(deadline=None, max_examples=60)
@given(st.text(max_size=60))
def test_cleaned_text_can_be_stored_and_is_clean_already(text):
    cleaned = clean(text)

    assert clean(cleaned) == cleaned
    assert "\x00" not in cleaned.encode().decode()
    assert cleaned == " ".join(cleaned.split())


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"client_reference": "x" * 81}, ("too_long", "client_reference", None)),
        ({"scenario": "SN0001"}, ("too_long", "scenario", None)),
        ({"buyer": {"name": "x" * 201}}, ("too_long", "buyer.name", None)),
        ({"buyer": {"address": "x" * 301}}, ("too_long", "buyer.address", None)),
        ({"buyer": {"ntn_cnic": "1" * 21}}, ("too_long", "buyer.ntn_cnic", None)),
        ({"buyer": {"province": "x" * 31}}, ("too_long", "buyer.province", None)),
        ({"lines": [{"description": "x" * 301}]}, ("too_long", "description", 1)),
        ({"lines": [{"hs_code": "5205.11000"}]}, ("too_long", "hs_code", 1)),
        ({"lines": [{"unit": "x" * 41}]}, ("too_long", "unit", 1)),
        ({"lines": [{"rate": "x" * 81}]}, ("too_long", "rate", 1)),
        ({"lines": [{"sale_type": "x" * 61}]}, ("too_long", "sale_type", 1)),
        ({"lines": [{"sro_schedule": "x" * 101}]}, ("too_long", "sro_schedule", 1)),
        ({"lines": [{"sro_item": "x" * 41}]}, ("too_long", "sro_item", 1)),
    ],
)
def test_text_that_no_column_holds_is_refused(body, expected):
    assert problems_in(body) == [expected]


@pytest.mark.parametrize("wrong", [1, D("1.5"), True, [], ["x"], {}, {"a": 1}])
@pytest.mark.parametrize(
    ("place", "field", "line"),
    [
        (lambda value: {"client_reference": value}, "client_reference", None),
        (lambda value: {"document_type": value}, "document_type", None),
        (lambda value: {"scenario": value}, "scenario", None),
        (lambda value: {"buyer": {"name": value}}, "buyer.name", None),
        (lambda value: {"buyer": {"ntn_cnic": value}}, "buyer.ntn_cnic", None),
        (lambda value: {"lines": [{}, {"description": value}]}, "description", 2),
        (lambda value: {"lines": [{"hs_code": value}]}, "hs_code", 1),
    ],
    ids=["reference", "type", "scenario", "name", "ntn", "description", "hs code"],
)
def test_what_is_not_text_is_said(place, field, line, wrong):
    assert problems_in(place(wrong)) == [("not_text", field, line)]


def test_digits_of_other_keyboards_are_read_in_numbers_of_people_and_goods():
    content, problems = read(
        {
            "buyer": {"ntn_cnic": "\u06f2\u06f0\u06f4\u06f6\u06f0\u06f0\u06f4"},
            "lines": [{"hs_code": "\u0665\u0662\u0660\u0665.\u0661\u0661\u0660\u0660"}],
        }
    )

    assert problems == []
    assert (content.buyer.ntn_cnic, content.lines[0].hs_code) == ("2046004", "5205.1100")


@pytest.mark.parametrize(
    ("typed", "province"),
    [
        ("Sindh", "SINDH"),
        ("punjab", "PUNJAB"),
        ("Khyber Pakhtunkhwa", "KHYBER PAKHTUNKHWA"),
        ("KPK", "KHYBER PAKHTUNKHWA"),
        ("Islamabad", "CAPITAL TERRITORY"),
        ("ajk", "AZAD JAMMU AND KASHMIR"),
        ("Gilgit Baltistan", "GILGIT BALTISTAN"),
        ("Atlantis", "Atlantis"),
    ],
)
def test_a_province_is_spelt_as_fbr_spells_it(typed, province):
    assert read({"buyer": {"province": typed}})[0].buyer.province == province


# --- the other shapes ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "code"),
    [
        ("2026-11-31", "0005"),
        ("21-11-2026", "0005"),
        ("2026-W47-6", "0005"),
        ("20261121", "0005"),
        ("2026-11-21T00:00", "0005"),
        ("today", "0005"),
        ("\u0662\u0660\u0662\u0666-11-21", "0005"),
        (20261121, "0005"),
        (True, "0005"),
        ([], "0005"),
        ({"year": 2026}, "0005"),
    ],
)
def test_a_date_is_year_month_day_or_refused(value, code):
    content, problems = read({"invoice_date": value})

    assert [(each.code, each.field) for each in problems] == [(code, "invoice_date")]
    assert content.invoice_date == DAY


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"prices_include_tax": "yes"}, ("not_boolean", "prices_include_tax", None)),
        ({"prices_include_tax": 1}, ("not_boolean", "prices_include_tax", None)),
        ({"prices_include_tax": None}, ("not_boolean", "prices_include_tax", None)),
        ({"buyer_id": "nobody"}, ("not_id", "buyer_id", None)),
        ({"buyer_id": 7}, ("not_id", "buyer_id", None)),
        ({"buyer_id": [ID]}, ("not_id", "buyer_id", None)),
        ({"lines": [{}, {"product_id": "x"}]}, ("not_id", "product_id", 2)),
        ({"buyer": "Sample Traders"}, ("not_object", "buyer", None)),
        ({"buyer": []}, ("not_object", "buyer", None)),
        ({"lines": {}}, ("not_list", "lines", None)),
        ({"lines": None}, ("not_list", "lines", None)),
        ({"lines": "none"}, ("not_list", "lines", None)),
        ({"lines": [1]}, ("not_list", "lines", None)),
        ({"lines": [{}, None]}, ("not_list", "lines", None)),
        ({"document_type": "receipt"}, ("unknown_word", "document_type", None)),
        (
            {"buyer": {"registration_type": "maybe"}},
            ("unknown_word", "buyer.registration_type", None),
        ),
        ({"currency": "USD"}, ("unknown_field", "currency", None)),
        ({"number": "INV-1"}, ("unknown_field", "number", None)),
        ({"state": "accepted"}, ("unknown_field", "state", None)),
        ({"fbr_number": "7000007DI1"}, ("unknown_field", "fbr_number", None)),
        ({"buyer": {"iban": "x"}}, ("unknown_field", "buyer.iban", None)),
        ({"lines": [{}, {"sales_tax": "1"}]}, ("unknown_field", "sales_tax", 2)),
        ({"x" * 500: 1}, ("unknown_field", "x" * 60, None)),
    ],
)
def test_a_wrong_shape_names_its_place(body, expected):
    assert problems_in(body) == [expected]


def test_of_many_unknown_fields_the_first_few_are_named():
    body = {f"field{number}": 1 for number in range(1000)}

    assert len(problems_in(body)) == 5


def test_ids_are_read():
    content, problems = read({"buyer_id": ID, "lines": [{"product_id": ID.upper()}]})

    assert problems == []
    assert (content.buyer_id, content.lines[0].product_id) == (UUID(ID), UUID(ID))


def test_more_lines_than_a_document_may_have_are_refused_before_they_are_stored():
    assert problems_in({"lines": [{}] * 40_000}) == [("too_many_lines", "lines", None)]


def test_everything_wrong_is_said_at_once():
    body = {
        "invoice_date": "soon",
        "buyer": {"name": 5},
        "lines": [{"quantity": "x"}, {"unit_price": "-1", "colour": "red"}],
    }

    assert problems_in(body) == [
        ("0005", "invoice_date", None),
        ("not_text", "buyer.name", None),
        ("0300", "quantity", 1),
        ("unknown_field", "colour", 2),
        ("0300", "unit_price", 2),
    ]


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.decimals(allow_nan=False, allow_infinity=False)
    | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)
keys = sorted(intake._DOCUMENT_KEYS | intake._LINE_KEYS | intake._BUYER_KEYS)
bodies = st.dictionaries(
    st.sampled_from(keys),
    json_values
    | st.lists(st.dictionaries(st.sampled_from(keys), json_values, max_size=5), max_size=3)
    | st.dictionaries(st.sampled_from(keys), json_values, max_size=5),
    max_size=8,
)


@settings(deadline=None, max_examples=60)
@given(bodies)
def test_no_body_makes_an_accident(body):
    content, problems = read(body)

    assert isinstance(content, Content)
    assert all(problem.fix and problem.message for problem in problems)


# --- the parser ----------------------------------------------------------------------------------


def parse(raw):
    class Stream:
        def read(self, *_):
            return raw

    return DecimalJSONParser().parse(Stream())


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a": 1,}',
        b"{'a': 1}",
        b'{"a": 1} {"b": 2}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": 1, "a": 2}',
        b'{"lines": [{"quantity": 1, "quantity": 2}]}',
        b'{"a": "\xff\xfe"}',
        '{"a": 1}'.encode("utf-16"),
        b'\xef\xbb\xbf{"a": 1}',
        b'{"a": "tab\tinside"}',
        b"[" * 100_000,
        b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
        b"[]",
        b'"text"',
        b"17",
        b"null",
    ],
    ids=lambda raw: repr(raw[:20]),
)
def test_a_body_that_is_not_one_json_object_is_malformed(raw):
    with pytest.raises(Malformed):
        parse(raw)


def test_numbers_never_pass_through_a_float():
    body = parse(b'{"a": 0.1, "b": 1.10, "c": 12345678901234567890, "d": 3}')

    assert {name: type(value) for name, value in body.items()} == {
        "a": Decimal,
        "b": Decimal,
        "c": Decimal,
        "d": int,
    }
    assert [str(body["a"]), str(body["b"]), str(body["c"])] == [
        "0.1",
        "1.10",
        "12345678901234567890",
    ]


def test_the_parsers_answer_can_be_read_deeply_nested():
    deep = b'{"buyer": ' + b"[" * 300 + b"]" * 300 + b"}"

    assert problems_in(parse(deep)) == [("not_object", "buyer", None)]
    assert json.loads(deep)
