"""What ends a question: its time, its person, its business; and its lines go with it."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction

from accounts.enums import Role, StaffRole
from accounts.models import User
from privacy import scanning, subjects
from privacy.models import PurgeKind, Ticket, TicketMessage
from privacy.services import closed_tables, erasing, person_tables, retention, tickets
from tests import factories
from tests.conftest import NOON
from tests.factories import SYSTEM
from tests.privacy import ticket_cast as cast

pytestmark = pytest.mark.django_db(transaction=True)

SECOND = timedelta(seconds=1)
TOKEN = "Zarghoon-Canary"
ADDRESS = "zarghoon.canary@example.org"


@pytest.fixture(autouse=True)
def places(settings, tmp_path, role_urls):
    settings.PURGE_DATABASE_URL = role_urls.purge
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "erasures")
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")


def lines_written_over(ticket):
    """How many of the ways to touch a line, but with its ticket, the database let pass."""
    passed = 0
    for deed in (
        lambda: TicketMessage.objects.filter(ticket=ticket).update(what="answered"),
        lambda: TicketMessage.objects.filter(ticket=ticket).delete(),
    ):
        try:
            with transaction.atomic():
                deed()
        except DatabaseError:
            continue
        passed += 1
    return passed


@contextmanager
def without_guard(laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE privacy_ticketmessage DISABLE TRIGGER append_only")
        cursor.execute("GRANT UPDATE, DELETE ON privacy_ticketmessage TO app")
    try:
        yield
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("REVOKE UPDATE, DELETE ON privacy_ticketmessage FROM app")
            cursor.execute("ALTER TABLE privacy_ticketmessage ENABLE TRIGGER append_only")


def test_a_line_is_written_once():
    ticket = cast.from_form()

    assert lines_written_over(ticket) == 0
    assert ticket.messages.get().what == "wrote"


def test_twin_without_the_guard_lines_are_written_over(laid_database):
    with without_guard(laid_database):
        assert lines_written_over(cast.from_form()) == 2


def test_the_trigger_alone_holds(laid_database):
    """Whoever had the right to write would still be refused."""
    with laid_database.cursor() as cursor:
        cursor.execute("GRANT UPDATE, DELETE ON privacy_ticketmessage TO app")
    try:
        assert lines_written_over(cast.from_form()) == 0
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("REVOKE UPDATE, DELETE ON privacy_ticketmessage FROM app")


def test_lines_go_with_their_ticket():
    cast.from_form().delete()

    assert TicketMessage.objects.count() == 0


# --- its time ---------------------------------------------------------------------------------


def purge(at):
    plan = retention.plan(PurgeKind.ROUTINE, at=at, by="test")
    assert retention.run(retention.begin(plan, by="test", at=at), at=at)


def test_two_years_after_its_end_it_goes_and_its_lines_with_it():
    agent = factories.make_staff(StaffRole.SUPPORT)
    closed, waits = cast.from_form(), cast.from_form()
    tickets.close(closed, by=agent, at=NOON)
    goes = datetime(2028, 11, 20, 7, 0, tzinfo=UTC)

    purge(goes - SECOND)
    assert Ticket.objects.count() == 2
    purge(goes)

    assert Ticket.objects.get() == waits
    assert set(TicketMessage.objects.values_list("ticket_id", flat=True)) == {waits.pk}


def test_twin_one_that_never_ends_never_goes():
    """The clock begins with the end: without an end the same purge takes nothing."""
    cast.from_form()

    purge(datetime(2040, 1, 1, tzinfo=UTC))

    assert Ticket.objects.count() == 1


# --- its person -------------------------------------------------------------------------------


def left():
    with scanning.sight() as cursor:
        hits = scanning.scan([TOKEN, ADDRESS], folders={}, cursor=cursor)
    return {hit.place for hit in hits if hit.store == "database"}


def person_of(business):
    user = factories.make_member(business, Role.OPERATOR)
    User.objects.filter(pk=user.pk).update(email=ADDRESS)
    user.refresh_from_db()
    return user


def test_who_is_erased_has_asked_nothing(business, owner):
    user = person_of(business)
    cast.from_member(user, business, text=TOKEN)
    cast.from_form(TOKEN, ADDRESS)  # by mail, without signing in
    other = cast.from_member(owner, business)
    plan = erasing.plan_for(subjects.user(user.pk), at=NOON)

    erasing.erase(subjects.user(user.pk), at=NOON, actor=SYSTEM)

    assert sum(row.count for row in plan if row.table == "privacy_ticket") == 2
    assert Ticket.objects.get() == other
    assert TicketMessage.objects.get().ticket == other
    assert left() == set()


def test_twin_what_the_tables_of_a_person_leave_out_stays(business, owner, monkeypatch):
    rest = person_tables.of
    monkeypatch.setattr(
        person_tables,
        "of",
        lambda user: ((rows, kind) for rows, kind in rest(user) if rows.model is not Ticket),
    )
    with pytest.raises(AssertionError):
        test_who_is_erased_has_asked_nothing(business, owner)


def test_an_address_without_an_account_is_erased():
    cast.from_form(TOKEN, ADDRESS)
    other = cast.from_form()

    erasing.erase(subjects.lead(ADDRESS), at=NOON, actor=SYSTEM)

    assert Ticket.objects.get() == other
    assert left() == set()


# --- its business -----------------------------------------------------------------------------


def test_a_business_that_closes_takes_its_questions_along(business, other_business, owner):
    cast.from_member(owner, business)
    other = cast.from_member(factories.make_member(other_business), other_business)
    (mine,) = (each for each in closed_tables.taken() if each.model is Ticket)

    assert closed_tables.counts(mine, business.pk) == (1, 0)
    with transaction.atomic():
        assert closed_tables.delete(mine, business.pk, most=10) == 1

    assert TicketMessage.objects.get().ticket == other
