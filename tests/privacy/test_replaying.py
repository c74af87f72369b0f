"""A restored database is shown to nobody until whoever was erased since is erased in it again."""

from __future__ import annotations

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from accounts import tenancy
from accounts.enums import Role
from accounts.models import User
from invoices.models import Buyer, Invoice
from privacy import subjects
from privacy.models import Erasure
from privacy.services import erasing, erasure_ledger, replaying
from smartinvoicing import arming, clock, health, middleware, opening
from smartinvoicing.errors import StateConflict
from smartinvoicing.models import Happening, InstallationEvent
from smartinvoicing.pg.owner import as_owner
from tests import factories
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "Palwasha Zarghoon-Canary"
EMAIL = "palwasha.canary@example.org"


@pytest.fixture(autouse=True)
def _ask_anew(_armed, settings, tmp_path):
    """These tests ask the database itself, and keep their own ledger."""
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "erasures")
    settings.MEDIA_ROOT = str(tmp_path / "media")
    arming.forget()
    opening.forget()


@pytest.fixture
def person(business, owner):
    user = factories.make_member(business, Role.OPERATOR)
    User.objects.filter(pk=user.pk).update(name=NAME, email=EMAIL)
    user.refresh_from_db()
    return user


@pytest.fixture
def older(business, person, laid_database):
    """A person and a customer are erased; then the database is what it was before, elsewhere."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        customer = factories.make_buyer(name="Zarghoon Canary Traders")
        factories.make_issued()
    with laid_database.cursor() as cursor:
        cursor.execute("CREATE SCHEMA older")
        cursor.execute("CREATE TABLE older.people AS SELECT * FROM accounts_user")
        cursor.execute("CREATE TABLE older.members AS SELECT * FROM accounts_membership")
    now = clock.now()
    erasing.erase(subjects.user(person.pk), at=now, actor=SYSTEM)
    erasing.erase(subjects.buyer(customer.pk, tenant_id=business.pk), at=now, actor=SYSTEM)
    _bring_back(laid_database, person)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        Buyer(
            id=customer.pk,
            name="Zarghoon Canary Traders",
            registration_type=customer.registration_type,
            ntn_cnic=customer.ntn_cnic,
            province=customer.province,
            address=customer.address,
        ).save(force_insert=True)
    yield business
    with laid_database.cursor() as cursor:
        cursor.execute("DROP SCHEMA older CASCADE")


def _bring_back(laid_database, person):
    """The rows of before, no word of an erasure, and a place where it was never armed."""
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE accounts_user u SET (email, name, password, is_active)"
            " = (SELECT b.email, b.name, b.password, b.is_active FROM older.people b"
            " WHERE b.id = u.id) WHERE u.id = %s",
            [str(person.pk)],
        )
        cursor.execute(
            "INSERT INTO accounts_membership SELECT * FROM older.members b"
            " WHERE NOT EXISTS (SELECT 1 FROM accounts_membership m WHERE m.id = b.id)"
        )
        cursor.execute("DELETE FROM privacy_erasure")
        cursor.execute(
            "UPDATE smartinvoicing_installation SET place = regexp_replace(place, '^[^/]*', '1')"
        )
        cursor.execute("SET session_replication_role = DEFAULT")
    opening.forget()


def replay():
    call_command("replay_erasures", by="Somebody")


def test_a_restored_database_is_closed_to_people_and_open_to_staff(older, client):
    assert client.get("/accounts/signup/").status_code == 503
    assert client.get("/").status_code == 503
    told = client.get("/api/v1/invoices")
    assert (told.status_code, told.json()["code"]) == (503, "restored")
    assert client.get("/admin/").status_code == 302
    assert client.get("/accounts/login/").status_code == 200
    ready = client.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]["erasures"]) == (503, "not replayed")


def test_twin_without_the_gate_the_restored_database_is_open(older, client, monkeypatch):
    monkeypatch.setattr(middleware.opening, "is_open", lambda: True)

    assert client.get("/accounts/signup/").status_code == 200
    assert User.objects.get(name=NAME).email == EMAIL


def test_replaying_erases_them_again_and_opens_the_database(older, client, person):
    replay()

    opening.forget()
    assert not User.objects.filter(email=EMAIL).exists()
    with tenancy.in_tenant(older.pk), transaction.atomic():
        assert not Buyer.objects.exclude(name="").exists()
        assert Invoice.objects.count() == 1
    assert client.get("/accounts/signup/").status_code == 200
    assert client.get("/readyz").json()["parts"]["erasures"] == "ok"
    event = InstallationEvent.objects.get(kind=Happening.REPLAYED)
    assert event.facts == {"entries": 2, "found": 2}


def test_a_second_replay_finds_nobody(older):
    replay()
    replay()

    newest = InstallationEvent.objects.filter(kind=Happening.REPLAYED).order_by("-id").first()
    assert newest.facts == {"entries": 2, "found": 0}


def test_it_stays_closed_while_the_search_finds_somebody(older, monkeypatch):
    monkeypatch.setattr(replaying, "_erase", lambda *args: None)

    with pytest.raises(CommandError, match="accounts_user"):
        replay()

    opening.forget()
    assert not opening.is_open()


def test_it_stays_closed_when_the_ledger_was_changed(older):
    path = next(erasure_ledger.folder().iterdir())
    path.chmod(0o600)
    path.write_text("{}")

    with pytest.raises(CommandError, match="torn"):
        replay()

    opening.forget()
    assert not opening.is_open()


def test_it_is_not_armed_before_it_is_replayed(older):
    connection.close()
    with as_owner():
        arming.note(Happening.QUARANTINED, by="x", at=clock.now())
        with pytest.raises(StateConflict, match="replay_erasures"):
            arming.arm(by="x", why="too early", at=clock.now())


def test_a_database_at_its_own_place_is_open(business):
    assert opening.is_open()
    assert health.opening.is_open()
    assert not Erasure.objects.exists()


def test_who_serves_cannot_open_it(older):
    with pytest.raises(ProgrammingError, match="permission denied"):
        arming.note(Happening.REPLAYED, by="x", at=clock.now())

    assert not opening.is_open()
