"""R10: what is issued offline is marked, gets its deadline once, and somebody is told in time."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction

from accounts import tenancy
from accounts.enums import AuditAction, NoticeKind
from accounts.models import AuditEvent, LegalEntity, Notice
from fbr import tasks
from fbr.di import codes
from fbr.models import (
    Breaker,
    Cause,
    Incident,
    IncidentDocument,
    OfflineSpell,
    Outage,
    Outbox,
    Reach,
)
from fbr.outcomes import CodeOnLine
from fbr.services import issuing, outages, resending, spells, voiding
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from tests import factories
from tests.conftest import NOON
from tests.factories import SYSTEM
from tests.workers import free_port

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
SECOND = timedelta(seconds=1)
LINE = {"environment": "sandbox", "channel": "di"}


class Shop:
    """A business that issues at given instants, seen from outside."""

    def __init__(self, number: int = 0, environment: str = "sandbox") -> None:
        self.tenant = factories.make_tenant(
            f"Shop {number}", ntn_cnic=f"{7500000 + number}", environment=environment
        )

    def inside(self, work):
        with tenancy.in_tenant(self.tenant.pk), transaction.atomic():
            return work()

    def issue(self, at) -> UUID:
        def deed():
            invoice, lines = factories.make_draft()
            issuing.issue(
                invoice=invoice,
                lines=lines,
                entity=LegalEntity.objects.get(),
                actor=SYSTEM,
                at=at,
            )
            return invoice.pk

        return self.inside(deed)

    def invoice(self, pk):
        return self.inside(lambda: Invoice.objects.get(pk=pk))

    def accept(self, *pks, at):
        def deed():
            for invoice in Invoice.objects.filter(pk__in=pks):
                lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=at)
                got = {"fbr_number": f"fbr-{invoice.pk}", "accepted_at": at}
                lifecycle.transition(invoice, State.ACCEPTED, actor=SYSTEM, at=at, also=got)
            open_works = Outbox.objects.filter(invoice__in=pks, done_at=None)
            open_works.update(state="done", done_at=at)

        self.inside(deed)

    def refuse(self, pk, at):
        def deed():
            invoice = Invoice.objects.get(pk=pk)
            lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=at)
            lifecycle.transition(
                invoice, State.REJECTED, actor=SYSTEM, at=at, also={"problems": []}
            )
            Outbox.objects.filter(invoice=invoice).update(state="done", done_at=at)

        self.inside(deed)

    def deadline(self, pk):
        return self.inside(lambda: Outbox.objects.get(invoice_id=pk).deadline)

    def rings(self):
        """What the bell rings for, by how long after noon its outage was over."""

        def look():
            ends = {
                spell.pk: spell.outage.restored_at and spell.outage.restored_at - NOON
                for spell in OfflineSpell.objects.select_related("outage")
            }
            open_ones = Notice.objects.filter(cleared_at=None, object_type="offlinespell")
            return {(ends[row.object_id], row.kind, row.step) for row in open_ones}

        return self.inside(look)

    def spells(self):
        return self.inside(
            lambda: list(OfflineSpell.objects.select_related("outage").order_by("outage__began_at"))
        )

    def everything(self):
        return self.inside(
            lambda: [
                list(model.objects.order_by("pk").values())
                for model in (
                    Outbox,
                    OfflineSpell,
                    Notice,
                    Incident,
                    IncidentDocument,
                    AuditEvent,
                    Outage,
                )
            ]
        )


def fails(at, **line):
    """The breaker opens."""
    Breaker.objects.update_or_create(**{**LINE, **line}, defaults={"opened_at": at})


def answers(at, **line):
    """A definite answer: the breaker is closed."""
    Breaker.objects.update_or_create(
        **{**LINE, **line}, defaults={"opened_at": None, "last_good_at": at}
    )


def refused_after_an_outage(shop) -> UUID:
    """Issued offline a minute after noon; after an hour FBR answers again, and refuses it."""
    fails(NOON)
    pk = shop.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)
    answers(NOON + HOUR)
    outages.look(at=NOON + HOUR)
    shop.refuse(pk, NOON + HOUR)
    return pk


def run(sql):
    with connection.cursor() as cursor:
        cursor.execute(sql)


def lines():
    """Each outage as minutes after noon."""
    rows = Outage.objects.order_by("began_at").values_list("began_at", "restored_at")
    return [
        ((began - NOON) // MINUTE, restored and (restored - NOON) // MINUTE)
        for began, restored in rows
    ]


@pytest.fixture
def shop(transactional_db):
    return Shop()


# --- is it away -------------------------------------------------------------------------------


def test_what_is_issued_while_the_breaker_is_open_says_so(shop):
    before = shop.issue(NOON)
    fails(NOON + MINUTE)
    meanwhile = shop.issue(NOON + 2 * MINUTE)
    answers(NOON + 3 * MINUTE)
    after = shop.issue(NOON + 4 * MINUTE)

    marks = [shop.invoice(pk).issued_offline for pk in (before, meanwhile, after)]

    assert marks == [False, True, False]
    assert shop.invoice(meanwhile).number


def test_a_breaker_of_another_line_marks_nothing(shop):
    fails(NOON, environment="production")
    fails(NOON, channel="pos")

    assert not shop.invoice(shop.issue(NOON + MINUTE)).issued_offline


def test_the_question_costs_one_query(shop, django_assert_num_queries):
    with django_assert_num_queries(1):
        assert outages.is_away("sandbox", "di") is False


def reach(*, is_there, at):
    outages.note_reach("sandbox", "di", is_there=is_there, at=at)


def test_three_failed_checks_of_the_network_in_a_row_are_away(shop):
    found = []
    for number, is_there in enumerate([False, False, True, False, False, False, True]):
        reach(is_there=is_there, at=NOON + number * 15 * SECOND)
        found.append(outages.is_away("sandbox", "di"))

    assert found == [False, False, False, False, False, True, False]


def test_two_checks_in_the_same_moment_are_one(shop):
    for _ in range(5):
        reach(is_there=False, at=NOON)

    assert Reach.objects.get().failed_in_row == 1


def test_an_answer_of_fbr_is_stronger_than_a_check_of_the_network(shop):
    for number in range(3):
        reach(is_there=False, at=NOON + number * 15 * SECOND)
    answers(NOON + 30 * SECOND)

    assert not outages.is_away("sandbox", "di")


def test_the_check_opens_a_line_and_says_nothing(shop, fake_fbr, settings):
    settings.FBR_DI_URL = fake_fbr.url
    answers(NOON - HOUR)

    outages.check_network(at=NOON)
    settings.FBR_DI_URL = f"http://127.0.0.1:{free_port()}"
    outages.check_network(at=NOON + MINUTE)

    row = Reach.objects.get()
    assert (row.failed_in_row, row.failing_since) == (1, NOON + MINUTE)
    assert fake_fbr.ledger()["requests"] == []


def test_a_disarmed_installation_checks_nothing(shop, fake_fbr, settings):
    settings.FBR_DI_URL = fake_fbr.url
    settings.INSTANCE_ID = "a copy of the real one"
    outages.arming.forget()
    answers(NOON - HOUR)

    outages.check_network(at=NOON)

    outages.arming.forget()
    assert not Reach.objects.exists()


# --- outages ----------------------------------------------------------------------------------


def test_an_outage_begins_with_the_breaker_and_ends_with_the_answer(shop):
    fails(NOON)
    outages.look(at=NOON + MINUTE)
    outages.look(at=NOON + 2 * MINUTE)
    answers(NOON + 10 * MINUTE)
    outages.look(at=NOON + 11 * MINUTE)
    outages.look(at=NOON + 12 * MINUTE)

    assert lines() == [(0, 10)]
    assert Outage.objects.get().cause == Cause.BREAKER


def test_an_answer_that_was_under_way_before_ends_nothing(shop):
    """The breaker stays open upon it: it says nothing of what came since."""
    fails(NOON)
    outages.look(at=NOON + MINUTE)
    Breaker.objects.update(last_good_at=NOON + 2 * MINUTE)
    outages.look(at=NOON + 3 * MINUTE)

    assert lines() == [(0, None)]


def test_flapping_makes_new_outages_and_moves_none(shop):
    for minute in (0, 20, 40):
        fails(NOON + minute * MINUTE)
        outages.look(at=NOON + (minute + 1) * MINUTE)
        answers(NOON + (minute + 10) * MINUTE)
        outages.look(at=NOON + (minute + 11) * MINUTE)

    assert lines() == [(0, 10), (20, 30), (40, 50)]


def test_flapping_between_two_looks_is_found_by_the_documents(shop):
    answers(NOON - HOUR)
    outages.look(at=NOON)
    fails(NOON + MINUTE)
    first = shop.issue(NOON + 2 * MINUTE)
    answers(NOON + 3 * MINUTE)
    fails(NOON + 5 * MINUTE)
    second = shop.issue(NOON + 6 * MINUTE)

    outages.look(at=NOON + 7 * MINUTE)

    assert lines() == [(2, 3), (5, None)]
    assert shop.deadline(first) == NOON + 3 * MINUTE + 24 * HOUR
    assert shop.deadline(second) is None


def test_a_line_taken_on_trial_waits_for_the_first_answer(shop):
    """Somebody closed the breaker by hand: what was issued before is still not at FBR."""
    fails(NOON)
    pk = shop.issue(NOON + MINUTE)
    Breaker.objects.update(opened_at=None)
    outages.look(at=NOON + 2 * MINUTE)
    began = lines()
    answers(NOON + 5 * MINUTE)
    outages.look(at=NOON + 6 * MINUTE)

    assert (began, lines()) == ([(1, None)], [(1, 5)])
    assert shop.deadline(pk) == NOON + 5 * MINUTE + 24 * HOUR


def network_away(shop):
    answers(NOON - HOUR)
    for number in range(3):
        reach(is_there=False, at=NOON + number * 15 * SECOND)
    outages.look(at=NOON + MINUTE)


def test_a_network_outage_without_documents_ends_with_the_network(shop):
    network_away(shop)
    reach(is_there=True, at=NOON + 5 * MINUTE)
    outages.look(at=NOON + 6 * MINUTE)

    assert lines() == [(0, 5)]
    assert Outage.objects.get().cause == Cause.NETWORK


def test_a_network_outage_with_documents_ends_with_an_answer(shop):
    network_away(shop)
    pk = shop.issue(NOON + 2 * MINUTE)
    reach(is_there=True, at=NOON + 5 * MINUTE)
    outages.look(at=NOON + 6 * MINUTE)
    before = lines()
    answers(NOON + 7 * MINUTE)
    outages.look(at=NOON + 8 * MINUTE)

    assert shop.invoice(pk).issued_offline
    assert (before, lines()) == ([(0, None)], [(0, 7)])


def test_an_outage_ends_once(shop):
    fails(NOON)
    outages.look(at=NOON)
    answers(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)

    for change in ({"restored_at": NOON + HOUR}, {"restored_at": None}, {"began_at": NOON - HOUR}):
        with pytest.raises(IntegrityError, match="ends once"), transaction.atomic():
            Outage.objects.update(**change)
    with pytest.raises(IntegrityError, match="is kept"), transaction.atomic():
        run("DELETE FROM fbr_outage")


def test_twin_without_the_guard_a_restoration_moves(shop, laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE fbr_outage DISABLE TRIGGER outage_guard")
    try:
        with pytest.raises(pytest.fail.Exception):
            test_an_outage_ends_once(shop)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE fbr_outage ENABLE TRIGGER outage_guard")


# --- R10: every deadline and every alert -------------------------------------------------------

FIRST_BACK = 60 * MINUTE
SECOND_BACK = 90 * MINUTE
NEAR, PASSED = NoticeKind.DEADLINE_NEAR.value, NoticeKind.DEADLINE_PASSED.value
AWAY = NoticeKind.OUTAGE.value

# minutes after noon: what rings then. The first outage ends after 60, the second after 90.
RINGS = {
    10: {(None, AWAY, "")},
    61: set(),
    75: {(FIRST_BACK, NEAR, "slow"), (None, AWAY, "")},
    80: {(FIRST_BACK, NEAR, "slow"), (None, AWAY, "")},
    91: {(FIRST_BACK, NEAR, "slow")},
    105: {(FIRST_BACK, NEAR, "slow"), (SECOND_BACK, NEAR, "slow")},
    13 * 60 - 1: {(FIRST_BACK, NEAR, "slow"), (SECOND_BACK, NEAR, "slow")},
    13 * 60: {(FIRST_BACK, NEAR, "12"), (SECOND_BACK, NEAR, "slow")},
    13 * 60 + 30: {(FIRST_BACK, NEAR, "12"), (SECOND_BACK, NEAR, "12")},
    21 * 60: {(FIRST_BACK, NEAR, "20"), (SECOND_BACK, NEAR, "12")},
    24 * 60: {(FIRST_BACK, NEAR, "23"), (SECOND_BACK, NEAR, "20")},
    24 * 60 + 30: {(FIRST_BACK, NEAR, "23"), (SECOND_BACK, NEAR, "23")},
    25 * 60 - 1: {(FIRST_BACK, NEAR, "23"), (SECOND_BACK, NEAR, "23")},
    25 * 60: {(FIRST_BACK, PASSED, "24"), (SECOND_BACK, NEAR, "23")},
    25 * 60 + 30: {(FIRST_BACK, PASSED, "24"), (SECOND_BACK, PASSED, "24")},
}


def flapping(shop, *, looks):
    """Two outages half an hour apart and a third that touches nobody; looked at when told to."""
    happens = {
        0: fails,
        5: lambda at: issued.append(shop.issue(at)),
        30: lambda at: issued.append(shop.issue(at)),
        60: answers,
        70: fails,
        72: lambda at: issued.append(shop.issue(at)),
        90: answers,
        200: fails,
        210: answers,
    }
    issued: list[UUID] = []
    rung = {}
    for minute in sorted({*happens, *looks}):
        at = NOON + minute * MINUTE
        happens.get(minute, lambda at: None)(at)
        outages.look(at=at)
        if minute in looks:
            rung[minute] = shop.rings()
    return issued, rung


def check_flapping(shop):
    (first, second, third), rung = flapping(shop, looks=RINGS)

    assert rung == RINGS
    assert shop.deadline(first) == shop.deadline(second) == NOON + FIRST_BACK + 24 * HOUR
    assert shop.deadline(third) == NOON + SECOND_BACK + 24 * HOUR
    assert [spell.documents for spell in shop.spells()] == [2, 1]


def test_r10_every_deadline_and_alert_of_a_flapping_line(shop):
    check_flapping(shop)


def test_r10_twin_a_restoration_that_a_later_flap_moves_fails_the_test(
    shop, laid_database, monkeypatch
):
    def moved(outage, breaker, reach):
        if breaker and breaker.last_good_at and breaker.last_good_at > outage.began_at:
            Outage.objects.filter(environment=outage.environment).update(
                restored_at=breaker.last_good_at
            )

    monkeypatch.setattr(outages, "_end", moved)
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE fbr_outage DISABLE TRIGGER outage_guard")
    try:
        with pytest.raises(AssertionError):
            check_flapping(shop)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE fbr_outage ENABLE TRIGGER outage_guard")


@pytest.mark.parametrize(("slept", "rings"), [(14, "12"), (22, "20"), (24.5, "23"), (60, "24")])
def test_after_a_long_silence_the_stage_that_is_due_rings_once(shop, slept, rings):
    fails(NOON)
    outages.look(at=NOON)
    pk = shop.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)
    answers(NOON + HOUR)
    at = NOON + slept * HOUR

    outages.look(at=at)
    outages.look(at=at + SECOND)

    assert [step for _, _, step in shop.rings()] == [rings]
    assert shop.deadline(pk) == NOON + 25 * HOUR
    posted = shop.inside(lambda: Notice.objects.filter(object_type="offlinespell").count())
    assert posted == 2  # that it was away, and this one


def test_a_day_without_any_answer_rings_too(shop):
    fails(NOON)
    shop.issue(NOON + MINUTE)
    outages.look(at=NOON + 24 * HOUR)
    early = shop.rings()
    outages.look(at=NOON + 24 * HOUR + MINUTE)

    assert early == {(None, AWAY, "")}
    assert shop.rings() == {(None, AWAY, ""), (None, NEAR, "unrestored")}


def test_a_pace_that_keeps_up_rings_nobody(shop):
    fails(NOON)
    issued = [shop.issue(NOON + MINUTE) for _ in range(4)]
    outages.look(at=NOON + MINUTE)
    answers(NOON + HOUR)
    shop.accept(*issued[:2], at=NOON + HOUR)

    outages.look(at=NOON + HOUR + 20 * MINUTE)

    assert shop.rings() == set()


# --- drained ----------------------------------------------------------------------------------


def test_when_all_is_reported_the_bells_fall_silent(shop):
    fails(NOON)
    issued = [shop.issue(NOON + MINUTE) for _ in range(3)]
    outages.look(at=NOON + MINUTE)
    answers(NOON + 2 * MINUTE)
    outages.look(at=NOON + 15 * HOUR)
    rang = shop.rings()
    shop.accept(*issued[:2], at=NOON + 15 * HOUR)
    shop.refuse(issued[2], NOON + 15 * HOUR)
    outages.look(at=NOON + 15 * HOUR)
    [lasting] = shop.spells()
    shop.inside(
        lambda: voiding.void(
            invoice=Invoice.objects.get(pk=issued[2]), reason="Not sold.", actor=SYSTEM, at=NOON
        )
    )

    outages.look(at=NOON + 15 * HOUR + MINUTE)

    [spell] = shop.spells()
    assert rang
    assert shop.rings() == set()
    assert (lasting.refused, lasting.drained_at) == (1, None)
    assert (spell.documents, spell.reported, spell.refused) == (3, 2, 0)
    assert spell.drained_at == NOON + 15 * HOUR + MINUTE
    deeds = shop.inside(
        lambda: list(
            AuditEvent.objects.filter(object_type="offlinespell")
            .order_by("at")
            .values_list("action", flat=True)
        )
    )
    assert deeds == [AuditAction.OUTAGE_BEGAN, AuditAction.OUTAGE_ENDED]


def reissue(shop, pk, at):
    def deed():
        issuing.issue(invoice=Invoice.objects.get(pk=pk), actor=SYSTEM, at=at)

    shop.inside(deed)


def resend(shop, pk, at):
    def deed():
        transient = [codes.problem_of(CodeOnLine(code="0077", text="", line=1)).as_dict()]
        Invoice.objects.filter(pk=pk).update(problems=transient)
        resending.send_again(invoice=Invoice.objects.get(pk=pk), actor=SYSTEM, at=at)

    shop.inside(deed)


def newest(shop, pk):
    return shop.inside(lambda: Outbox.objects.filter(invoice_id=pk).latest("version"))


@pytest.mark.parametrize("again", [reissue, resend])
@pytest.mark.parametrize("seen", [True, False])
def test_the_second_version_of_an_offline_document_keeps_mark_and_deadline(shop, again, seen):
    """Also where FBR came back and refused the first one between two looks."""
    fails(NOON)
    outages.look(at=NOON)
    pk = shop.issue(NOON + MINUTE)
    answers(NOON + HOUR)
    if seen:
        outages.look(at=NOON + HOUR)
    shop.refuse(pk, NOON + HOUR)

    again(shop, pk, NOON + 2 * HOUR)
    for hour in (2, 3, 4):
        outages.look(at=NOON + hour * HOUR)

    work = newest(shop, pk)
    assert (work.version, work.deadline) == (2, NOON + 25 * HOUR)
    assert shop.invoice(pk).issued_offline
    assert lines() == [(0, 60)]


def test_the_second_version_does_not_wait_for_an_outage_that_came_later(shop):
    fails(NOON)
    outages.look(at=NOON)
    pk = shop.issue(NOON + MINUTE)
    answers(NOON + HOUR)
    outages.look(at=NOON + HOUR)
    shop.refuse(pk, NOON + HOUR)
    reissue(shop, pk, NOON + 2 * HOUR)
    fails(NOON + 3 * HOUR)
    outages.look(at=NOON + 3 * HOUR)
    answers(NOON + 4 * HOUR)
    outages.look(at=NOON + 4 * HOUR)

    assert newest(shop, pk).deadline == NOON + 25 * HOUR
    assert [spell.outage.began_at for spell in shop.spells()] == [NOON]


def test_what_was_first_issued_offline_when_corrected_has_the_deadline_of_that_outage(shop):
    pk = shop.issue(NOON)
    shop.refuse(pk, NOON + MINUTE)
    fails(NOON + HOUR)
    outages.look(at=NOON + HOUR)
    reissue(shop, pk, NOON + 2 * HOUR)
    answers(NOON + 3 * HOUR)
    outages.look(at=NOON + 3 * HOUR)

    assert newest(shop, pk).deadline == NOON + 27 * HOUR


def test_a_refused_document_rings_on_until_fbr_has_it(shop):
    pk = refused_after_an_outage(shop)
    rung = {}
    for hour in (2, 13, 21, 24, 25):
        outages.look(at=NOON + hour * HOUR)
        rung[hour] = {(kind, step) for _end, kind, step in shop.rings()}
    reissue(shop, pk, NOON + 25 * HOUR)
    shop.accept(pk, at=NOON + 25 * HOUR)
    outages.look(at=NOON + 26 * HOUR)

    assert rung == {
        2: set(),
        13: {(NEAR, "12")},
        21: {(NEAR, "20")},
        24: {(NEAR, "23")},
        25: {(PASSED, "24")},
    }
    assert shop.rings() == set()


def test_each_business_has_its_own(shop):
    other = Shop(1)
    fails(NOON)
    mine = [shop.issue(NOON + MINUTE) for _ in range(2)]
    theirs = other.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)
    answers(NOON + 2 * MINUTE)
    outages.look(at=NOON + 3 * MINUTE)
    shop.accept(*mine, at=NOON + 3 * MINUTE)
    outages.look(at=NOON + 4 * MINUTE)

    assert [(s.documents, s.drained_at is None) for s in shop.spells()] == [(2, False)]
    assert [(s.documents, s.drained_at is None) for s in other.spells()] == [(1, True)]
    assert other.deadline(theirs) == NOON + 2 * MINUTE + 24 * HOUR


def test_what_was_issued_before_the_outage_has_no_deadline(shop):
    before = shop.issue(NOON)
    fails(NOON + MINUTE)
    shop.issue(NOON + 2 * MINUTE)
    outages.look(at=NOON + 3 * MINUTE)
    answers(NOON + 4 * MINUTE)
    outages.look(at=NOON + 5 * MINUTE)

    assert shop.deadline(before) is None


def test_a_second_look_changes_nothing(shop):
    fails(NOON)
    shop.issue(NOON + MINUTE)
    outages.look(at=NOON + HOUR)
    answers(NOON + HOUR + MINUTE)
    outages.look(at=NOON + 22 * HOUR)
    before = shop.everything()

    outages.look(at=NOON + 22 * HOUR)

    assert shop.everything() == before


def test_the_task_run_twice_changes_nothing(shop, settings, fake_fbr):
    settings.FBR_DI_URL = fake_fbr.url
    fails(NOON)
    shop.issue(NOON + MINUTE)
    tasks.look_for_outages()
    before = shop.everything()

    tasks.look_for_outages()

    assert shop.everything() == before


def test_a_deadline_that_a_sender_holds_is_set_at_the_next_look(shop, role_urls):
    """The look waits for nobody."""
    import psycopg2  # noqa: PLC0415 -- a second line beside Django's

    fails(NOON)
    pk = shop.issue(NOON + MINUTE)
    outages.look(at=NOON + MINUTE)
    answers(NOON + 2 * MINUTE)
    with psycopg2.connect(role_urls.app) as sender, sender.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(shop.tenant.pk)])
        cursor.execute("SELECT id FROM fbr_outbox FOR UPDATE")
        outages.look(at=NOON + 3 * MINUTE)
    sender.close()
    held = shop.deadline(pk)

    outages.look(at=NOON + 4 * MINUTE)

    assert (held, shop.deadline(pk)) == (None, NOON + 2 * MINUTE + 24 * HOUR)


def test_documents_of_a_spell_cost_no_more_with_a_long_history(shop):
    """Its look can go by an index over what was ever issued offline.

    Of three rows a planner may read all; so it is told that this is dear.
    """
    spell = OfflineSpell(outage=Outage(environment="sandbox", channel="di"), first_issued_at=NOON)

    def explained():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        return spells.documents_of(spell).explain()

    assert "Seq Scan on invoices_invoice" not in shop.inside(explained)
