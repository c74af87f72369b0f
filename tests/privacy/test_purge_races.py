"""A purge that is disturbed: by a hold (P6), by twenty kills (P7)."""

from __future__ import annotations

import random
from datetime import timedelta
from threading import Thread

import pytest
from django.core.files.storage import default_storage
from django.db import connection, transaction

from accounts.models import MailState, OutgoingMail
from accounts.services import mailing
from privacy import rules
from privacy.models import LegalHold, PurgeFile, PurgeKind
from privacy.services import purging, retention
from tests.chaos.rig import wait_until
from tests.factories import AT
from tests.privacy import purge_cast
from tests.privacy.purge_cast import DUE
from tests.privacy.test_purge import documents, hold, of
from tests.privacy.test_purge import small_batches as small_batches  # noqa: PLC0414
from tests.privacy.test_purge_guard import it_is as it_is  # noqa: PLC0414 -- the guard's clock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _purge_signs_in(settings, role_urls):
    settings.PURGE_DATABASE_URL = role_urls.purge


# --- P6: a hold that comes in the middle ----------------------------------------------------------


@pytest.fixture
def placed_meanwhile(monkeypatch, laid_database):
    """A hold is placed from another connection while the first batch of `table` is at `point`."""

    def arrange(point, tenant, *, table=rules.DOCUMENT):
        threads, seen = [], []

        def place():
            try:
                hold(tenant)
            finally:
                connection.close()

        def at_point(name):
            if name == point and not threads:
                threads.append(Thread(target=place))
                threads[0].start()
                wait_until(lambda: not threads[0].is_alive() or laid_database.waiting())
                seen.append(threads[0].is_alive())

        def delete_documents(cursor, run, rule, *args, **kwargs):
            is_meant = rule.table == table
            monkeypatch.setattr(purging, "crashpoint", at_point if is_meant else lambda name: None)
            delete(cursor, run, rule, *args, **kwargs)

        delete = purging._delete
        monkeypatch.setattr(purging, "_delete", delete_documents)
        return threads, seen

    return arrange


@pytest.mark.parametrize("point", ["purge.files_gone", "purge.deleted", "purge.noted"])
def test_a_hold_that_comes_during_a_batch_keeps_the_rest(
    business, it_is, small_batches, placed_meanwhile, point
):
    ids = purge_cast.make_documents(business, 6)
    it_is(DUE)
    run = purge_cast.agreed(DUE)
    threads, waited = placed_meanwhile(point, business)

    assert retention.run(run, at=DUE)

    threads[0].join(timeout=20)
    assert waited == [True]  # it waits for the batch that is under way
    left = documents(business)
    with of(business), transaction.atomic():
        assert LegalHold.objects.count() == 1
    assert len(left) == 4  # the batch that was under way is gone, none after it
    assert left <= set(ids)
    for path in purge_cast.files_of(business):
        assert default_storage.exists(path)
    assert len(purge_cast.files_of(business)) == len(left)


@pytest.fixture
def letters(business, settings):
    """The run that takes four rows which stand outside the wall, two at a time."""
    settings.PURGE_BATCH = 2
    for key in "abcd":
        mailing.post(
            key=key, to="x@example.com", template="x", context={}, at=AT, tenant_id=business.pk
        )
    OutgoingMail.objects.update(state=MailState.SENT, done_at=AT)
    at = AT + timedelta(days=400)
    return retention.begin(retention.plan(PurgeKind.ROUTINE, at=at, by="test"), by="test", at=at)


def test_a_hold_that_comes_while_rows_beside_the_wall_go_keeps_the_rest(
    business, letters, placed_meanwhile
):
    table = OutgoingMail._meta.db_table
    threads, waited = placed_meanwhile("purge.deleted", business, table=table)

    assert retention.run(letters, at=letters.began_at)

    threads[0].join(timeout=20)
    assert waited == [True]
    assert OutgoingMail.objects.count() == 2


def test_twin_without_their_lock_the_hold_is_there_before_the_batch_ends(
    business, letters, placed_meanwhile, monkeypatch
):
    table = OutgoingMail._meta.db_table
    monkeypatch.setattr(purging, "_wait_for_holds", lambda cursor, tenant_id: None)
    _threads, waited = placed_meanwhile("purge.deleted", business, table=table)

    assert retention.run(letters, at=letters.began_at)

    assert waited == [False]


@pytest.fixture
def laid_anew(laid_database):
    yield laid_database
    laid_database._lay_anew()


def test_twin_without_the_lock_a_covered_row_is_lost(
    laid_anew, business, it_is, small_batches, placed_meanwhile
):
    """The hold is in force before the batch ends, and the batch takes what it covers."""
    purge_cast.make_documents(business, 2)
    it_is(DUE)
    run = purge_cast.agreed(DUE)
    with laid_anew.cursor() as cursor:
        cursor.execute("ALTER TABLE privacy_legalhold DISABLE TRIGGER legal_hold_guard")
    threads, waited = placed_meanwhile("purge.deleted", business)

    assert retention.run(run, at=DUE)

    threads[0].join(timeout=20)
    assert waited == [False]
    assert documents(business) == set()


# --- P7: killed again and again -------------------------------------------------------------------

POINTS = (
    "purge.marked",
    "purge.file_gone",
    "purge.files_gone",
    "purge.deleted",
    "purge.noted",
    "purge.committed",
)


def test_killed_twenty_times_it_ends_as_if_never(
    business, laid_database, it_is, start_process, small_batches
):
    ids = purge_cast.make_documents(business, 44)
    before = purge_cast.counts(laid_database)
    it_is(DUE)
    run = purge_cast.agreed(DUE)
    seed = random.randrange(1 << 32)
    dice = random.Random(seed)
    kills = 0
    while kills < 20:
        words = start_process("purge", env={"CRASHPOINT": dice.choice(POINTS), "PURGE_BATCH": "2"})
        assert words.wait(60) == -9, (seed, words.log())
        kills += 1
    last = start_process("purge", env={"PURGE_BATCH": "2"})
    assert last.wait(120) == 0, (seed, last.log())

    run.refresh_from_db()
    assert run.ended_at is not None
    assert documents(business) == set()
    assert purge_cast.files_of(business) == []
    receipts = {r.table: (r.rows, r.digest) for r in run.receipts.all()}
    assert {table: rows for table, (rows, _) in receipts.items()} == before | {
        "accounts_auditevent": 88
    }
    assert receipts["invoices_invoice"][1] == purging.digest_of("invoices_invoice", ids)
    assert retention.adds_up(run)
    assert not PurgeFile.objects.filter(gone_at=None).exists()


def test_twin_a_note_apart_from_the_deletion_does_not_add_up(business, it_is, monkeypatch):
    """Had the batch its line in another transaction, a kill between the two would lose it."""
    purge_cast.make_documents(business, 1)
    it_is(DUE)
    run = purge_cast.agreed(DUE)
    monkeypatch.setattr(purging, "NOTE", "SELECT %s, %s, %s, %s, %s, %s, %s, %s")

    assert retention.run(run, at=DUE)

    assert documents(business) == set()
    assert retention.progress(run)[0] != run.plan.rows
