"""FBR's register about customers: read on the word, kept, walked over, put into the master."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, transaction
from django.urls import reverse

from accounts import tenancy
from accounts.enums import AuditAction, Role
from accounts.models import AuditEvent, LegalEntity
from fbr import register, selectors, tasks
from fbr.fake.register import DEVELOPMENT_TOKENS
from fbr.models import BuyerCheckRun
from fbr.outcomes import Evidence
from fbr.register import NoAnswer
from fbr.services import buyer_checks
from fbr.services.credentials import NoToken
from invoices.enums import BuyerKind, Registration, TaxpayerStanding, Withholding
from invoices.models import Buyer, BuyerCheck
from invoices.services import catalogue
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import AT, SYSTEM

TOKEN = next(token for token, holder in DEVELOPMENT_TOKENS.items() if not holder.tills)
ACTIVE, SUSPENDED, NOBODY = "2046004", "1111111", "1234567"
HTMX = {"HX-Request": "true"}
committed = pytest.mark.django_db(transaction=True)


@pytest.fixture
def fbr(fake_fbr, settings):
    settings.FBR_DI_URL = fake_fbr.url
    fake_fbr.add_taxpayers(
        [
            {"number": ACTIVE, "registered": True},
            {"number": SUSPENDED, "registered": True, "active": False},
            {"number": NOBODY, "registered": False},
        ]
    )
    return fake_fbr


@pytest.fixture(autouse=True)
def _unpaced(monkeypatch):
    monkeypatch.setattr(buyer_checks, "PER_S", 1e9)


@pytest.fixture
def mill(transactional_db, fbr):
    tenant = factories.make_tenant("Mill")
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
    return tenant


@pytest.fixture
def within(mill):
    with tenancy.in_tenant(mill.pk):
        yield mill


@pytest.fixture
def browser(mill, client):
    client.force_login(factories.make_member(mill, Role.OWNER))
    return client


def make_buyer(**fields):
    with transaction.atomic():
        return factories.make_buyer(**fields)


def check(number, at=AT):
    return buyer_checks.check(number=number, actor=SYSTEM, at=at)


def words(row):
    return row.registration, row.standing


def lookups(fbr):
    return [row for row in fbr.ledger()["requests"] if "/dist/" in row["path"]]


def kept():
    with transaction.atomic():
        return list(BuyerCheck.objects.order_by("checked_at", "id"))


def fresh(buyer):
    with transaction.atomic():
        return Buyer.objects.get(pk=buyer.pk)


def said(body, status=200):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Evidence(sent=True, status=status, body=raw)


# --- reading an answer --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "expected"),
    [
        (
            {"statuscode": "00", "REGISTRATION_NO": "1", "REGISTRATION_TYPE": "Registered"},
            {"status code": "01", "status": "Active"},
            (Registration.REGISTERED, TaxpayerStanding.ACTIVE),
        ),
        (
            {"statusCode": "00", "Registration_Type": "unregistered"},
            {"status code": "00", "status": "In-Active"},
            (Registration.UNREGISTERED, TaxpayerStanding.INACTIVE),
        ),
        (
            {"registration_type": " REGISTERED "},
            {"STATUS": "inactive"},
            (Registration.REGISTERED, TaxpayerStanding.INACTIVE),
        ),
        (
            {"statuscode": "00"},
            {"status": "Something new"},
            (Registration.UNKNOWN, TaxpayerStanding.UNKNOWN),
        ),
    ],
)
def test_the_word_decides_and_never_the_code(kind, status, expected):
    word = register.word_of(said(kind), said(status))

    assert (word.registration, word.standing) == expected


@pytest.mark.parametrize(
    "broken",
    [
        said({"fault": {"code": 900901}}, 401),
        said([], 200),
        said(b"<html>", 200),
        said({}, 500),
        Evidence(sent=True, failure="ReadTimeout"),
    ],
)
def test_what_is_no_answer_is_told(broken):
    with pytest.raises(NoAnswer):
        register.word_of(said({"REGISTRATION_TYPE": "Registered"}), broken)


# --- one number ---------------------------------------------------------------------------------


@committed
@pytest.mark.parametrize(
    ("number", "expected"),
    [
        (ACTIVE, (Registration.REGISTERED, TaxpayerStanding.ACTIVE)),
        (SUSPENDED, (Registration.REGISTERED, TaxpayerStanding.INACTIVE)),
        (NOBODY, (Registration.UNREGISTERED, TaxpayerStanding.INACTIVE)),
    ],
)
def test_the_register_is_asked_and_its_word_kept(within, number, expected):
    buyer = make_buyer(ntn_cnic=number)

    found = check(number)

    assert words(found) == expected
    assert (found.buyer_id, found.said_by) == (buyer.pk, SYSTEM.name)
    kept_on = fresh(buyer)
    assert (kept_on.register_says, kept_on.standing) == expected
    assert kept_on.checked_at == AT


@committed
def test_a_number_is_asked_as_fbr_writes_it(within):
    assert check("2046004-7").ntn_cnic == ACTIVE


@committed
def test_a_good_answer_holds_for_a_day(within, fbr):
    check(ACTIVE)
    check(ACTIVE, AT + timedelta(hours=23))

    assert len(lookups(fbr)) == 2  # the two calls of the first

    check(ACTIVE, AT + timedelta(hours=25))

    assert len(lookups(fbr)) == 4
    assert len(kept()) == 2


@committed
@pytest.mark.parametrize("number", [SUSPENDED, NOBODY])
def test_a_bad_answer_holds_for_an_hour(within, fbr, number):
    check(number)
    check(number, AT + timedelta(minutes=59))
    assert len(lookups(fbr)) == 2

    check(number, AT + timedelta(minutes=61))

    assert len(lookups(fbr)) == 4


@committed
@pytest.mark.parametrize("method", ["post", "get", "both"])
def test_either_method_of_the_lookups_will_do(within, fbr, method):
    fbr.behave(lookups=method)

    assert words(check(ACTIVE)) == (Registration.REGISTERED, TaxpayerStanding.ACTIVE)


@committed
def test_a_silent_register_keeps_nothing(within, fbr):
    buyer = make_buyer(ntn_cnic=ACTIVE)
    fbr.stop()

    with pytest.raises(NoAnswer):
        check(ACTIVE)

    assert kept() == []
    assert fresh(buyer).checked_at is None


@committed
@pytest.mark.parametrize("number", ["", "12", "0000000000000", "x" * 60])
def test_what_is_no_number_is_not_asked(within, fbr, number):
    with pytest.raises(RuleViolation):
        check(number)

    assert lookups(fbr) == []


@committed
def test_without_a_token_nobody_is_asked(transactional_db, fbr):
    tenant = factories.make_tenant("No token")

    with tenancy.in_tenant(tenant.pk), pytest.raises(NoToken):
        check(ACTIVE)

    assert lookups(fbr) == []


@committed
def test_an_answer_is_one_tenants_own(within, fbr, other_business):
    check(ACTIVE)

    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        assert buyer_checks.last_of(ACTIVE) is None


@committed
def test_an_answer_does_not_change(within):
    check(ACTIVE)

    with pytest.raises(DatabaseError), transaction.atomic():
        BuyerCheck.objects.update(registration=Registration.UNREGISTERED)
    with pytest.raises(DatabaseError), transaction.atomic():
        BuyerCheck.objects.all().delete()


# --- the master ---------------------------------------------------------------------------------


@committed
def test_fbrs_word_goes_into_the_master_and_the_audit_trail(within):
    buyer = make_buyer(ntn_cnic=NOBODY, registration_type=BuyerKind.REGISTERED)
    check(NOBODY)

    with transaction.atomic():
        buyer_checks.take_over(buyer=fresh(buyer), actor=SYSTEM, at=AT)

    assert fresh(buyer).registration_type == BuyerKind.UNREGISTERED
    with transaction.atomic():
        event = AuditEvent.objects.filter(action=AuditAction.BUYER_SAVED).latest("id")
    assert event.details == {
        "registration_type": "unregistered",
        "was": "registered",
        "source": "register",
    }


@committed
def test_whoever_is_not_registered_withholds_nothing_any_more(within):
    buyer = make_buyer(ntn_cnic=NOBODY)
    check(NOBODY)
    with transaction.atomic():
        Buyer.objects.update(withholding=Withholding.FULL)

        buyer_checks.take_over(buyer=Buyer.objects.get(), actor=SYSTEM, at=AT)

    assert fresh(buyer).withholding == Withholding.NONE


@committed
def test_another_number_does_not_keep_the_word_about_the_old_one(within):
    buyer = make_buyer(ntn_cnic=NOBODY)
    check(NOBODY)
    check(ACTIVE)
    party = factories.make_party(ntn_cnic=ACTIVE)

    with transaction.atomic():
        catalogue.save_buyer(
            buyer=fresh(buyer), party=party, phone="", email="", actor=SYSTEM, at=AT
        )
    after = fresh(buyer).register_says
    with transaction.atomic():
        catalogue.save_buyer(
            buyer=fresh(buyer),
            party=factories.make_party(ntn_cnic="3333333"),
            phone="",
            email="",
            actor=SYSTEM,
            at=AT,
        )

    assert after == Registration.REGISTERED
    assert (fresh(buyer).register_says, fresh(buyer).checked_at) == ("", None)


@committed
def test_where_both_agree_nothing_is_put_over(within):
    buyer = make_buyer(ntn_cnic=ACTIVE)
    check(ACTIVE)

    with pytest.raises(StateConflict), transaction.atomic():
        buyer_checks.take_over(buyer=buyer, actor=SYSTEM, at=AT)


@committed
def test_a_reader_may_not_change_the_master(within, reader):
    buyer = make_buyer(ntn_cnic=NOBODY)
    check(NOBODY)

    with pytest.raises(NotAllowed), transaction.atomic():
        buyer_checks.take_over(buyer=buyer, actor=reader, at=AT)

    assert fresh(buyer).registration_type == BuyerKind.REGISTERED


# --- all of them --------------------------------------------------------------------------------


def begin(actor=SYSTEM, at=AT):
    return buyer_checks.begin_walk(actor=actor, at=at)


def walk(run):
    while buyer_checks.step(run_id=run.pk, actor=SYSTEM):
        pass
    with transaction.atomic():
        run.refresh_from_db()
    return run


@committed
def test_a_walk_asks_about_every_customer(within, fbr, monkeypatch):
    monkeypatch.setattr(buyer_checks, "STEP", 2)
    for number in (ACTIVE, SUSPENDED, NOBODY):
        make_buyer(ntn_cnic=number)
    make_buyer(ntn_cnic="", registration_type=BuyerKind.UNREGISTERED)

    run = walk(begin())

    assert (run.total, run.done, run.differing, run.unanswered) == (3, 3, 1, 0)
    assert (run.ended_at is not None, run.why, run.leased_until) == (True, "", None)
    with transaction.atomic():
        assert [row.ntn_cnic for row in selectors.differing_buyers(most=9)] == [NOBODY]


@committed
def test_a_walk_goes_on_where_it_was_lost(within, fbr, monkeypatch):
    monkeypatch.setattr(buyer_checks, "STEP", 1)
    for number in (ACTIVE, SUSPENDED, NOBODY):
        make_buyer(ntn_cnic=number)
    run = begin()
    buyer_checks.step(run_id=run.pk, actor=SYSTEM)
    asked = len(lookups(fbr))

    walk(run)

    assert asked == 2
    assert len(lookups(fbr)) == 6  # nobody twice


@committed
def test_two_workers_do_not_walk_at_once(within):
    make_buyer(ntn_cnic=ACTIVE)
    run = begin()
    with transaction.atomic():
        buyer_checks._lease(run.pk)

    with pytest.raises(StateConflict):
        buyer_checks.step(run_id=run.pk, actor=SYSTEM)


@committed
def test_a_walk_gives_up_when_the_register_is_silent(within, fbr):
    for number in range(8):
        make_buyer(ntn_cnic=f"200000{number}")
    run = begin()
    fbr.stop()

    walk(run)

    assert (run.done, run.unanswered) == (5, 5)
    assert run.why


@committed
def test_one_walk_at_a_time(within):
    begin()

    with pytest.raises(StateConflict):
        begin()


@committed
def test_the_lane_takes_one_walk_and_rings_again(within, fbr):
    make_buyer(ntn_cnic=ACTIVE)
    run = begin()
    with transaction.atomic():
        buyer_checks._lease(run.pk)

    busy = selectors.walks_due()
    with transaction.atomic():
        BuyerCheckRun.objects.update(leased_until=None)
    tasks.check_buyers()

    assert busy == []
    assert selectors.walks_due() == []
    assert len(kept()) == 1


@committed
def test_once_a_week_every_business_with_a_token_is_walked_over(mill, other_business):
    tasks.begin_walks()
    tasks.begin_walks()

    with tenancy.in_tenant(mill.pk), transaction.atomic():
        assert BuyerCheckRun.objects.count() == 1
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        assert BuyerCheckRun.objects.count() == 0


# --- pages --------------------------------------------------------------------------------------


def fragment(browser, method="get", **query):
    ask = getattr(browser, method)
    url = reverse("fbr:buyer_check")
    answer = (
        ask(url, query, headers=HTMX)
        if method == "get"
        else ask(f"{url}?{'&'.join(f'{k}={v}' for k, v in query.items())}", headers=HTMX)
    )
    assert answer.status_code == 200
    return answer.content.decode()


@committed
def test_the_fragment_asks_fbr_by_itself_and_then_shows_its_word(browser, mill):
    before = fragment(browser, ntn_cnic=ACTIVE)
    after = fragment(browser, "post", ntn_cnic=ACTIVE)
    again = fragment(browser, ntn_cnic=ACTIVE)

    assert 'hx-trigger="load"' in before
    assert "Registered, active" in after
    assert "hx-post" not in again
    assert "Registered, active" in again


@committed
@pytest.mark.parametrize("number", ["", "12", "Zarghoon"])
def test_the_fragment_is_empty_while_there_is_no_number(browser, number):
    assert fragment(browser, ntn_cnic=number).strip().endswith('<div class="register-check"></div>')


@committed
def test_the_fragment_says_when_master_and_register_disagree(browser, mill):
    with tenancy.in_tenant(mill.pk):
        buyer = make_buyer(ntn_cnic=NOBODY)

    told = fragment(browser, "post", buyer=buyer.pk)

    assert "FBR&#x27;s register says something else" in told
    assert reverse("fbr:take_over", args=[buyer.pk]) in told


@committed
def test_the_button_ends_the_disagreement(browser, mill):
    with tenancy.in_tenant(mill.pk):
        buyer = make_buyer(ntn_cnic=NOBODY)
        check(NOBODY)

    told = browser.post(reverse("fbr:take_over", args=[buyer.pk]), headers=HTMX).content.decode()

    assert "says something else" not in told
    with tenancy.in_tenant(mill.pk):
        assert fresh(buyer).registration_type == BuyerKind.UNREGISTERED


@committed
def test_a_silent_register_is_said_on_the_fragment(browser, fbr):
    fbr.stop()

    assert "did not answer" in fragment(browser, "post", ntn_cnic=ACTIVE)


@committed
def test_without_javascript_the_register_has_a_page(browser, mill):
    with tenancy.in_tenant(mill.pk):
        buyer = make_buyer(ntn_cnic=NOBODY)
    url = f"{reverse('fbr:buyer_check')}?buyer={buyer.pk}"

    asked = browser.post(url)
    page = browser.get(asked["Location"])

    assert asked["Location"] == reverse("fbr:buyer_checks", args=[buyer.pk])
    assert b"All answers so far" in page.content
    assert b"Put FBR" in page.content


@committed
def test_the_register_claims_no_agreement_before_anybody_was_asked_about(browser, mill):
    address = reverse("fbr:register")

    before = browser.get(address).content.decode()
    with tenancy.in_tenant(mill.pk):
        make_buyer(ntn_cnic=ACTIVE)
        check(ACTIVE)
    after = browser.get(address).content.decode()

    assert "Nobody was asked about yet" in before
    assert "No differences" not in before
    assert "No differences" in after


@committed
def test_the_page_of_all_customers_begins_a_walk_and_shows_it(browser, mill):
    with tenancy.in_tenant(mill.pk):
        make_buyer(ntn_cnic=NOBODY, name="Sample Sons")

    begun = browser.post(reverse("fbr:check_all"), follow=True)
    with tenancy.in_tenant(mill.pk):
        with transaction.atomic():
            run = BuyerCheckRun.objects.get()
        walk(run)
    after = browser.get(reverse("fbr:register"))

    assert b"Asking FBR" in begun.content
    assert b"Sample Sons" in after.content
    assert run.asked_by.startswith("user:")


@committed
def test_the_page_of_the_lists_shows_their_age(browser, mill):
    page = browser.get(reverse("fbr:lists")).content.decode()

    assert page.count("Never read from FBR") == 10
    assert "Some lists are old" in page


@committed
def test_an_owner_refreshes_the_lists_and_a_viewer_does_not(browser, mill, client):
    owner = browser.post(reverse("fbr:refresh_lists"), follow=True)
    client.force_login(factories.make_member(mill, Role.VIEWER))
    viewer = client.post(reverse("fbr:refresh_lists"))

    assert b"Reading: Provinces" in owner.content
    assert viewer.status_code == 403
