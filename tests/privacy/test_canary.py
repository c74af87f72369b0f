"""P1: what is left of two canaries stands where the map says, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from accounts.access import Actor
from privacy import inventory, scanning, subjects
from privacy.models import Detection
from privacy.services import detecting, erasing
from smartinvoicing import clock
from smartinvoicing.classified import OnErase, Retention
from tests.privacy import canary as cast
from tests.privacy.canary import BUSINESS, BUYER, OTHERS, PERSON, SECRETS, TOKENS

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def canary(fake_fbr, settings, tmp_path, role_urls):
    """Driven through the product, as everybody is."""
    settings.FBR_DI_URL = fake_fbr.url
    settings.FBR_FIRST_CALLS = 8
    settings.PURGE_DATABASE_URL = role_urls.purge
    settings.MEDIA_ROOT = tmp_path / "media"
    settings.SPOOL_DIR = tmp_path / "spool"
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    settings.STORAGES = settings.STORAGES | {
        "default": settings.STORAGES["default"]
        | {"OPTIONS": {"location": tmp_path / "media", "base_url": None}}
    }
    return cast.drive(fake_fbr, tmp_path)


def look(canary, tokens):
    with scanning.sight() as cursor:
        return scanning.scan(tokens, folders=canary.folders, cursor=cursor)


def misplaced(hits, entries=None):
    """Hits that the map knows nothing of: by table and column, or by store."""
    known = {
        (entry.table, entry.column)
        for entry in (inventory.fields() if entries is None else entries)
        if entry.is_personal
    }
    return {
        (hit.store, hit.place, hit.field, hit.form)
        for hit in hits
        if not (
            (hit.store == "database" and (hit.place, hit.field) in known)
            or (hit.store == "database" and hit.field == "session")
            or (hit.store == "files" and "/media/" in hit.place)
            or (hit.store == "valkey" and hit.ends)
        )
    }


def places(hits, token):
    return {f"{hit.place}.{hit.field}" for hit in hits if hit.token == token}


def test_they_stand_where_the_map_says_and_nowhere_else(canary):
    hits = look(canary, TOKENS.values())

    assert misplaced(hits) == set()
    assert {hit.token for hit in hits} == set(TOKENS.values())  # each is somewhere
    assert {"accounts_user.email", "account_emailaddress.email"} <= places(hits, PERSON["email"])
    assert {"accounts_legalentity.name", "invoices_invoice.seller_name", "fbr_outbox.body"} <= (
        places(hits, BUSINESS["business"])
    )
    assert {"invoices_buyer.ntn_cnic", "invoices_invoice.buyer_ntn_cnic", "fbr_outbox.body"} <= (
        places(hits, BUYER["buyer cnic"])
    )
    assert "invoices_invoiceline.description" in places(hits, OTHERS["words"])
    assert "accounts_invitation.email" in places(hits, OTHERS["invited"])
    papers = {hit.token for hit in hits if hit.store == "files"}
    assert {BUYER["buyer"], BUSINESS["business"], OTHERS["words"]} <= papers


def test_their_secrets_stand_nowhere(canary):
    assert look(canary, SECRETS) == []


@pytest.mark.parametrize("field", ["invoices.Buyer.name", "fbr.Outbox.body", "accounts.User.email"])
def test_a_map_that_calls_one_field_plain_is_found_out(canary, field):
    """The twin: the same canaries, the same scan, and a map with one word less."""
    model, _dot, name = field.rpartition(".")
    wrong = [
        replace(entry, category=None) if (entry.model, entry.field) == (model, name) else entry
        for entry in inventory.fields()
    ]
    entry = inventory.entry(model, name)

    found = misplaced(look(canary, TOKENS.values()), wrong)

    assert {(place, column) for _store, place, column, _form in found} == {
        (entry.table, entry.column)
    }


def test_no_field_called_plain_sets_off_a_detector(canary):
    """What the nightly look would say of a house that was lived in."""
    run = detecting.detect(at=clock.now())

    assert list(Detection.objects.values_list("table", "field", "kind")) == []
    assert run.values > 100


# --- the second half: what erasing leaves -----------------------------------------------------


@pytest.fixture
def erased(canary, settings, tmp_path):
    """The customer and the invited person, erased by the engine of `privacy.services.erasing`."""
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "ledger")
    for subject in (
        subjects.buyer(canary.buyer_id, tenant_id=canary.tenant_id),
        subjects.invitee(OTHERS["invited"], tenant_id=canary.tenant_id),
    ):
        erasing.erase(subject, at=clock.now(), actor=Actor.system("test"))
    return canary


def left_over(hits):
    """Hits in fields that the map does not say are held by law."""
    held = {
        (entry.table, entry.column)
        for entry in inventory.personal_fields()
        if entry.retention is Retention.TAX and entry.on_erase is OnErase.HOLD
    }
    return {
        (hit.place, hit.field)
        for hit in hits
        if hit.store != "files" and (hit.place, hit.field) not in held
    }


def test_what_erasing_leaves_is_held_by_law(erased):
    """Of a customer the reported document; of somebody who was only invited nothing at all."""
    assert left_over(look(erased, BUYER.values())) == set()
    assert look(erased, [OTHERS["invited"]]) == []


def test_before_it_was_erased_more_stood_there(canary):
    """The twin: the same look without the engine."""
    assert {("invoices_buyer", "email"), ("invoices_buyer", "phone")} <= left_over(
        look(canary, BUYER.values())
    )
    assert look(canary, [OTHERS["invited"]]) != []
