"""The chain of the audit trail: whoever touches a row is found, and many writers make one chain."""

import contextlib
import csv
import threading
from contextlib import closing
from datetime import datetime, timedelta
from importlib import import_module

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import audit, chain
from accounts.access import Actor
from accounts.enums import AuditAction, AuditFault, Permission, Role
from accounts.models import AuditEvent, AuditHead, AuditLink, AuditPrivate
from accounts.services import api_keys, verifying
from accounts.tenancy import in_tenant
from smartinvoicing import clock
from smartinvoicing.pg import rows
from tests.accounts.cast import NOON, Beside, browser_of, person, shop_of
from tests.chaos.rig import wait_until

committed = pytest.mark.django_db(transaction=True)
SYSTEM = Actor.system("test")
GATE = 20251  # an advisory lock


@pytest.fixture
def mill(transactional_db, settings, tmp_path):
    """A business with one deed in its trail: that it was opened."""
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    return shop_of(person("ayesha@mills.example", name="Ayesha"))


@pytest.fixture
def rival_mill(mill):
    return shop_of(person("bilal@rival.example"), name="Rival", ntn_cnic="3456789")


def write(shop, count=1, actor=SYSTEM, **details):
    """So many deeds, each in a transaction of its own."""
    for number in range(count):
        with in_tenant(shop.tenant.pk), transaction.atomic():
            audit.record(
                actor, AuditAction.ENTITY_CHANGED, shop.tenant, at=NOON, number=number, **details
            )


def inside(shop, look):
    with in_tenant(shop.tenant.pk), transaction.atomic():
        return look()


def links(shop):
    return inside(shop, lambda: list(AuditLink.objects.order_by("seq")))


def faults(shop, **limits):
    report = verifying.verify_tenant(shop.tenant.pk, at=NOON, **limits)
    return [(fault.what, fault.seq) for fault in report.faults]


# --- how it is written ------------------------------------------------------------------------


@committed
def test_each_deed_becomes_a_link_at_its_commit(mill):
    write(mill, 3)

    found = links(mill)
    head = inside(mill, AuditHead.objects.get)
    assert [link.seq for link in found] == [1, 2, 3, 4]
    assert bytes(found[0].prev) == chain.beginning(mill.tenant.pk)
    assert [bytes(link.prev) for link in found[1:]] == [bytes(link.hash) for link in found[:-1]]
    assert (head.seq, bytes(head.hash)) == (4, bytes(found[-1].hash))
    assert {link.id for link in found} == inside(
        mill, lambda: set(AuditEvent.objects.values_list("pk", flat=True))
    )


@committed
def test_a_trail_that_nobody_touched_is_right(mill):
    write(mill, 5)

    report = verifying.verify_tenant(mill.tenant.pk, at=NOON)

    assert (report.faults, report.entries, report.seq) == ([], 6, 6)


@committed
def test_rows_of_one_statement_are_chained_in_their_order(mill):
    deeds = [
        audit.event(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON, number=number)
        for number in (3, 1, 2)
    ]

    inside(mill, lambda: rows.insert(*deeds))

    assert [link.id for link in links(mill)[1:]] == [deed.pk for deed in deeds]
    assert faults(mill) == []


@committed
@pytest.mark.parametrize(
    "text",
    [
        '"quoted" \\ back\\slash',
        "tab\tline\nreturn\rbell\x07\x1f\x7f",
        "سوتی دھاگہ",
        "\u2028 </a> é 😀",
    ],
)
def test_any_text_is_reckoned_as_the_database_does(mill, text):
    write(mill, 1, actor=Actor.system(text), words={text: [text, 1.5, None, True]})

    assert faults(mill) == []


@committed
def test_a_deed_that_was_taken_back_is_no_link(mill):
    with in_tenant(mill.tenant.pk), transaction.atomic():
        with contextlib.suppress(ZeroDivisionError), transaction.atomic():
            audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON)
            raise ZeroDivisionError
        audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON)

    assert [link.seq for link in links(mill)] == [1, 2]
    assert faults(mill) == []


@committed
def test_a_scope_that_ended_before_the_commit_breaks_nothing(mill):
    with transaction.atomic(), in_tenant(mill.tenant.pk):
        audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON)

    assert len(links(mill)) == 2


@committed
def test_deeds_from_before_the_chain_were_chained_in_their_order(mill, laid_database, owner_url):
    write(mill, 3)
    was = links(mill)
    for table in ("accounts_auditlink", "accounts_audithead"):
        touch(laid_database, mill, f"DELETE FROM {table}")
    step = import_module("accounts.migrations.0007_audit_chain")

    with closing(psycopg2.connect(owner_url)) as owner, owner, owner.cursor() as cursor:
        cursor.execute("SELECT set_config('app.across', 'on', true)")
        cursor.execute(step.EARLIER)

    # All of these are of one instant, so their ids tell the order.
    assert [link.id for link in links(mill)] == sorted(link.id for link in was)
    assert faults(mill) == []


# --- what the role app may do -----------------------------------------------------------------

FORGERIES = {
    "link": "INSERT INTO accounts_auditlink SELECT gen_random_uuid(), 9, at, body, prev, hash,"
    " tenant_id FROM accounts_auditlink",
    "seq": "UPDATE accounts_auditlink SET seq = 9",
    "hash": "UPDATE accounts_auditlink SET hash = body",
    "cut": "DELETE FROM accounts_auditlink",
    "truncate": "TRUNCATE accounts_auditlink",
    "head": "UPDATE accounts_audithead SET seq = 0",
    "no head": "DELETE FROM accounts_audithead",
    "new head": "INSERT INTO accounts_audithead SELECT * FROM accounts_audithead",
    "trigger": "ALTER TABLE accounts_auditevent DISABLE TRIGGER audit_chain",
    "no trigger": "DROP TRIGGER audit_chain ON accounts_auditevent",
    "replica": "SET LOCAL session_replication_role = replica",
    "add": "SELECT accounts_audit_add(e) FROM accounts_auditevent e",
    "call": "SELECT accounts_audit_chain()",
    "salt": "UPDATE accounts_auditprivate SET salt = ''",
    "erase": "DELETE FROM accounts_auditprivate",
}


@committed
@pytest.mark.parametrize("sql", FORGERIES.values(), ids=FORGERIES)
def test_the_chain_is_not_apps_to_write(mill, sql):
    write(mill, 1, private={"email": "a@example.com"})
    before = [vars(link) | {"_state": None} for link in links(mill)]

    with pytest.raises(DatabaseError):
        inside(mill, lambda: connection.cursor().execute(sql))

    assert [vars(link) | {"_state": None} for link in links(mill)] == before
    assert faults(mill) == []


@committed
def test_nobody_writes_past_the_chain_by_putting_it_off(mill):
    """Whatever app says about constraints, at the commit every deed has its link."""
    with in_tenant(mill.tenant.pk), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON)
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        cursor.execute("SELECT set_config('app.audited', '', true)")
        audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON)

    assert len(links(mill)) == 3
    assert faults(mill) == []


# --- R17: who touches a row is found ----------------------------------------------------------

NUMBER_3 = "(SELECT id FROM accounts_auditlink WHERE tenant_id = %(t)s AND seq = 3)"
RENUMBER = (
    "UPDATE accounts_auditlink SET seq = -seq WHERE tenant_id = %(t)s AND seq {which};"
    "UPDATE accounts_auditlink SET seq = {new} WHERE tenant_id = %(t)s AND seq < 0"
)
TOUCHED = {
    "who": (f"UPDATE accounts_auditevent SET actor = 'nobody' WHERE id = {NUMBER_3}", "edited", 3),
    "when": (
        f"UPDATE accounts_auditevent SET at = at - interval '1 microsecond' WHERE id = {NUMBER_3}",
        "edited",
        3,
    ),
    "what": (
        f"UPDATE accounts_auditevent SET details = '{{\"number\": 7}}' WHERE id = {NUMBER_3}",
        "edited",
        3,
    ),
    "deleted": (f"DELETE FROM accounts_auditevent WHERE id = {NUMBER_3}", "missing", 3),
    "deleted with its link": (
        (
            f"DELETE FROM accounts_auditevent WHERE id = {NUMBER_3};"
            "DELETE FROM accounts_auditlink WHERE tenant_id = %(t)s AND seq = 3"
        ),
        "missing",
        3,
    ),
    "swapped": (RENUMBER.format(which="IN (3, 4)", new="7 + seq"), "moved", 3),
    "put in between": (
        RENUMBER.format(which=">= 3", new="1 - seq")
        + ";INSERT INTO accounts_auditlink SELECT gen_random_uuid(), 3, at, body, hash, hash,"
        " tenant_id FROM accounts_auditlink WHERE tenant_id = %(t)s AND seq = 2",
        "edited",
        3,
    ),
    "put beside": (
        (
            "INSERT INTO accounts_auditevent SELECT gen_random_uuid(), at, actor, action,"
            f" object_type, object_id, details, tenant_id, '' FROM accounts_auditevent"
            f" WHERE id = {NUMBER_3}"
        ),
        "planted",
        None,
    ),
    "tail cut": (
        "DELETE FROM accounts_auditlink WHERE tenant_id = %(t)s AND seq = 6",
        "missing",
        6,
    ),
    "head moved back": (
        (
            "UPDATE accounts_audithead SET seq = 5, hash = (SELECT hash FROM accounts_auditlink"
            " WHERE tenant_id = %(t)s AND seq = 5) WHERE id = %(t)s"
        ),
        "head",
        6,
    ),
    "head gone": ("DELETE FROM accounts_audithead WHERE id = %(t)s", "head", 1),
    "link reckoned anew": (
        (
            "UPDATE accounts_auditlink SET body = sha256('x'), hash = sha256(prev || int8send(seq)"
            " || int8send((extract(epoch FROM at) * 1000000)::bigint) || sha256('x'))"
            " WHERE tenant_id = %(t)s AND seq = 3"
        ),
        "edited",
        3,
    ),
}


def touch(laid_database, shop, sql):
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(sql, {"t": str(shop.tenant.pk)})
        cursor.execute("SET session_replication_role = origin")


@committed
@pytest.mark.parametrize(("sql", "what", "seq"), TOUCHED.values(), ids=TOUCHED)
def test_r17_the_verifier_names_the_row(mill, laid_database, sql, what, seq):
    write(mill, 5)
    assert faults(mill) == []

    touch(laid_database, mill, sql)

    assert faults(mill)[0] == (AuditFault(what), seq)


@committed
@pytest.mark.parametrize("how", ["who", "when", "what"])
def test_r17_twin_without_the_digests_an_edit_goes_unseen(mill, laid_database, monkeypatch, how):
    write(mill, 5)
    monkeypatch.setattr(verifying._Link, "digest", lambda link: link.body)

    touch(laid_database, mill, TOUCHED[how][0])

    assert faults(mill) == []


@committed
def test_r17_twin_without_the_places_in_the_hash_a_swap_goes_unseen(
    mill, laid_database, monkeypatch
):
    write(mill, 5)
    monkeypatch.setattr(verifying._Walk, "_look_at_link", lambda walk, link: None)

    touch(laid_database, mill, TOUCHED["swapped"][0])

    assert faults(mill) == []


@committed
def test_r17_twin_without_the_trigger_the_deeds_are_in_no_chain(mill, laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent DISABLE TRIGGER audit_chain")
    try:
        write(mill, 2)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_auditevent ENABLE TRIGGER audit_chain")

    assert faults(mill) == [(AuditFault.PLANTED, None)] * 2


@committed
def test_a_row_of_another_chain_does_not_fit_in(mill, rival_mill, laid_database):
    write(mill, 2)
    write(rival_mill, 2)

    touch(
        laid_database,
        mill,
        "DELETE FROM accounts_auditlink WHERE tenant_id = %(t)s;"
        "UPDATE accounts_auditlink SET tenant_id = %(t)s;"
        "UPDATE accounts_auditevent SET tenant_id = %(t)s;",
    )

    assert faults(mill)[0] == (AuditFault.EDITED, 1)


@committed
def test_what_purge_took_long_after_leaves_the_chain_right(mill, laid_database):
    write(mill, 3)
    touch(laid_database, mill, f"DELETE FROM accounts_auditevent WHERE id = {NUMBER_3}")

    later = verifying.verify_tenant(mill.tenant.pk, at=NOON + timedelta(days=8 * 366))

    assert faults(mill) == [(AuditFault.MISSING, 3)]
    assert (later.faults, later.purged) == ([], 1)


@committed
def test_the_newest_are_checked_alone_where_somebody_waits(mill, laid_database):
    write(mill, 5)
    touch(laid_database, mill, TOUCHED["who"][0])

    assert faults(mill, newest=3) == []
    assert faults(mill, newest=4) == [(AuditFault.EDITED, 3)]


# --- many writers -----------------------------------------------------------------------------

WRITERS, EACH = 8, 50


def write_at_once(shop, *, writers=WRITERS, each=EACH):
    """So many threads write at once; what they were refused."""
    refused = []

    def one():
        try:
            write(shop, each)
        except DatabaseError as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(writers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return refused


@contextlib.contextmanager
def function(laid_database, name, change):
    """One of the database's functions, changed for a while."""
    with laid_database.cursor() as cursor:
        cursor.execute("SELECT pg_get_functiondef(%s::regproc)", [name])
        as_it_was = cursor.fetchone()[0]
        changed = change(as_it_was)
        assert changed != as_it_was
        cursor.execute(changed)
    try:
        yield
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute(as_it_was)


@committed
def test_r17_parallel_writers_make_one_chain_without_a_gap(mill):
    assert write_at_once(mill) == []

    found = links(mill)
    assert [link.seq for link in found] == list(range(1, WRITERS * EACH + 2))
    assert faults(mill) == []


@committed
def test_r17_twin_without_the_lock_on_the_head_they_collide(mill, laid_database):
    def unlocked(text):
        return text.replace("FOR UPDATE;", ";").replace(
            "fresh :=", "PERFORM pg_sleep(0.005); fresh :="
        )

    with function(laid_database, "accounts_audit_add", unlocked):
        refused = write_at_once(mill, writers=4, each=10)

    assert refused


@committed
def test_a_slow_transaction_keeps_nobody_from_writing(mill):
    with in_tenant(mill.tenant.pk), transaction.atomic():
        audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON)
        beside = Beside(lambda: write(mill))

        assert beside.error() is None
        assert len(inside(mill, AuditLink.objects.all)) == 2

    assert faults(mill) == []


@committed
def test_twin_a_chain_that_is_not_put_off_to_the_commit_holds_the_others_up(mill):
    with in_tenant(mill.tenant.pk), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS audit_chain IMMEDIATE")
        audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, mill.tenant, at=NOON)
        beside = Beside(lambda: write(mill))

        assert beside._thread.is_alive()

    assert beside.error() is None


def write_for_both(first, second):
    """One transaction with a deed in each of two trails, as a batch of answers makes them."""
    with transaction.atomic():
        for shop in (first, second):
            with in_tenant(shop.tenant.pk):
                audit.record(SYSTEM, AuditAction.ENTITY_CHANGED, shop.tenant, at=NOON)


@contextlib.contextmanager
def shut_gate(laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [GATE])
        try:
            yield
        finally:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [GATE])


@pytest.fixture
def crossing(mill, rival_mill, laid_database):
    """Two batches begin with different businesses; no link is made before both have begun."""

    def held(text):
        return text.replace("fresh :=", f"PERFORM pg_advisory_xact_lock_shared({GATE}); fresh :=")

    def run():
        with function(laid_database, "accounts_audit_add", held):
            with shut_gate(laid_database):
                batches = [
                    Beside(lambda: write_for_both(mill, rival_mill)),
                    Beside(lambda: write_for_both(rival_mill, mill)),
                ]
                wait_until(lambda: laid_database.waiting() == len(batches), what="both wait")
            return [type(batch.error()) for batch in batches]

    return run


@committed
def test_two_batches_with_the_same_businesses_do_not_lock_each_other_out(
    mill, rival_mill, crossing
):
    assert crossing() == [type(None), type(None)]

    assert faults(mill) == faults(rival_mill) == []
    assert len(links(mill)) == len(links(rival_mill)) == 3


@committed
def test_twin_heads_that_are_locked_in_any_order_lock_each_other_out(crossing, laid_database):
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditevent DISABLE TRIGGER audit_note")
    try:
        ended = crossing()
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE accounts_auditevent ENABLE TRIGGER audit_note")

    assert ended.count(OperationalError) == 1


# --- personal values --------------------------------------------------------------------------


@committed
def test_the_address_of_a_person_stands_beside_the_trail(mill):
    actor = Actor.person(mill.owner.pk, Role.OWNER, address="203.0.113.9")

    write(mill, 1, actor=actor, private={"email": "new@example.com"})

    beside = inside(mill, AuditPrivate.objects.get)
    event = inside(mill, lambda: AuditEvent.objects.get(pk=beside.pk))
    assert beside.facts == {"address": "203.0.113.9", "email": "new@example.com"}
    assert event.commitment == chain.commitment(beside.salt, beside.facts)
    assert "203.0.113.9" not in str(vars(event))
    assert faults(mill) == []


@committed
def test_erased_values_leave_the_chain_right(mill, role_urls):
    write(mill, 2, private={"email": "new@example.com"})

    with psycopg2.connect(role_urls.purge) as purge, purge.cursor() as cursor:
        cursor.execute("SELECT set_config('app.across', 'on', true)")
        cursor.execute("DELETE FROM accounts_auditprivate")
        assert cursor.rowcount == 2
    purge.close()

    assert inside(mill, AuditPrivate.objects.count) == 0
    assert faults(mill) == []


@committed
def test_changed_values_are_named(mill, laid_database):
    write(mill, 2, private={"email": "new@example.com"})

    touch(
        laid_database,
        mill,
        'UPDATE accounts_auditprivate SET facts = \'{"email": "other@example.com"}\''
        " WHERE id = (SELECT id FROM accounts_auditlink WHERE tenant_id = %(t)s AND seq = 2)",
    )

    assert faults(mill) == [(AuditFault.PRIVATE, 2)]


@committed
def test_a_value_cannot_be_guessed_from_its_commitment(mill):
    """The salt goes with the value: two deeds with one value commit to it differently."""
    write(mill, 2, private={"email": "new@example.com"})

    found = inside(mill, lambda: set(AuditEvent.objects.values_list("commitment", flat=True)))
    assert len(found - {""}) == 2


@committed
def test_people_act_from_an_address(mill):
    browser = browser_of(mill.owner)

    browser.post(
        reverse("accounts:invite"),
        {"email": "new@example.com", "role": Role.VIEWER},
        REMOTE_ADDR="203.0.113.9",
    )

    assert inside(mill, AuditPrivate.objects.get).facts == {"address": "203.0.113.9"}


@committed
def test_programs_act_from_an_address_too(mill):
    with in_tenant(mill.tenant.pk), transaction.atomic():
        _row, key = api_keys.make(
            name="Till 1",
            scopes=[Permission.VIEW, Permission.WRITE_DRAFTS],
            days=30,
            actor=mill.actor,
            at=clock.now(),
        )

    answer = Client(REMOTE_ADDR="203.0.113.9").post(
        reverse("api:invoices"),
        {"lines": [{"quantity": "1", "unit_price": "1"}]},
        content_type="application/json",
        headers={"Authorization": f"Bearer {key}"},
    )

    assert answer.status_code == 201, answer.content
    assert inside(mill, AuditPrivate.objects.get).facts == {"address": "203.0.113.9"}


# --- the page and the command -----------------------------------------------------------------


@committed
def test_the_button_says_that_nothing_was_changed(mill):
    write(mill, 2)
    head = inside(mill, AuditHead.objects.get)

    verdict = browser_of(mill.owner).post(reverse("accounts:audit")).context["verdict"]

    assert verdict["tone"] == "ok"
    assert "3 entries" in verdict["text"]
    assert bytes(head.hash).hex()[:12] in verdict["text"]


@committed
def test_the_button_names_the_entry(mill, laid_database):
    write(mill, 3)
    touch(laid_database, mill, TOUCHED["who"][0])

    page = browser_of(mill.owner).post(reverse("accounts:audit"))

    assert page.context["verdict"]["tone"] == "danger"
    assert "Entry 3 was changed." in page.content.decode()


@committed
def test_a_check_changes_nothing(mill):
    before = links(mill)

    browser_of(mill.owner).post(reverse("accounts:audit"))

    assert links(mill) == before


@committed
def test_whoever_reads_the_export_can_reckon_the_chain(mill):
    write(mill, 2, private={"email": "new@example.com"})

    answer = browser_of(mill.owner).get(reverse("accounts:audit_export"))
    table = list(csv.DictReader(b"".join(answer.streaming_content).decode().splitlines()))

    last = chain.beginning(mill.tenant.pk)
    for row in table:
        cells = list(row.values())[5:]
        body = chain.digest(cells)
        at = datetime.fromisoformat(row["linked_at"])
        last = chain.link(last, seq=int(row["seq"]), at=at, body=body)
        assert (last.hex(), body.hex()) == (row["hash"], row["body"])
    assert len(table) == 3


@committed
def test_the_command_ends_with_1_and_names_the_entry(mill, laid_database, capsys):
    write(mill, 3)
    call_command("verify_audit")
    assert "4 entries, 0 anchor files: nothing wrong" in capsys.readouterr().out

    touch(laid_database, mill, TOUCHED["who"][0])

    with pytest.raises(CommandError, match="1 faults") as ended:
        call_command("verify_audit", tenant=mill.tenant.pk)
    assert ended.value.returncode == 1
    assert f"tenant {mill.tenant.pk} seq 3 event" in capsys.readouterr().out
