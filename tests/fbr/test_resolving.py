"""What nobody knows is settled by evidence or by two people; nothing else sends it again."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.files.storage import default_storage
from django.db import IntegrityError, connection, transaction

from accounts import tenancy
from accounts.access import SCOPES, Actor
from accounts.enums import AuditAction, NoticeKind, Role, StaffRole
from accounts.models import ApiKey, AuditEvent, Notice, User
from fbr import doubts
from fbr.models import Attempt, Claim, Evidence, Incident, Outbox, Tally, WitnessRequest
from fbr.models.evidence import EvidenceKind, Verdict
from fbr.models.work import WorkState
from fbr.outcomes import Hold, Outcome
from fbr.services import alerts, claiming, doubles, duplicates, issuing, proving, resolving
from fbr.services.resolving import Found
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import SYSTEM, make_content, make_line
from tests.fbr.doubts_cast import (
    DATED,
    NUMBER,
    answer_late,
    begin,
    make_uncertain,
    person,
    picture,
    refused_at_the_second_send,
    send,
    write,
)

FOUND = Found(number=NUMBER, dated=DATED, note="IRIS, Digital Invoicing, invoice list")
LOOKED = "IRIS, list of 20 November, searched by customer and amount"


@pytest.fixture
def people(inside):
    """Two who may settle, of one business."""
    return person(inside)[1], person(inside, Role.OWNER)[1]


@pytest.fixture
def doubted(people):
    return make_uncertain()


def claimed(invoice, actor, **given):
    return claiming.claim_missing(invoice=invoice, why=LOOKED, actor=actor, at=clock.now(), **given)


def work_of(invoice):
    return Outbox.objects.get(invoice=invoice)


def deeds():
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def ringing():
    return set(Notice.objects.filter(cleared_at=None).values_list("kind", flat=True))


@contextmanager
def without(trigger, table, laid_database):
    """The sabotage: this guard of the database is off."""
    with laid_database.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
    try:
        yield
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table} ENABLE TRIGGER {trigger}")


# --- FBR has it -------------------------------------------------------------------------------


def test_one_person_with_proof_settles_it(doubted, people):
    attempts = list(Attempt.objects.values())

    resolving.settle_found(
        invoice=doubted, found=FOUND, proof=picture(), actor=people[0], at=clock.now()
    )

    settled = Invoice.objects.get()
    assert (settled.state, settled.fbr_number, settled.fbr_dated) == ("accepted", NUMBER, DATED)
    assert settled.accepted_at is not None
    work = work_of(doubted)
    assert (work.state, work.done_at is None) == (WorkState.DONE, False)
    assert list(Attempt.objects.values()) == attempts
    row = Evidence.objects.get()
    assert (row.kind, row.fbr_number, row.proof_type) == ("typed", NUMBER, "image/png")
    assert default_storage.exists(row.proof_path)
    claim = Claim.objects.get()
    assert (claim.verdict, claim.made_by) == ("at_fbr", people[0].name)
    assert claim.confirmed_at is not None
    assert ringing() == set()


@pytest.mark.parametrize(
    ("found", "field"),
    [
        (Found(number="", note="seen"), "fbr_number"),
        (Found(number="null", note="seen"), "fbr_number"),
        (Found(number="7000007 DI 1", note="seen"), "fbr_number"),
        (Found(number="1" * 65, note="seen"), "fbr_number"),
        (Found(number=NUMBER), "proof"),
        (Found(number=NUMBER, note="x" * 301), "proof"),
        (Found(number=NUMBER, note="seen", dated="x" * 41), "dated"),
    ],
)
def test_a_word_without_proof_settles_nothing(doubted, people, found, field):
    with pytest.raises(RuleViolation) as refused:
        resolving.settle_found(
            invoice=doubted, found=found, proof=None, actor=people[0], at=clock.now()
        )

    assert refused.value.details["problems"][0]["field"] == field
    assert Invoice.objects.get().state == State.UNCERTAIN
    assert Evidence.objects.count() == 0


def test_whoever_may_not_settle_settles_nothing(doubted, clerk):
    for deed in (
        lambda: resolving.settle_found(
            invoice=doubted, found=FOUND, proof=None, actor=clerk, at=clock.now()
        ),
        lambda: claimed(doubted, clerk),
    ):
        with pytest.raises(NotAllowed):
            deed()

    assert Invoice.objects.get().state == State.UNCERTAIN
    assert Claim.objects.count() == 0


def test_the_number_of_another_document_of_ours_is_refused_by_its_name(doubted, people):
    other = factories.make_issued(make_content(make_line(unit_price=Decimal(9))))
    factories.accept(other, NUMBER)

    with pytest.raises(RuleViolation, match=other.number):
        resolving.settle_found(
            invoice=doubted, found=FOUND, proof=None, actor=people[0], at=clock.now()
        )

    assert Invoice.objects.get(pk=doubted.pk).state == State.UNCERTAIN


def test_the_number_of_another_business_is_refused_and_tells_nothing(
    business, other_business, people
):
    with tenancy.in_tenant(other_business.pk):
        theirs = factories.make_issued()
        factories.accept(theirs, NUMBER)
    with tenancy.in_tenant(business.pk):
        doubted = make_uncertain()

        with pytest.raises(RuleViolation) as refused:
            resolving.settle_found(
                invoice=doubted, found=FOUND, proof=picture(), actor=people[0], at=clock.now()
            )

        told = f"{refused.value.message} {refused.value.details}"
        assert theirs.number not in told.replace(doubted.number, "")
        assert "Another" not in told
        assert Invoice.objects.get().state == State.UNCERTAIN
        assert (Evidence.objects.count(), Claim.objects.count()) == (0, 0)


def test_a_file_whose_row_was_refused_is_not_kept(doubted, people, settings, tmp_path):
    factories.accept(factories.make_issued(make_content(make_line(unit_price=Decimal(9)))), NUMBER)
    settings.MEDIA_ROOT = tmp_path
    folder = f"proofs/{doubted.tenant_id}"

    with pytest.raises(RuleViolation):
        resolving.settle_found(
            invoice=doubted, found=FOUND, proof=picture(), actor=people[0], at=clock.now()
        )

    left = default_storage.listdir(folder)[0] if default_storage.exists(folder) else []
    assert [default_storage.listdir(f"{folder}/{month}")[1] for month in left] in ([], [[]])


def test_settling_takes_an_open_claim_back(doubted, people):
    claimed(doubted, people[0])

    resolving.settle_found(
        invoice=doubted, found=FOUND, proof=None, actor=people[1], at=clock.now()
    )

    claim = Claim.objects.get(verdict=Verdict.NOT_AT_FBR)
    assert claim.withdrawn_at is not None
    with pytest.raises(StateConflict):
        claiming.confirm(claim=claim, actor=people[1], at=clock.now())


# --- FBR does not have it: two people -----------------------------------------------------------


def test_two_people_send_the_same_bytes_again(doubted, people):
    before = work_of(doubted)
    claim = claimed(doubted, people[0])
    assert Invoice.objects.get().state == State.UNCERTAIN
    assert NoticeKind.CLAIM_WAITS in ringing()

    claiming.confirm(claim=claim, actor=people[1], at=clock.now())

    work = work_of(doubted)
    assert Invoice.objects.get().state == State.QUEUED
    assert (work.pk, work.state, work.attempt_no) == (before.pk, WorkState.WAITING, 1)
    assert (bytes(work.body), work.body_sha256) == (bytes(before.body), before.body_sha256)
    assert Attempt.objects.count() == 1
    claim.refresh_from_db()
    assert (claim.confirmed_by, claim.confirmed_as) == (people[1].name, "member")
    assert deeds()[-2:] == [AuditAction.CLAIM_MADE, AuditAction.CLAIM_CONFIRMED]
    assert ringing() == set()


def test_the_same_person_is_not_the_second_one(doubted, people):
    claim = claimed(doubted, people[0])

    with pytest.raises(NotAllowed):
        claiming.confirm(claim=claim, actor=people[0], at=clock.now())

    assert Invoice.objects.get().state == State.UNCERTAIN
    assert work_of(doubted).state == WorkState.STOPPED


def test_the_database_knows_that_one_person_is_not_two(doubted, people):
    claim = claimed(doubted, people[0])

    with pytest.raises(IntegrityError, match="second person"), transaction.atomic():
        Claim.objects.filter(pk=claim.pk).update(
            confirmed_at=clock.now(),
            confirmed_by=people[0].name,
            confirmed_person=people[0].user_id,
            confirmed_as="member",
        )


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_guard_of_claims_one_person_is_two(business, laid_database):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        one = person(business)[1]
        person(business, Role.OWNER)
        invoice = make_uncertain()
        claim = claimed(invoice, one)

    with (
        without("claim_guard", "fbr_claim", laid_database),
        tenancy.in_tenant(business.pk),
        transaction.atomic(),
    ):
        Claim.objects.filter(pk=claim.pk).update(
            confirmed_at=clock.now(),
            confirmed_by=one.name,
            confirmed_person=one.user_id,
            confirmed_as="member",
        )
        assert Claim.objects.get().confirmed_at is not None


def test_a_key_counts_as_whoever_made_it_and_is_never_the_second(business, doubted, people):
    maker = User.objects.get(pk=people[1].user_id)
    factories.make_key(business, maker)
    key = Actor.key(ApiKey.objects.get().pk, [str(scope) for scope in SCOPES])
    claim = claimed(doubted, key)

    with pytest.raises(NotAllowed, match="You, or a program"):
        claiming.confirm(claim=claim, actor=people[1], at=clock.now())
    with pytest.raises(NotAllowed, match="Only a person"):
        claiming.confirm(claim=claim, actor=key, at=clock.now())
    claiming.confirm(claim=claim, actor=people[0], at=clock.now())

    assert Invoice.objects.get().state == State.QUEUED


def test_it_is_too_early_within_half_an_hour(people):
    doubted = make_uncertain(ended=timedelta(minutes=29))
    claim = claimed(doubted, people[0])

    with pytest.raises(RuleViolation, match="too early"):
        claiming.confirm(claim=claim, actor=people[1], at=clock.now() + timedelta(days=3))

    assert Invoice.objects.get().state == State.UNCERTAIN


def test_half_an_hour_later_it_is_not(people):
    doubted = make_uncertain(ended=timedelta(minutes=30, seconds=1))

    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())

    assert Invoice.objects.get().state == State.QUEUED


def test_the_database_counts_the_half_hour_too(people, monkeypatch):
    doubted = make_uncertain(ended=timedelta(minutes=1))
    claim = claimed(doubted, people[0])
    monkeypatch.setattr(claiming, "_refuse_haste", lambda *given: None)

    with pytest.raises(IntegrityError, match="too early"), transaction.atomic():
        claiming.confirm(claim=claim, actor=people[1], at=clock.now())


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_half_hour_it_goes_at_once(business, monkeypatch, laid_database):
    monkeypatch.setattr(claiming, "_refuse_haste", lambda *given: None)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        one, two = person(business)[1], person(business, Role.OWNER)[1]
        claim = claimed(make_uncertain(ended=timedelta(minutes=1)), one)

    with (
        without("claim_guard", "fbr_claim", laid_database),
        tenancy.in_tenant(business.pk),
        transaction.atomic(),
    ):
        claiming.confirm(claim=claim, actor=two, at=clock.now())
        assert Invoice.objects.get().state == State.QUEUED


def test_a_claim_about_an_earlier_send_confirms_nothing(doubted, people):
    old = claimed(doubted, people[0])
    claiming.withdraw(claim=old, actor=people[0], at=clock.now())
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())
    doubted.refresh_from_db()
    send(doubted, ended=timedelta(hours=1))

    with pytest.raises(StateConflict):
        claiming.confirm(claim=old, actor=people[1], at=clock.now())
    with pytest.raises(IntegrityError, match="nobody knows"), transaction.atomic():
        lifecycle.transition(doubted, State.QUEUED, actor=SYSTEM, at=clock.now())


def test_what_was_taken_back_can_be_said_anew(doubted, people):
    claim = claimed(doubted, people[0])

    claiming.withdraw(claim=claim, actor=people[1], at=clock.now())

    assert doubts.open_claim(doubted) is None
    assert NoticeKind.CLAIM_WAITS not in ringing()
    with pytest.raises(StateConflict):
        claiming.withdraw(claim=claim, actor=people[1], at=clock.now())
    assert claimed(doubted, people[1]).pk != claim.pk


def test_it_is_said_once_at_a_time_and_not_without_a_word(doubted, people):
    with pytest.raises(RuleViolation):
        claiming.claim_missing(invoice=doubted, why=" ", actor=people[0], at=clock.now())
    claimed(doubted, people[0])

    with pytest.raises(StateConflict):
        claimed(doubted, people[1])


# --- a business of one ------------------------------------------------------------------------


@pytest.fixture
def hermit(inside):
    return person(inside, Role.OWNER)


@pytest.fixture
def agent(db):
    return factories.make_staff(StaffRole.SUPPORT)


def ripen(laid_database, hours=25):
    """A day passes for every claim."""
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE fbr_claim SET ripe_at = clock_timestamp() - interval '1 second'"
            f" WHERE ripe_at < clock_timestamp() + interval '{hours} hours'"
        )
        cursor.execute("SET session_replication_role = DEFAULT")


def test_alone_one_needs_the_second_factor(hermit):
    doubted = make_uncertain()

    with pytest.raises(NotAllowed, match="second factor"):
        claimed(doubted, hermit[1])

    assert Claim.objects.count() == 0


def test_alone_one_waits_a_day_for_a_witness(hermit, agent):
    doubted = make_uncertain()
    claim = claimed(doubted, hermit[1], has_factor=True)
    request = WitnessRequest.objects.get()

    with pytest.raises(RuleViolation, match="too early"):
        claiming.witness(request=request, user=agent, at=clock.now())

    left = claim.ripe_at - clock.database_now()
    assert timedelta(hours=23, minutes=59) < left <= timedelta(hours=24)
    assert (request.business, request.number) == (doubted.tenant_id, doubted.number)
    assert Invoice.objects.get().state == State.UNCERTAIN


@pytest.mark.django_db(transaction=True)
def test_a_day_later_the_witness_confirms(business, laid_database):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        _user, actor = person(business, Role.OWNER)
        claimed(make_uncertain(), actor, has_factor=True)
    agent = factories.make_staff(StaffRole.SUPPORT)
    ripen(laid_database)

    with transaction.atomic():
        claiming.witness(request=WitnessRequest.objects.get(), user=agent, at=clock.now())

    with tenancy.in_tenant(business.pk), transaction.atomic():
        claim = Claim.objects.get()
        assert Invoice.objects.get().state == State.QUEUED
        assert (claim.confirmed_as, claim.confirmed_person) == ("witness", agent.pk)
    assert WitnessRequest.objects.get().closed_by == f"user:{agent.pk}"


def test_only_staff_is_a_witness_and_only_for_one_who_is_alone(hermit, agent, people):
    doubted = make_uncertain()
    claim = claimed(doubted, hermit[1])
    request = WitnessRequest(
        business=doubted.tenant_id,
        claim=claim.pk,
        number=doubted.number,
        environment="sandbox",
        asked_at=clock.now(),
        ripe_at=clock.now(),
    )

    for who in (hermit[0], factories.make_staff(StaffRole.AUDITOR, is_superuser=True)):
        with pytest.raises(NotAllowed):
            claiming.witness(request=request, user=who, at=clock.now())
    with pytest.raises(IntegrityError, match="business of one"), transaction.atomic():
        claiming.witness(request=request, user=agent, at=clock.now())


# --- nothing else sends it again ------------------------------------------------------------------


def test_no_hand_takes_it_back_into_the_queue(doubted):
    with pytest.raises(IntegrityError, match="nobody knows"), transaction.atomic():
        lifecycle.transition(doubted, State.QUEUED, actor=SYSTEM, at=clock.now())
    with (
        pytest.raises(IntegrityError, match="nobody knows"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("UPDATE invoices_invoice SET state = 'queued'")

    assert Invoice.objects.get().state == State.UNCERTAIN


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_trigger_any_hand_does(business, laid_database):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        doubted = make_uncertain()

    with (
        without("uncertain_guard", "invoices_invoice", laid_database),
        tenancy.in_tenant(business.pk),
        transaction.atomic(),
    ):
        lifecycle.transition(doubted, State.QUEUED, actor=SYSTEM, at=clock.now())
        assert Invoice.objects.get().state == State.QUEUED


def test_what_was_said_is_kept(doubted, people):
    claim = claimed(doubted, people[0])
    resolving.settle_found(
        invoice=doubted, found=FOUND, proof=None, actor=people[1], at=clock.now()
    )
    attacks = [
        f"UPDATE fbr_claim SET why = 'x' WHERE id = '{claim.pk}'",
        f"UPDATE fbr_claim SET withdrawn_at = NULL WHERE id = '{claim.pk}'",
        f"UPDATE fbr_claim SET ripe_at = now() WHERE id = '{claim.pk}'",
        "DELETE FROM fbr_claim",
        "UPDATE fbr_evidence SET fbr_number = 'x'",
        "DELETE FROM fbr_evidence",
        "TRUNCATE fbr_evidence",
    ]

    for attack in attacks:
        with (
            pytest.raises(Exception, match=r"written once|append-only|kept|denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(attack)


# --- FBR's own answer, late ---------------------------------------------------------------------


def test_a_late_acceptance_of_the_very_send_settles_it(doubted):
    attempt = Attempt.objects.get()

    answer_late(doubted, attempt)

    assert (doubted.state, doubted.fbr_number) == ("accepted", NUMBER)
    assert work_of(doubted).state == WorkState.DONE
    row = Evidence.objects.get()
    assert (row.kind, row.outcome, row.attempt_id) == ("late_answer", "accepted", attempt.pk)
    assert ringing() == set()


def test_a_late_answer_that_comes_twice_changes_nothing_the_second_time(doubted):
    attempt = Attempt.objects.get()
    answer_late(doubted, attempt)
    before = (list(Evidence.objects.values()), deeds(), list(Invoice.objects.values()))

    answer_late(doubted, attempt, again=True)

    assert (list(Evidence.objects.values()), deeds(), list(Invoice.objects.values())) == before


def test_a_late_refusal_is_shown_and_settles_nothing(doubted):
    answer_late(doubted, Attempt.objects.get(), outcome=Outcome.REJECTED)

    assert doubted.state == State.UNCERTAIN
    assert Evidence.objects.get().outcome == "rejected"
    assert doubts.said_yes(doubted) is None


@pytest.mark.parametrize("whose", ["business", "other_business"])
def test_a_late_number_that_is_known_is_our_incident(request, business, people, whose):
    with tenancy.in_tenant(request.getfixturevalue(whose).pk):
        factories.accept(
            factories.make_issued(make_content(make_line(unit_price=Decimal(9)))), NUMBER
        )
    with tenancy.in_tenant(business.pk):
        doubted = make_uncertain()

        answer_late(doubted, Attempt.objects.get(invoice=doubted))

        assert doubted.state == State.UNCERTAIN
        assert Evidence.objects.count() == 0
    assert Tally.objects.get(name=alerts.NUMBER_TWICE).count == 1


def test_a_late_acceptance_takes_the_claim_back(doubted, people):
    claim = claimed(doubted, people[0])

    answer_late(doubted, Attempt.objects.get())

    claim.refresh_from_db()
    assert (doubted.state, claim.withdrawn_at is None) == ("accepted", False)


@pytest.mark.parametrize("leased", [False, True])
def test_a_late_acceptance_stops_the_resend_that_waits(doubted, people, leased):
    old = Attempt.objects.get()
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())
    fence = work_of(doubted).attempt_no
    if leased:
        fence += 1
        Outbox.objects.update(
            attempt_no=fence, lease_until=clock.now() + timedelta(minutes=2), leased_by="w"
        )

    answer_late(doubted, old)

    work = work_of(doubted)
    assert (doubted.state, work.state, work.hold_reason) == (
        State.QUEUED,
        WorkState.WAITING,
        Hold.DUPLICATE_SUSPECT,
    )
    assert work.lease_until is None
    assert (work.attempt_no != fence) is leased  # whoever leased it is fenced out
    assert NoticeKind.DUPLICATE_SUSPECT in ringing()
    with pytest.raises(RuleViolation, match="FBR itself"):
        duplicates.release_duplicate(
            invoice=doubted, reason="send it", actor=people[0], at=clock.now()
        )
    Outbox.objects.update(hold_reason="")
    assert work_of(doubted).hold_reason == Hold.DUPLICATE_SUSPECT


def test_twin_without_the_hold_the_resend_would_go(doubted, people, monkeypatch):
    old = Attempt.objects.get()
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())
    monkeypatch.setattr(resolving, "_hold", lambda invoice: None)

    answer_late(doubted, old)

    assert work_of(doubted).hold_reason != Hold.DUPLICATE_SUSPECT


def test_a_resend_that_was_stopped_is_settled_by_the_late_answer(doubted, people):
    old = Attempt.objects.get()
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())
    answer_late(doubted, old)

    resolving.settle_by_answer(invoice=doubted, actor=people[0], at=clock.now())

    settled = Invoice.objects.get()
    assert (settled.state, settled.fbr_number) == ("accepted", NUMBER)
    assert (work_of(doubted).state, Attempt.objects.count()) == (WorkState.DONE, 1)
    assert ringing() == set()


def test_a_resend_under_way_is_an_incident_and_is_held_if_it_comes_back(doubted, people):
    old = Attempt.objects.get()
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())
    doubted.refresh_from_db()
    begin(doubted)

    answer_late(doubted, old)
    Outbox.objects.update(state=WorkState.WAITING, hold_reason="")

    assert Incident.objects.get().kind == "double_reported"
    assert work_of(doubted).hold_reason == Hold.DUPLICATE_SUSPECT


@pytest.mark.django_db(transaction=True)
def test_twin_without_the_trigger_what_fbr_has_would_wait_to_go_again(business, laid_database):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        one, two = person(business)[1], person(business, Role.OWNER)[1]
        doubted = make_uncertain()
        old = Attempt.objects.get()
        claiming.confirm(claim=claimed(doubted, one), actor=two, at=clock.now())
        doubted.refresh_from_db()
        begin(doubted)
        answer_late(doubted, old)

    with (
        without("hold_reported", "fbr_outbox", laid_database),
        tenancy.in_tenant(business.pk),
        transaction.atomic(),
    ):
        Outbox.objects.update(state=WorkState.WAITING, hold_reason="")
        assert work_of(doubted).hold_reason == ""


def test_two_numbers_are_an_incident_with_a_way_out(doubted, people):
    old = Attempt.objects.get()
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())
    doubted.refresh_from_db()
    begin(doubted)
    second = "7000007DI1795136999999"
    doubted.refresh_from_db()
    resolved = {"fbr_number": second, "accepted_at": clock.now()}
    lifecycle.transition(doubted, State.ACCEPTED, actor=SYSTEM, at=clock.now(), also=resolved)

    answer_late(doubted, old)

    assert doubted.fbr_number == second
    assert [row.fbr_number for row in doubts.second_numbers(doubted)] == [NUMBER]
    assert Incident.objects.get().kind == "double_reported"
    notice = Notice.objects.get(kind=NoticeKind.DOUBLE_REPORTED)
    assert notice.due_at is not None

    doubles.undo_double(
        invoice=doubted,
        number=NUMBER,
        reference="IRIS 4711",
        proof=picture(),
        actor=people[0],
        at=clock.now(),
    )

    assert doubts.second_numbers(doubted) == []
    assert NoticeKind.DOUBLE_REPORTED not in ringing()


def test_the_same_number_late_is_no_second_one(doubted):
    attempt = Attempt.objects.get()
    found = Found(number=NUMBER, note="seen in IRIS")
    _user, actor = person(doubted.tenant)
    resolving.settle_found(invoice=doubted, found=found, proof=None, actor=actor, at=clock.now())

    answer_late(doubted, attempt)

    assert doubts.second_numbers(doubted) == []
    assert Incident.objects.count() == 0


def test_a_typed_number_beside_another_late_one_is_an_incident(doubted, people):
    attempt = Attempt.objects.get()
    resolving.settle_found(
        invoice=doubted,
        found=Found(number="7000007DI1", note="seen"),
        proof=None,
        actor=people[0],
        at=clock.now(),
    )

    answer_late(doubted, attempt)

    assert Incident.objects.get().kind == "double_reported"


def test_fbrs_own_yes_is_not_contradicted(doubted, people):
    old = Attempt.objects.get()
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())
    doubted.refresh_from_db()
    send(doubted, ended=timedelta(hours=1))
    answer_late(doubted, old)
    assert doubted.state == State.UNCERTAIN

    with pytest.raises(RuleViolation, match="FBR itself"):
        claimed(doubted, people[0])
    resolving.settle_by_answer(invoice=doubted, actor=people[0], at=clock.now())

    assert Invoice.objects.get().fbr_number == NUMBER


# --- changed since FBR took it ------------------------------------------------------------------


def issue(invoice):
    issuing.issue(invoice=invoice, actor=SYSTEM, at=clock.now())


def take(invoice, actor):
    resolving.settle_by_answer(invoice=invoice, actor=actor, at=clock.now())


def test_a_late_yes_settles_what_fbr_refused_at_its_second_send(doubted, people):
    answer_late(doubted, refused_at_the_second_send(doubted, people))

    take(doubted, people[0])

    settled = Invoice.objects.get()
    assert (settled.state, settled.fbr_number) == ("accepted", NUMBER)
    assert Outbox.objects.count() == 1


def test_what_fbr_has_is_issued_again_only_as_fbr_has_it(doubted, people):
    body = bytes(work_of(doubted).body)
    answer_late(doubted, refused_at_the_second_send(doubted, people))
    write(doubted, 399)

    with (
        pytest.raises(StateConflict, match="as it was before it was changed"),
        transaction.atomic(),
    ):
        issue(doubted)
    with pytest.raises(RuleViolation, match="before it was changed"), transaction.atomic():
        take(doubted, people[0])
    doubted.refresh_from_db()
    write(doubted, 400)
    issue(doubted)
    waiting = Outbox.objects.get(invoice=doubted, state=WorkState.WAITING)
    take(doubted, people[0])

    settled = Invoice.objects.get()
    assert (bytes(waiting.body), waiting.hold_reason) == (body, Hold.DUPLICATE_SUSPECT)
    assert (settled.state, settled.fbr_number) == ("accepted", NUMBER)


def test_a_bill_that_fbr_has_keeps_the_hour_under_which_fbr_has_it(people):
    bill = make_uncertain(factories.make_bill(factories.make_till()))
    body = bytes(work_of(bill).body)
    answer_late(bill, refused_at_the_second_send(bill, people))

    issuing.issue(invoice=bill, actor=SYSTEM, at=bill.made_at + timedelta(hours=5))

    assert bytes(Outbox.objects.get(state=WorkState.WAITING).body) == body


def test_a_changed_text_that_waits_does_not_get_the_number_of_the_first(doubted, people):
    old = refused_at_the_second_send(doubted, people)
    write(doubted, 399)
    issue(doubted)
    answer_late(doubted, old)

    with pytest.raises(RuleViolation, match="before it was changed"), transaction.atomic():
        take(doubted, people[0])
    duplicates.reopen(invoice=doubted, actor=people[0], at=clock.now())

    doubted.refresh_from_db()
    assert doubted.state == State.REJECTED
    assert not Outbox.objects.exclude(state=WorkState.DONE).exists()
    assert NoticeKind.DUPLICATE_SUSPECT not in ringing()
    write(doubted, 400)
    issue(doubted)
    take(doubted, people[0])
    assert Invoice.objects.get().fbr_number == NUMBER


def test_only_what_fbr_has_in_other_words_is_reopened(doubted, people):
    old = Attempt.objects.get()
    claiming.confirm(claim=claimed(doubted, people[0]), actor=people[1], at=clock.now())

    def reopen():
        with pytest.raises(StateConflict), transaction.atomic():
            duplicates.reopen(invoice=doubted, actor=people[0], at=clock.now())

    reopen()
    answer_late(doubted, old)
    reopen()
    assert Invoice.objects.get().state == State.QUEUED


def test_a_changed_text_in_doubt_does_not_get_the_number_of_the_first_by_any_door(doubted, people):
    old = refused_at_the_second_send(doubted, people)
    write(doubted, 399)
    issue(doubted)
    send(doubted, ended=timedelta(hours=1))
    answer_late(doubted, old)
    assert doubted.state == State.UNCERTAIN

    with pytest.raises(RuleViolation, match="before it was changed"), transaction.atomic():
        take(doubted, people[0])
    with pytest.raises(RuleViolation, match="before it was changed"), transaction.atomic():
        resolving.settle_found(
            invoice=doubted, found=FOUND, proof=None, actor=people[0], at=clock.now()
        )
    second = Found(number="7000007DI1", note="seen in IRIS")
    resolving.settle_found(
        invoice=doubted, found=second, proof=None, actor=people[0], at=clock.now()
    )

    assert Invoice.objects.get().fbr_number == "7000007DI1"
    assert Incident.objects.get().kind == "double_reported"


# --- look-alikes --------------------------------------------------------------------------------


def suspect():
    """A document that was held because it looks like another one, and that other one."""
    twin = make_uncertain()
    held = factories.make_issued()
    Outbox.objects.filter(invoice=held).update(hold_reason=Hold.DUPLICATE_SUSPECT)
    duplicates.suspected(held, clock.now())
    return held, twin


def test_another_sale_is_let_go_with_a_reason(people, clerk):
    held, _twin = suspect()

    with pytest.raises(RuleViolation):
        duplicates.release_duplicate(invoice=held, reason=" ", actor=clerk, at=clock.now())
    assert work_of(held).hold_reason == Hold.DUPLICATE_SUSPECT

    duplicates.release_duplicate(invoice=held, reason="second truck", actor=clerk, at=clock.now())

    assert work_of(held).hold_reason == Hold.CREDENTIAL  # no token here: it waits for that now
    row = Evidence.objects.get(kind=EvidenceKind.ANOTHER_SALE)
    assert (row.note, row.by) == ("second truck", clerk.name)
    assert deeds()[-1] == AuditAction.INVOICE_RELEASED
    assert NoticeKind.DUPLICATE_SUSPECT not in ringing()
    with pytest.raises(StateConflict):
        duplicates.release_duplicate(
            invoice=held, reason="second truck", actor=clerk, at=clock.now()
        )


def test_a_viewer_lets_nothing_go(people, reader):
    held, _twin = suspect()

    with pytest.raises(NotAllowed):
        duplicates.release_duplicate(
            invoice=held, reason="another one", actor=reader, at=clock.now()
        )

    assert work_of(held).hold_reason == Hold.DUPLICATE_SUSPECT


def test_a_job_of_ours_says_nothing_about_fbr(doubted):
    with pytest.raises(NotAllowed):
        proving.person_behind(SYSTEM)
