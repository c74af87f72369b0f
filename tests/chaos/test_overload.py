"""Too much, too slow, too full: a clear answer, and never half a document (R28)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import psycopg2
import pytest
import requests
from django.db import connection, transaction
from psycopg2 import sql

from accounts import tenancy
from invoices.models import Invoice, InvoicePdf, Series
from smartinvoicing.pg import roles
from tests import factories
from tests.chaos import rig
from tests.fbr.test_api import BODY

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tenant(fake_fbr):
    return rig.reporting_tenant(fake_fbr)


@pytest.fixture
def post(tenant):
    bearer = {
        "Authorization": f"Bearer {factories.make_key(tenant, factories.make_member(tenant))}"
    }
    body = BODY | {"issue": True, "client_reference": ""}

    def once(web, timeout_s=20):
        url = f"{web.url}/api/v1/invoices"
        return requests.post(url, json=body, headers=bearer, timeout=timeout_s)  # noqa: TID251 -- a customer's program

    return once


def numbers(tenant):
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        held = sorted(Invoice.objects.values_list("serial", flat=True))
        return held, Series.objects.values_list("last", flat=True).first() or 0


@contextmanager
def room_for(sessions, laid_database):
    """The database takes no more sessions than these, and those that were there are gone."""
    name = sql.Identifier(laid_database.name)
    limit = sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}")
    end = "SELECT pg_terminate_backend(pid, 2000) FROM pg_stat_activity WHERE usename = 'app'"
    connection.close()
    with laid_database.cursor() as cursor:
        cursor.execute(limit.format(name, sql.Literal(sessions)))
        cursor.execute(f"{end} AND datname = current_database()")
        try:
            yield
        finally:
            cursor.execute(limit.format(name, sql.Literal(-1)))


# --- no room in the database ----------------------------------------------------------------------


def test_without_room_in_the_database_everybody_is_told_to_come_again(
    tenant, post, fake_fbr, start_web, laid_database
):
    web = start_web(env=rig.env_of(fake_fbr))
    assert post(web).status_code == 201
    with room_for(0, laid_database):
        program = post(web)
        page = requests.get(f"{web.url}/accounts/login/", timeout=20)  # noqa: TID251 -- a browser
        part = requests.get(  # noqa: TID251 -- a browser
            f"{web.url}/accounts/login/", headers={"HX-Request": "true"}, timeout=20
        )

    assert (program.status_code, program.json()["code"]) == (503, "unavailable")
    assert (page.status_code, part.status_code) == (503, 503)
    assert "Please wait a moment" in page.text
    assert "<html" not in part.text
    assert {answer.headers["Retry-After"] for answer in (program, page, part)} == {"5"}
    assert numbers(tenant) == ([1], 1)
    assert post(web).status_code == 201
    assert numbers(tenant) == ([1, 2], 2)


def test_ten_times_the_load_makes_whole_documents_or_none(
    tenant, post, fake_fbr, start_web, laid_database
):
    web = start_web(workers=2, env=rig.env_of(fake_fbr))

    with room_for(3, laid_database), ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda _: post(web).status_code, range(80)))

    made = answers.count(201)
    assert set(answers) == {201, 503}, answers  # some had to be sent away
    assert numbers(tenant) == (list(range(1, made + 1)), made)
    rig.assert_sound()


# --- something in the way -------------------------------------------------------------------------


@contextmanager
def numbers_locked(laid_database):
    """Somebody holds the run of numbers and does not go on."""
    url = roles.with_database(laid_database.admin_url, laid_database.name)
    holder = psycopg2.connect(url)
    try:
        holder.cursor().execute("SELECT 1 FROM invoices_series FOR UPDATE")
        yield
    finally:
        holder.close()


def test_what_waits_too_long_for_a_lock_is_told_to_come_again(
    tenant, post, fake_fbr, start_web, laid_database
):
    web = start_web(env=rig.env_of(fake_fbr, DATABASE_LOCK_S="1"))
    assert post(web).status_code == 201

    with numbers_locked(laid_database):
        answer = post(web)

    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert numbers(tenant) == ([1], 1)
    assert post(web).status_code == 201
    assert numbers(tenant) == ([1, 2], 2)


def test_twin_without_a_limit_it_hangs(tenant, post, fake_fbr, start_web, laid_database):
    web = start_web(env=rig.env_of(fake_fbr, DATABASE_LOCK_S="60"))
    assert post(web).status_code == 201

    with numbers_locked(laid_database), pytest.raises(requests.ReadTimeout):
        post(web, timeout_s=3)


FREEZE = """
import os, signal
from django.db import connection, transaction
with transaction.atomic():
    connection.cursor().execute("SELECT pg_advisory_xact_lock(470001)")
    os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.parametrize(
    ("idle_s", "state"), [("2", "accepted"), ("60", "queued")], ids=["ended", "twin: left alone"]
)
def test_a_process_that_stands_still_in_a_transaction_stops_no_other(
    tenant, fake_fbr, start_process, start_worker, idle_s, state
):
    """It froze with the senders' own lock in its hand; the database ends its session."""
    [invoice_id] = rig.issue(tenant)
    env = rig.env_of(fake_fbr, DATABASE_IDLE_S=idle_s)
    frozen = start_process("shell", "-c", FREEZE, env=env)
    rig.wait_until(lambda: frozen.is_stopped, what="it stands still")

    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))

    if state == "accepted":
        rig.wait_until(lambda: rig.states([tenant]) == {invoice_id: state}, what=state)
    else:
        time.sleep(6)  # nothing comes
        assert rig.states([tenant]) == {invoice_id: state}


# --- no room on the disk --------------------------------------------------------------------------

PRINT = """
import resource, uuid
from accounts import tenancy
from invoices.services import printing
from smartinvoicing import clock
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
with tenancy.in_tenant(uuid.UUID({tenant!r})):
    try:
        printing.render_and_keep(invoice_id=uuid.UUID({invoice!r}), at=clock.now())
    except OSError:
        raise SystemExit(28)
"""


def printed(start_process, fake, tenant, invoice_id, folder, room):
    code = PRINT.format(room=room, tenant=str(tenant.pk), invoice=str(invoice_id))
    env = rig.env_of(fake, MEDIA_ROOT=str(folder))
    exit_code = start_process("shell", "-c", code, env=env).wait()
    files = [path for path in Path(folder).rglob("*") if path.is_file()]
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return exit_code, len(files), InvoicePdf.objects.count()


def test_a_full_disk_keeps_no_piece_of_a_copy(tenant, fake_fbr, start_process, tmp_path):
    [invoice_id] = rig.issue(tenant)
    folder = tmp_path / "media"

    assert printed(start_process, fake_fbr, tenant, invoice_id, folder, 5000) == (28, 0, 0)
    assert printed(start_process, fake_fbr, tenant, invoice_id, folder, 10**8) == (0, 1, 1)


SEND = """
import os
import resource
from django.db import connection
from fbr import tasks
from fbr.services import sending
[one] = sending.mark(sending.take(1), tasks.SENDER)
landed = sending.carry(one)
resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}))
connection.close()
connection.settings_dict["PORT"] = "9"
os._exit(28 if sending.conclude([landed], tasks.SENDER) == [] else 1)  # its log is full too
"""


@pytest.mark.parametrize(
    ("room", "files", "state"), [(300, 0, "uncertain"), (10**8, 1, "accepted")]
)
def test_a_full_disk_and_no_database_leave_it_uncertain_and_no_piece_of_a_file(
    tenant, fake_fbr, start_process, room, files, state
):
    """With room for it, the same answer is spooled and applied."""
    [invoice_id] = rig.issue(tenant)
    code = SEND.format(room=room)

    assert start_process("shell", "-c", code, env=rig.env_of(fake_fbr)).wait() == 28

    assert [path.suffix for path in rig.spool_of(fake_fbr).iterdir()] == [".answer"] * files
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))
    assert rig.wait_settled([tenant]) == {invoice_id: state}
    rig.assert_ledger_agrees(fake_fbr, [tenant])
