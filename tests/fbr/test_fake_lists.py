"""FBR's lists at the fake may be changed by a test: what is served is what the rules accept."""

import pytest

from fbr.fake import FakeFbr
from tests.fbr.fake_client import NOON, codes, control, get, invoice, item, send

RATES = "/pdi/v2/SaleTypeToRate?date=21-Nov-2026&originationSupplier=7&transTypeId=75"
HS_UNITS = "/pdi/v2/HS_UOM?annexure_id=3&hs_code="


@pytest.fixture
def fbr():
    with FakeFbr(seed=1, clock=lambda: NOON) as fake:
        yield fake


def verdict(fbr, **line):
    return codes(send(fbr, invoice(item(**line))))


def texts(fbr, path, key):
    return [row[key] for row in get(fbr, path)]


def test_a_rate_comes_and_goes(fbr):
    new = {"rate": "19%", "salesTaxApplicable": 190}
    assert verdict(fbr, **new) == ["0046"]

    fbr.change_lists([{"list": "rates", "sale_type": 75, "add": {"id": 900, "text": "19%"}}])

    assert get(fbr, RATES)[-1] == {"ratE_ID": 900, "ratE_DESC": "19%", "ratE_VALUE": 19}
    assert verdict(fbr, **new) == [""]
    fbr.change_lists([{"list": "rates", "sale_type": 75, "remove": "18%"}])
    assert texts(fbr, RATES, "ratE_DESC") == ["19%"]
    assert verdict(fbr) == ["0046"]


def test_an_hs_code_comes_and_goes(fbr):
    changes = [
        {"list": "hs_codes", "add": {"code": "0101.9999", "text": "ZEBRAS"}},
        {"list": "hs_codes", "remove": "0101.2100"},
    ]
    assert verdict(fbr, hsCode="0101.9999") == ["0044"]

    assert control(fbr, "/_lists", changes) == (200, {})

    rows = get(fbr, "/pdi/v1/itemdesccode")
    assert {"hS_CODE": "0101.9999", "description": "ZEBRAS"} in rows
    assert "0101.2100" not in {row["hS_CODE"] for row in rows}
    assert verdict(fbr, hsCode="0101.9999") == [""]
    assert verdict(fbr) == ["0044"]


def test_a_unit_comes_and_goes_for_one_code_or_for_all(fbr):
    fbr.change_lists(
        [
            {"list": "units", "add": {"id": 200, "text": "Herd"}},
            {"list": "hs_units", "hs_code": "0101.2100", "add": "Herd"},
        ]
    )

    assert {"uoM_ID": 200, "description": "Herd"} in get(fbr, "/pdi/v1/uom")
    assert get(fbr, f"{HS_UNITS}0101.2100")[0] == {"uoM_ID": 200, "description": "Herd"}
    assert "Herd" not in texts(fbr, f"{HS_UNITS}0101.2900", "description")
    assert verdict(fbr, uoM="Herd") == [""]
    assert verdict(fbr, hsCode="0101.2900", uoM="Herd") == ["0099"]
    fbr.change_lists(
        [{"list": "hs_units", "hs_code": "0101.2100", "remove": "Numbers, pieces, units"}]
    )
    assert verdict(fbr) == ["0099"]
    fbr.change_lists([{"list": "units", "remove": "Herd"}])
    assert get(fbr, f"{HS_UNITS}0101.2100") == []


def test_the_lists_can_be_restored_and_are_each_gateways_own(fbr):
    before = get(fbr, RATES)
    fbr.change_lists([{"list": "rates", "sale_type": 75, "remove": "18%"}])

    with FakeFbr(clock=lambda: NOON) as other:
        assert get(other, RATES) == before
    assert control(fbr, "/_lists", {"restore": True}) == (200, {})
    assert get(fbr, RATES) == before


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"list": "prices"}, "hs_units"),
        ([], "names a list"),
        ({"list": "rates", "sale_type": 1, "remove": "18%"}, "no sale type"),
        ({"list": "rates", "sale_type": 75, "remove": "19%"}, "nothing of this text"),
        ({"list": "rates", "sale_type": 75, "add": {"id": 1, "text": "dear"}}, "no rate text"),
        ({"list": "rates", "sale_type": 75}, "add"),
        ({"list": "units", "remove": "Herd"}, "nothing of this text"),
        ({"list": "units"}, "add"),
        ({"list": "hs_codes", "remove": "0000.0000"}, "add"),
        ({"list": "hs_units", "hs_code": "0101.2100", "remove": "KG"}, "add a unit"),
        ({"list": "hs_units", "add": "KG"}, "hs_code"),
    ],
)
def test_a_change_that_says_nothing_usable_changes_nothing(fbr, change, words):
    first = {"list": "rates", "sale_type": 75, "remove": "18%"}

    status, answer = control(fbr, "/_lists", [first, change])

    assert status == 400
    assert words in answer["error"]
    assert texts(fbr, RATES, "ratE_DESC") == ["18%"]


def test_a_call_that_is_no_list_is_refused(fbr):
    assert control(fbr, "/_lists", {"restore": "yes"})[0] == 400
