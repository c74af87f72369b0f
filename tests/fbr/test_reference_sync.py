"""FBR's lists read from a fake FBR over HTTP: what is stored, what is refused, what is kept."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from fbr import reference_lists, selectors, tasks
from fbr.fake.register import DEVELOPMENT_TOKENS
from fbr.outcomes import Evidence
from fbr.reference_lists import Entry, SilentLine, UnusableList
from fbr.services import credentials, reference
from fbr.services.credentials import NoToken
from invoices import reference as lists_here
from invoices.enums import ListName
from invoices.models import (
    HsCode,
    HsUnit,
    Listing,
    ReferenceRun,
    ReferenceSync,
    SaleTypeRate,
    SroItem,
    Unit,
)
from smartinvoicing.errors import NotAllowed, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM

TOKEN = next(token for token, holder in DEVELOPMENT_TOKENS.items() if not holder.tills)
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fbr(fake_fbr, settings):
    settings.FBR_DI_URL = fake_fbr.url
    settings.FBR_CONNECT_TIMEOUT_S = 5
    return fake_fbr


@pytest.fixture(autouse=True)
def _unpaced(monkeypatch):
    """No pause between two calls, and no list that another test has read."""
    monkeypatch.setattr(reference, "PER_S", 1e9)
    lists_here.forget()
    yield
    lists_here.forget()


@pytest.fixture
def mill(transactional_db, fbr):
    """A tenant in Punjab whose token the fake knows."""
    tenant = factories.make_tenant("Mill")
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
    return tenant


def refresh(tenant, *, at=AT):
    """A whole refresh, step by step as the task does it."""
    with tenancy.in_tenant(tenant.pk):
        run = reference.begin(actor=SYSTEM, at=at)
        while reference.advance(run_id=run.pk):
            pass
    run.refresh_from_db()
    return run


def last(name):
    return ReferenceSync.objects.filter(name=name).latest("at")


def answer(body, status=200):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Evidence(sent=True, status=status, body=raw)


# --- reading an answer --------------------------------------------------------------------------


def test_keys_are_read_without_capitals_and_texts_without_padding():
    told = answer([{"transactioN_TYPE_ID": 23, "transactioN_DESC": " 3rd Schedule Goods "}])

    assert reference_lists.read(ListName.SALE_TYPES, told) == [Entry(23, "3rd Schedule Goods")]


def test_a_row_that_comes_twice_is_read_once():
    row = {"uoM_ID": 13, "description": "KG"}

    assert reference_lists.read(ListName.UNITS, answer([row, row])) == [Entry(13, "KG")]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"rows": []}, "not a list"),
        ([], "empty list"),
        (b"<html>", "not JSON"),
        ([{"uoM_ID": 13}], "no text"),
        ([{"uoM_ID": "x", "description": "KG"}], "no number"),
        ([{"uoM_ID": -1, "description": "KG"}], "no number"),
        ([{"uoM_ID": 13, "description": "K" * 41}], "longer"),
        ([{"uoM_ID": 13, "description": "   "}], "no text"),
        ([{"uoM_ID": 13, "description": "KG"}, 7], "Row 2"),
    ],
)
def test_a_list_of_another_shape_is_refused_with_the_reason(body, reason):
    with pytest.raises(UnusableList) as refused:
        reference_lists.read(ListName.UNITS, answer(body))

    assert reason in refused.value.message
    assert not isinstance(refused.value, SilentLine)


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        (answer({"fault": {"code": 900901}}, 401), "refused the token (HTTP 401, fault 900901)"),
        (answer([], 403), "HTTP 403"),
        (answer(b"", 500), "HTTP 500"),
        (answer({"fault": {"code": 101504, "message": "x"}}), "fault 101504"),
        (Evidence(sent=True, failure="ReadTimeout"), "ReadTimeout"),
    ],
)
def test_a_line_that_is_silent_is_told_apart(evidence, reason):
    with pytest.raises(SilentLine) as refused:
        reference_lists.read(ListName.UNITS, evidence)

    assert reason in refused.value.message


def test_an_hs_code_of_another_form_is_refused():
    with pytest.raises(UnusableList):
        reference_lists.read(
            ListName.HS_CODES, answer([{"hS_CODE": "52051100", "description": "x"}])
        )


def test_months_are_english_whatever_the_locale():
    assert reference_lists.month_date(date(2024, 2, 4)) == "04-Feb-2024"


# --- a refresh ----------------------------------------------------------------------------------


@committed
def test_a_refresh_reads_every_list_and_says_so(mill, fbr):
    run = refresh(mill)

    assert (run.failure, run.ended_at is not None) == ("", True)
    assert run.done == len(run.plan) > 60
    told = {row.name: (row.failure, row.rows > 0) for row in run.lists.all()}
    assert told == {
        **{name.value: ("", True) for name in reference.PLAN},
        ListName.HS_UNITS: ("", False),  # this business has no product yet
    }
    rates = SaleTypeRate.objects.filter(sale_type=75, province=7)
    assert list(rates.values_list("text", "rate_id")) == [("18%", 728)]
    asked = {row["path"] for row in fbr.ledger()["requests"]}
    assert not [path for path in asked if "_sb" in path]


@committed
def test_a_refresh_asks_with_dates_as_each_call_wants_them(mill, fbr):
    refresh(mill)

    paths = [row["path"] for row in fbr.ledger()["requests"]]
    rates = next(path for path in paths if "SaleTypeToRate" in path)
    items = next(path for path in paths if "SROItem" in path)
    assert re.search(r"[?&]date=\d\d-[A-Z][a-z]{2}-\d{4}(&|$)", rates)
    assert re.search(r"[?&]date=\d{4}-\d\d-\d\d(&|$)", items)


@committed
def test_after_a_refresh_the_lists_answer(mill, fbr):
    refresh(mill)

    here = lists_here.current()
    today = AT.date() + timedelta(days=400)
    assert here.rates_for("Goods at standard rate (default)", today, "PUNJAB") == ("18%",)
    assert here.rates_for("Services", today, "PUNJAB")
    assert here.rates_for("Services", today, "SINDH") is None
    assert here.schedules_for("Goods at standard rate (default)", "18%", today) == ()
    reduced = here.schedules_for("Goods at Reduced Rate", "1%", today)
    assert reduced
    assert here.items_of(reduced[0])
    assert here.items_of("Nowhere") is None


@committed
def test_what_changes_at_fbr_stands_in_the_diff(mill, fbr):
    refresh(mill)
    fbr.change_lists(
        [
            {"list": "units", "add": {"id": 200, "text": "Bale"}},
            {"list": "units", "remove": "Bag"},
            {"list": "hs_codes", "add": {"code": "5205.9999", "text": "COTTON - Yarn of tomorrow"}},
            {"list": "hs_codes", "remove": "5205.1100"},
        ]
    )

    refresh(mill, at=AT + timedelta(days=1))

    assert last(ListName.UNITS).diff["added"] == ["Bale"]
    assert last(ListName.UNITS).diff["removed"] == ["Bag"]
    assert Unit.objects.get(pk="Bag").gone_on is not None
    codes = last(ListName.HS_CODES).diff
    assert (codes["added_count"], codes["removed_count"], codes["changed_count"]) == (1, 1, 0)
    assert HsCode.objects.get(pk="5205.9999").description == "Yarn of tomorrow"
    here = lists_here.current()
    assert "5205.1100" not in here.hs_codes
    assert {"Bale"} <= here.units
    assert "Bag" not in here.units


@committed
def test_what_fbr_lists_again_is_back(mill, fbr):
    refresh(mill)
    fbr.change_lists([{"list": "units", "remove": "Bag"}])
    refresh(mill)
    fbr.change_lists({"restore": True})

    refresh(mill)

    assert Unit.objects.get(pk="Bag").gone_on is None
    assert last(ListName.UNITS).diff["added"] == ["Bag"]


@committed
def test_a_list_that_shrank_by_more_than_half_is_kept(mill, fbr):
    for name in list(Unit.objects.values_list("name", flat=True))[:20]:
        fbr.change_lists([{"list": "units", "remove": name}])

    run = refresh(mill)

    assert "FBR told" in last(ListName.UNITS).failure
    assert not Unit.objects.exclude(gone_on=None).exists()
    assert not Listing.objects.filter(name=ListName.UNITS).exists()
    assert run.failure == ""  # the other lists were read


@committed
def test_a_refused_token_holds_nothing_and_is_noted(transactional_db, fbr):
    tenant = factories.make_tenant("Stranger")
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        credential = factories.make_credential(LegalEntity.objects.get(), "nobody-knows-this-one")

    run = refresh(tenant)

    assert "refused the token" in run.failure
    assert run.done == 3
    assert "HTTP 401" in last(ListName.PROVINCES).failure
    assert not Listing.objects.exclude(name=ListName.RATES).exists()
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        credential.refresh_from_db()
        assert credential.held_at is None


@committed
def test_fbr_away_changes_nothing(mill, fbr):
    fbr.stop()

    run = refresh(mill)

    assert run.failure
    assert ReferenceSync.objects.filter(failure="").count() == 0
    assert HsCode.objects.filter(gone_on=None).count() == 7805


@committed
def test_a_business_without_a_token_reads_nothing(transactional_db, fbr):
    tenant = factories.make_tenant("No token")

    with tenancy.in_tenant(tenant.pk), pytest.raises(NoToken):
        reference.begin(actor=SYSTEM, at=AT)

    assert not ReferenceRun.objects.exists()


@committed
def test_two_refreshes_at_once_are_one(mill):
    with tenancy.in_tenant(mill.pk):
        reference.begin(actor=SYSTEM, at=AT)

        with pytest.raises(StateConflict):
            reference.begin(actor=SYSTEM, at=AT + timedelta(minutes=1))


@committed
def test_a_refresh_that_was_lost_makes_room_for_the_next(mill):
    with tenancy.in_tenant(mill.pk):
        lost = reference.begin(actor=SYSTEM, at=AT)

        following = reference.begin(actor=SYSTEM, at=AT + timedelta(minutes=11))

    lost.refresh_from_db()
    assert lost.failure
    assert following.ended_at is None


@committed
def test_a_refresh_goes_on_where_a_step_ended(mill, monkeypatch):
    monkeypatch.setattr(reference, "STEP_S", 0.05)

    run = refresh(mill)

    assert run.done == len(run.plan)
    assert run.lists.count() == len(reference.PLAN)


@committed
def test_a_reader_may_not_refresh(mill, reader):
    with tenancy.in_tenant(mill.pk), pytest.raises(NotAllowed):
        reference.begin(actor=reader, at=AT)


@committed
def test_a_path_before_fbrs_own_is_kept(mill, fbr, settings):
    settings.FBR_DI_URL = f"{fbr.url}/behind/a/proxy"

    run = refresh(mill)

    assert "HTTP 404" in run.failure
    assert fbr.ledger()["requests"][0]["path"].startswith("/behind/a/proxy/pdi/v1/provinces")


# --- units of one code --------------------------------------------------------------------------


@committed
def test_the_units_of_a_code_are_asked_once_a_month(mill, fbr):
    assert lists_here.current().units_of("2711.2100") is None

    with tenancy.in_tenant(mill.pk):
        first = reference.fetch_units(hs_code="2711.2100", at=AT)
        again = reference.fetch_units(hs_code="2711.2100", at=AT + timedelta(days=29))
        later = reference.fetch_units(hs_code="2711.2100", at=AT + timedelta(days=31))

    assert (first, again, later) == (True, False, True)
    assert lists_here.current().units_of("2711.2100") == {"KG", "MMBTU"}


@committed
def test_the_units_of_a_code_follow_fbr(mill, fbr):
    with tenancy.in_tenant(mill.pk):
        reference.fetch_units(hs_code="2711.2100", at=AT)
        fbr.change_lists([{"list": "hs_units", "hs_code": "2711.2100", "remove": "KG"}])
        reference.fetch_units(hs_code="2711.2100", at=AT + timedelta(days=31))

    assert lists_here.current().units_of("2711.2100") == {"MMBTU"}
    assert HsUnit.objects.get(hs_code="2711.2100", unit="KG").gone_on is not None


@committed
def test_a_silent_fbr_leaves_the_units_unknown(mill, fbr):
    fbr.stop()

    with tenancy.in_tenant(mill.pk):
        assert reference.fetch_units(hs_code="2711.2100", at=AT) is False

    assert lists_here.current().units_of("2711.2100") is None


# --- the timetable ------------------------------------------------------------------------------


@committed
def test_the_daily_task_is_idle_without_a_token(transactional_db, fbr):
    factories.make_tenant("No token")

    tasks.sync_reference()

    assert not ReferenceRun.objects.exists()


@committed
def test_the_daily_task_begins_once_a_day(mill):
    tasks.sync_reference()
    tasks.sync_reference()

    assert ReferenceRun.objects.count() == 1


@committed
def test_a_held_token_is_not_drawn(mill):
    with tenancy.in_tenant(mill.pk), transaction.atomic():
        credential = credentials.Credential.objects.get()
        credentials.hold(credential=credential, why="401", actor=SYSTEM, at=AT)

    assert selectors.token_by_lot("today") == []


@committed
def test_every_business_lends_its_token_in_turn(transactional_db):
    for number in range(5):
        factories.make_reporting_tenant(
            number, token=f"token-of-{number}-business", ntn_cnic=f"{7200000 + number}"
        )

    drawn = {selectors.token_by_lot(f"day {day}")[0].tenant_id for day in range(100)}

    assert len(drawn) == 5


@committed
def test_the_task_of_a_step_rings_until_the_end(mill):
    with tenancy.in_tenant(mill.pk):
        run = reference.begin(actor=SYSTEM, at=AT)

    tasks.refresh_lists(tenant_id=str(mill.pk), run_id=str(run.pk))
    tasks.refresh_lists(tenant_id=str(mill.pk), run_id=str(run.pk))

    run.refresh_from_db()
    assert run.ended_at is not None


@committed
def test_items_that_fbr_tells_replace_those_that_were_seen(mill):
    refresh(mill)

    items = SroItem.objects.filter(schedule__text="ICTO TABLE I", gone_on=None)
    assert items.exists()
    assert not items.filter(fbr_id=None).exists()
