import pytest

from accounts import particulars
from accounts.particulars import Particulars
from smartinvoicing.errors import RuleViolation
from tests.accounts.cast import PARTICULARS


def test_checked_writes_numbers_and_words_one_way():
    given = Particulars(
        **PARTICULARS
        | {
            "name": "  Lahore  Yarn Mills ",
            "ntn_cnic": "2046004-7",
            "strn": "12-00-1234-567-89",
            "phone": "+92 (300) 123-4567",
        },
        series="lhr-1",
    )

    stored = particulars.checked(given)

    assert (stored.name, stored.ntn_cnic) == ("Lahore Yarn Mills", "2046004")
    assert (stored.strn, stored.phone) == ("1200123456789", "+923001234567")
    assert stored.series == "LHR-1"


@pytest.mark.parametrize(
    ("field", "typed"),
    [
        ("name", " "),
        ("name", "x" * 201),
        ("name", "Mills\u202e"),
        ("ntn_cnic", "12345"),
        ("ntn_cnic", ""),
        ("strn", "123"),
        ("province", "Punjab"),
        ("province", ""),
        ("address", ""),
        ("address", "x" * 301),
        ("phone", "call me"),
        ("activity", "Smuggler"),
        ("sector", ""),
        ("series", "-1"),
        ("series", "ABCDEFGHIJK"),
        ("series", "A B"),
        ("series", "INV-CN"),
        ("series", "inv-dn"),
        ("software_no", "x" * 41),
    ],
)
def test_checked_refuses_and_names_the_field(field, typed):
    with pytest.raises(RuleViolation) as refused:
        particulars.checked(Particulars(**PARTICULARS | {field: typed}))

    assert [problem["field"] for problem in refused.value.details["problems"]] == [field]


def test_checked_names_every_field_at_once():
    with pytest.raises(RuleViolation) as refused:
        particulars.checked(Particulars(**dict.fromkeys(PARTICULARS, "")))

    assert {problem["field"] for problem in refused.value.details["problems"]} == {
        "name",
        "ntn_cnic",
        "province",
        "address",
        "activity",
        "sector",
    }
