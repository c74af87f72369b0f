"""PostgreSQL dies at each step, is started again, and the ledger of the fake FBR agrees.

One server of these tests' own, behind a relay: it comes back on another port, and nobody notices.
"""

from __future__ import annotations

import pytest

from fbr import tasks
from smartinvoicing.pg import roles
from tests.chaos import rig
from tests.chaos.hosts import ISSUE, SETTLE, Host
from tests.chaos.relay import Relay
from tests.ownserver import OwnServer

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]


@pytest.fixture(scope="module")
def own_server(laid_database, django_db_blocker):
    with django_db_blocker.unblock():
        server = OwnServer(laid_database)
    yield server
    server.stop()


@pytest.fixture
def relay(own_server):
    if own_server.server.process.poll() is not None:  # a test before this one failed
        own_server.start_again()
    with Relay.before(own_server.admin) as made:
        yield made


@pytest.fixture
def host(own_server, relay, fake_fbr, start_process, start_worker):
    return Host(relay.url, own_server.admin, fake_fbr, start_process, start_worker)


sellers = iter(range(7_200_000, 7_300_000))


@pytest.fixture
def seller(fake_fbr):
    """Each test has a business of its own."""
    number = next(sellers)
    entry = {"token": token_of(number), "seller": str(number), "environment": "sandbox"}
    fake_fbr.add_tokens([entry])
    return number


def token_of(seller):
    return f"database-token-0000-{seller}"


def issued(host, seller, quantity=100):
    [tenant] = host.run(SETTLE.format(seller=str(seller), token=token_of(seller)))["TENANT"]
    host.run(ISSUE.format(tenant=tenant, quantities=[quantity]))
    return tenant


def facts(host, tenant):
    """State, number and attempts of the tenant's one document, as a superuser sees them."""
    with roles.session(host.url) as cursor:
        cursor.execute(
            "SELECT i.state, i.fbr_number, (SELECT count(*) FROM fbr_attempt a"
            " WHERE a.invoice_id = i.id) FROM invoices_invoice i WHERE i.tenant_id = %s",
            [tenant],
        )
        return cursor.fetchone()


def settled(host, tenant):
    """What came of it. A next try that waits for its time need not wait."""

    def is_settled():
        with roles.session(host.url) as cursor:
            cursor.execute(
                "UPDATE fbr_outbox SET run_after = now() WHERE state = 'waiting'"
                " AND lease_until IS NULL AND run_after > now()"
            )
        return facts(host, tenant)[0] not in rig.OPEN

    rig.wait_until(is_settled, what=lambda: f"settled: {facts(host, tenant)}")
    return facts(host, tenant)


def recover(own_server, relay):
    """The machine is there again; what it had committed durably is there too."""
    own_server.kill()  # what is left of it
    own_server.start_again()
    relay.target = own_server.server.port


def lost_at(point, own_server, start_worker, host):
    """A worker that goes on while the database dies under its hands."""
    victim = own_server.server.process.pid
    worker = start_worker("reporting", env=host.env(CRASHPOINT=f"{point}:{victim}"))
    tasks.ring()
    rig.wait_until(lambda: own_server.server.process.poll() is not None, what="it dies")
    return worker


@pytest.mark.parametrize(
    ("point", "sent", "spooled", "attempts"),
    [
        ("after_T1", 0, 0, 1),  # at T2: the mark is not written, so nothing leaves
        ("after_T2", 0, 1, 2),  # nobody can say whether it is armed: proven not sent
        ("after_T3", 1, 1, 1),  # between the answer and its journal
        ("after_T4", 1, 0, 1),  # at T5: the journal decides
    ],
)
def test_a_database_that_dies_loses_nothing_and_doubles_nothing(
    own_server, relay, host, seller, fake_fbr, start_worker, point, sent, spooled, attempts
):
    tenant = issued(host, seller)
    worker = lost_at(point, own_server, start_worker, host)
    rig.wait_until(lambda: posts(fake_fbr) == sent, what="the send")
    rig.wait_until(lambda: len(spool(fake_fbr)) == spooled, what="the spool")
    worker.kill()

    recover(own_server, relay)
    host.serve()

    found = settled(host, tenant)
    [record] = fake_fbr.ledger()["recorded"]
    assert found == ("accepted", record["number"], attempts)
    assert posts(fake_fbr) == 1
    rig.wait_until(lambda: spool(fake_fbr) == [], what="the spool is empty again")
    exit_code, said = host.command("check_invariants")
    assert exit_code == 0, said
    host.silence()


def posts(fake):
    return fake.summary()["by_kind"].get("record", 0)


def spool(fake):
    return list(rig.spool_of(fake).glob("*.answer"))


def test_twin_without_the_spool_the_answer_is_lost(
    own_server, relay, host, seller, fake_fbr, start_worker
):
    """Sabotage: somebody clears the folder away."""
    tenant = issued(host, seller)
    worker = lost_at("after_T3", own_server, start_worker, host)
    rig.wait_until(lambda: spool(fake_fbr) != [], what="the spool")
    worker.kill()
    for file in spool(fake_fbr):
        file.unlink()

    recover(own_server, relay)
    host.serve()

    assert settled(host, tenant)[0] == "uncertain"
    host.silence()


def test_processes_go_on_by_themselves_when_the_database_is_back(
    own_server, relay, host, seller, fake_fbr
):
    """Nobody restarts anything: dispatcher and worker outlive their database."""
    tenant = issued(host, seller)
    host.serve()
    settled(host, tenant)

    own_server.kill()
    recover(own_server, relay)
    host.run(ISSUE.format(tenant=tenant, quantities=[200]))

    rig.wait_until(lambda: len(fake_fbr.ledger()["recorded"]) == 2, what="the second one is sent")
    assert all(process.is_alive for process in host._serving)
    host.silence()
