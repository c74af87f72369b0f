"""The register of failures: opened by itself, told in time, closed with a word; its letter."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, IntegrityError, connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, NoticeKind, Role
from accounts.models import AuditEvent, LegalEntity, Notice
from fbr import incident_letter, tasks
from fbr.models import Attempt, Credential, Incident, IncidentKind, Outbox
from fbr.services import credentials, failures, incidents, outages
from fbr.services.incidents import Report, Sent
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from invoices.services import signing
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.conftest import NOON
from tests.factories import AT, SYSTEM
from tests.fbr.test_outages import HOUR, MINUTE, Shop, answers, fails

committed = pytest.mark.django_db(transaction=True)
TOKEN = "a-token-of-forty-letters-and-no-spaces-1"
PDF = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"


@pytest.fixture
def real(transactional_db):
    """A business in production."""
    return Shop(environment="production")


@pytest.fixture
def shop(transactional_db):
    return Shop()


def opened(**fields):
    known = {"kind": IncidentKind.OTHER, "key": "one", "at": NOON, "actor": SYSTEM}
    return incidents.open_incident(**{**known, **fields})


def refusals(deed):
    with pytest.raises(RuleViolation) as refused:
        deed()
    return [problem["field"] for problem in refused.value.details["problems"]]


def deeds():
    rows = AuditEvent.objects.filter(object_type="incident").order_by("at", "id")
    return list(rows.values_list("action", flat=True))


# --- opened -----------------------------------------------------------------------------------


def test_an_incident_has_a_day(entity):
    incident = opened(at=NOON, happened_at=NOON - HOUR)

    assert incident.due_at == NOON + 24 * HOUR
    assert (incident.happened_at, incident.environment) == (NOON - HOUR, "sandbox")
    assert deeds() == [AuditAction.INCIDENT_OPENED]


def test_the_same_one_is_opened_once_and_gathers_documents(entity):
    first, second = factories.make_issued(), factories.make_issued()

    one = opened(invoice_ids=[first.pk])
    again = opened(at=NOON + HOUR, invoice_ids=[first.pk, second.pk])

    assert again.pk == one.pk
    assert again.due_at == NOON + 24 * HOUR
    assert {row.invoice_id for row in one.documents.all()} == {first.pk, second.pk}
    assert deeds() == [AuditAction.INCIDENT_OPENED]


def test_once_closed_it_can_happen_again(entity):
    one = opened()
    incidents.close(incident=one, note="It was nothing", actor=SYSTEM, at=NOON)

    assert opened().pk != one.pk


def test_twin_without_its_index_the_same_one_is_opened_twice(shop, laid_database):
    """Two find it at once: what keeps it one is the database."""
    name = "incident_once_while_open"
    with laid_database.cursor() as cursor:
        cursor.execute(f"DROP INDEX {name}")
    try:
        shop.inside(opened)
        with pytest.raises(Incident.MultipleObjectsReturned):
            shop.inside(opened)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute(
                f"CREATE UNIQUE INDEX {name} ON fbr_incident (tenant_id, kind, key)"
                " WHERE closed_at IS NULL"
            )


# --- opened by itself -------------------------------------------------------------------------


def test_a_long_outage_with_documents_is_an_incident(shop):
    fails(NOON)
    touched = [shop.issue(NOON + MINUTE), shop.issue(NOON + 2 * MINUTE)]
    outages.look(at=NOON + 3 * MINUTE)
    early = shop.inside(Incident.objects.count)
    outages.look(at=NOON + 5 * MINUTE)
    outages.look(at=NOON + 6 * MINUTE)
    answers(NOON + 10 * MINUTE)
    outages.look(at=NOON + 11 * MINUTE)

    incident = shop.inside(Incident.objects.get)
    assert early == 0
    assert (incident.kind, incident.happened_at) == (IncidentKind.GATEWAY_DOWN, NOON)
    assert (incident.aware_at, incident.ended_at) == (NOON + 5 * MINUTE, NOON + 10 * MINUTE)
    rows = shop.inside(lambda: {row.invoice_id for row in incident.documents.all()})
    assert rows == set(touched)


def test_an_outage_that_touched_nothing_is_none(shop):
    fails(NOON)
    outages.look(at=NOON + HOUR)

    assert shop.inside(Incident.objects.count) == 0


def test_an_outage_incident_that_was_closed_stays_closed(shop):
    fails(NOON)
    shop.issue(NOON + MINUTE)
    outages.look(at=NOON + 5 * MINUTE)

    def close():
        incident = Incident.objects.get()
        incidents.close(incident=incident, note="Told on the phone", actor=SYSTEM, at=NOON + HOUR)

    shop.inside(close)
    outages.look(at=NOON + 2 * HOUR)

    assert shop.inside(Incident.objects.count) == 1


def held(shop, at):
    """FBR refused the token of the business."""

    def deed():
        entity = LegalEntity.objects.get()
        own = Credential.objects.first() or factories.make_credential(entity, TOKEN)
        credentials.hold(credential=own, why="401", actor=SYSTEM, at=at, tried_at=at)
        return own

    return shop.inside(deed)


def test_a_refused_token_is_an_incident_each_time(shop):
    shop.inside(lambda: factories.make_credential(LegalEntity.objects.get(), TOKEN))
    waiting = shop.issue(NOON)
    own = held(shop, NOON + HOUR)
    failures.look(at=NOON + HOUR + MINUTE)
    failures.look(at=NOON + HOUR + 2 * MINUTE)
    shop.inside(lambda: credentials.release(credential=own, actor=SYSTEM, at=NOON + 2 * HOUR))
    held(shop, NOON + 3 * HOUR)
    failures.look(at=NOON + 3 * HOUR + MINUTE)

    found = shop.inside(lambda: list(Incident.objects.order_by("happened_at")))
    assert [row.happened_at for row in found] == [NOON + HOUR, NOON + 3 * HOUR]
    assert {row.kind for row in found} == {IncidentKind.TOKEN_REFUSED}
    rows = shop.inside(lambda: [row.invoice_id for row in found[0].documents.all()])
    assert rows == [waiting]


def lost(shop, at):
    """A worker died after T2; the sweep found nothing but the open attempt."""
    pk = shop.issue(at)

    def deed():
        invoice = Invoice.objects.get(pk=pk)
        lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=at)
        lifecycle.transition(invoice, State.UNCERTAIN, actor=SYSTEM, at=at)
        work = Outbox.objects.get(invoice=invoice)
        Attempt(
            work=work,
            invoice=invoice,
            attempt_no=1,
            body_sha256=work.body_sha256,
            worker="gone",
            started_at=at,
            finished_at=at + MINUTE,
            outcome="uncertain",
            why="the sending process was lost before an answer",
        ).save(force_insert=True)

    shop.inside(deed)
    return pk


def test_lost_senders_are_one_incident_a_day(shop):
    first = lost(shop, NOON)
    failures.look(at=NOON + 2 * MINUTE)
    second = lost(shop, NOON + HOUR)
    failures.look(at=NOON + HOUR + 2 * MINUTE)
    failures.look(at=NOON + HOUR + 3 * MINUTE)
    third = lost(shop, NOON + 24 * HOUR)
    failures.look(at=NOON + 24 * HOUR + 2 * MINUTE)

    def found():
        rows = Incident.objects.order_by("aware_at")
        return [(row.key, {each.invoice_id for each in row.documents.all()}) for row in rows]

    assert shop.inside(found) == [
        ("2026-11-20 sandbox", {first, second}),
        ("2026-11-21 sandbox", {third}),
    ]


def test_after_three_days_of_silence_each_failure_is_opened_once(shop):
    """R25: it goes by rows, not by ticks."""
    shop.inside(lambda: factories.make_credential(LegalEntity.objects.get(), TOKEN))
    lost(shop, NOON)
    held(shop, NOON + HOUR)
    failures.look(at=NOON + 72 * HOUR)
    failures.look(at=NOON + 72 * HOUR + MINUTE)

    kinds = shop.inside(lambda: sorted(Incident.objects.values_list("kind", flat=True)))
    assert kinds == [IncidentKind.TOKEN_REFUSED, IncidentKind.UNCLEAN_STOP]


def test_each_business_sees_its_own_failures_alone(shop):
    other = Shop(1)
    lost(shop, NOON)
    failures.look(at=NOON + HOUR)

    assert (shop.inside(Incident.objects.count), other.inside(Incident.objects.count)) == (1, 0)


def accepted(shop):
    pk = shop.issue(NOON)
    shop.accept(pk, at=NOON + MINUTE)
    return pk


def test_a_sealed_document_that_was_changed_is_an_incident(shop, laid_database):
    pk = accepted(shop)
    with tenancy.in_tenant(shop.tenant.pk):
        with transaction.atomic():
            signing.sign(invoice=Invoice.objects.get(pk=pk), at=NOON + 2 * MINUTE)
        signing.verify_all(at=NOON + 3 * MINUTE)
    failures.check_integrity(at=NOON + 4 * MINUTE)
    before = shop.inside(Incident.objects.count)
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE invoices_invoice SET total = total + 1 WHERE id = %s", [str(pk)])
        cursor.execute("SET session_replication_role = origin")

    failures.check_integrity(at=NOON + 26 * HOUR)
    failures.check_integrity(at=NOON + 27 * HOUR)

    incident = shop.inside(Incident.objects.get)
    rows = shop.inside(lambda: [row.invoice_id for row in incident.documents.all()])
    assert before == 0
    assert (incident.kind, rows) == (IncidentKind.INTEGRITY, [pk])


# --- reported by a person ---------------------------------------------------------------------


GIVEN = Report(kind=IncidentKind.HARDWARE, what="The till of counter 2 burnt.", happened_at=NOON)


def test_a_person_reports_what_no_machine_sees(entity, clerk):
    incident = incidents.report(given=GIVEN, actor=clerk, at=NOON + HOUR)

    assert (incident.what, incident.happened_at) == (GIVEN.what, NOON)
    assert incident.due_at == NOON + 25 * HOUR
    assert incident.opened_by == clerk.name


def test_a_viewer_reports_nothing(entity, reader):
    with pytest.raises(NotAllowed):
        incidents.report(given=GIVEN, actor=reader, at=NOON)
    assert not Incident.objects.exists()


def test_a_report_says_what_when_and_of_what_kind(entity, clerk):
    given = Report(kind="integrity", what="", happened_at=NOON + HOUR)

    fields = refusals(lambda: incidents.report(given=given, actor=clerk, at=NOON))

    assert fields == ["kind", "what", "happened_at"]
    assert not Incident.objects.exists()


# --- told -------------------------------------------------------------------------------------


def sent(**fields):
    return Sent(**{"how": "email", "sent_at": NOON + HOUR, "reference": "mail of today", **fields})


def tell(incident, *, at=NOON + 2 * HOUR, actor=SYSTEM, **fields):
    incidents.note_told(incident=incident, given=sent(**fields), actor=actor, at=at)


def test_once_fbr_was_told_the_clock_stands(entity):
    incident = opened()

    tell(incident, proof=SimpleUploadedFile("mail.pdf", PDF))

    incident.refresh_from_db()
    assert (incident.told_at, incident.told_how) == (NOON + HOUR, "email")
    assert incident.proof_media_type == "application/pdf"
    assert deeds() == [AuditAction.INCIDENT_OPENED, AuditAction.INCIDENT_REPORTED]
    with pytest.raises(StateConflict):
        tell(incident)


@pytest.mark.parametrize(
    ("fields", "refused"),
    [
        ({"how": "shouting"}, ["how"]),
        ({"sent_at": NOON + 3 * HOUR}, ["sent_at"]),
        ({"sent_at": NOON - HOUR}, ["sent_at"]),
        ({"reference": ""}, ["reference"]),
    ],
)
def test_what_shows_that_fbr_was_told_is_wanted(entity, fields, refused):
    incident = opened()

    assert refusals(lambda: tell(incident, **fields)) == refused
    incident.refresh_from_db()
    assert incident.told_at is None


@pytest.mark.parametrize(("passed", "asks"), [(24 * HOUR, False), (24 * HOUR + MINUTE, True)])
def test_after_a_day_a_reason_is_wanted(entity, passed, asks):
    incident = opened()
    fields = {"sent_at": NOON + passed, "at": NOON + 30 * HOUR}

    if asks:
        assert refusals(lambda: tell(incident, **fields)) == ["late_reason"]
        tell(incident, late_reason="The office was closed by the police.", **fields)
    else:
        tell(incident, **fields)

    incident.refresh_from_db()
    assert incident.told_at == NOON + passed


def test_twin_the_database_wants_the_reason_too(entity):
    opened()

    with pytest.raises(IntegrityError, match="late_with_a_reason"), transaction.atomic():
        Incident.objects.update(told_at=NOON + 25 * HOUR, told_how="email")


def test_who_may_not_settle_tells_nothing(entity, clerk):
    incident = opened()

    for deed in (
        lambda: tell(incident, actor=clerk),
        lambda: incidents.close(incident=incident, note="x", actor=clerk, at=NOON),
        lambda: incidents.describe(
            incident=incident, what="x", ended_at=None, actor=clerk, at=NOON
        ),
    ):
        with pytest.raises(NotAllowed):
            deed()
    incident.refresh_from_db()
    assert (incident.told_at, incident.closed_at, incident.what) == (None, None, "")


def test_one_that_was_not_told_is_closed_with_a_word(entity):
    incident = opened()

    assert refusals(lambda: incidents.close(incident=incident, note="", actor=SYSTEM, at=NOON)) == [
        "note"
    ]
    incidents.close(incident=incident, note="A false alarm", actor=SYSTEM, at=NOON)

    with pytest.raises(StateConflict):
        incidents.close(incident=incident, note="again", actor=SYSTEM, at=NOON)


@pytest.mark.parametrize(
    "change",
    [
        "due_at = due_at + interval '1 day'",
        "aware_at = aware_at + interval '1 day'",
        "kind = 'other'",
        "why = 'nothing'",
        "told_at = told_at + interval '1 hour'",
        "told_reference = 'another'",
    ],
)
def test_what_stands_in_the_register_does_not_change(entity, change):
    tell(opened(kind=IncidentKind.HARDWARE, why="it burnt"))

    with (
        pytest.raises(IntegrityError, match="stays as it was written"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"UPDATE fbr_incident SET {change}")


def test_an_incident_is_not_deleted(entity):
    opened(invoice_ids=[factories.make_issued().pk])

    for table in ("fbr_incidentdocument", "fbr_incident"):
        with (
            pytest.raises(DatabaseError, match=r"kept|denied"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"DELETE FROM {table}")


# --- its clock --------------------------------------------------------------------------------


def rings(shop):
    return shop.inside(
        lambda: [
            (row.step, row.facts["hours"], row.due_at)
            for row in Notice.objects.filter(kind=NoticeKind.INCIDENT_DUE, cleared_at=None)
        ]
    )


def test_every_stage_of_the_clock_rings_once_until_fbr_was_told(real):
    real.inside(lambda: opened(environment="production"))
    due_at = NOON + 24 * HOUR
    rung = []
    for hours in (0, 11, 12, 19, 20, 22, 23, 24, 48):
        failures.look(at=NOON + hours * HOUR)
        failures.look(at=NOON + hours * HOUR)
        rung.append(rings(real))
    real.inside(
        lambda: tell(
            Incident.objects.get(),
            late_reason="We slept.",
            sent_at=due_at + HOUR,
            at=due_at + 2 * HOUR,
        )
    )
    failures.look(at=due_at + 3 * HOUR)

    stages = [("0", "24"), ("0", "24"), ("12", "12"), ("12", "12"), ("20", "4"), ("20", "4")]
    stages += [("23", "1"), ("24", "0"), ("24", "0")]
    assert rung == [[(step, hours, due_at)] for step, hours in stages]
    assert rings(real) == []
    assert real.inside(lambda: Notice.objects.filter(kind=NoticeKind.INCIDENT_DUE).count()) == 1


def test_the_sandbox_rings_nobody(shop):
    shop.inside(opened)
    failures.look(at=NOON + 20 * HOUR)

    assert rings(shop) == []


def test_the_task_run_twice_changes_nothing(real):
    real.inside(lambda: opened(environment="production"))
    lost(real, NOON)
    tasks.look_for_incidents()
    before = real.everything()

    tasks.look_for_incidents()

    assert real.everything() == before


# --- the letter -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", list(IncidentKind))
def test_the_letter_says_what_happened_since_when_and_to_what(entity, kind):
    incident = opened(kind=kind, happened_at=NOON - HOUR)
    incident.what = "In our own words."

    letter = incident_letter.letter_of(incident, ["SI-1", "SI-2"], 5, entity, at=NOON)
    text = incident_letter.as_text(letter)

    for said in (
        entity.name,
        str(incident.get_kind_display()),
        "150XA",
        "20 Nov 2026, 11:00",
        "still lasting",
        "SI-1, SI-2 and 3 more",
        "In our own words.",
        "Commissioner",
    ):
        assert said in text


def test_an_exercise_says_so_in_its_letter(entity):
    text = incident_letter.as_text(
        incident_letter.letter_of(opened(), [], 0, entity, at=AT + timedelta(hours=1))
    )

    assert "EXERCISE" in text


def test_people_are_named_nowhere_in_the_audit(entity, owner):
    actor = Actor.person(owner.pk, Role.OWNER)
    incident = incidents.report(given=GIVEN, actor=actor, at=NOON + HOUR)
    tell(incident, actor=actor)

    said = repr(list(AuditEvent.objects.values_list("details", flat=True)))
    assert GIVEN.what not in said
    assert "mail of today" not in said
