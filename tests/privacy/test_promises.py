"""Each of the seventy promises has a proof, and each proof sees its control broken."""

import re
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection, transaction
from django.urls import reverse
from django.utils.module_loading import import_string

from accounts import consents, tenancy
from accounts.consents import How, Who
from accounts.enums import Purpose, StaffRole
from accounts.models import ConsentChannel, OutgoingMail, StaffDeed
from privacy.models import (
    CheckResult,
    CheckRun,
    DeskTask,
    EgressStatement,
    PromiseState,
    SubjectRequest,
)
from privacy.promises import BY_ID, PROMISES, SECTIONS, Kind
from privacy.services import closing, policies, policy_texts
from privacy.services import promises as service
from privacy.verdicts import Broken, Due, Kept
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests import factories
from tests.conftest import NOON
from tests.privacy import rights_cast, ticket_cast
from tests.privacy.promise_cast import (
    BY_ITSELF,
    BY_THE_OWNER,
    House,
    make_sound,
    sent_after,
    undone,
)

BREAKERS = sorted([*BY_ITSELF, *BY_THE_OWNER])
DAY = timedelta(days=1)
HERE = {"host": "127.0.0.1"}
SURE = {"sure": "yes"}  # a browser sends its token at least


@pytest.fixture
def beforehand(request, laid_database):
    """What the owner of the database breaks, before the test's own transaction begins."""
    code = getattr(request, "param", None)
    if code not in BY_THE_OWNER:
        yield code
        return
    with undone(laid_database.cursor(), *BY_THE_OWNER[code]):
        yield code


@pytest.fixture
def house(beforehand, db, settings, monkeypatch, tmp_path) -> House:
    return make_sound(settings, monkeypatch, tmp_path)


# --- the list ---------------------------------------------------------------------------------


def test_there_are_seventy_promises_and_each_stands_once_in_the_policy():
    wanted = {f"S{n}" for n in range(1, 50)} | {f"I{n}" for n in range(1, 22)}
    source = (policy_texts.FOLDER / "privacy" / "en.html").read_text()

    assert len(PROMISES) == 70
    assert set(BY_ID) == wanted
    assert sorted(policy_texts.promises_in(source)) == sorted(wanted)


def test_every_promise_stands_in_the_part_of_the_policy_that_it_names():
    source = (policy_texts.FOLDER / "privacy" / "en.html").read_text()
    part, found = "", {}
    for kind, name in re.findall(r'<(h2|p|li) id="([A-Za-z0-9]+)"', source):
        if kind == "h2":
            part = name
        else:
            found[name] = part

    assert {each.id: each.section for each in PROMISES} == {k: found[k] for k in BY_ID}
    assert {each.section for each in PROMISES} == set(SECTIONS)


def test_every_promise_has_a_check_of_its_own_and_a_control_that_exists():
    checks = [each.check for each in PROMISES]

    assert len(set(checks)) == 70
    assert all(callable(import_string(check)) for check in checks)
    for each in PROMISES:
        __import__(each.control)


def test_every_promise_has_something_that_breaks_it():
    assert sorted(BY_ID) == BREAKERS


# --- the proofs -------------------------------------------------------------------------------


def test_in_a_sound_house_every_promise_is_kept_or_due(house):
    run = service.prove(at=NOON)

    wrong = {r.promise: (r.evidence, r.facts) for r in run.results.filter(state="broken")}
    due = set(run.results.filter(state="due").values_list("promise", flat=True))
    assert wrong == {}
    assert due == {each.id for each in PROMISES if each.kind == Kind.DRILL}
    assert (run.kept, run.due, run.broken) == (67, 3, 0)


@pytest.mark.parametrize("beforehand", BREAKERS, indirect=True)
def test_a_broken_control_turns_its_promise_red(beforehand, house):
    if beforehand in BY_ITSELF:
        BY_ITSELF[beforehand](house)

    verdict = service.answer_of(BY_ID[beforehand], at=NOON)

    assert isinstance(verdict, Broken), verdict
    assert verdict.evidence % verdict.facts


@pytest.mark.parametrize("code", sorted(BY_ITSELF))
def test_twin_with_nothing_broken_the_same_check_is_not_red(house, code):
    verdict = service.answer_of(BY_ID[code], at=NOON)

    assert isinstance(verdict, Kept | Due), verdict
    assert "%(" not in verdict.evidence % verdict.facts


@pytest.mark.parametrize(("by", "is_kept"), [(closing.LEDGER, True), ("system:robot", False)])
def test_a_closing_that_a_restore_takes_up_again_was_begun_by_people(house, by, is_kept):
    with house.monkeypatch.context() as patched:
        patched.setattr(closing, "LEDGER", by)
        closing.begun_before(house.officer.pk, begun_at=NOON - DAY)

    assert isinstance(service.answer_of(BY_ID["S20"], at=NOON), Kept) is is_kept


@pytest.mark.parametrize(
    ("states", "s21", "i10"),
    [
        (("asked", "given"), True, True),
        (("asked",), False, True),
        (("refused",), False, False),
        (("given", "withdrawn"), False, False),
        (("given", "withdrawn", "asked"), False, True),
    ],
)
def test_a_mail_rests_on_a_yes_and_on_nothing_less(house, states, s21, i10):
    sent_after(*states)

    assert isinstance(service.answer_of(BY_ID["S21"], at=NOON), Kept) is s21
    assert isinstance(service.answer_of(BY_ID["I10"], at=NOON), Kept) is i10


def test_a_no_of_the_person_counts_for_their_address_too(house):
    sent_after("given")
    whose = {"user_id": house.officer.pk}
    OutgoingMail.objects.update(**whose)
    consents.withdraw(
        Purpose.MARKETING_EMAIL,
        who=Who(**whose),
        how=How(channel=ConsentChannel.PAGE),
        at=NOON - 2 * DAY,
    )

    assert isinstance(service.answer_of(BY_ID["S21"], at=NOON), Broken)


@pytest.mark.parametrize("code", ["S8", "S49"])
@pytest.mark.parametrize(("days", "is_kept"), [(0, True), (20, False)])
def test_a_question_to_support_without_an_answer_is_seen(house, code, days, is_kept):
    house.settings.SUPPORT_HOURS = "Mon-Fri 09:00-17:00"
    ticket_cast.from_form(at=NOON - days * DAY)

    assert isinstance(service.answer_of(BY_ID[code], at=NOON), Kept) is is_kept


def test_a_second_request_that_is_late_hides_behind_no_other(house):
    first = rights_cast.from_form(at=NOON)
    late = rights_cast.from_form(at=NOON - 40 * DAY)
    SubjectRequest.objects.filter(pk=late.pk).update(duplicate_of=first)

    assert isinstance(service.answer_of(BY_ID["S49"], at=NOON), Broken)


def test_a_drill_is_due_with_its_date_then_broken(house):
    one = BY_ID["I1"]

    soon = service.answer_of(one, at=NOON)
    late = service.answer_of(one, at=NOON + 400 * DAY)

    assert isinstance(soon, Due)
    assert soon.on.isoformat() == "2027-11-19"
    assert isinstance(late, Broken)


@pytest.mark.parametrize(("faults", "verdict"), [("", Due), ('"a trigger is missing"', Broken)])
def test_a_rehearsal_that_failed_is_none(house, laid_database, faults, verdict):
    BY_ITSELF["S31"](house)
    rehearse = (
        "INSERT INTO smartinvoicing_installationevent (at, kind, by, why, timeline, place, facts)"
        f" VALUES ('{NOON}', 'drilled', 'test', '', '', '', '{{\"faults\": [{faults}]}}')"
    )
    forget = (
        "SET session_replication_role = replica;"
        " DELETE FROM smartinvoicing_installationevent WHERE by = 'test';"
        " RESET session_replication_role"
    )

    with undone(laid_database.cursor(), rehearse, forget):
        assert isinstance(service.answer_of(BY_ID["S31"], at=NOON), verdict)


# --- the run ----------------------------------------------------------------------------------


def test_a_red_promise_opens_a_task_that_goes_by_itself(house):
    house.settings.SUPPORT_HOURS = ""
    service.prove(at=NOON)

    assert DeskTask.objects.filter(kind="promise", key="I21", done_at=None).exists()

    house.settings.SUPPORT_HOURS = "Monday to Friday"
    service.prove(at=NOON + DAY / 24)

    assert not DeskTask.objects.filter(kind="promise", key="I21", done_at=None).exists()


def test_a_check_that_fails_is_broken_with_its_reason_and_keeps_none_back(house, monkeypatch):
    def fail(at):
        raise DatabaseError("boom")

    monkeypatch.setattr("privacy.promise_checks.collecting.numbers_are_masked", fail)

    run = service.prove(at=NOON)

    result = run.results.get(promise="S6")
    assert (result.state, result.is_fault) == (PromiseState.BROKEN, True)
    assert "DatabaseError" in service.said(result)
    assert run.results.count() == 70
    assert run.broken == 1


def test_a_statement_that_takes_too_long_is_cut_off_and_the_rest_goes_on(house, monkeypatch):
    def slow(at):
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_sleep(30)")
        return Kept("never")

    monkeypatch.setattr("privacy.promise_checks.collecting.numbers_are_masked", slow)
    monkeypatch.setattr(service, "LIMIT_S", 1)

    run = service.prove(at=NOON)

    assert run.results.get(promise="S6").is_fault
    with connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() != ("1s",)


def test_a_check_changes_nothing(house, monkeypatch):
    def meddle(at):
        DeskTask.objects.create(kind="x", key="y", title="z", opened_at=at)
        return Kept("done")

    monkeypatch.setattr("privacy.promise_checks.collecting.numbers_are_masked", meddle)

    assert isinstance(service.answer_of(BY_ID["S6"], at=NOON), Kept)
    assert not DeskTask.objects.filter(kind="x").exists()


def test_one_look_a_night(house):
    assert service.is_due(at=NOON)
    service.prove(at=NOON)

    assert not service.is_due(at=NOON + DAY / 2)
    assert service.is_due(at=NOON + DAY)


def test_what_was_seen_is_never_changed(house):
    run = service.prove(at=NOON)

    for rows in (CheckRun.objects.filter(pk=run.pk), run.results.all()):
        with pytest.raises(DatabaseError), transaction.atomic():
            rows.delete() if rows.model is CheckResult else rows.update(broken=0)


# --- publishing -------------------------------------------------------------------------------


def test_a_red_promise_keeps_its_text_from_being_published(house):
    versions = policies.newest("privacy")
    cookies = policies.newest("cookies")
    service.prove(at=NOON)

    assert service.objections(versions, at=NOON) == []

    house.settings.SUPPORT_HOURS = ""
    service.prove(at=NOON)

    assert ["I21" in each for each in service.objections(versions, at=NOON)] == [True]
    assert service.objections(cookies, at=NOON) == []
    with pytest.raises(RuleViolation, match="I21"):
        policies._refuse_objections(versions, NOON)


@pytest.mark.parametrize("hours", [40, 41])
def test_an_old_look_keeps_every_text_back(house, hours):
    service.prove(at=NOON - hours * DAY / 24)

    objections = service.objections(policies.newest("cookies"), at=NOON)

    assert ["looked lately" in each for each in objections] == [True] * (hours - 40)


def test_without_any_look_no_text_is_published(house):
    assert len(service.objections(policies.newest("cookies"), at=NOON)) == 1


def test_what_a_new_version_mends_does_not_keep_it_back(house):
    house.settings.COMPANY_NAME = "Another Company"
    service.prove(at=NOON)

    assert service.last_run().results.get(promise="I7").state == PromiseState.BROKEN
    assert service.objections(policies.newest("privacy"), at=NOON) == []


def test_twin_with_nobody_asked_a_red_promise_publishes(house, monkeypatch):
    house.settings.SUPPORT_HOURS = ""
    service.prove(at=NOON)
    monkeypatch.setattr(policies, "ASKED", ())

    policies._refuse_objections(policies.newest("privacy"), NOON)


# --- the pages --------------------------------------------------------------------------------


def test_the_page_shows_seventy_rows_and_no_inside(house, client):
    BY_ITSELF["S18"](house)
    service.prove(at=NOON)

    answer = client.get(reverse("privacy:promises"), headers=HERE)

    html = answer.content.decode()
    assert answer.status_code == 200
    assert html.count('<li class="tone-') == 70 + 3
    assert html.count("This could not be proved at the last look") == 1
    for inside in ("sign of life", "promise_checks", "accounts_", "privacy_", "_guard"):
        assert inside not in html.split("<main", 1)[1]


def test_before_the_first_look_nothing_is_said_to_be_kept(house, client):
    html = client.get(reverse("privacy:promises"), headers=HERE).content.decode()

    assert html.count("Not looked at yet") == 70


def test_the_history_is_one_mark_for_days_alike(house):
    last = NOON + 3 * DAY
    for day in range(3):
        service.prove(at=NOON + day * DAY)
    house.settings.SUPPORT_HOURS = ""
    service.prove(at=last)

    rows = {row.promise.id: row for part in service.page(at=last) for row in part.rows}

    assert [(s.x, s.width, s.tone) for s in rows["I21"].spans] == [
        (86, 3, "ok"),
        (89, 1, "danger"),
    ]
    assert rows["I21"].proved_at == last - DAY
    assert rows["S6"].proved_at == last


def test_a_list_of_customers_shows_a_cnic_in_part(business, viewer, client):
    with tenancy.in_tenant(business.pk):
        factories.make_buyer(name="A person", ntn_cnic="3520212345671")
        factories.make_buyer(name="A company", ntn_cnic="2046004-5")
    client.force_login(viewer)

    html = client.get(reverse("invoices:buyers")).content.decode()

    assert "35202-1234567-1" not in html
    assert "3520212345671" not in html
    assert "352\N{BULLET}\N{BULLET}-" in html


def test_the_desk_proves_now_and_signs(house, client):
    client.force_login(house.officer)

    proved = client.post(reverse("admin:privacy_checkrun_prove"), SURE, headers=HERE)
    assert proved.status_code == 302
    assert proved.url == reverse("admin:privacy_checkrun_changelist")
    client.post(reverse("admin:privacy_egressstatement_sign"), SURE, headers=HERE)

    run = CheckRun.objects.get()
    page = client.get(reverse("admin:privacy_checkrun_change", args=[run.pk]), headers=HERE)
    assert page.status_code == 200
    assert "privacy.masking" in page.content.decode()
    assert EgressStatement.objects.count() == 2
    assert StaffDeed.objects.filter(action="run", object_id=str(run.pk)).exists()


def test_who_keeps_no_registers_signs_nothing(house):
    agent = factories.make_staff(StaffRole.SUPPORT)

    with pytest.raises(NotAllowed):
        service.sign_statement(by=agent, at=NOON)
    with pytest.raises(NotAllowed):
        service.prove(by=agent, at=NOON)
