"""A restored database is shown to nobody until whoever was erased since is erased in it again."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import ProgrammingError, connection, transaction

from accounts import tenancy
from accounts.enums import Role
from accounts.models import OutgoingMail, Tenant, User
from accounts.services import mailing
from fbr.models import Alert
from invoices.models import Buyer, Invoice
from privacy import subjects
from privacy.models import Closure, ClosureState, Erasure
from privacy.services import (
    erasing,
    erasure_ledger,
    holds,
    leftovers,
    replaying,
    tenant_purge,
    tombstones,
)
from privacy.services.holds import Case
from smartinvoicing import arming, clock, health, middleware, opening
from smartinvoicing.errors import StateConflict
from smartinvoicing.ids import uuid7
from smartinvoicing.models import Happening, InstallationEvent
from smartinvoicing.pg.owner import as_owner
from tests import factories
from tests.factories import SYSTEM

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "Palwasha Zarghoon-Canary"
EMAIL = "palwasha.canary@example.org"
SHOP = {"phone": "03001234567", "email": "shop.canary@example.org"}


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
        Buyer.objects.filter(pk=customer.pk).update(**SHOP)
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
            **SHOP,
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


def replay(**words):
    call_command("replay_erasures", by="Somebody", **words)


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
    assert event.facts == {"entries": 2, "found": 2, "kept": 0}


def test_a_second_replay_finds_nobody(older):
    replay()
    replay()

    newest = InstallationEvent.objects.filter(kind=Happening.REPLAYED).order_by("-id").first()
    assert newest.facts == {"entries": 2, "found": 0, "kept": 0}


def test_it_stays_closed_while_the_search_finds_somebody(older, monkeypatch):
    monkeypatch.setattr(replaying, "_erase", lambda *args: True)

    with pytest.raises(CommandError, match="accounts_user"):
        replay()

    opening.forget()
    assert not opening.is_open()


def leave_a_trace():
    return Alert.objects.create(
        kind="mail_stuck", key=EMAIL, raised_at=clock.now(), tell_after=clock.now()
    )


def test_what_one_search_finds_the_next_one_finds_too(older, person):
    trace = leave_a_trace()
    for _run in range(2):
        with pytest.raises(CommandError, match=r"left in fbr_alert \(1\)"):
            replay()
        assert not opening.ask()
        assert User.objects.get(pk=person.pk).email == EMAIL, "a half is not undone"

    trace.delete()
    replay()

    assert opening.ask()
    assert not User.objects.filter(email=EMAIL).exists()


def test_twin_with_its_halves_kept_the_second_run_opens(older, monkeypatch):
    monkeypatch.setattr(replaying.transaction, "set_rollback", lambda rollback: None)
    leave_a_trace()
    with pytest.raises(CommandError):
        replay()

    replay()

    assert opening.ask()
    assert Alert.objects.filter(key=EMAIL).exists()


# --- whose it is ------------------------------------------------------------------------------


@pytest.fixture
def like(other_business):
    """The same shop is a customer of another business, and has an account of its own."""
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        customer = factories.make_buyer(name="Zarghoon Canary Traders")
        Buyer.objects.filter(pk=customer.pk).update(**SHOP)
    keeper = factories.make_member(other_business, Role.VIEWER)
    User.objects.filter(pk=keeper.pk).update(email=SHOP["email"])
    return customer


def test_a_customer_of_another_business_is_no_trace(older, like):
    replay()

    assert opening.ask()
    with tenancy.in_tenant(like.tenant_id), transaction.atomic():
        assert Buyer.objects.get(pk=like.pk).phone == SHOP["phone"]


def test_twin_whoever_it_is_of_it_never_opens(older, like, monkeypatch):
    monkeypatch.setattr(leftovers, "_is_of", lambda *args: True)

    with pytest.raises(CommandError, match="invoices_buyer"):
        replay()


def test_a_customer_is_searched_for_in_their_own_business(older):
    with tenancy.in_tenant(older.pk), transaction.atomic():
        factories.make_product(name=f"Ask {SHOP['phone']}")

    with pytest.raises(CommandError, match=r"invoices_product \(1\)") as refused:
        replay()

    assert SHOP["phone"] not in str(refused.value)


# --- the ledger itself ------------------------------------------------------------------------


@pytest.mark.parametrize("is_there", [True, False], ids=["an empty folder", "no folder"])
def test_without_its_ledger_it_stays_closed(older, settings, tmp_path, is_there):
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "not-mounted")
    if is_there:
        erasure_ledger.folder().mkdir()

    with pytest.raises(CommandError, match="no ledger"):
        replay()

    assert not opening.ask()
    assert User.objects.filter(email=EMAIL).exists()


@pytest.mark.parametrize("words", [{}, {"nobody_was_erased": True}])
def test_a_ledger_that_lacks_what_the_database_knows_is_not_taken(older, words):
    replay()
    next(erasure_ledger.folder().iterdir()).unlink()

    with pytest.raises(CommandError, match="not the whole ledger"):
        replay(**words)


def test_who_comes_back_after_an_erasure_is_a_new_one(business):
    address = "back.canary@example.org"
    erasing.erase(subjects.lead(address), at=clock.now(), actor=SYSTEM)
    mailing.post(key="new", to=address, template="x", context={}, at=clock.now())

    replay()

    assert OutgoingMail.objects.filter(to=address).exists()


# --- a whole business -------------------------------------------------------------------------


@pytest.fixture
def emptied(business, owner):
    """A business that the ledger knows as emptied, and this database as at work."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_buyer(name="Zarghoon Canary Traders")
    long_ago = clock.now() - timedelta(days=100)
    subject = subjects.business(business.pk)
    erasure_ledger.lay_down(
        erasure_ledger.Entry(
            id=uuid7(),
            subject_kind=subject.kind,
            key=erasure_ledger.key_of(subject),
            classes=("ACC",),
            at=long_ago + timedelta(days=31),
            begun_at=long_ago,
        )
    )
    return business


def test_a_business_that_was_emptied_is_emptied_again(emptied, owner):
    replay()

    assert tenant_purge.left(emptied.pk) == {}
    assert Closure.objects.get().state == ClosureState.PURGING
    owner.refresh_from_db()
    assert tombstones.is_tombstone(owner)
    [entry] = [each for each in erasure_ledger.entries() if each.subject_kind == "tenant"]
    assert Erasure.objects.get(subject_kind="tenant").pk == entry.id


def test_twin_a_business_that_is_not_emptied_stays_closed(emptied, monkeypatch):
    monkeypatch.setattr(tenant_purge, "_steps", list)

    with pytest.raises(CommandError, match="accounts_membership"):
        replay()


def test_a_business_under_a_legal_hold_is_kept_and_said(emptied, capsys):
    review_on = clock.karachi_date(clock.now() + timedelta(days=30))
    with tenancy.in_tenant(emptied.pk), transaction.atomic():
        case = Case(authority="High Court", reference="W.P. 1", review_on=review_on)
        holds.place(case=case, actor=SYSTEM, at=clock.now())

    replay()

    assert "1 of these are kept" in capsys.readouterr().out
    with tenancy.in_tenant(emptied.pk), transaction.atomic():
        assert Buyer.objects.exclude(name="").exists()
        assert Tenant.objects.get().closing_at is not None


# --- what it takes ----------------------------------------------------------------------------


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
