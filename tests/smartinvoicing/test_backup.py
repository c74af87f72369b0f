"""Backups that open, restores to the minute that come up disarmed, rehearsals that can fail."""

import io
import itertools
import json
import os
import shutil
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from smartinvoicing import arming, backups, examining, restoring, sealing
from smartinvoicing.crypto import CannotOpen
from smartinvoicing.management.commands.backup import Command
from smartinvoicing.models import Happening
from smartinvoicing.pg import databases, roles
from smartinvoicing.pg.owner import as_owner
from tests import factories, ownserver
from tests.conftest import NOON
from tests.ownserver import OwnServer

KEY = bytes(range(32))
NUMBERS = itertools.count()
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
pytestmark = pytest.mark.django_db(transaction=True)


# --- sealing ----------------------------------------------------------------------------------


def seal(path, content, *, key=KEY, name="name"):
    sealing.seal(io.BytesIO(content), path, key=key, name=name)
    return path


def opened(path, *, key=KEY, name="name"):
    bits = []
    sealing.unseal(path, bits.append, key=key, name=name)
    return b"".join(bits)


@pytest.mark.parametrize("size", [0, 1, sealing.PIECE, sealing.PIECE + 1, 3 * sealing.PIECE])
def test_what_was_sealed_opens(tmp_path, size):
    content = os.urandom(size)

    sealed = seal(tmp_path / "a", content)

    assert opened(sealed) == content
    # A byte alone may stand there by chance.
    assert size < 64 or content[:64] not in sealed.read_bytes()


def frames(path):
    """The head of a sealed file, and its pieces."""
    raw = path.read_bytes()
    start = len(sealing.MAGIC) + 16
    head, rest, found = raw[:start], raw[start:], []
    while rest:
        length = 5 + int.from_bytes(rest[:4], "big")
        found.append(rest[:length])
        rest = rest[length:]
    return head, found


ATTACKS = {
    "a bit": lambda head, parts: head + parts[0][:-1] + bytes([parts[0][-1] ^ 1]) + parts[1],
    "the end cut": lambda head, parts: head + b"".join(parts[:-1]),
    "half a piece": lambda head, parts: head + b"".join(parts)[:-3],
    "a piece left out": lambda head, parts: head + b"".join(parts[1:]),
    "two swapped": lambda head, parts: head + parts[1] + parts[0] + b"".join(parts[2:]),
    "the last one early": lambda head, parts: head + parts[0][:4] + b"\x01" + parts[0][5:],
    "something behind": lambda head, parts: head + b"".join(parts) + b"x",
    "another head": lambda head, parts: b"XXXXX" + head[5:] + b"".join(parts),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_was_changed_does_not_open(tmp_path, attack):
    sealed = seal(tmp_path / "a", os.urandom(3 * sealing.PIECE))
    sealed.write_bytes(ATTACKS[attack](*frames(sealed)))

    with pytest.raises(CannotOpen):
        opened(sealed)


@pytest.mark.parametrize("other", [{"key": bytes(32)}, {"name": "another"}])
def test_another_key_or_another_files_name_does_not_open(tmp_path, other):
    sealed = seal(tmp_path / "a", b"content")

    with pytest.raises(CannotOpen):
        opened(sealed, **other)


# --- the rig ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shop(laid_database, django_db_blocker):
    """A server with a seller's token and a document."""
    server = OwnServer(laid_database)
    yield server
    server.stop()


@pytest.fixture
def kept(shop, settings, tmp_path):
    """Where backups of `shop` go."""
    settings.BACKUP_DIR = str(tmp_path / "first")
    settings.BACKUP_SECOND_DIR = str(tmp_path / "second")
    settings.BACKUP_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    settings.BACKUP_DATABASE_URL = shop.admin
    settings.WAL_DIR = str(shop.wal)
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.MEDIA_ROOT.mkdir()
    return tmp_path


def say(shop, name):
    """A row whose presence tells up to when a restore came; the database's time after it."""
    with roles.session(shop.admin) as cursor:
        cursor.execute(
            "INSERT INTO accounts_heartbeat (name, at) VALUES (%s, now())"
            " ON CONFLICT (name) DO UPDATE SET at = now()",
            [name],
        )
        cursor.execute("SELECT clock_timestamp()")
        (at,) = cursor.fetchone()
    return at


def said(url):
    with roles.session(url) as cursor:
        cursor.execute("SELECT name FROM accounts_heartbeat")
        return {name for (name,) in cursor.fetchall()}


def history(url, kind):
    with roles.session(url) as cursor:
        cursor.execute(
            "SELECT facts FROM smartinvoicing_installationevent WHERE kind = %s ORDER BY id", [kind]
        )
        return [facts for (facts,) in cursor.fetchall()]


# --- there and back ---------------------------------------------------------------------------


def test_a_restore_to_the_minute_is_whole_and_not_armed(shop, kept):
    say(shop, "before the backup")
    call_command("backup")
    moment = say(shop, "after it")
    say(shop, "too late")
    shop.finish_wal()
    call_command("backup", wal=True)
    into = kept / "restored"

    call_command("restore", into=str(into), until=moment, by="Somebody")

    with running(into) as url:
        assert {"before the backup", "after it"} <= said(url)
        assert "too late" not in said(url)
        assert not ownserver.is_armed(url)
        [told] = history(url, Happening.RESTORED)
        assert told["faults"] == []
    assert ownserver.is_armed(shop.admin)
    assert history(shop.admin, Happening.BACKED_UP)[-1]["places"] == 2


def running(into):
    """The restored cluster as a server like any other: with the password of its folder."""
    return _Running(into)


class _Running:
    def __init__(self, into):
        self.server = restoring.Restored(into, throw_away=False)

    def __enter__(self):
        self.server.start()
        self.server.wait()
        return self.server.url(ownserver.NAME)

    def __exit__(self, *error):
        self.server.stop()


def test_the_second_place_alone_is_enough(shop, kept, settings):
    say(shop, "kept twice")
    call_command("backup")
    shop.finish_wal()
    call_command("backup", wal=True)
    shutil.rmtree(kept / "first")
    settings.BACKUP_DIR = str(kept / "second")
    into = kept / "restored"

    call_command("restore", into=str(into))

    with running(into) as url:
        assert "kept twice" in said(url)


def test_a_dump_is_read_back_into_a_new_database_and_not_armed(shop, kept):
    call_command("backup", kind="dump")
    url = shop.url("from_dump")

    call_command("restore", into=url, media=kept / "copies")

    assert not ownserver.is_armed(url)
    assert history(url, Happening.RESTORED)[-1]["faults"] == []
    with pytest.raises(CommandError, match="not new"):
        call_command("restore", into=url, media=kept / "more")


# --- what is wrong is found -------------------------------------------------------------------

SPOILED = {
    "a part": (lambda folder: flip(folder / "base.tar.sealed"), "was changed"),
    "a part gone": (lambda folder: (folder / "media.tar.sealed").unlink(), "missing"),
    "the manifest": (lambda folder: rewrite(folder / "manifest.json"), "was changed"),
}


def flip(path):
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)


def rewrite(path):
    whole = json.loads(path.read_text())
    whole["manifest"]["counts"]["accounts_tenant"] = 99
    path.write_text(json.dumps(whole))


@pytest.mark.parametrize("what", SPOILED)
def test_a_spoiled_backup_is_refused_and_a_rehearsal_says_so(shop, kept, what):
    spoil, words = SPOILED[what]
    call_command("backup")
    spoil(backups.newest())

    with pytest.raises(CommandError, match=words):
        call_command("restore", into=str(kept / "restored"))
    with pytest.raises(CommandError, match="not what it should be"):
        call_command("restore_drill")

    assert words in history(shop.admin, Happening.DRILLED)[-1]["faults"][0]


def test_a_rehearsal_is_timed_and_written_down(shop, kept):
    say(shop, "alive")
    call_command("backup")
    shop.finish_wal()
    call_command("backup", wal=True)

    call_command("restore_drill")

    told = history(shop.admin, Happening.DRILLED)[-1]
    assert told["faults"] == []
    assert 0 < told["laid_s"] <= told["recovered_s"] <= told["took_s"]
    assert 0 <= told["lost_s"] < 300


@pytest.fixture
def lost_table(shop):
    """Copies of documents have no table any more."""
    with roles.session(shop.admin) as cursor:
        cursor.execute("ALTER TABLE invoices_invoicepdf RENAME TO away")
    yield
    with roles.session(shop.admin) as cursor:
        cursor.execute("ALTER TABLE away RENAME TO invoices_invoicepdf")


def test_a_rehearsal_that_breaks_off_is_written_down_as_failed(shop, kept, lost_table):
    call_command("backup")

    with pytest.raises(CommandError, match="not what it should be"):
        call_command("restore_drill")

    assert history(shop.admin, Happening.DRILLED)[-1]["faults"] == ["UndefinedTable"]


def test_a_rehearsal_that_failed_counts_for_nothing_and_is_due_again_after_a_day(db):
    def rehearse(after, *faults):
        with as_owner():
            arming.note(
                Happening.DRILLED, by="test", at=NOON + after, facts={"faults": list(faults)}
            )

    is_due = Command()._is_rehearsal_due
    rehearse(timedelta())
    rehearse(7 * DAY, "a trigger is missing")
    tried = [is_due(NOON + after) for after in (8 * DAY - HOUR, 8 * DAY)]
    sound = arming.rehearsed()
    rehearse(8 * DAY)
    mended = [is_due(NOON + after) for after in (15 * DAY - HOUR, 15 * DAY)]

    assert sound.at == NOON
    assert (tried, mended) == ([False, True], [False, True])


FAULTS = {
    "a trigger off": (
        "ALTER TABLE invoices_invoice DISABLE TRIGGER invoice_guard",
        "trigger invoice_guard",
    ),
    "rows gone": ("DELETE FROM accounts_tenant", "accounts_tenant: 0 rows of 1"),
    "an audit trail that was cut": ("DELETE FROM accounts_auditlink", "lacks its link"),
    "a key that leads nowhere": (
        "UPDATE accounts_legalentity SET tenant_id = gen_random_uuid()",
        "lead nowhere",
    ),
    "a token of another key": (
        "UPDATE fbr_credential SET token_sealed = '\\x00'",
        "a token does not open",
    ),
    "a copy gone": (
        (
            "INSERT INTO invoices_invoicepdf"
            " SELECT (jsonb_populate_record(NULL::invoices_invoicepdf, jsonb_build_object("
            "'id', gen_random_uuid(), 'tenant_id', id, 'invoice_id', id, 'file', 'x.pdf',"
            " 'sha256', 'x', 'shows', 'draft', 'version', 1, 'paper', 'a4',"
            " 'rendered_at', now()))).* FROM accounts_tenant"
        ),
        "x.pdf is missing",
    ),
    "armed all the same": (
        (
            "UPDATE smartinvoicing_installation SET armed_at = now(), place = current_place(),"
            " timeline = current_timeline()"
        ),
        "it is armed",
    ),
}


@pytest.fixture(scope="module")
def examined(shop, laid_database, django_db_blocker):
    """A database with a seller, a token and a document, and what a manifest of it says."""
    databases.ensure_database(shop.admin, "examined")
    url = shop.url("examined")
    with django_db_blocker.unblock():
        tenant = factories.make_tenant()
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            factories.make_credential(LegalEntity.objects.get(), "a token that is long enough")
            factories.make_issued()
    ownserver.copy(roles.with_database(laid_database.admin_url, laid_database.name), url)
    return backups.Manifest(name="", kind="base", at="", **backups.ask(url))


@pytest.fixture
def spoiled(shop, examined, tmp_path, monkeypatch):
    """A copy of it to spoil by one statement; what is found then."""
    monkeypatch.setattr(examining, "_EXAMINERS", ())
    name = f"spoiled_{next(NUMBERS)}"
    databases.copy_database(shop.admin, "examined", name)

    def find(statement):
        with roles.session(shop.url(name)) as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute(statement)
        return examining.faults(shop.url(name), examined, media=tmp_path)

    return find


@pytest.mark.parametrize("what", FAULTS)
def test_each_fault_of_a_restored_database_is_named(spoiled, what):
    statement, words = FAULTS[what]

    found = spoiled(statement)

    assert any(words in fault for fault in found), found


def test_a_database_that_is_well_has_no_fault(spoiled):
    assert spoiled("SELECT 1") == []


def test_the_examiners_of_the_house_look_at_the_restored_database(shop, examined, tmp_path):
    """Their own processes, on its address; what they find is a fault."""
    assert examining.faults(shop.url("examined"), examined, media=tmp_path) == []

    databases.copy_database(shop.admin, "examined", "broken")
    with roles.session(shop.url("broken")) as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE invoices_series SET last = last + 5")
    found = examining.faults(shop.url("broken"), examined, media=tmp_path)

    assert [fault.partition(":")[0] for fault in found] == ["check_invariants"]


# --- WAL and old backups ----------------------------------------------------------------------


def test_a_piece_of_wal_that_was_sealed_before_a_crash_is_taken_away(shop, kept, tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    piece = spool / "000000010000000000000001"
    piece.write_bytes(b"wal")
    assert backups.ship_wal(spool) == 1
    piece.write_bytes(b"wal")  # the crash came before it was taken away

    assert backups.ship_wal(spool) == 1

    assert not piece.exists()
    sealed = [kept / place / "wal" / f"{piece.name}.sealed" for place in ("first", "second")]
    assert [opened(path, name=f"wal/{piece.name}") for path in sealed] == [b"wal", b"wal"]


def test_half_written_wal_is_left_alone(kept, tmp_path):
    spool = tmp_path / "spool"
    spool.mkdir()
    (spool / "000000010000000000000001.part").write_bytes(b"half")

    assert backups.ship_wal(spool) == 0


def test_old_backups_and_the_wal_that_nobody_needs_are_dropped(shop, kept, settings):
    settings.BACKUP_KEPT_DAYS = 35
    now = datetime(2026, 11, 20, tzinfo=UTC)
    for days in (40, 36, 1):
        backups.make(admin_url=shop.admin, kind="base", at=now - timedelta(days=days))
        shop.finish_wal()
        backups.ship_wal(shop.wal)

    backups.forget_old(at=now)

    for place in backups.places():
        [left] = backups.all_in(place)
        first = backups.read_manifest(left).first_wal
        wal = {path.stem for path in (place / "wal").iterdir()}
        assert wal
        assert min(name[:24] for name in wal) >= first


def test_the_newest_backup_stays_however_old(shop, kept):
    long_ago = datetime(2020, 1, 1, tzinfo=UTC)
    backups.make(admin_url=shop.admin, kind="base", at=long_ago)

    assert backups.forget_old(at=datetime(2026, 11, 20, tzinfo=UTC)) == []
    assert backups.newest().name == "base-20200101T000000Z"


@pytest.mark.parametrize(
    "missing", [{"BACKUP_KEY": ""}, {"BACKUP_KEY": "c2hvcnQ="}, {"BACKUP_DIR": ""}]
)
def test_half_set_nothing_is_backed_up(kept, settings, missing):
    for name, value in missing.items():
        setattr(settings, name, value)

    with pytest.raises(CommandError, match="BACKUP_"):
        call_command("backup")


def test_no_password_stands_on_a_command_line():
    url = "postgresql://postgres:secret@127.0.0.1:5432/shop?sslmode=require"

    assert "secret" not in backups.without_password(url)
    assert "sslmode=require" in backups.without_password(url)
