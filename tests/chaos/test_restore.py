"""The database's host is lost: restored to an earlier minute, it reports nothing twice."""

from __future__ import annotations

import json
from collections import Counter
from decimal import Decimal

import pytest
from django.core.management import call_command

from smartinvoicing import clock, examining, restoring
from smartinvoicing.pg import roles
from tests import factories, ownserver
from tests.chaos import rig
from tests.chaos.hosts import ISSUE, SELLER, SETTLE, TOKEN, Host
from tests.egress import Egress
from tests.ownserver import OwnServer

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

RESUME = """
import uuid
later = clock.now() + timedelta(hours=1)
with tenancy.in_tenant(uuid.UUID({tenant!r})), transaction.atomic():
    entity = LegalEntity.objects.get()
    statement = statements.upload(
        file=SimpleUploadedFile("list.csv", {content!r}.encode()), entity=entity,
        covers_from=date(2020, 1, 1), covers_until=date(2035, 1, 1),
        actor=factories.SYSTEM, at=later)
    done = resuming.resume_series(
        entity=entity, statement=statement, actor=factories.SYSTEM, at=later)
print("RESUMED", done.found, done.lost, done.freed)
"""


def recorded(fake):
    """How often FBR has each document, by its quantity."""
    bodies = [json.loads(entry["body"]) for entry in fake.ledger()["recorded"]]
    return Counter(Decimal(str(body["items"][0]["quantity"])) for body in bodies)


def posts(fake):
    return fake.summary()["by_kind"].get("record", 0)


def list_of(fake):
    """What IRIS would show: FBR's numbers, days and amounts, none of ours."""
    lines = ["FBR Invoice No,Buyer NTN,Invoice Date,Value of Sales,Sales Tax"]
    for entry in fake.ledger()["recorded"]:
        body = json.loads(entry["body"])
        value = sum(Decimal(str(item["valueSalesExcludingST"])) for item in body["items"])
        tax = sum(Decimal(str(item["salesTaxApplicable"])) for item in body["items"])
        words = (entry["number"], body["buyerNTNCNIC"], body["invoiceDate"], value, tax)
        lines.append(",".join(str(word) for word in words))
    return "\n".join(lines) + "\n"


@pytest.fixture
def own_server(laid_database):
    server = OwnServer(laid_database)
    yield server
    server.stop()


@pytest.fixture
def kept(own_server, settings, tmp_path, monkeypatch):
    """Where backups go; the house's own examiners have tests of their own."""
    settings.BACKUP_DIR = str(tmp_path / "kept")
    settings.BACKUP_KEY = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    settings.BACKUP_DATABASE_URL = own_server.admin
    settings.WAL_DIR = str(own_server.wal)
    monkeypatch.setattr(examining, "_EXAMINERS", ())
    return tmp_path


@pytest.fixture
def lost(own_server, kept, fake_fbr, start_process, start_worker):
    """A host that is gone, what it did, and the server restored to ten minutes before its end.

    Before the moment: three accepted, two waiting. After it: those two and three more accepted.
    """
    fake_fbr.add_tokens([{"token": TOKEN, "seller": SELLER, "environment": "sandbox"}])
    host = Host(own_server.admin, own_server.admin, fake_fbr, start_process, start_worker)
    [tenant] = host.run(SETTLE.format(seller=SELLER, token=TOKEN))["TENANT"]
    host.run(ISSUE.format(tenant=tenant, quantities=[100, 200, 300]))
    host.serve()
    host.wait_for(accepted=3)
    host.silence()
    call_command("backup")
    host.run(ISSUE.format(tenant=tenant, quantities=[400, 500]))
    moment = clock.now()
    host.run(ISSUE.format(tenant=tenant, quantities=[600, 700, 800]))
    host.serve()
    host.wait_for(accepted=8)
    host.silence()
    own_server.finish_wal()
    call_command("backup", wal=True)
    own_server.kill()

    call_command("restore", into=str(kept / "restored"), until=moment)
    server = restoring.Restored(kept / "restored", throw_away=True)
    server.start()
    server.wait()
    url = server.url(ownserver.NAME)
    yield Host(url, own_server.admin, fake_fbr, start_process, start_worker), tenant
    server.stop()


def test_a_restored_database_reports_nothing_twice_and_no_number_is_reused(lost):
    host, tenant = lost
    fake = host.fake
    assert host.states() == {"accepted": 3, "queued": 2}
    before = posts(fake)

    host.serve()
    rig.wait_until(lambda: "dispatcher.ready" in host._serving[1].log(), what="the dispatcher")
    refused = host.run(ISSUE.format(tenant=tenant, quantities=[900]))
    assert "FBR's own list" in refused["REFUSED"][0]
    exit_code, said = host.command("arm", "--by", "Somebody", "--why", "too early", "--yes")
    assert exit_code != 0
    assert "quarantine" in said

    assert host.command("quarantine", "--by", "Somebody")[0] == 0
    exit_code, said = host.command("replay_erasures", "--by", "Somebody", "--nobody-was-erased")
    assert exit_code == 0, said
    assert host.command("arm", "--by", "Somebody", "--why", "restored", "--yes")[0] == 0
    _look_twice(host.url)
    assert posts(fake) == before, "something left before FBR's list was here"

    done = host.run(RESUME.format(tenant=tenant, content=list_of(fake)))
    assert done["RESUMED"] == ["2 3 0"]  # found, lost, freed
    new = host.run(ISSUE.format(tenant=tenant, quantities=[900]))["NUMBER"]
    host.wait_for(accepted=4, uncertain=2)

    assert recorded(fake) == {Decimal(n): 1 for n in range(100, 1000, 100)}
    assert posts(fake) == before + 1
    [number] = new
    assert int(number.rpartition("-")[2]) > 8
    exit_code, said = host.command("check_invariants")
    assert exit_code == 0, said
    host.silence()


def _look_twice(url):
    """Until the dispatcher has looked again, twice."""
    with roles.session(url) as cursor:

        def beats():
            cursor.execute("SELECT max(at) FROM accounts_heartbeat WHERE name = 'dispatcher'")
            return cursor.fetchone()[0]

        for _ in range(2):
            was = beats()
            rig.wait_until(lambda was=was: beats() != was, what="the dispatcher looks")


def test_twin_armed_without_a_quarantine_the_same_database_reports_twice(lost):
    host, tenant = lost
    fake = host.fake
    ownserver.arm(host.url)  # past all questions, as a database without this guard stands

    host.serve()
    host.wait_for(accepted=5)
    numbers = host.run(ISSUE.format(tenant=tenant, quantities=[900]))["NUMBER"]

    assert recorded(fake)[Decimal(400)] == recorded(fake)[Decimal(500)] == 2
    assert numbers == [factories.number_of_today(6)], "a number of a lost document is given again"
    host.silence()


# --- a copy -----------------------------------------------------------------------------------

MAIL = """
from django.core.mail import EmailMessage
from smartinvoicing.errors import AppError
try:
    EmailMessage("s", "b", "a@example.com", ["b@example.com"]).send()
except (AppError, OSError) as error:
    print("MAIL", type(error).__name__)
"""


@pytest.fixture
def staging(own_server, fake_fbr, start_process):
    """A dump of a database with work that is due, read back beside it."""
    host = Host(own_server.admin, own_server.admin, fake_fbr, start_process, None)
    [tenant] = host.run(SETTLE.format(seller=SELLER, token=TOKEN))["TENANT"]
    host.run(ISSUE.format(tenant=tenant, quantities=[100]))
    own_server.read_back("staging")
    return own_server.url("staging")


@pytest.mark.parametrize("is_copy", [True, False], ids=["a copy", "twin: the same one, armed"])
def test_a_copy_of_production_is_harmless(staging, fake_fbr, start_process, start_worker, is_copy):
    with Egress() as egress:
        env = rig.env_of(
            fake_fbr,
            **ownserver.served(staging, staging),
            FBR_DI_URL=egress.url,
            FBR_POS_SANDBOX_URL=egress.url,
            FBR_POS_PRODUCTION_URL=egress.url,
            SMTP_HOST="127.0.0.1",
            SMTP_PORT=str(egress.port),
            DJANGO_SETTINGS_MODULE="smartinvoicing.settings",
        )
        ownserver.arm(staging)
        if is_copy:  # whatever its row says: the secret is another one
            env["INSTANCE_ID"] = "the secret of a staging system"
        worker = start_worker("reporting,documents", env=env)
        start_process("fbr_dispatch", env=env)
        mail = start_process("shell", "-v", "0", "-c", MAIL, env=env)
        mail.wait(60)
        _look_twice(staging)

        if is_copy:
            assert egress.count == 0
            assert "MAIL NotArmed" in mail.log()
        else:
            rig.wait_until(lambda: egress.count >= 2, what="a document and a mail tried to leave")
        worker.kill()
