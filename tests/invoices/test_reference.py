"""FBR's lists as they are seeded, kept in the process, offered in pickers and by the API."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse

from accounts.enums import Permission
from invoices import reference, selectors, unit_bell
from invoices.enums import ListName, SaleType
from invoices.models import HsCode, HsUnit, Listing, SaleTypeRate, SroItem, SroSchedule
from invoices.services import lists
from invoices.services.lists import ShrunkList
from smartinvoicing import clock
from tests import factories
from tests.factories import AT

pytestmark = pytest.mark.django_db

DAY = date(2026, 11, 20)


@pytest.fixture(autouse=True)
def _read_anew():
    reference.forget()
    yield
    reference.forget()


# --- seeds --------------------------------------------------------------------------------------


def test_what_is_known_before_the_first_token_is_there():
    assert SaleTypeRate.objects.filter(sale_type=75).values_list("text", "rate_id").get() == (
        "18%",
        728,
    )
    assert SroSchedule.objects.count() == 95
    assert SroItem.objects.filter(schedule=None).count() == 722
    assert Listing.objects.count() == 3
    assert not HsCode.objects.filter(heading="").exists()
    assert not HsCode.objects.filter(description="").exists()
    assert set(HsUnit.objects.filter(hs_code="2402.2000").values_list("unit", flat=True)) == {
        "KG",
        "Thousand Unit",
    }


def test_the_role_that_serves_deletes_no_row_of_a_list():
    with pytest.raises(DatabaseError), transaction.atomic():
        SroSchedule.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname ~ '^invoices_(hs|unit|rate|sro|sale|prov"
            "|doc|listing|refer)' AND relkind = 'r'"
            " AND has_table_privilege('app', oid, 'DELETE')"
        )
        assert cursor.fetchall() == []


# --- what the lists answer ----------------------------------------------------------------------


def test_rates_are_complete_only_where_fbr_told_all_of_them():
    here = reference.current()

    assert here.rates_for(SaleType.STANDARD, DAY) == ("18%",)
    assert here.rates_for(SaleType.STANDARD, DAY, "PUNJAB") == ("18%",)
    assert here.rates_for(SaleType.SERVICES, DAY) is None
    assert here.rates_for("Nowhere", DAY) is None
    assert here.rates_for(SaleType.STANDARD, date(2026, 1, 1)) is None
    assert "16%" in here.rates_offered(SaleType.SERVICES, DAY)


def test_a_reading_for_a_province_goes_before_what_was_seen():
    lists.put(ListName.RATES, "75:7", [(900, "17%")], at=AT)
    reference.forget()

    here = reference.current()

    assert here.rates_for(SaleType.STANDARD, DAY, "PUNJAB") == ("17%",)
    assert here.rates_for(SaleType.STANDARD, DAY, "SINDH") == ("18%",)
    assert here.rates_for(SaleType.STANDARD, DAY) == ("17%",)


def test_a_rate_that_is_gone_still_holds_for_the_days_before():
    lists.put(ListName.RATES, "75:7", [(900, "17%"), (728, "18%")], at=AT)
    lists.put(ListName.RATES, "75:7", [(728, "18%")], at=AT + timedelta(days=10))
    reference.forget()

    here = reference.current()

    assert here.rates_for(SaleType.STANDARD, DAY, "PUNJAB") == ("17%", "18%")
    assert here.rates_for(SaleType.STANDARD, DAY + timedelta(days=10), "PUNJAB") == ("18%",)


def test_units_are_known_only_where_fbr_told_them():
    here = reference.current()

    assert here.units_of("2402.2000") == {"KG", "Thousand Unit"}
    assert here.units_of("7214.9990") is None
    assert here.units_of("0000.0000") is None
    assert here.units_offered("7214.9990")[:2] == ("KG", "MT")
    assert len(here.units_offered("5205.1100")) == 32


def test_no_unit_told_leaves_the_choice():
    lists.put(ListName.HS_UNITS, "5205.1100", [], at=AT)
    reference.forget()

    assert reference.current().units_of("5205.1100") is None


def test_schedules_and_their_serials_are_known_as_far_as_they_were_told():
    lists.put(ListName.RATES, "24:7", [(2401, "0.5%")], at=AT)
    lists.put(ListName.SCHEDULES, "2401:7", [(12, "8th Schedules"), (8, "5th Schedule")], at=AT)
    lists.put(ListName.ITEMS, "12", [(17853, "50"), (17854, "51")], at=AT)
    reference.forget()

    here = reference.current()

    assert here.schedules_for(SaleType.REDUCED, "0.5%", DAY) == ("8th Schedules", "5th Schedule")
    assert here.schedules_for("", "0.5%", DAY) == ("8th Schedules", "5th Schedule")
    assert here.schedules_for(SaleType.REDUCED, "1%", DAY) is None
    assert here.items_of("8th Schedules") == ("50", "51")
    assert here.items_of("5th Schedule") is None
    assert here.schedules_offered(SaleType.REDUCED, "1%", DAY) == here.schedules


def test_a_number_of_fbrs_moves_from_one_schedule_to_another():
    lists.put(ListName.SCHEDULES, "2401:7", [(12, "8th Schedules")], at=AT)
    lists.put(ListName.SCHEDULES, "2401:7", [(12, "9th Schedules")], at=AT)

    assert SroSchedule.objects.get(fbr_id=12).text == "9th Schedules"


def test_a_rate_that_nobody_can_read_counts_as_nothing():
    here = reference.current()

    assert here.rate("18%").percent == Decimal(18)
    assert here.rate("12.34%").percent == Decimal("12.34")  # in no list, but in FBR's form
    assert here.rate("a lot").percent == 0
    assert [here.knows_rate(text) for text in ("18%", "12.34%", "a lot")] == [True, True, False]


def test_fbrs_words_stand_beside_ours():
    code = HsCode.objects.get(pk="7214.1010")
    assert code.description == code.heading  # the tariff's file has no more

    pairs = list(HsCode.objects.values_list("code", "code"))
    said = {**dict(pairs), "7214.1010": "IRON AND STEEL. - BARS AND RODS - FORGED BARS"}
    diff = lists.put(ListName.HS_CODES, "", list(said.items()), at=AT)

    code.refresh_from_db()
    assert code.description == "Forged bars"
    assert (diff.added, diff.removed, diff.changed) == ([], [], [])
    reference.forget()
    assert selectors.hs_search("forged bars")[0].code == "7214.1010"


def test_a_list_that_shrank_leaves_no_trace():
    with pytest.raises(ShrunkList):
        lists.put(ListName.SALE_TYPES, "", [(75, "Goods at standard rate (default)")], at=AT)

    assert Listing.objects.filter(name=ListName.SALE_TYPES).count() == 0


# --- kept in the process ------------------------------------------------------------------------


def test_the_lists_are_read_once(django_assert_num_queries):
    reference.current()

    with django_assert_num_queries(0):
        reference.current()


def test_after_five_minutes_a_look_is_enough_where_nothing_changed(
    django_assert_num_queries, monkeypatch
):
    before = reference.current()
    monkeypatch.setattr(reference, "FRESH_S", -1.0)

    with django_assert_num_queries(3):
        again = reference.current()

    assert again is before


def test_after_five_minutes_a_change_is_seen(monkeypatch):
    reference.current()
    monkeypatch.setattr(reference, "FRESH_S", -1.0)
    at = clock.now()
    lists.put(ListName.RATES, "75:7", [(900, "17%")], at=at)

    today = clock.karachi_date(at)
    assert reference.current().rates_for(SaleType.STANDARD, today, "PUNJAB") == ("17%",)


# --- the bell for units -------------------------------------------------------------------------


@pytest.fixture
def rung(monkeypatch):
    rings = []
    monkeypatch.setattr(unit_bell, "tell", lambda task, **kwargs: rings.append((task, kwargs)))
    return rings


def test_units_that_nobody_knows_are_rung_for_once(
    inside, rung, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        unit_bell.ring_for_units(["5205.1100", "5205.1100", "0000.0000"], at=AT)
        unit_bell.ring_for_units(["5205.1100"], at=AT)

    assert rung == [
        ("fbr.fetch_units", {"tenant_id": str(inside.pk), "hs_code": "5205.1100"}),
    ]


def test_what_was_told_long_ago_is_rung_for_again(inside, rung, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        unit_bell.ring_for_units(["2402.2000"], at=AT)  # two months after the seed

    assert [kwargs["hs_code"] for _task, kwargs in rung] == ["2402.2000"]


# --- pickers ------------------------------------------------------------------------------------


@pytest.fixture
def browser(client, owner):
    client.force_login(owner)
    return client


def options(browser, name, **query):
    answer = browser.get(reverse(f"invoices:{name}"), query, headers={"HX-Request": "true"})
    assert answer.status_code == 200
    return [option["value"] for option in answer.context["options"]]


def test_the_picker_of_codes_forgives_and_understands(browser):
    assert options(browser, "hs_search", q="cheeni")[0].startswith("1701")
    assert options(browser, "hs_search", q="cemnt")[0].startswith("2523")
    assert options(browser, "hs_search", q="5205.1100") == ["5205.1100"]
    assert options(browser, "hs_search", q="c") == []


def test_the_picker_of_units_offers_what_fbr_allows(browser):
    assert options(browser, "unit_options", hs_code="2402.2000") == ["KG", "Thousand Unit"]
    assert options(browser, "unit_options", hs_code="2402.2000", q="thou") == ["Thousand Unit"]
    assert "Pair" in options(browser, "unit_options", hs_code="5205.1100")


def test_the_pickers_of_rates_and_what_they_rest_on(browser):
    assert options(browser, "rate_options", sale_type=SaleType.STANDARD, date="2026-11-20") == [
        "18%"
    ]
    assert "16%" in options(browser, "rate_options", sale_type=SaleType.SERVICES, date="yesterday")
    assert "ICTO TABLE I" in options(
        browser, "schedule_options", sale_type=SaleType.SERVICES, rate="5%", q="icto"
    )
    assert "1(ii)(ii)(a)" in options(browser, "item_options", schedule="ICTO TABLE I", q="1(ii)")


# --- the API ------------------------------------------------------------------------------------


@pytest.fixture
def ask(client, business, owner):
    key = factories.make_key(business, owner, scopes=[Permission.VIEW])

    def get(name, status=200, **query):
        answer = client.get(
            reverse(f"api-reference-{name}"), query, headers={"Authorization": f"Bearer {key}"}
        )
        assert answer.status_code == status, answer.content
        return answer.json()

    return get


def test_the_api_searches_codes(ask):
    told = ask("hs-codes", q="2402.2000")

    assert told == {
        "results": [
            {
                "code": "2402.2000",
                "description": "Cigarettes containing tobacco",
                "heading": "Cigars, cheroots and cigarettes",
                "units": ["KG", "Thousand Unit"],
            }
        ],
        "next": None,
    }
    assert ask("hs-codes", q="sariya", limit="1")["results"][0]["units"] is None


def test_the_api_lists_all_codes_page_by_page(ask, client):
    first = ask("hs-codes", limit="200")
    cursor = parse_qs(urlsplit(first["next"]).query)["cursor"][0]
    second = ask("hs-codes", limit="200", cursor=cursor)

    codes = [row["code"] for row in first["results"] + second["results"]]
    assert len(set(codes)) == 400
    assert codes == sorted(codes)


def test_the_api_lists_units(ask):
    assert len(ask("units")["results"]) == 32
    assert ask("units", hs_code="2402.2000") == {
        "results": [{"name": "KG"}, {"name": "Thousand Unit"}],
        "next": None,
        "complete": True,
    }
    assert ask("units", hs_code="5205.1100")["complete"] is False


def test_the_api_lists_provinces_and_kinds_of_supply(ask):
    assert {"id": 7, "name": "PUNJAB"} in ask("provinces")["results"]
    kinds = ask("sale-types")["results"]
    assert len(kinds) == 26
    assert kinds[0] == {
        "id": 75,
        "text": "Goods at standard rate (default)",
        "scenarios": ["SN001", "SN002", "SN026"],
    }


@pytest.mark.parametrize("sale_type", ["75", "Goods at standard rate (default)"])
def test_the_api_lists_rates_of_a_kind_of_supply(ask, sale_type):
    assert ask("rates", sale_type=sale_type, date="2026-11-20") == {
        "results": [{"text": "18%", "percent": "18", "per_unit": "0", "unit": ""}],
        "next": None,
        "complete": True,
    }


def test_the_api_lists_every_rate_and_schedule(ask):
    assert len(ask("rates", limit="200")["results"]) == 114
    told = ask("schedules", q="zero rated gas")
    assert told["results"] == [{"id": 7, "text": "Zero Rated Gas", "items": None}]
    assert told["complete"] is False


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"cursor": "x"}, "cursor"),
        ({"cursor": "LTE="}, "cursor"),
        ({"date": "tomorrow"}, "date"),
    ],
)
def test_the_api_says_what_it_does_not_understand(ask, query, field):
    told = ask("rates", status=422, **query)

    assert told["details"]["problems"][0]["field"] == field


def test_the_api_is_closed_to_a_key_that_may_not_see(client, business, owner):
    key = factories.make_key(business, owner, scopes=[Permission.SETTLE])

    answer = client.get(reverse("api-reference-units"), headers={"Authorization": f"Bearer {key}"})

    assert answer.status_code == 403


def test_the_schema_knows_the_lists(client):
    schema = client.get(reverse("schema"), {"format": "json"}).json()

    rates = schema["paths"]["/api/v1/reference/rates"]["get"]
    assert {"sale_type", "date", "q", "limit", "cursor"} <= {
        each["name"] for each in rates["parameters"]
    }
