"""The record of processing: rendered, approved in versions, compared; a change opens a task."""

from __future__ import annotations

import csv
import json
from io import BytesIO, StringIO

import pypdf
import pytest
from django.conf import settings as product
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction
from django.urls import reverse
from django.utils.module_loading import import_string

from accounts import desk as desk_pages
from accounts.enums import StaffRole
from accounts.models import Invitation, StaffDeed, User
from fbr.models import Outbox
from invoices.models import Buyer, Invoice
from privacy import inventory, map_words
from privacy.models import DataMapVersion, DeskTask
from privacy.services import datamap
from smartinvoicing.classified import (
    Category,
    Hat,
    Mask,
    OnErase,
    Recipient,
    Retention,
    Use,
    read,
)
from smartinvoicing.errors import NotAllowed, StateConflict
from tests import factories
from tests.conftest import NOON

# --- what follows from a word ----------------------------------------------------------------


def test_the_table_of_the_contract_follows_from_the_words():
    """(field, class, what erasing does, role, an extra recipient)"""
    told = {
        (User, "email"): (Retention.ACC, OnErase.TOMBSTONE, Hat.CONTROLLER, Recipient.MAIL),
        (User, "password"): (Retention.ACC, OnErase.DELETE, Hat.CONTROLLER, None),
        (Invitation, "email"): (Retention.TMP, OnErase.DELETE, Hat.CONTROLLER, Recipient.MAIL),
        (Buyer, "ntn_cnic"): (Retention.ACC, OnErase.DELETE, Hat.PROCESSOR, Recipient.FBR),
        (Invoice, "buyer_name"): (Retention.TAX, OnErase.HOLD, Hat.PROCESSOR, Recipient.FBR),
        (Outbox, "body"): (Retention.TAX, OnErase.HOLD, Hat.PROCESSOR, Recipient.FBR),
    }

    for (model, field), (retention, on_erase, hat, extra) in told.items():
        entry = inventory.entry(model, field)
        assert (entry.retention, entry.on_erase, entry.hat) == (retention, on_erase, hat)
        assert extra is None or extra in entry.recipients


def test_a_model_may_say_otherwise():
    class Privacy:
        retention = Retention.TAX
        subject = "buyer"
        basis = "law"
        personal = {"name": Category.IDENTITY, "asked_by": Category.IDENTITY}
        plain = ("id",)
        subjects = {"name": "owner"}
        purposes = (Use.PROOF,)
        export = {"name": False}
        mask = {"name": Mask.SHOWN}
        hat = Hat.CONTROLLER

    told = read(Privacy, ["id", "name", "asked_by"])

    assert (told["name"].subject, told["asked_by"].subject) == ("owner", "user")
    assert (told["name"].is_exported, told["asked_by"].is_exported) == (False, True)
    assert (told["name"].mask, told["asked_by"].mask) == (Mask.SHOWN, Mask.PART)
    assert (told["id"].category, told["id"].on_erase, told["id"].recipients) == (
        *(None, OnErase.HOLD),
        (),
    )
    assert {said.hat for said in told.values()} == {Hat.CONTROLLER}


def test_each_store_outside_the_database_has_an_end():
    """Something that deletes, and can be found; or a time after which it is gone by itself."""
    endless = [s.name for s in inventory.stores() if not (s.eraser or (s.days and s.expiry))]

    assert endless == ["Anchors of the audit trails"]  # no word about a person
    for store in inventory.stores():
        if store.eraser:
            deed = import_string(store.eraser)
            assert callable(deed) or callable(deed.delete)
        if store.where.isupper():
            assert hasattr(product, store.where), store.name
        if store.expiry.isupper():
            assert getattr(product, store.expiry) == store.days


def test_every_word_of_the_map_has_words_for_people():
    for entry in inventory.fields():
        assert entry.subject in map_words.SUBJECTS
        assert entry.basis in map_words.BASES
    for known, kinds in (
        (map_words.USES, Use),
        (map_words.KEPT, Retention),
        (map_words.ENDS, OnErase),
        (map_words.RECIPIENTS, Recipient),
        (map_words.HATS, Hat),
        (map_words.MASKS, Mask),
    ):
        assert set(known) == set(kinds)
    assert set(map_words.CATEGORIES) == {*Category, "none"}


# --- the command -----------------------------------------------------------------------------


def written(form, tmp_path):
    path = tmp_path / f"map.{form}"
    call_command("datamap", format=form, out=path)
    return path.read_bytes()


def test_it_is_written_in_four_formats(tmp_path):
    rows = list(csv.reader(StringIO(written("csv", tmp_path).decode())))
    kept = json.loads(written("json", tmp_path))
    pages = pypdf.PdfReader(BytesIO(written("pdf", tmp_path))).pages

    personal = len(inventory.personal_fields())
    assert len(rows) == 1 + personal + len(inventory.stores())
    assert kept["digest"] == inventory.digest_of(kept["rows"])
    assert len(kept["rows"]) == len(rows) - 1
    assert "Record of processing" in pages[0].extract_text()
    assert b"accounts_user.email" in written("html", tmp_path)


def test_both_halves_are_in_it():
    assert {line.hat for line in datamap.lines()} == {
        str(words) for words in map_words.HATS.values()
    }


def test_a_pdf_needs_a_file():
    with pytest.raises(CommandError):
        call_command("datamap", format="pdf", stdout=StringIO())


def test_the_annex_names_no_table_and_leaves_nothing_out():
    annex = datamap.annex("en")
    text = " ".join(str(row) for row in annex)

    assert not [entry.table for entry in inventory.fields() if entry.table in text]
    for entry in inventory.personal_fields():
        assert any(
            row.subject == str(map_words.SUBJECTS[entry.subject])
            and str(map_words.CATEGORIES[entry.category]) in row.data
            and row.kept == str(map_words.KEPT[entry.retention])
            for row in annex
        )


# --- versions --------------------------------------------------------------------------------


@pytest.fixture
def officer(db):
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


def approve(by):
    digest = inventory.digest_of(inventory.rows())
    return datamap.approve(digest=digest, by=by, at=NOON)


def open_task():
    return DeskTask.objects.filter(kind=datamap.TASK, done_at=None).first()


def test_a_map_that_nobody_approved_opens_a_task_until_somebody_does(officer):
    assert not datamap.compare(at=NOON)
    assert open_task() is not None

    approve(officer)

    assert open_task() is None
    assert datamap.compare(at=NOON)
    assert StaffDeed.objects.filter(object_type="datamapversion").exists()


def test_a_new_personal_field_opens_a_task_with_its_name(officer, monkeypatch):
    approve(officer)
    was = inventory.rows()
    new = was[0] | {"model": "invoices.Buyer", "field": "shoe_size"}
    changed = was[1] | {"retention": "REG"}
    monkeypatch.setattr(inventory, "rows", lambda: [new, changed, *was[2:]])

    assert not datamap.compare(at=NOON)

    facts = open_task().facts
    assert (facts["came"], facts["went"], facts["changed"]) == (1, 1, 1)
    assert "invoices.Buyer.shoe_size" in facts["names"]


def test_without_a_new_digest_no_task_is_opened(officer, monkeypatch):
    """The twin: a digest that does not see the change."""
    approve(officer)
    digest = inventory.digest_of(inventory.rows())
    monkeypatch.setattr(inventory, "digest_of", lambda kept: digest)
    monkeypatch.setattr(inventory, "rows", list)

    assert datamap.compare(at=NOON)
    assert open_task() is None


def test_only_what_was_read_is_approved_and_only_once(officer):
    with pytest.raises(StateConflict):
        datamap.approve(digest="of another map", by=officer, at=NOON)
    approve(officer)
    with pytest.raises(StateConflict):
        approve(officer)


@pytest.mark.parametrize("role", [StaffRole.AUDITOR, StaffRole.SUPPORT])
def test_whoever_does_not_keep_the_registers_approves_nothing(db, role):
    with pytest.raises(NotAllowed):
        approve(factories.make_staff(role))


def test_a_version_is_written_once(officer):
    version = approve(officer)

    with pytest.raises(DatabaseError), transaction.atomic():
        DataMapVersion.objects.filter(pk=version.pk).update(digest="another")
    with pytest.raises(DatabaseError), transaction.atomic():
        version.delete()


# --- the desk --------------------------------------------------------------------------------


@pytest.fixture
def at_desk(client):
    """Signs somebody of ours in."""

    def enter(user):
        client.force_login(user)
        return client

    return enter


def test_the_officer_reads_searches_and_approves(at_desk, officer):
    page = reverse("admin:privacy_datamap")
    line = at_desk(officer)

    shown = line.get(page, {"q": "buyer NTN invoices_buyer"})
    assert "invoices_buyer.ntn_cnic" in shown.content.decode()
    assert "accounts_user.email" not in shown.content.decode()

    line.post(reverse("admin:privacy_datamap_approve"), {"digest": shown.context["digest"]})
    assert datamap.approved().approved_by == officer
    again = line.get(page)
    assert again.context["is_approved"]
    assert "Approve this version" not in again.content.decode()
    assert line.get(reverse("admin:privacy_datamap_csv")).content.startswith(b"Role,")
    assert line.get(reverse("admin:privacy_datamap_pdf")).content.startswith(b"%PDF")
    versions = line.get(reverse("admin:privacy_datamapversion_changelist"))
    assert page in versions.content.decode()


def test_the_auditor_reads_and_is_offered_no_button(at_desk, db):
    line = at_desk(factories.make_staff(StaffRole.AUDITOR))

    shown = line.get(reverse("admin:privacy_datamap"))

    assert shown.status_code == 200
    assert "Approve this version" not in shown.content.decode()
    line.post(reverse("admin:privacy_datamap_approve"), {"digest": shown.context["digest"]})
    assert datamap.approved() is None


@pytest.mark.parametrize("name", ["", "_csv", "_pdf", "_approve", "_needed"])
def test_others_of_ours_see_none_of_it(at_desk, db, name):
    line = at_desk(factories.make_staff(StaffRole.SUPPORT, is_superuser=True))

    assert line.get(reverse(f"admin:privacy_datamap{name}")).status_code == 403


def test_to_approve_takes_a_second_factor(client, officer, monkeypatch):
    """The twin of the officer's day: the same button, ten minutes after the code."""
    monkeypatch.setattr(desk_pages, "showed_factor", lambda request, at: False)
    client.force_login(officer)

    answer = client.post(
        reverse("admin:privacy_datamap_approve"),
        {"digest": inventory.digest_of(inventory.rows())},
    )

    assert answer.status_code == 302
    assert datamap.approved() is None
