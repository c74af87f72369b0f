"""The checker: silent on a sound database, and it names each thing that somebody broke."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts import tenancy
from fbr.models import Alert, AlertKind, Attempt, Outbox
from fbr.models.work import WorkState
from fbr.outcomes import Outcome
from fbr.services import invariants, watching
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from invoices.services import drafts
from tests import factories
from tests.factories import AT, SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

FINISHED = {
    "call": "record",
    "answered_at": AT,
    "finished_at": AT,
    "sent": True,
    "http_status": 200,
    "answer": b"{}",
    "took_ms": 150,
}
# How a document that was sent ended: outcome of its attempt, state of its work.
ENDS = {
    State.ACCEPTED: (Outcome.ACCEPTED, WorkState.DONE),
    State.REJECTED: (Outcome.REJECTED, WorkState.DONE),
    State.UNCERTAIN: (Outcome.UNCERTAIN, WorkState.STOPPED),
}


def send(invoice):
    """As T1 and T2 leave it."""
    Outbox.objects.filter(invoice=invoice).update(
        state=WorkState.SENDING,
        attempt_no=1,
        lease_until=factories.datetime(2100, 1, 1, tzinfo=AT.tzinfo),
    )
    work = Outbox.objects.get(invoice=invoice)
    Attempt(
        work=work,
        invoice=invoice,
        attempt_no=1,
        body_sha256=work.body_sha256,
        worker="test",
        started_at=AT,
    ).save(force_insert=True)
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)


def settle(invoice, state):
    """As T5 leaves it."""
    outcome, became = ENDS[state]
    number = {"fbr_number": f"fbr-{invoice.pk}", "accepted_at": AT}
    also = number if state == State.ACCEPTED else {}
    lifecycle.transition(invoice, state, actor=SYSTEM, at=AT, also=also)
    Attempt.objects.filter(invoice=invoice).update(**FINISHED, outcome=outcome, why="test")
    done_at = AT if became == WorkState.DONE else None
    Outbox.objects.filter(invoice=invoice).update(
        state=became, lease_until=None, leased_by="", done_at=done_at
    )


def make(state):
    """A sound document in `state`, with all that hangs on it."""
    if state == State.DRAFT:
        return factories.make_draft()[0]
    invoice = factories.make_issued()
    if state == State.VOID:
        lifecycle.transition(invoice, state, actor=SYSTEM, at=AT, also={"void_reason": "test"})
        Outbox.objects.filter(invoice=invoice).update(state=WorkState.DONE, done_at=AT)
    elif state != State.QUEUED:
        send(invoice)
    if state in ENDS:
        settle(invoice, state)
    elif state in {State.CANCEL_REQUESTED, State.CANCELLED}:
        settle(invoice, State.ACCEPTED)
        lifecycle.transition(invoice, State.CANCEL_REQUESTED, actor=SYSTEM, at=AT)
    if state == State.CANCELLED:
        factories.prove_cancelled(invoice)
        lifecycle.transition(invoice, state, actor=SYSTEM, at=AT)
    return invoice


@pytest.fixture
def zoo(business, other_business):
    """One document of each state in two businesses; ids of the first one's."""
    made = {}
    for tenant in (other_business, business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            made = {state.value: make(state).pk for state in State}
    return made


@pytest.fixture
def hand(laid_database):
    """Somebody with a superuser's hand in the tables: no trigger, no policy, no key minds him."""

    def change(sql, *params):
        with laid_database.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            try:
                cursor.execute(sql, params)
                assert cursor.rowcount != 0
            finally:
                cursor.execute("RESET session_replication_role")

    return change


@pytest.fixture
def builder(hand, laid_database):
    """The same hand on the tables themselves; the database is laid anew behind it."""
    yield hand
    laid_database._lay_anew()


def found():
    return [str(finding) for finding in invariants.broken()]


def test_nothing_is_found_where_everything_is_as_it_must_be(zoo):
    assert found() == []


@pytest.mark.parametrize("state", [State.DRAFT, State.REJECTED, State.VOID])
def test_what_is_saved_and_not_issued_again_is_no_finding(business, state):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice = make(State.REJECTED if state == State.VOID else state)
        content = factories.make_content(client_reference="saved once more")
        drafts.change(
            invoice=invoice, content=content, actor=SYSTEM, at=AT, seen_version=invoice.version
        )
        if state == State.VOID:
            reason = {"void_reason": "test"}
            lifecycle.transition(invoice, State.VOID, actor=SYSTEM, at=AT, also=reason)

    assert found() == []


def test_the_zoo_has_every_state(zoo, business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert {*Invoice.objects.values_list("state", flat=True)} == {*State.values}


INVOICE = "UPDATE invoices_invoice SET {} WHERE id = %s"
WORK = "UPDATE fbr_outbox SET {} WHERE invoice_id = %s"
ATTEMPT = "UPDATE fbr_attempt SET {} WHERE invoice_id = %s"
EVENT = "DELETE FROM invoices_invoiceevent WHERE became = '{0}' AND invoice_id = %s"
ANEW = (
    "INSERT INTO {0} SELECT (jsonb_populate_record(t, '{1}'::jsonb"
    " || jsonb_build_object('id', gen_random_uuid()))).* FROM {0} t WHERE invoice_id = %s"
)
GAP = (
    "INSERT INTO fbr_numbergap (id, tenant_id, quarantine_id, series_id, first, last)"
    " SELECT gen_random_uuid(), tenant_id, gen_random_uuid(), series_id, serial, serial"
    " FROM invoices_invoice WHERE id = %s"
)
# rule, whose document, what was done to it, words of the finding
BROKEN = [
    ("R1", "accepted", ATTEMPT.format("outcome = 'rejected'"), "nothing else proves it"),
    ("R1", "cancelled", "DELETE FROM fbr_attempt WHERE invoice_id = %s", "nothing else proves"),
    ("R24", "cancelled", "DELETE FROM fbr_cancellation WHERE invoice_id = %s", "with its proof"),
    ("R1", "rejected", ATTEMPT.format("outcome = 'accepted'"), "an attempt of it was accepted"),
    ("R5", "submitting", ATTEMPT.format("finished_at = now()"), "no attempt is open"),
    (
        "R5",
        "uncertain",
        ATTEMPT.format("finished_at = NULL"),
        "open, but its document is uncertain",
    ),
    ("R5", "submitting", WORK.format("attempt_no = 2"), "at attempt 2"),
    ("R5", "accepted", WORK.format("attempt_no = 0"), "attempt 1 of work at attempt 0"),
    ("states", "queued", INVOICE.format("state = 'uncertain'"), "its open work is waiting"),
    ("states", "queued", WORK.format("state = 'done'"), "queued, but its open work is none"),
    ("states", "submitting", WORK.format("state = 'waiting'"), "its open work is waiting"),
    ("states", "uncertain", WORK.format("state = 'waiting'"), "its open work is waiting"),
    ("states", "accepted", WORK.format("state = 'waiting'"), "accepted, but its open work is"),
    ("states", "void", WORK.format("state = 'stopped'"), "void, but its open work is stopped"),
    ("states", "queued", INVOICE.format("version = 2"), "its newest work is 1"),
    ("states", "rejected", INVOICE.format("version = 0"), "its newest work is 1"),
    ("states", "void", INVOICE.format("version = 0"), "its newest work is 1"),
    ("states", "queued", "DELETE FROM fbr_outbox WHERE invoice_id = %s", "newest work is none"),
    ("states", "queued", WORK.format("environment = 'production'"), "for production di"),
    ("states", "accepted", EVENT.format("accepted"), "its events end at submitting"),
    ("states", "accepted", EVENT.format("submitting"), "its events end at accepted and queued"),
    ("states", "void", INVOICE.format("state = 'rejected'"), "its events end at void"),
    ("leases", "submitting", WORK.format("lease_until = NULL"), "without a lease"),
    ("leases", "accepted", WORK.format("lease_until = now()"), "done, but leased"),
    (
        "leases",
        "submitting",
        WORK.format("lease_until = now() - interval '1 hour'"),
        "long after its lease",
    ),
    ("R11", "void", INVOICE.format("serial = 99"), "numbers up to 99"),
    ("R11", "queued", "DELETE FROM invoices_invoice WHERE id = %s", "documents hold 7 numbers"),
    ("R11", "queued", INVOICE.format("series_id = NULL"), "numbered outside any run"),
    (
        "R11",
        "queued",
        GAP,
        "its number is written down",
    ),
    ("R13", "accepted", WORK.format("body = '{}'"), "its bytes are not those"),
    ("R13", "accepted", ATTEMPT.format("body_sha256 = repeat('0', 64)"), "it sent other bytes"),
]


@pytest.mark.parametrize(("rule", "state", "sql", "words"), BROKEN, ids=lambda value: "")
def test_what_somebody_broke_is_named(zoo, business, hand, rule, state, sql, words):
    hand(sql, zoo[state])

    named = [f for f in invariants.broken() if f.rule == rule and words in f.what]

    assert [finding.tenant_id for finding in named] == [business.pk]


def test_two_open_attempts_are_named(zoo, business, builder):
    builder("DROP INDEX attempt_one_open")
    builder(ANEW.format("fbr_attempt", '{"attempt_no": 0}'), zoo["submitting"])

    assert f"R5 tenant={business.pk} invoice={zoo['submitting']}: 2 attempts are open" in found()
    assert "R13 tenant=- table=attempt_one_open: nothing keeps it unique" in found()


def test_two_accepted_attempts_are_named(zoo, business, builder):
    builder("DROP INDEX attempt_one_accepted")
    builder(ANEW.format("fbr_attempt", '{"attempt_no": 0}'), zoo["accepted"])

    assert f"R1 tenant={business.pk} invoice={zoo['accepted']}: 2 attempts were accepted" in found()


def test_one_number_on_two_documents_is_named(zoo, builder):
    builder("DROP INDEX invoice_fbr_number_once")
    builder(
        "UPDATE invoices_invoice SET fbr_number = 'one' WHERE id IN (%s, %s)",
        zoo["accepted"],
        zoo["cancelled"],
    )

    assert [line for line in found() if "2 documents hold one number" in line]


def test_one_of_our_numbers_on_two_documents_is_named(zoo, hand):
    hand(
        "UPDATE invoices_invoice SET number = 'INV-2026-000001' WHERE id IN (%s, %s)",
        zoo["accepted"],
        zoo["cancelled"],
    )

    assert [line for line in found() if "are called INV-2026-000001" in line]


def test_evidence_stands_for_an_accepted_attempt(zoo, business, hand):
    """A document that was uncertain is accepted by a proof that names its number."""
    hand("DELETE FROM fbr_attempt WHERE invoice_id = %s", zoo["accepted"])
    assert len([line for line in found() if line.startswith("R1 ")]) == 1

    with tenancy.in_tenant(business.pk), transaction.atomic():
        number = Invoice.objects.get(pk=zoo["accepted"]).fbr_number
    hand(
        "INSERT INTO fbr_evidence (id, tenant_id, invoice_id, kind, outcome, fbr_number,"
        " fbr_dated, note, proof_path, proof_sha256, proof_type, at, by)"
        " VALUES (gen_random_uuid(), %s, %s, 'typed', '', %s, '', '', '', '', '', now(), 'test')",
        business.pk,
        zoo["accepted"],
        number,
    )

    assert [line for line in found() if line.startswith("R1 ")] == []


def test_a_guard_that_is_switched_off_is_named(hand):
    """Each of them, one after the other."""
    guards = {(table, name) for table, names in invariants.GUARDS.items() for name in names}
    guards |= {
        (t, name) for t in invariants.tax_tables() for name in ("tax_retention", "no_truncate")
    }
    named = {}
    for table, name in sorted(guards):
        hand(f"ALTER TABLE {table} DISABLE TRIGGER {name}")
        named[table, name] = [str(finding) for finding in invariants.of_database()]
        hand(f"ALTER TABLE {table} ENABLE TRIGGER {name}")

    assert named == {
        (table, name): [
            f"R13 tenant=- table={table}: its trigger {name} is missing or switched off"
        ]
        for table, name in guards
    }


def test_a_tax_record_that_lost_its_guards_is_named(builder):
    builder("DROP TRIGGER tax_retention ON fbr_attempt")
    builder("DROP TRIGGER no_truncate ON fbr_attempt")
    builder("GRANT TRUNCATE ON fbr_attempt TO app")

    assert sorted(found()) == [
        "R13 tenant=- table=fbr_attempt by app: may be emptied, or its guards changed",
        "R13 tenant=- table=fbr_attempt: its trigger no_truncate is missing or switched off",
        "R13 tenant=- table=fbr_attempt: its trigger tax_retention is missing or switched off",
    ]


def test_a_table_that_is_not_behind_the_wall_is_named(db, builder):
    builder("ALTER TABLE invoices_buyer NO FORCE ROW LEVEL SECURITY")

    assert found() == ["R13 tenant=- table=invoices_buyer: its rows are not behind the wall"]


def test_a_deed_that_somebody_changed_is_named(zoo, business, hand):
    """R17, by the verifier of the audit trail."""
    hand("UPDATE accounts_auditevent SET actor = 'nobody' WHERE object_id = %s", zoo["void"])

    named = invariants.broken()

    assert {(f.rule, f.tenant_id) for f in named} == {("R17", business.pk)}
    assert list(invariants.walk(with_trail=False)) == []


@pytest.mark.parametrize("state", [s for s in State if s != State.DRAFT])
def test_a_document_of_each_state_that_lost_its_work_is_named(zoo, hand, state):
    hand("DELETE FROM fbr_outbox WHERE invoice_id = %s", zoo[state])

    assert [f for f in invariants.broken() if f.object_id == str(zoo[state])]


# --- once a day -----------------------------------------------------------------------------------


def test_the_daily_look_is_made_once_a_day_and_caught_up(zoo, hand, caplog):
    hand("DELETE FROM fbr_attempt WHERE invoice_id = %s", zoo["accepted"])

    looks = [
        invariants.check(at=AT + timedelta(hours=hours)) is not None
        for hours in (0, 0, 1, 23, 24, 25, 24 * 10, 24 * 10)
    ]

    assert looks == [True, False, False, False, True, False, True, False]
    assert caplog.messages.count("invariants.broken") == 3


def test_the_daily_look_raises_an_alert_for_each_rule_and_clears_it(zoo, hand):
    hand("UPDATE fbr_attempt SET outcome = 'rejected' WHERE invoice_id = %s", zoo["accepted"])
    hand("UPDATE invoices_series SET last = last + 5")

    invariants.check(at=AT)
    raised = open_alerts()
    watching.look(at=AT)
    kept = open_alerts()
    hand("UPDATE invoices_series SET last = last - 5")
    invariants.check(at=AT + timedelta(days=1))

    assert raised == kept == [("R1", {"findings": 1}), ("R11", {"findings": 2})]
    assert open_alerts() == [("R1", {"findings": 1})]


def open_alerts():
    rows = Alert.objects.filter(kind=AlertKind.INVARIANTS_BROKEN, cleared_at=None)
    return list(rows.order_by("key").values_list("key", "details"))


def test_a_look_that_died_is_made_again_after_an_hour(db, monkeypatch):
    def die(**kwargs):
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(invariants, "walk", die)
        with pytest.raises(RuntimeError):
            invariants.check(at=AT)

    assert invariants.check(at=AT + timedelta(minutes=59)) is None
    assert invariants.check(at=AT + timedelta(minutes=61)) == []


def test_the_command_says_so_and_ends_with_an_error(zoo, business, hand):
    hand("DELETE FROM fbr_attempt WHERE invoice_id = %s", zoo["accepted"])
    lines, objects = StringIO(), StringIO()

    with pytest.raises(CommandError, match="1 findings"):
        call_command("check_invariants", stdout=lines)
    with pytest.raises(CommandError):
        call_command("check_invariants", "--json", stdout=objects)

    assert lines.getvalue().startswith(f"R1 tenant={business.pk} invoice={zoo['accepted']}: ")
    assert json.loads(objects.getvalue())["object_id"] == str(zoo["accepted"])


def test_the_command_is_content_with_a_sound_database(zoo):
    said = StringIO()

    call_command("check_invariants", stdout=said)

    assert said.getvalue() == "Everything is as it must be.\n"
