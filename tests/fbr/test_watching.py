"""The watchdog: each alert fires once and clears itself; the bell of each business follows rows."""

from __future__ import annotations

import logging
import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import connection, transaction

from accounts import tenancy
from accounts.enums import NoticeKind, Role
from accounts.models import AuditCheck, Heartbeat, LegalEntity, Notice
from accounts.services import housekeeping, notices
from fbr.models import Alert, AlertKind, Breaker, Credential, LineCheck, Outbox
from fbr.models.work import WorkState
from fbr.services import alerts, credentials, deadman, invariants, watching
from invoices import lifecycle
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import arming
from smartinvoicing.provision import ROOT
from tests import factories
from tests.factories import AT, SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@dataclass
class House:
    """A business with one queued document, and the means to disturb it."""

    tenant: Any
    invoice: Invoice
    settings: Any
    monkeypatch: pytest.MonkeyPatch
    superuser: Callable[[], Any]

    def inside(self, deed: Callable[[], Any]) -> Any:
        with tenancy.in_tenant(self.tenant.pk), transaction.atomic():
            return deed()

    def moves(self, *states: State) -> None:
        for state in states:
            self.inside(
                lambda to=state: lifecycle.transition(self.invoice, to, actor=SYSTEM, at=AT)
            )

    def work(self, **fields: Any) -> None:
        self.inside(lambda: Outbox.objects.filter(invoice=self.invoice).update(**fields))

    def sql(self, statement: str, *params: Any) -> None:
        with self.superuser() as cursor:
            cursor.execute(statement, params)


@pytest.fixture
def house(business, settings, monkeypatch, laid_database, tmp_path):
    """All is well: nothing of what the watchdog looks at is out of order."""
    settings.OPERATOR_EMAILS = ["operators@example.com"]
    settings.WATCHED_FOLDERS = [str(tmp_path)]
    settings.NTP_HOST = ""
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage(100, 10, 90))
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), "a token to issue with")
        invoice = factories.make_issued()
    AuditCheck.objects.update(anchored_at=AT, is_right=True)
    return House(business, invoice, settings, monkeypatch, laid_database.cursor)


def look(at: datetime) -> None:
    for name in watching.WATCHED:
        Heartbeat.objects.get_or_create(name=name, defaults={"at": at})
    watching.look(at=at)


def live(at: datetime) -> None:
    """The processes say that they live, and the trail is anchored."""
    for name in watching.WATCHED:
        housekeeping.beat(name, at=at)
    AuditCheck.objects.update(anchored_at=at)


def open_alerts() -> list[tuple[str, str]]:
    rows = Alert.objects.filter(cleared_at=None).order_by("kind", "key")
    return list(rows.values_list("kind", "key"))


# --- each alert -------------------------------------------------------------------------------


def _happened(house: House, kind: str, at: datetime, *faults: str) -> None:
    house.sql(
        "INSERT INTO smartinvoicing_installationevent (at, kind, by, why, timeline, place, facts)"
        " VALUES (%s, %s, 'test', '', '', '', jsonb_build_object('faults', %s::text[]))",
        at,
        kind,
        list(faults),
    )


def _in_production(house: House) -> None:
    house.settings.PRODUCTION = True
    house.sql("UPDATE smartinvoicing_installation SET armed_at = %s", AT - 30 * DAY)


def _overdue(house: House, kind: str) -> None:
    _in_production(house)
    _happened(house, "backed_up", AT - 20 * DAY if kind == "backed_up" else AT)
    _happened(house, "drilled", AT - 20 * DAY if kind == "drilled" else AT)


def _disk(house: House, used: int) -> None:
    usage = namedtuple("usage", "total used free")
    house.monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(100, used, 100 - used))


def _many_uncertain(house: House) -> None:
    def others() -> None:
        for _ in range(8):
            other = factories.make_issued()
            lifecycle.transition(other, State.SUBMITTING, actor=SYSTEM, at=AT)
            lifecycle.transition(other, State.UNCERTAIN, actor=SYSTEM, at=AT)

    house.moves(State.SUBMITTING, State.UNCERTAIN)
    house.inside(others)
    house.inside(lambda: Outbox.objects.update(state=WorkState.STOPPED))


def _settled(house: House) -> None:
    def settle() -> None:
        for invoice in Invoice.objects.filter(state=State.UNCERTAIN):
            known = {"fbr_number": f"at FBR {invoice.pk}", "accepted_at": AT}
            lifecycle.transition(invoice, State.ACCEPTED, actor=SYSTEM, at=AT, also=known)

    house.inside(settle)


def _check(**fields: Any) -> None:
    known = {"skew_ms": 0, "ntp_skew_ms": None, "checked_at": AT, "holds": False}
    LineCheck.objects.update_or_create(pk=1, defaults=known | fields)


def _breaker(**fields: Any) -> None:
    Breaker.objects.update_or_create(environment="production", channel="di", defaults=fields)


def _accepted(house: House) -> None:
    house.inside(lambda: factories.accept(house.invoice))
    house.moves(State.CANCEL_REQUESTED)


def _rings(house: House) -> None:
    house.inside(lambda: notices.post(NoticeKind.OUTAGE, house.invoice, at=AT))


# kind: (key, how long after AT it is looked at, what brings it about, what ends it)
ALERTS: dict[AlertKind, tuple[str, timedelta, Callable[..., Any], Callable[..., Any]]] = {
    AlertKind.QUEUED_OLD: (
        "",
        6 * MINUTE,
        lambda house: None,
        lambda house: house.work(state=WorkState.DONE),
    ),
    AlertKind.SUBMITTING_OLD: (
        "",
        6 * MINUTE,
        lambda house: (house.work(state=WorkState.SENDING), house.moves(State.SUBMITTING)),
        lambda house: house.moves(State.UNCERTAIN),
    ),
    AlertKind.UNCERTAIN_OLD: (
        "",
        25 * HOUR,
        lambda house: (
            house.work(state=WorkState.STOPPED),
            house.moves(State.SUBMITTING, State.UNCERTAIN),
        ),
        _settled,
    ),
    AlertKind.UNCERTAIN_MANY: ("", MINUTE, _many_uncertain, _settled),
    AlertKind.CANCEL_OLD: (
        "",
        73 * HOUR,
        _accepted,
        lambda house: house.moves(State.ACCEPTED),
    ),
    AlertKind.LEASES_EXPIRED: (
        "",
        MINUTE,
        lambda house: alerts.count(alerts.LEASE_EXPIRED, at=AT),
        None,
    ),
    AlertKind.BREAKER_OPEN: (
        "production/di",
        MINUTE,
        lambda house: _breaker(opened_at=AT),
        lambda house: _breaker(opened_at=None),
    ),
    AlertKind.LINE_HELD: (
        "production/di",
        MINUTE,
        lambda house: _breaker(hold="endpoint"),
        lambda house: _breaker(hold=""),
    ),
    AlertKind.ANCHOR_LATE: (
        "",
        MINUTE,
        lambda house: AuditCheck.objects.update(anchored_at=AT - 3 * HOUR),
        lambda house: AuditCheck.objects.update(anchored_at=AT),
    ),
    AlertKind.AUDIT_BROKEN: (
        "",
        MINUTE,
        lambda house: AuditCheck.objects.update(is_right=False),
        lambda house: AuditCheck.objects.update(is_right=True),
    ),
    AlertKind.BACKUP_LATE: (
        "",
        MINUTE,
        lambda house: _overdue(house, "backed_up"),
        lambda house: _happened(house, "backed_up", AT),
    ),
    AlertKind.DRILL_LATE: (
        "",
        MINUTE,
        lambda house: _overdue(house, "drilled"),
        lambda house: _happened(house, "drilled", AT),
    ),
    AlertKind.DRILL_FAILED: (
        "",
        MINUTE,
        lambda house: _happened(house, "drilled", AT, "a trigger is missing"),
        lambda house: _happened(house, "drilled", AT + MINUTE),
    ),
    AlertKind.INVARIANTS_BROKEN: (
        "states",
        MINUTE,
        lambda house: (
            house.work(state=WorkState.STOPPED),
            invariants.check(at=AT),
        ),
        lambda house: (
            house.work(state=WorkState.WAITING),
            invariants.check(at=AT + DAY),
        ),
    ),
    AlertKind.NUMBER_TWICE: (
        "",
        MINUTE,
        lambda house: alerts.count(alerts.NUMBER_TWICE, at=AT - 23 * HOUR),
        None,
    ),
    AlertKind.CLOCK_OFF: (
        "",
        MINUTE,
        lambda house: _check(skew_ms=-2_500),
        lambda house: _check(),
    ),
    AlertKind.CLOCK_UNKNOWN: (
        "",
        MINUTE,
        lambda house: (setattr(house.settings, "NTP_HOST", "ntp.example.com"), _check()),
        lambda house: _check(ntp_skew_ms=3),
    ),
    AlertKind.BROKER_AWAY: (
        "",
        MINUTE,
        lambda house: setattr(house.settings, "REDIS_URL", "redis://127.0.0.1:9/0"),
        lambda house: setattr(house.settings, "REDIS_URL", os.environ["REDIS_URL"]),
    ),
    AlertKind.DISK_FULL: (
        "",
        MINUTE,
        lambda house: _disk(house, 80),
        lambda house: _disk(house, 79),
    ),
    AlertKind.PROCESS_SILENT: (
        "dispatcher",
        MINUTE,
        lambda house: housekeeping.beat("dispatcher", at=AT - 4 * MINUTE),
        lambda house: housekeeping.beat("dispatcher", at=AT),
    ),
    AlertKind.MAIL_STUCK: (
        "",
        20 * MINUTE,
        _rings,
        lambda house: house.inside(lambda: Notice.objects.update(mailed_at=AT)),
    ),
    AlertKind.DISARMED: (
        "",
        MINUTE,
        lambda house: setattr(arming._known, "answer", False),
        lambda house: setattr(arming._known, "answer", True),
    ),
}


def test_every_kind_of_alert_is_fired_here():
    assert set(ALERTS) == set(AlertKind)


def test_the_runbook_says_what_to_do_about_each():
    words = (ROOT / "docs" / "runbook.md").read_text()

    assert [kind.value for kind in AlertKind if f"`{kind.value}`" not in words] == []


@pytest.mark.parametrize("kind", ALERTS, ids=str)
def test_an_alert_fires_once_and_clears_itself(house, caplog, kind, monkeypatch):
    key, after, cause, cure = ALERTS[kind]
    key = key or (house.settings.WATCHED_FOLDERS[0] if kind == AlertKind.DISK_FULL else "")
    at = AT + after
    monkeypatch.setattr(arming._known, "until", float("inf"))
    live(at)
    if kind != AlertKind.QUEUED_OLD and after > MINUTE:
        house.work(state=WorkState.STOPPED)  # else its own age would ring as well
    if kind == AlertKind.QUEUED_OLD:
        before: set[tuple[str, str]] = set()
    else:
        watching.look(at=at)
        before = {found for found in open_alerts() if found[0] == kind}
    cause(house)

    with caplog.at_level(logging.ERROR, logger="fbr.services.alerts"):
        watching.look(at=at)
        watching.look(at=at + timedelta(seconds=1))

    assert before == set()
    assert [found for found in open_alerts() if found[0] == kind] == [(kind.value, key)]
    said = [r for r in caplog.records if r.message == "alert.raised" and r.alert == kind.value]
    assert len(said) == 1

    end = at + timedelta(seconds=2)
    if cure is None:  # it is over when it is old
        end = at + HOUR
        live(end)
    else:
        cure(house)
    watching.look(at=end)

    assert [found for found in open_alerts() if found[0] == kind] == []
    assert Alert.objects.filter(kind=kind).count() == 1


def test_a_rehearsal_that_failed_is_none(house):
    """It was rehearsed late, and what was rehearsed found faults: both ring."""
    _in_production(house)
    _happened(house, "backed_up", AT)
    _happened(house, "drilled", AT - 9 * DAY)
    _happened(house, "drilled", AT - DAY, "a trigger is missing")
    live(AT)

    watching.look(at=AT)

    assert open_alerts() == [("drill_failed", ""), ("drill_late", "")]


def test_when_all_is_well_nothing_fires(house):
    live(AT)

    watching.look(at=AT)

    assert open_alerts() == []


# --- told -------------------------------------------------------------------------------------


def test_operators_are_mailed_once_an_alert(house):
    alerts.set_off(AlertKind.DISK_FULL, "/data", at=AT, percent=83)

    assert [alerts.tell(at=AT), alerts.tell(at=AT), alerts.tell(at=AT + DAY)] == [1, 0, 0]

    (letter,) = mail.outbox
    assert letter.to == ["operators@example.com"]
    assert "disk_full (/data)" in letter.subject
    assert "percent: 83" in letter.body


def test_twin_without_the_note_that_it_was_told_they_are_mailed_again(house, monkeypatch):
    alerts.set_off(AlertKind.DISK_FULL, "/data", at=AT)
    alerts.tell(at=AT)

    Alert.objects.update(told_at=None)  # the mechanism off

    assert alerts.tell(at=AT + alerts.CLAIM) == 1
    assert len(mail.outbox) == 2


def test_what_nobody_could_be_told_is_told_later(house, monkeypatch):
    def away(self, messages):
        raise ConnectionRefusedError

    alerts.set_off(AlertKind.DISK_FULL, "/data", at=AT)
    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", away)
        assert alerts.tell(at=AT) == 0

    assert alerts.tell(at=AT + alerts.CLAIM) == 1


# --- the dead-man switch ----------------------------------------------------------------------


def test_a_watchdog_that_looks_is_alive(house):
    live(AT)
    watching.look(at=AT)

    assert deadman.look(AT + 15 * MINUTE) is True
    assert open_alerts() == []


def test_twin_with_the_watchdog_off_the_dispatcher_calls(house, monkeypatch, caplog):
    live(AT)
    watching.look(at=AT)
    _breaker(opened_at=AT)  # nobody is there to see it

    assert deadman.look(AT + 16 * MINUTE) is False
    assert deadman.look(AT + 17 * MINUTE) is False

    assert open_alerts() == [("process_silent", "watchdog")]
    assert [letter.subject for letter in mail.outbox] == ["Alert: process_silent (watchdog)"]


def test_a_watchdog_that_comes_back_ends_the_alarm(house):
    deadman.look(AT)
    deadman.look(AT + 16 * MINUTE)
    at = AT + 17 * MINUTE
    live(at)
    house.work(state=WorkState.DONE)

    watching.look(at=at)

    assert open_alerts() == []
    assert deadman.look(at) is True


def test_after_a_night_off_it_has_fifteen_minutes_to_wake(house):
    deadman.look(AT)
    morning = AT + DAY

    assert deadman.look(morning, awake_since=morning) is True
    assert deadman.look(morning + 16 * MINUTE, awake_since=morning) is False


# --- the bell of a business -------------------------------------------------------------------


def ringing(tenant: Any) -> dict[str, Notice]:
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return {notice.kind: notice for notice in Notice.objects.filter(cleared_at=None)}


def test_a_document_that_waits_for_long_rings_and_goes(house):
    late = AT + 31 * MINUTE
    watching.look_at_tenants(at=AT + 29 * MINUTE)
    assert ringing(house.tenant) == {}

    watching.look_at_tenants(at=late)
    watching.look_at_tenants(at=late)
    assert ringing(house.tenant)["waits_long"].facts == {"count": "1"}

    house.work(hold_reason="duplicate_suspect")
    watching.look_at_tenants(at=late)
    assert ringing(house.tenant) == {}


@pytest.mark.parametrize(
    ("state", "settle"),
    [(State.REJECTED, lambda house: house.moves(State.QUEUED)), (State.UNCERTAIN, _settled)],
)
def test_what_fbr_left_open_rings_until_it_is_settled(house, state, settle):
    house.moves(State.SUBMITTING, state)
    house.work(state=WorkState.STOPPED)

    watching.look_at_tenants(at=AT)
    assert ringing(house.tenant)[state.value].facts == {"number": house.invoice.number}

    settle(house)
    watching.look_at_tenants(at=AT)
    assert ringing(house.tenant) == {}


def test_a_held_token_rings_until_it_is_released(house):
    token = house.inside(Credential.objects.get)
    house.inside(lambda: Credential.objects.update(held_at=AT, held_why="401"))

    watching.look_at_tenants(at=AT)
    assert list(ringing(house.tenant)) == ["credential_held"]

    house.inside(lambda: credentials.release(credential=token, actor=SYSTEM, at=AT))
    watching.look_at_tenants(at=AT)
    assert ringing(house.tenant) == {}


def test_a_token_that_ends_rings_at_thirty_seven_and_one_day(house):
    factories.make_member(house.tenant, Role.OWNER)
    last = AT.date() + timedelta(days=40)
    house.inside(lambda: Credential.objects.update(expires_on=last))
    house.work(state=WorkState.DONE)
    steps = []
    for days in range(42):
        at = AT + timedelta(days=days)
        watching.look_at_tenants(at=at)
        steps += [(days, n.step, n.posted_at == at) for n in ringing(house.tenant).values()]

    rung = [(40 - days, step) for days, step, is_new in steps if is_new]
    assert rung == [(30, "30"), (7, "7"), (1, "1"), (0, "0")]

    house.inside(lambda: Credential.objects.update(expires_on=last + timedelta(days=365)))
    watching.look_at_tenants(at=AT + timedelta(days=42))
    assert ringing(house.tenant) == {}


def test_nobody_is_looked_at_who_has_nothing_to_see(house, other_business):
    house.work(state=WorkState.DONE)

    assert watching.look_at_tenants(at=AT) == 0


# --- over the wall ----------------------------------------------------------------------------


def test_the_figures_are_of_all_tenants_and_name_none(house, other_business):
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), "another token")
        factories.make_issued()

    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM fbr_figures()")
        rows = cursor.fetchall()
        columns = [column.name for column in cursor.description]

    assert columns == ["name", "label", "n", "oldest"]
    assert ("state", "queued", 2, AT) in rows
    assert ("waiting", "none", 2, AT) in rows
    assert str(house.tenant.pk) not in str(rows)


def test_an_expired_lease_is_counted(house):
    alerts.count(alerts.LEASE_EXPIRED, at=AT)
    alerts.count(alerts.LEASE_EXPIRED, at=AT + MINUTE)

    figures = watching.figures(at=AT)

    assert (figures.leases_expired, figures.lease_expired_at) == (2, AT + MINUTE)


def test_a_lease_that_nobody_sweeps_is_seen(house):
    house.work(state=WorkState.SENDING, lease_until=datetime(2026, 11, 1, tzinfo=UTC))
    live(AT)

    watching.look(at=AT)

    assert ("leases_expired", "unswept") in open_alerts()
