"""What is laid down outside the database: it shows a cut tail and a trail reckoned anew."""

import json
import stat
import threading
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from accounts import audit, chain, tasks
from accounts.access import Actor
from accounts.enums import AuditAction, AuditFault
from accounts.models import AuditCheck
from accounts.services import anchor_files, anchoring, audit_checks, verifying
from accounts.tenancy import in_tenant
from smartinvoicing import arming, clock
from smartinvoicing.errors import StateConflict
from tests.accounts.cast import NOON, person, shop_of

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system("test")
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def folder(settings, tmp_path):
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    return tmp_path / "anchors"


@pytest.fixture
def mill(transactional_db, folder):
    return shop_of(person("ayesha@mills.example", name="Ayesha"))


@pytest.fixture
def rival(mill):
    return shop_of(person("bilal@rival.example"), name="Rival", ntn_cnic="3456789")


def write(shop, count=1):
    for _ in range(count):
        with in_tenant(shop.tenant.pk), transaction.atomic():
            audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, shop.tenant, at=NOON)


def faults(at=NOON, **how):
    return [(f.what, f.seq, f.file) for f in audit_checks.verify(at=at, **how).faults]


def as_superuser(laid_database, sql, *params):
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql, params)
        cursor.execute("SET session_replication_role = origin")


# --- files ------------------------------------------------------------------------------------


def test_each_hour_has_one_file_with_the_heads(mill, rival, folder):
    write(mill, 2)

    first, again = anchoring.anchor(at=NOON), anchoring.anchor(at=NOON + timedelta(minutes=30))

    assert (first, again) == ("20261121T07Z.heads", None)
    anchor = anchor_files.read(folder, first)
    assert (anchor.at, anchor.is_whole, anchor.previous) == (NOON, True, "")
    assert [(head.tenant_id, head.seq) for head in anchor.heads] == sorted(
        [(mill.tenant.pk, 3), (rival.tenant.pk, 1)]
    )


def test_a_file_follows_the_one_before_it(mill, folder):
    early = anchoring.anchor(at=NOON)
    later = anchoring.anchor(at=NOON + HOUR)
    write(mill)

    last = anchoring.anchor(at=NOON + 2 * HOUR)

    names = [early, later, last]
    read = [anchor_files.read(folder, name) for name in names]
    assert [anchor.previous for anchor in read] == ["", *names[:-1]]
    assert [anchor.previous_sha256 for anchor in read[1:]] == [a.sha256 for a in read[:-1]]
    assert anchor_files.names(folder) == names


def test_only_the_heads_that_changed_are_written_in_the_same_day(mill, rival, laid_database):
    noon = datetime.now(UTC).replace(hour=12, minute=0) + DAY
    anchoring.anchor(at=noon)
    as_superuser(
        laid_database,
        "UPDATE accounts_audithead SET changed_at = CASE tenant_id WHEN %s THEN %s ELSE %s END",
        *(str(mill.tenant.pk), noon + HOUR, noon - 2 * HOUR),
    )

    changed = anchor_files.read(anchoring.folder(), anchoring.anchor(at=noon + HOUR))
    whole = anchor_files.read(anchoring.folder(), anchoring.anchor(at=noon + DAY))

    assert (changed.is_whole, [h.tenant_id for h in changed.heads]) == (False, [mill.tenant.pk])
    assert (whole.is_whole, len(whole.heads)) == (True, 2)


def test_a_file_is_for_reading_only_and_is_never_replaced(mill, folder):
    name = anchoring.anchor(at=NOON)
    content = (folder / name).read_bytes()

    assert anchor_files.write(folder, name, b"another") is False
    assert (folder / name).read_bytes() == content
    assert stat.S_IMODE((folder / name).stat().st_mode) == 0o440
    assert [path.name for path in folder.iterdir()] == [name]


def test_two_workers_at_once_write_one_file(mill, folder):
    wrote = []

    def one():
        try:
            wrote.append(anchoring.anchor(at=NOON))
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(map(str, wrote)) == ["20261121T07Z.heads"] + ["None"] * 5
    assert anchor_files.names(folder) == ["20261121T07Z.heads"]


def test_after_days_without_beat_one_run_makes_up_for_them(mill, folder):
    anchoring.anchor(at=NOON)

    assert anchoring.anchor(at=NOON + 3 * DAY) == "20261124T07Z.heads"
    assert anchoring.anchor(at=NOON + 3 * DAY) is None
    assert len(anchor_files.names(folder)) == 2
    assert AuditCheck.objects.get().anchored_at == NOON + 3 * DAY


def test_a_copy_lays_nothing_down_among_the_files_of_the_true_one(mill, folder, laid_database):
    as_superuser(laid_database, "UPDATE smartinvoicing_installation SET instance_sha256 = 'other'")
    arming.forget()
    try:
        tasks.anchor_audit.apply().get()
    finally:
        arming.forget()

    assert anchor_files.names(folder) == []


def test_the_tasks_do_their_work_once(mill, folder, monkeypatch):
    at = clock.now()
    monkeypatch.setattr(clock, "now", lambda: at)  # the hour may end in between
    for _ in range(2):
        tasks.anchor_audit.apply().get()
        tasks.sign_anchors.apply().get()
        tasks.verify_audit.apply().get()

    known = AuditCheck.objects.get()
    assert len(anchor_files.names(folder)) == 1
    assert (known.is_right, known.findings, known.entries) == (True, [], 1)


# --- signatures -------------------------------------------------------------------------------


@pytest.fixture
def three_days(mill, folder):
    """Files of three days, each with a deed more."""
    for day in range(3):
        for hour in range(2):
            anchoring.anchor(at=NOON + day * DAY + hour * HOUR)
            write(mill)
    return folder


def test_each_day_that_is_over_is_signed_once(three_days):
    days = anchoring.sign(at=NOON + 2 * DAY + HOUR)

    assert days == ["20261121", "20261122"]
    assert anchoring.sign(at=NOON + 2 * DAY + HOUR) == []
    assert anchoring.sign(at=NOON + 9 * DAY) == ["20261123"]
    assert faults(at=NOON + 9 * DAY) == []


def test_a_signature_is_that_of_the_last_file_of_the_day(three_days):
    anchoring.sign(at=NOON + DAY)

    found = anchor_files.signature(three_days, "20261121.signature")

    last = anchor_files.read(three_days, "20261121T08Z.heads")
    assert (found["anchor"], found["sha256"]) == (last.name, last.sha256)
    assert anchoring.is_signed("20261121", last, key=found["key"], signature=found["signature"])


def test_another_key_does_not_sign_for_us(three_days, settings):
    settings.AUDIT_SIGNING_KEY = b"k" * 32
    anchoring.sign(at=NOON + 3 * DAY)
    assert faults() == []
    strange = anchoring.public_text(anchoring.signing_key().public_key())

    settings.AUDIT_SIGNING_KEY = b"n" * 32

    assert [what for what, *_ in faults()] == [AuditFault.SIGNATURE] * 3
    settings.AUDIT_PUBLIC_KEYS = [strange]
    assert faults() == []


def test_a_day_that_nobody_signed_is_named(three_days):
    assert faults(at=NOON + DAY) == []
    assert faults(at=NOON + 3 * DAY) == [
        (AuditFault.SIGNATURE, None, "20261121T08Z.heads"),
        (AuditFault.SIGNATURE, None, "20261122T08Z.heads"),
    ]


# --- R18: what a chain alone does not show ----------------------------------------------------


def rewrite(laid_database, shop):
    """Change the second deed and reckon the whole chain anew, as who owns the database can."""
    pk = shop.tenant.pk
    as_superuser(
        laid_database,
        "UPDATE accounts_auditevent SET actor = 'nobody' WHERE id ="
        " (SELECT id FROM accounts_auditlink WHERE tenant_id = %s AND seq = 2)",
        str(pk),
    )
    last = chain.beginning(pk)
    with in_tenant(pk):
        _seq, _hash = verifying._head(pk)
        old = list(verifying._links(pk, after=0, until=_seq))
    for link in old:
        body = link.digest()
        prev, last = last, chain.link(last, seq=link.seq, at=link.at, body=body)
        as_superuser(
            laid_database,
            "UPDATE accounts_auditlink SET body = %s, prev = %s, hash = %s WHERE id = %s",
            *(body, prev, last, str(link.id)),
        )
    as_superuser(
        laid_database, "UPDATE accounts_audithead SET hash = %s WHERE id = %s", last, str(pk)
    )


def cut(laid_database, shop):
    """Take the last two deeds away, and set the head to where the chain ends now."""
    pk = str(shop.tenant.pk)
    for table in ("accounts_auditevent", "accounts_auditlink"):
        as_superuser(
            laid_database,
            f"DELETE FROM {table} WHERE id IN (SELECT id FROM accounts_auditlink"
            " WHERE tenant_id = %s AND seq > 4)",
            pk,
        )
    as_superuser(
        laid_database,
        "UPDATE accounts_audithead h SET seq = l.seq, hash = l.hash FROM accounts_auditlink l"
        " WHERE h.id = %s AND l.tenant_id = h.id AND l.seq = 4",
        pk,
    )


def erase(laid_database, shop):
    """Take a whole trail away."""
    for table in ("accounts_auditevent", "accounts_auditlink", "accounts_audithead"):
        as_superuser(
            laid_database, f"DELETE FROM {table} WHERE tenant_id = %s", str(shop.tenant.pk)
        )


ATTACKS = {"rewrite": (rewrite, 6), "cut": (cut, 6), "erase": (erase, 6)}


@pytest.fixture
def anchored(mill, rival):
    write(mill, 5)
    anchoring.anchor(at=NOON)
    return mill


@pytest.mark.parametrize(("attack", "seq"), ATTACKS.values(), ids=ATTACKS)
def test_r18_only_the_anchor_shows_it(anchored, laid_database, attack, seq):
    assert faults() == []

    attack(laid_database, anchored)

    assert faults() == [(AuditFault.ANCHORED, seq, "20261121T07Z.heads")]


@pytest.mark.parametrize(("attack", "seq"), ATTACKS.values(), ids=ATTACKS)
def test_r18_twin_without_anchors_the_chain_alone_passes(
    anchored, laid_database, tmp_path, attack, seq
):
    attack(laid_database, anchored)

    assert faults(folder=tmp_path / "no anchors here") == []


def test_r18_an_hour_later_the_old_anchor_still_shows_it(anchored, laid_database):
    rewrite(laid_database, anchored)
    write(anchored)
    anchoring.anchor(at=NOON + HOUR)

    assert faults() == [(AuditFault.ANCHORED, 6, "20261121T07Z.heads")]


def test_r18_a_look_at_one_trail_tells_of_that_alone(anchored, rival, laid_database):
    rewrite(laid_database, anchored)

    assert faults(tenant_id=rival.tenant.pk) == []
    assert len(faults(tenant_id=anchored.tenant.pk)) == 1


def test_the_command_ends_with_1_because_of_the_anchor_alone(
    anchored, laid_database, tmp_path, capsys
):
    cut(laid_database, anchored)

    with pytest.raises(CommandError):
        call_command("verify_audit")
    assert "20261121T07Z.heads: anchored" in capsys.readouterr().out
    call_command("verify_audit", anchors=tmp_path)
    assert "nothing wrong" in capsys.readouterr().out


# --- whoever touches the files ----------------------------------------------------------------


def change(path, change):
    path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    path.write_bytes(change(path.read_bytes()))


TOUCHED = {
    "first": ("20261121T07Z.heads", "20261121T07Z.heads"),
    "in between": ("20261122T07Z.heads", "20261122T07Z.heads"),
    "newest": ("20261123T08Z.heads", "20261123T08Z.heads"),
}


@pytest.mark.parametrize(("file", "named"), TOUCHED.values(), ids=TOUCHED)
def test_a_file_that_is_gone_is_named(three_days, file, named):
    (three_days / file).unlink()

    assert faults() == [(AuditFault.FILE, None, named)]


@pytest.mark.parametrize(("file", "named"), TOUCHED.values(), ids=TOUCHED)
def test_a_file_that_was_changed_is_named(three_days, file, named):
    change(three_days / file, lambda content: content.replace(b'"whole": ', b'"whole":  '))

    assert faults() == [(AuditFault.FILE, None, named)]


def test_a_torn_file_is_named(three_days):
    change(three_days / "20261122T07Z.heads", lambda content: content[:-9])

    assert (AuditFault.FILE, None, "20261122T07Z.heads") in faults()


def test_new_files_go_on_from_one_that_was_taken_away(three_days):
    """Else the hole would close behind whoever made it."""
    (three_days / "20261123T08Z.heads").unlink()

    anchoring.anchor(at=NOON + 3 * DAY)

    assert faults() == [(AuditFault.FILE, None, "20261123T08Z.heads")]


def test_twin_without_the_hash_of_the_file_before_a_hole_goes_unseen(three_days, monkeypatch):
    monkeypatch.setattr(audit_checks._Files, "_look_at_order", lambda *args: None)
    (three_days / "20261122T07Z.heads").unlink()

    assert faults() == []


def test_twin_without_the_databases_memory_a_cut_of_the_files_goes_unseen(three_days):
    (three_days / "20261123T08Z.heads").unlink()
    AuditCheck.objects.update(anchor="", anchor_sha256="")

    assert faults() == []


def test_a_signature_that_was_changed_is_named(three_days):
    anchoring.sign(at=NOON + 3 * DAY)
    forged = Ed25519PrivateKey.from_private_bytes(b"x" * 32)

    def sign(content):
        found = json.loads(content)
        return json.dumps(found | {"key": anchoring.public_text(forged.public_key())}).encode()

    change(three_days / "20261122.signature", sign)

    assert faults() == [(AuditFault.SIGNATURE, None, "20261122.signature")]


# --- after a restore --------------------------------------------------------------------------


def test_a_loss_that_a_person_accepted_stays_visible_and_is_no_fault(
    anchored, laid_database, capsys, monkeypatch
):
    cut(laid_database, anchored)

    name = anchoring.accept(why="disk lost, restored to 11:50", at=NOON + 2 * HOUR)
    write(anchored)
    anchoring.anchor(at=NOON + 3 * HOUR)

    assert faults() == []
    monkeypatch.setattr(clock, "now", lambda: NOON + 4 * HOUR)
    call_command("verify_audit")
    assert f"accepted in {name}: disk lost, restored to 11:50" in capsys.readouterr().out
    rewrite(laid_database, anchored)
    assert faults() == [(AuditFault.ANCHORED, 4, name)]


def test_a_loss_is_accepted_once_an_hour(anchored):
    anchoring.accept(why="first", at=NOON + 2 * HOUR)

    with pytest.raises(StateConflict):
        anchoring.accept(why="second", at=NOON + 2 * HOUR)


# --- every night ------------------------------------------------------------------------------


def test_the_nightly_look_runs_once_a_night_and_keeps_what_it_found(
    anchored, laid_database, caplog
):
    at_three = datetime(2026, 11, 21, 22, tzinfo=UTC)  # three in the night of the 22nd
    assert audit_checks.check(at=NOON).is_right
    assert audit_checks.check(at=at_three - 2 * HOUR) is None
    rewrite(laid_database, anchored)

    report = audit_checks.check(at=at_three)

    assert audit_checks.check(at=at_three + HOUR) is None
    known = AuditCheck.objects.get()
    assert (known.is_right, known.checked_at) == (False, at_three)
    assert known.findings == [
        {
            "tenant": str(anchored.tenant.pk),
            "seq": 6,
            "what": "anchored",
            "file": "20261121T07Z.heads",
        }
    ]
    assert len(report.faults) == 1
    assert "audit.broken" in caplog.text


def test_after_days_without_beat_the_look_is_made_once(anchored):
    audit_checks.check(at=NOON)

    found = [audit_checks.check(at=NOON + 3 * DAY) for _ in range(3)]

    assert [report is None for report in found] == [False, True, True]


def test_a_look_that_goes_on_elsewhere_is_not_made_twice(anchored, laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [audit_checks._LOCK])
        try:
            assert audit_checks.check(at=NOON) is None
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [audit_checks._LOCK])
    assert audit_checks.check(at=NOON).is_right
