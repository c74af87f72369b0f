"""Every code and fault of POS has words of ours, in the same shape as those of DI."""

import re

import pytest

from fbr.di import codes as di_codes
from fbr.outcomes import CodeOnLine
from fbr.pos import codes
from fbr.pos.codes import CODES
from smartinvoicing.errors import Problem

REPORTED = ["101", "102", "104", "112", "400", "401", "402"]
FAULTS = ["900901", "900902", "900908", "900910"]


def test_codes_are_those_that_were_reported():
    scopes = {code: entry.scope for code, entry in CODES.items()}

    assert scopes == dict.fromkeys(REPORTED, "pos") | dict.fromkeys(FAULTS, "gateway")


@pytest.mark.parametrize("code", CODES)
def test_code_has_short_words_and_a_field_of_our_api(code):
    entry = CODES[code]

    assert entry.code == code
    assert entry.field in {"", "till_id", "token"}
    assert 10 < len(str(entry.meaning)) <= 200
    assert 10 < len(str(entry.fix)) <= 200
    assert str(entry.meaning).endswith(".")
    assert str(entry.fix).endswith(".")
    assert not re.search(r"%[ #0+-]*[a-zA-Z(%]|[{}]", f"{entry.meaning}\n{entry.fix}")


def test_a_caller_may_take_either_module():
    for name in ("is_known", "problem_of", "unexplained"):
        assert callable(getattr(codes, name))
        assert callable(getattr(di_codes, name))
    assert codes.unexplained("x") == di_codes.unexplained("x")


def test_problem_puts_fbrs_words_beside_ours():
    found = CodeOnLine(code="104", text="You are not authorized to use this service.")

    assert codes.problem_of(found) == Problem(
        code="104",
        field="till_id",
        line=None,
        message=(
            "The token is good, but FBR does not let this till report with it. "
            "FBR says: “You are not authorized to use this service.”"
        ),
        fix=(
            "Check the POSID in IRIS: it must be active and belong to this token. Then release "
            "the till; its bills wait."
        ),
    )


@pytest.mark.parametrize(
    ("code", "text", "field"),
    [
        ("402", "Items[0].PCTCode is required", "hs_code"),
        ("402", "Items[1].TaxRate: Wrong.", "rate"),
        ("102", "USIN too long", ""),
        ("400", "Invalid POSID", "till_id"),
        ("402", "PCTCode and Quantity", ""),
        ("101", "Quantity", ""),
    ],
)
def test_a_code_of_validation_points_at_the_box_that_fbr_names(code, text, field):
    assert codes.problem_of(CodeOnLine(code=code, text=text, line=1)).field == field


def test_an_unknown_code_is_kept_with_its_words():
    problem = codes.problem_of(CodeOnLine(code="118", text="A rule of tomorrow"))

    assert not codes.is_known("118")
    assert problem.code == "118"
    assert "118" in problem.message
    assert problem.message.endswith("FBR says: “A rule of tomorrow”")


@pytest.mark.parametrize(
    ("why", "code"),
    [
        ("code 104", "104"),
        ("code 112", "112"),
        ("gateway fault 900901", "900901"),
        ("gateway fault 900908", "900908"),
        ("gateway fault 900910", "900910"),
        ("gateway fault 900999", "refused_token"),
        ("HTTP 401", "refused_token"),
        ("", "refused_token"),
    ],
)
def test_a_hold_says_which_of_its_causes_it_was(why, code):
    problem = codes.problem_of_hold(why)

    assert problem.code == code
    assert problem.message
    assert problem.fix
    assert why in problem.message or code != "refused_token"


def test_112_tells_what_to_do_with_the_till():
    assert "component in the shop" in codes.problem_of_hold("code 112").fix


@pytest.mark.parametrize("code", ["100", "200", "201"])
def test_a_code_that_refuses_nothing_is_nothing_new(code):
    assert codes.is_known(code)
    assert code not in CODES
