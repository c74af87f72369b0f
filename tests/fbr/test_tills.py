"""Tills: registered, changed, retired; their tokens tried with a bill that files nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Environment, Role
from accounts.models import AuditEvent, LegalEntity
from fbr import carriers, gateway, selectors
from fbr.models import Credential
from fbr.outcomes import Evidence
from fbr.pos import probe
from fbr.services import credentials, tills
from fbr.services.tills import Particulars, Terms
from invoices.enums import Transport
from invoices.models import PosTerms, Till
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation
from tests import factories
from tests.factories import AT, SYSTEM, make_bill

TOKEN = "3f2a9c71-5d8e-4b60-9a1f-0c7e2d4b8e55"
GIVEN = Particulars(name="Counter 1", pos_id="817001", branch="Mall Road", address="Lahore")
TERMS = Terms(
    amounts="gross_line", bank_as="5", credit_as="6", service_fee="in_bill", usual_pct_code=""
)


def register(entity, given=GIVEN, environment="sandbox", actor=SYSTEM):
    return tills.register(entity=entity, environment=environment, given=given, actor=actor, at=AT)


def change(till, actor=SYSTEM, **fields):
    return tills.change(till=till, given=replace(GIVEN, **fields), actor=actor, at=AT)


def set_terms(entity, actor=SYSTEM, **fields):
    return tills.set_terms(entity=entity, given=replace(TERMS, **fields), actor=actor, at=AT)


def refusals(deed):
    with pytest.raises(RuleViolation) as refused:
        deed()
    return [(problem["code"], problem["field"]) for problem in refused.value.details["problems"]]


def deeds():
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


# --- register, change, retire --------------------------------------------------------------------


def test_a_till_is_stored_as_fbr_registered_it(entity):
    register(entity)

    till = Till.objects.get()
    assert (till.pos_id, till.environment, till.transport) == (817001, "sandbox", "cloud")
    assert (till.name, till.branch, till.address) == ("Counter 1", "Mall Road", "Lahore")
    assert deeds() == [AuditAction.TILL_SAVED]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"name": ""}, ("name", "name")),
        ({"name": "x" * 61}, ("too_long", "name")),
        ({"branch": "x" * 101}, ("too_long", "branch")),
        ({"pos_id": ""}, ("pos_id", "pos_id")),
        ({"pos_id": "81700"}, ("pos_id", "pos_id")),
        ({"pos_id": "8170011"}, ("pos_id", "pos_id")),
        ({"pos_id": "\u0668\u0661\u0667\u0660\u0660\u0661"}, ("pos_id", "pos_id")),
        ({"transport": "pigeon"}, ("unknown_word", "transport")),
    ],
)
def test_a_till_that_cannot_be_one_is_refused(entity, fields, found):
    assert refusals(lambda: register(entity, replace(GIVEN, **fields))) == [found]
    assert not Till.objects.exists()


def test_an_environment_that_is_none_is_refused(entity):
    assert refusals(lambda: register(entity, environment="")) == [("unknown_word", "environment")]


def test_a_posid_is_registered_once_in_each_environment(entity):
    register(entity)

    assert refusals(lambda: register(entity)) == [("pos_id_taken", "pos_id")]
    register(entity, environment=Environment.PRODUCTION)
    assert Till.objects.count() == 2


def test_a_retired_till_comes_back_with_its_posid(entity):
    till = register(entity)
    tills.retire(till=till, actor=SYSTEM, at=AT)
    tills.retire(till=till, actor=SYSTEM, at=AT)
    assert Till.objects.get().retired_at == AT

    register(entity, replace(GIVEN, name="Counter 1, again"))

    back = Till.objects.get()
    assert (back.pk, back.retired_at, back.name) == (till.pk, None, "Counter 1, again")
    saved, retired = AuditAction.TILL_SAVED, AuditAction.TILL_RETIRED
    assert deeds() == [saved, retired, saved]


def test_a_posid_typed_wrongly_is_corrected_until_a_bill_bears_it(entity):
    till = register(entity)
    assert change(till, pos_id="817009").pos_id == 817009

    factories.make_issued(make_bill(till))

    assert refusals(lambda: change(till, pos_id="817001")) == [("pos_id_in_use", "pos_id")]
    assert change(till, pos_id="817009", name="Front").name == "Front"


def test_a_posid_is_not_changed_to_another_tills(entity):
    register(entity)
    other = register(entity, replace(GIVEN, pos_id="817002"))

    assert refusals(lambda: change(other)) == [("pos_id_taken", "pos_id")]


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER])
def test_tills_are_the_owners_affair(entity, viewer, role):
    till = register(entity)
    actor = Actor.person(viewer.pk, role)
    before = (list(Till.objects.values()), deeds())

    for deed in (
        lambda: register(entity, replace(GIVEN, pos_id="817002"), actor=actor),
        lambda: change(till, actor, name="Mine"),
        lambda: tills.retire(till=till, actor=actor, at=AT),
        lambda: set_terms(entity, actor),
        lambda: tills.store_token(till=till, token=TOKEN, actor=actor, at=AT),
        lambda: tills.test_token(till=till, actor=actor),
    ):
        with pytest.raises(NotAllowed):
            deed()

    assert (list(Till.objects.values()), deeds()) == before
    assert not Credential.objects.exists()
    assert not PosTerms.objects.exists()


def test_another_tenants_till_is_not_found(entity, other_business):
    till = register(entity)

    with tenancy.in_tenant(other_business.pk), pytest.raises(NotFound):
        selectors.till(till.pk)


# --- terms ---------------------------------------------------------------------------------------


def test_terms_are_stored_once_a_business(entity):
    set_terms(entity)
    set_terms(entity, amounts="net_line", usual_pct_code="98211000")

    terms = PosTerms.objects.get()
    assert (terms.amounts, terms.bank_as, terms.credit_as) == ("net_line", 5, 6)
    assert (terms.service_fee, terms.usual_pct_code) == ("in_bill", "98211000")
    assert deeds() == [AuditAction.POS_TERMS_SAVED] * 2


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("amounts", "per_unit"),
        ("service_fee", "twice"),
        ("bank_as", "7"),
        ("bank_as", "0"),
        ("credit_as", "cash"),
        ("usual_pct_code", "9821.1000"),
        ("usual_pct_code", "982110"),
    ],
)
def test_terms_that_fbr_has_no_number_for_are_refused(entity, field, value):
    assert [found for _, found in refusals(lambda: set_terms(entity, **{field: value}))] == [field]
    assert not PosTerms.objects.exists()


def test_a_bill_keeps_the_terms_under_which_it_was_issued(entity):
    till = register(entity)
    work = factories.make_issued(make_bill(till)).work.get()
    before = bytes(work.body)

    set_terms(entity)

    work.refresh_from_db()
    assert bytes(work.body) == before


# --- the token -----------------------------------------------------------------------------------


def test_a_token_is_sealed_for_its_till(entity):
    till = register(entity)

    tills.store_token(till=till, token=f"Bearer {TOKEN}\n", actor=SYSTEM, at=AT)

    stored = Credential.objects.get()
    assert (stored.till_id, stored.channel, stored.environment) == (till.pk, "pos", "sandbox")
    assert credentials.opened(stored) == TOKEN
    assert selectors.token_of(till) == stored
    assert selectors.credential_of(entity, "sandbox") is None


def committed(test):
    return pytest.mark.django_db(transaction=True)(test)


@pytest.fixture
def fbr(fake_fbr, settings):
    settings.FBR_POS_SANDBOX_URL = fake_fbr.url
    settings.FBR_CONNECT_TIMEOUT_S = settings.FBR_READ_TIMEOUT_S = 5
    return fake_fbr


@pytest.fixture
def counter(transactional_db, fbr):
    """A till whose token FBR knows, each look a transaction of its own."""
    tenant = factories.make_tenant("Shop", ntn_cnic="7000007")
    token = "demo-pos-sandbox-token-0000-817001"
    with tenancy.in_tenant(tenant.pk):
        with transaction.atomic():
            till = factories.make_till(token=token)
            till = selectors.till(till.pk)
        yield till


def stored():
    with transaction.atomic():
        return Credential.objects.get()


@committed
def test_a_good_token_is_found_good_and_nothing_is_filed(fbr, counter):
    verdict = tills.test_token(till=counter, actor=SYSTEM)

    assert verdict.works is True
    assert (stored().test_worked, stored().test_said) == (True, verdict.said)
    assert fbr.ledger()["recorded"] == []
    assert [request["body"] for request in fbr.ledger()["requests"]] == ["{}"]


@committed
@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("a-token-nobody-knows", "gateway fault 900901"),
        ("demo-pos-production-token-0000-917001", "gateway fault 900908"),
        ("demo-sandbox-token-0000-7000007", "gateway fault 900908"),
    ],
)
def test_a_bad_token_is_held_with_the_reason(fbr, counter, token, why):
    with transaction.atomic():
        tills.store_token(till=counter, token=token, actor=SYSTEM, at=AT)

    verdict = tills.test_token(till=counter, actor=SYSTEM)

    assert verdict.works is False
    assert (stored().held_why, stored().test_worked) == (why, False)
    assert verdict.said


@committed
def test_a_good_token_ends_a_hold_of_tokens_and_none_of_tills(fbr, counter):
    for why, is_held in (("gateway fault 900901", False), ("code 104", True), ("code 112", True)):
        with transaction.atomic():
            credentials.release(credential=Credential.objects.get(), actor=SYSTEM, at=AT)
            credentials.hold(credential=Credential.objects.get(), why=why, actor=SYSTEM, at=AT)

        verdict = tills.test_token(till=counter, actor=SYSTEM)

        assert verdict.works is True
        assert (stored().held_at is not None) == is_held, why


@committed
def test_an_answer_that_settles_nothing_changes_nothing(fbr, counter):
    fbr.script([{"fault": "500", "path": "pos"}])
    before = stored()

    first = tills.test_token(till=counter, actor=SYSTEM)
    fbr.stop()
    second = tills.test_token(till=counter, actor=SYSTEM)

    assert (first.works, second.works) == (None, None)
    assert "reached" in second.said
    after = stored()
    assert (after.tested_at, after.held_at) == (before.tested_at, before.held_at)


@committed
def test_without_a_token_there_is_nothing_to_test(fbr, counter):
    with transaction.atomic():
        other = factories.make_till(name="Two", pos_id="817002")

    assert refusals(lambda: tills.test_token(till=other, actor=SYSTEM)) == [("no_token", "token")]
    assert fbr.ledger()["requests"] == []


@committed
def test_fbr_is_never_asked_inside_a_transaction(fbr, counter):
    with pytest.raises(RuntimeError), transaction.atomic():
        tills.test_token(till=counter, actor=SYSTEM)

    assert fbr.ledger()["requests"] == []


@committed
def test_no_lock_is_held_while_fbr_thinks(fbr, counter, monkeypatch):
    seen = []
    post = gateway.post

    def watched(*args, **kwargs):
        seen.append(connection.in_atomic_block)
        return post(*args, **kwargs)

    monkeypatch.setattr(gateway, "post", watched)

    tills.test_token(till=counter, actor=SYSTEM)

    assert seen == [False]


# --- what an answer to nothing means -------------------------------------------------------------


@pytest.mark.parametrize(
    ("evidence", "works"),
    [
        (Evidence(sent=True, status=200, body=b'{"Code":"102","Errors":"POSID"}'), True),
        (Evidence(sent=True, status=200, body=b'{"Code":401,"Response":"Invalid"}'), True),
        (Evidence(sent=True, status=200, body=b'{"Code":"104"}'), False),
        (Evidence(sent=True, status=401, body=b""), False),
        (Evidence(sent=True, status=403, body=b'{"fault":{"code":900908}}'), False),
        (Evidence(sent=True, status=400, body=b"<html>"), None),
        (Evidence(sent=True, status=200, body=b"<html>"), None),
        (Evidence(sent=True, status=503, body=b""), None),
        (Evidence(sent=True, status=404, body=b""), None),
        (Evidence(sent=False, failure="gaierror"), None),
        (Evidence(sent=True, failure="TimeoutError"), None),
    ],
)
def test_a_verdict_rests_on_words_of_fbrs(evidence, works):
    verdict = probe.read(evidence, at=AT + timedelta(hours=1))

    assert verdict.works is works
    assert verdict.said


# --- the seam ------------------------------------------------------------------------------------


def test_one_transport_is_served_and_the_other_is_not():
    assert {each for each in Transport.values if carriers.has(each)} == {"cloud"}
    with pytest.raises(KeyError):
        carriers.of("agent")


def test_a_till_belongs_to_the_business_that_registered_it(entity):
    till = register(entity)

    assert list(selectors.tills(entity)) == [till]
    assert LegalEntity.objects.get(pk=till.legal_entity_id) == entity
