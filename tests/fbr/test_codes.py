"""Every code of FBR's has words of ours: what is wrong, what to do now, and where."""

import json
import re
from collections import Counter
from itertools import groupby
from pathlib import Path
from typing import get_args

import pytest
from django.conf import settings

if not settings.configured:
    settings.configure(USE_I18N=False)

from fbr.di import code_table, codes
from fbr.di.codes import CODES
from fbr.outcomes import NO_CODE, CodeOnLine
from fbr.words import Remedy
from invoices.enums import SaleType
from smartinvoicing.errors import Problem

CODE = re.compile(r"[0-9]{4}")

# PRAL DI API v1.12: 84 sales, 2 auth, 22 purchase; then the ten reported by integrators.
SALES = CODE.findall("""
    0001 0002 0003 0005 0006 0007 0008 0009 0010 0011 0012 0013 0018 0019 0020 0021 0022 0023 0024
    0026 0027 0028 0029 0030 0031 0032 0034 0035 0036 0037 0039 0041 0042 0043 0044 0046 0050 0052
    0053 0055 0056 0057 0058 0064 0067 0068 0070 0071 0073 0074 0077 0078 0079 0080 0081 0082 0083
    0085 0086 0087 0088 0089 0090 0091 0092 0093 0095 0096 0097 0098 0099 0100 0101 0102 0103 0104
    0105 0106 0107 0108 0109 0111 0113 0300
""")
AUTH = ["0401", "0402"]
PURCHASE = CODE.findall("""
    0156 0157 0158 0159 0160 0161 0162 0163 0164 0165 0166 0167 0168 0169 0170 0171 0172 0173 0174
    0175 0176 0177
""")
REPORTED = CODE.findall("0059 0060 0061 0062 0129 0203 0204 0205 0302 0553")

FIELDS = {
    "",
    "business.ntn_cnic",
    "business.province",
    "buyer.name",
    "buyer.ntn_cnic",
    "buyer.province",
    "buyer.registration_type",
    "document_type",
    "extra_tax",
    "fed",
    "further_tax",
    "hs_code",
    "invoice_date",
    "petroleum_levy_on",
    "quantity",
    "rate",
    "reason",
    "reference",
    "retail_price",
    "sale_type",
    "sales_tax",
    "scenario",
    "sro_item",
    "sro_schedule",
    "unit",
    "unit_price",
    "withheld",
}

# Codes that FBR has twice for one thing; all others differ in what they mean.
SAME_MEANING = [
    ["0001", "0082"],
    ["0005", "0113"],
    ["0022", "0024"],
    ["0023", "0031"],
    ["0029", "0035"],
]
DATE_ONLY_WORDS = "FBR does not take this date; on its own calendar it may lie in the future."


def test_codes_are_all_of_fbr_and_those_reported():
    scopes = {code: entry.scope for code, entry in CODES.items()}

    assert scopes == (
        dict.fromkeys(SALES, "sales")
        | dict.fromkeys(AUTH, "auth")
        | dict.fromkeys(PURCHASE, "purchase")
        | dict.fromkeys(REPORTED, "reported")
    )
    assert Counter(scopes.values()) == {"sales": 84, "auth": 2, "purchase": 22, "reported": 10}


def test_codes_stand_in_one_table_only():
    tables = (code_table.SALES, code_table.AUTH, code_table.PURCHASE, code_table.REPORTED)

    assert sum(map(len, tables)) == len(CODES)


@pytest.mark.parametrize("code", CODES)
def test_code_has_short_words_and_a_field_of_our_api(code):
    entry = CODES[code]

    assert entry.code == code
    assert entry.field in FIELDS
    assert 10 < len(str(entry.meaning)) <= 200
    assert 10 < len(str(entry.fix)) <= 200
    assert str(entry.meaning).endswith(".")
    assert str(entry.fix).endswith(".")


@pytest.mark.parametrize("code", CODES)
def test_code_has_no_words_that_translators_tools_take_for_a_placeholder(code):
    words = f"{CODES[code].meaning}\n{CODES[code].fix}"

    assert not re.search(r"%[ #0+-]*[a-zA-Z(%]|[{}]", words)


def test_codes_share_their_words_only_where_they_mean_the_same():
    by_meaning = sorted((str(entry.meaning), code) for code, entry in CODES.items())
    groups = [[code for _, code in rows] for _, rows in groupby(by_meaning, lambda row: row[0])]

    assert sorted(group for group in groups if len(group) > 1) == SAME_MEANING


def test_problem_of_a_line_puts_fbrs_words_beside_ours():
    found = CodeOnLine(code="0019", text="Please provide HSCode", line=2)

    assert codes.problem_of(found) == Problem(
        code="0019",
        field="hs_code",
        line=2,
        message="The HS code is missing. FBR says: “Please provide HSCode”",
        fix="Choose a code from the tariff list, written like 5205.1100.",
    )


def test_problem_of_the_header_has_no_line():
    found = CodeOnLine(code="0012", text="Provide Buyer Registration Type")

    assert codes.problem_of(found) == Problem(
        code="0012",
        field="buyer.registration_type",
        line=None,
        message=(
            "It is not said whether the customer is registered for sales tax. "
            "FBR says: “Provide Buyer Registration Type”"
        ),
        fix="Choose registered or unregistered.",
    )


@pytest.mark.parametrize(
    "text",
    ["", "  \n", "\x00", "{0} only allowed within {1} days", "greater than {0}.", "Wrong {}"],
)
def test_problem_of_leaves_out_fbrs_words_when_blank_or_unfilled(text):
    found = CodeOnLine(code="0043", text=text)

    assert codes.problem_of(found).message == DATE_ONLY_WORDS


@pytest.mark.parametrize("text", ["Wrong\x00 \ud800date\r\n", "  Wrong   date", "Wrong\u202edate"])
def test_problem_of_writes_fbrs_words_as_one_line_the_database_takes(text):
    found = CodeOnLine(code="0043", text=text)

    assert codes.problem_of(found).message == f"{DATE_ONLY_WORDS} FBR says: “Wrong date”"


def test_problem_of_does_not_read_fbrs_words_as_a_format():
    found = CodeOnLine(code="0043", text="100%s of %(meaning)s")

    assert codes.problem_of(found).message.endswith("FBR says: “100%s of %(meaning)s”")


@pytest.mark.parametrize("code", CODES)
def test_problem_of_gives_plain_text_that_can_be_stored(code):
    problem = codes.problem_of(CodeOnLine(code=code, text="Says FBR", line=1))

    assert {type(problem.message), type(problem.fix), type(problem.field)} == {str}
    assert problem.line == 1
    assert problem.code == code


def test_problem_of_an_unknown_code_keeps_code_words_and_line():
    found = CodeOnLine(code="0999", text="A rule of tomorrow", line=3)

    assert codes.problem_of(found) == Problem(
        code="0999",
        field="",
        line=3,
        message=(
            "FBR refused this with code 0999, which its published lists do not explain. "
            "FBR says: “A rule of tomorrow”"
        ),
        fix=("Correct what FBR names and send again; if unclear, ask our support about 0999."),
    )


def test_problem_of_an_unknown_code_without_words_says_what_to_do_nevertheless():
    problem = codes.problem_of(CodeOnLine(code="E\x0012 %s", text="{0}"))

    assert problem == Problem(
        code="E 12 %s",
        field="",
        message="FBR refused this with code E 12 %s, which its published lists do not explain.",
        fix="Check every entry and send again; if that fails, ask our support about E 12 %s.",
    )


def test_unexplained_says_what_is_known():
    problem = codes.unexplained("HTTP 400")

    assert problem == Problem(
        code="unexplained",
        field="",
        message="FBR refused the document without naming a reason (HTTP 400).",
        fix="Check the document and send it again; if FBR refuses it again, ask our support.",
    )
    assert type(problem.message) is type(problem.fix) is str


def test_unexplained_has_no_empty_brackets_when_nothing_is_known():
    problem = codes.unexplained("")

    assert problem.message == "FBR refused the document without naming a reason."


def test_may_send_again_unchanged_holds_for_the_two_transient_codes_only():
    allowed = {code for code in [*CODES, "", "0999"] if codes.may_send_again_unchanged(code)}

    assert allowed == {"0077", "0099"}


@pytest.mark.parametrize(
    ("code", "known"),
    [("0001", True), ("0177", True), ("0553", True), ("0004", False), ("1", False), ("", False)],
)
def test_is_known_tells_whether_we_have_words(code, known):
    assert codes.is_known(code) is known


# --- what mends it in one step ------------------------------------------------------------------

# Which field a remedy changes; it must be the code's own.
REMEDY_OF = {
    "set_unit": {"unit"},
    "set_sale_type": {"sale_type"},
    "set_today": {"invoice_date"},
    "set_withheld_zero": {"withheld"},
    "clear_extra_tax": {"extra_tax"},
    "clear_scenario": {"scenario", "sale_type"},
    "send_again": {"sro_schedule", "unit"},
}


def test_a_remedy_stands_only_at_a_code_that_there_is():
    assert code_table.REMEDIES.keys() <= CODES.keys()


@pytest.mark.parametrize("code", code_table.REMEDIES)
def test_a_remedy_changes_the_field_of_its_code(code):
    entry = CODES[code]

    assert entry.field in REMEDY_OF[entry.remedy]


def test_every_remedy_of_the_list_is_used():
    assert {entry.remedy for entry in CODES.values()} == {"", *REMEDY_OF} == set(get_args(Remedy))


def test_what_a_remedy_puts_is_a_word_of_fbrs_lists():
    lists = json.loads(
        (Path(settings.BASE_DIR) / "invoices" / "data" / "lists.json").read_text(encoding="utf-8")
    )
    put = {
        entry.remedy: entry.put for entry in CODES.values() if entry.put and entry.code != "0101"
    }
    units = {entry.put for entry in CODES.values() if entry.remedy == "set_unit"}

    assert units <= set(lists["units"])
    assert put.keys() == {"set_unit", "set_withheld_zero"}
    assert CODES["0101"].put in SaleType.values


@pytest.mark.parametrize(
    ("code", "remedy", "put"),
    [
        ("0096", "set_unit", "KWH"),
        ("0070", "set_withheld_zero", "0"),
        ("0043", "set_today", ""),
        ("0099", "send_again", ""),
        ("0001", "", ""),
        ("0008", "", ""),  # nothing or all: only the owner knows
    ],
)
def test_a_code_tells_its_remedy(code, remedy, put):
    assert (CODES[code].remedy, CODES[code].put) == (remedy, put)


# --- codes whose words name the box -------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("Provided decimal value is not valid at field salesTaxApplicable", "sales_tax"),
        ("... at field [SalesTaxWithheldAtSource], item 1", "withheld"),
        ("... valueSalesExcludingST", "unit_price"),
        ("... extraTax or furtherTax", ""),
        ("... extraTaxes", ""),
        ("", ""),
    ],
)
def test_a_code_about_any_amount_points_at_the_one_that_fbr_names(text, field):
    assert codes.problem_of(CodeOnLine(code="0300", text=text, line=1)).field == field


def test_another_code_keeps_its_field_whatever_fbr_names():
    found = CodeOnLine(code="0104", text="wrong extraTax", line=1)

    assert codes.problem_of(found).field == "sales_tax"


def test_a_refusal_in_words_only_is_told_in_those_words():
    problem = codes.problem_of(CodeOnLine(code=NO_CODE, text="Wrong.", line=2))

    assert problem == Problem(
        code="unexplained",
        field="",
        line=2,
        message="FBR refused this without a code. FBR says: “Wrong.”",
        fix="Correct what FBR names and send again; if unclear, ask our support.",
    )


@pytest.mark.parametrize(
    ("code", "deed"),
    [
        ("0042", "set_today"),
        ("0043", "set_today"),
        ("0091", "clear_extra_tax"),
        ("0204", "clear_scenario"),
        ("0077", ""),  # the sender's own button
        ("0096", ""),  # mended by the text it puts
    ],
)
def test_a_refusal_brings_what_the_editor_does_at_one_press(code, deed):
    assert codes.problem_of(CodeOnLine(code=code, text="", line=1)).deed == deed
