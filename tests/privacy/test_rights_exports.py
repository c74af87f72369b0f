"""Exports: all that the data map hands out, of nobody else, no secret; sealed, and soon gone."""

import hashlib
import io
import json
import zipfile
from datetime import timedelta

import pytest
from django.core import mail
from django.db import models, transaction

from accounts import audit, consents, tenancy
from accounts.access import Actor
from accounts.consents import How, Who
from accounts.enums import AuditAction, Permission, Purpose, Role
from accounts.models import ConsentChannel, Membership, User
from accounts.services import mailing, members
from privacy import inventory
from privacy.models import (
    ExportFile,
    ExportState,
    RequestState,
    RequestType,
    Ticket,
    TicketMessage,
)
from privacy.services import (
    answering,
    export_archive,
    export_rows,
    exporting,
    sealed_words,
    ticket_words,
)
from privacy.services.export_rows import ELSEWHERE
from privacy.services.ticket_words import Asked
from privacy.subjects import SubjectKind
from smartinvoicing import clock
from smartinvoicing.errors import NotFound
from tests import factories
from tests.conftest import NOON
from tests.privacy import rights_cast as cast

pytestmark = pytest.mark.django_db

MINE = "Gulmakai"
THEIRS = "Zarghoon"


@pytest.fixture(autouse=True)
def media(settings, tmp_path):
    """A place of its own for what is written."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tmp_path, "base_url": None},
        },
    }
    return tmp_path


def text_of(files):
    return b"\n".join(files.values()).decode(errors="replace")


# --- the map and the archive ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "whose"),
    [
        (SubjectKind.USER, {"user", "owner", "invitee", "recipient", "visitor", "requester"}),
        (SubjectKind.BUYER, {"buyer"}),
    ],
)
def test_each_field_that_the_map_hands_out_is_found_or_said_to_be_elsewhere(kind, whose):
    given = {
        (source.model._meta.label, entry.field)
        for source in export_rows.sources(kind)
        for entry in source.entries
    }
    lost = [
        (entry.model, entry.field)
        for entry in inventory.fields()
        if entry.is_exported
        and entry.subject in whose
        and (entry.model, entry.field) not in given
        and not export_rows.elsewhere(entry)
    ]

    assert lost == []


def test_twin_without_the_keys_of_one_table_a_field_is_missing(monkeypatch):
    monkeypatch.setattr(export_rows, "_paths_to_buyer", lambda model: ())
    export_rows.sources.cache_clear()
    try:
        with pytest.raises(AssertionError):
            test_each_field_that_the_map_hands_out_is_found_or_said_to_be_elsewhere(
                SubjectKind.BUYER, {"buyer"}
            )
    finally:
        export_rows.sources.cache_clear()


def test_what_stands_elsewhere_still_exists():
    known = {(entry.model, entry.field) for entry in inventory.fields()}

    assert ELSEWHERE.keys() <= known


def fill(tenant, person, word, at=NOON):
    """`word` in what the service keeps of a person: account, mail, consent, request, trail."""
    User.objects.filter(pk=person.pk).update(name=f"{word} Khan")
    mailing.post(
        key=f"{word}-a",
        to=person.email,
        template="x",
        context={"what": f"{word} mail"},
        at=at,
        user_id=person.pk,
    )
    how = How(channel=ConsentChannel.PAGE, address="203.0.113.7")
    consents.give(Purpose.ANALYTICS, who=Who(user_id=person.pk), how=how, at=at)
    cast.receive(person, text=f"{word} writes")
    write_ticket(person, word, at)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        role = Membership.objects.get(user=person).role
        actor = Actor.person(person.pk, Role(role), address=f"203.0.113.{len(word)}")
        audit.record(actor, AuditAction.ENTITY_CHANGED, tenant, at=at, private={"x": "hidden"})
        if actor.may(Permission.MANAGE_MEMBERS):
            members.invite(
                email=f"{word.lower()}-guest@example.com", role=Role.VIEWER, actor=actor, at=at
            )


def write_ticket(person, word, at):
    """A question to our support, as it lies in the tables."""
    ticket = Ticket(channel="portal", state_at=at, received_at=at, due_at=at, user_id=person.pk)
    ticket_words.write(ticket, Asked(subject=f"{word} asks"))
    ticket.save(force_insert=True)
    line = TicketMessage(ticket=ticket, at=at, by=f"user:{person.pk}", what="wrote")
    line.sealed = sealed_words.seal(line, {"text": f"{word} cannot print"})
    line.save(force_insert=True)


@pytest.fixture
def two(business, other_business):
    """A person in two businesses, a colleague in one, a stranger in the other."""
    me = factories.make_member(business, Role.OWNER)
    colleague = factories.make_member(business, Role.ADMIN)
    stranger = factories.make_member(other_business, Role.OWNER)
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        Membership(user=me, role=Role.VIEWER, since=NOON).save(force_insert=True)
    fill(business, me, MINE)
    fill(business, colleague, THEIRS)
    fill(other_business, stranger, "Nazokhela")
    User.objects.filter(pk=me.pk).update(email="gulmakai@example.com")
    me.refresh_from_db()
    return me


def test_an_export_of_a_person_holds_all_of_theirs_and_nobody_else(two):
    manifest, files = cast.built(exporting.build_export(two, at=NOON))

    text = text_of(files)
    for mine in (
        "Gulmakai asks",
        "Gulmakai cannot print",
        "Gulmakai Khan",
        "gulmakai@example.com",
        "Gulmakai mail",
        "Gulmakai writes",
    ):
        assert mine in text
    for mine in ("203.0.113.0/24", "203.0.113.8", "analytics", "Sample Weaving Mills", "7000007"):
        assert mine in text
    assert {"owner", "viewer"} <= {
        row["role"] for row in json.loads(files["data/accounts-membership.json"])
    }
    for other in (THEIRS, THEIRS.lower(), "Nazokhela", "gulmakai-guest", "hidden", "7000008"):
        assert other not in text
    assert manifest["subject"] == {"kind": "user", "id": str(two.pk)}


def test_no_secret_is_in_it(two):
    _manifest, files = cast.built(exporting.build_export(two, at=NOON))

    text = text_of(files)
    assert two.password not in text
    for name in ("password", "secret_hash", "code_hash", "session_key", "key_hash"):
        assert f'"{name}"' not in text


def test_twin_without_the_question_whose_it_is_others_stand_in_it(two, monkeypatch):
    monkeypatch.setattr(export_rows, "_which", lambda source, whose: models.Q())
    monkeypatch.setattr(export_rows, "_is_mine", lambda source, row, whose: True)
    with pytest.raises(AssertionError):
        test_an_export_of_a_person_holds_all_of_theirs_and_nobody_else(two)


def test_twin_without_masking_guests_stand_in_it(two, monkeypatch):
    monkeypatch.setattr(export_rows, "_is_mine", lambda source, row, whose: True)
    with pytest.raises(AssertionError):
        test_an_export_of_a_person_holds_all_of_theirs_and_nobody_else(two)


def test_twin_with_secrets_on_the_map_they_stand_in_it(two, monkeypatch):
    real = export_rows.sources(SubjectKind.USER)
    users = next(source for source in real if source.model is User)
    entries = (*users.entries, inventory.entry(User, "password"))
    changed = [
        export_rows.Source(User, entries, users.keys) if source is users else source
        for source in real
    ]
    monkeypatch.setattr(export_rows, "sources", lambda kind: changed)
    with pytest.raises(AssertionError):
        test_no_secret_is_in_it(two)


def test_the_manifest_knows_each_file_and_why_it_is_held(two):
    manifest, files = cast.built(exporting.build_export(two, at=NOON))

    told = {each["name"]: each for each in manifest["files"]}
    assert told.keys() == files.keys() - {"manifest.json"}
    for name, each in told.items():
        assert each["sha256"] == hashlib.sha256(files[name]).hexdigest()
        if name.startswith("data/"):
            assert each["purposes"]
            assert each["basis"]
            assert each["retention"]
    assert (manifest["schema"], manifest["created"]) == (1, NOON.isoformat())
    assert "آپ" in files["README.ur.txt"].decode()
    assert files["README.txt"].startswith(b"YOUR DATA")
    rows = json.loads(files["data/accounts-user.json"])
    assert len(files["data/accounts-user.csv"].decode("utf-8-sig").splitlines()) == len(rows) + 1


def test_a_cell_is_no_formula(media):
    with export_archive.writing("a.sealed") as archive:
        archive.add_rows("x", [{"name": "=1+1"}, {"name": "fine"}], piece=10)

    with zipfile.ZipFile(io.BytesIO(export_archive.open_plain("a.sealed").read())) as opened:
        files = {name: opened.read(name) for name in opened.namelist()}
    assert "'=1+1" in files["data/x.csv"].decode()
    assert '"=1+1"' in files["data/x.json"].decode()


# --- a customer -------------------------------------------------------------------------------


def test_a_customer_gets_their_master_and_their_documents_and_no_other(business):
    mine = cast.make_buyer(business, name=f"{MINE} Traders")
    other = cast.make_buyer(business, "o@example.com", name=f"{THEIRS} Sons", ntn_cnic="7000017")
    cast.make_accepted(business, mine, "fbr-mine-1")
    cast.make_accepted(business, other, "fbr-other-1")
    request = cast.of_buyer(business, mine)

    manifest, files = cast.built(exporting.build_export(request, at=NOON))

    text = text_of(files)
    assert f"{MINE} Traders" in text
    assert "buyer@example.com" in text
    assert "fbr-mine-1" in text
    for foreign in (THEIRS, "fbr-other-1", "o@example.com"):
        assert foreign not in text
    documents = [name for name in files if name.startswith("documents/")]
    assert len(documents) == 1
    assert files[documents[0]].startswith(b"%PDF")
    assert manifest["subject"]["kind"] == "buyer"


# --- a business -------------------------------------------------------------------------------


def test_a_business_gets_everything_of_its_own_and_no_secret(business, other_business):
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        factories.make_buyer(name=f"{THEIRS} Sons")
    cast.make_accepted(business, cast.make_buyer(business, name=f"{MINE} Traders"))
    member = factories.make_member(business)
    key = factories.make_key(business, member)

    manifest, files = cast.built(exporting.build_tenant_export(business.pk, at=NOON))

    text = text_of(files)
    assert MINE in text
    assert THEIRS not in text
    assert key not in text
    assert "key_hash" not in text
    tables = {source.name for source in export_rows.sources(SubjectKind.TENANT)}
    given = {name.split("/")[1].split(".")[0] for name in files if name.startswith("data/")}
    assert given <= tables
    assert {"invoices-invoice", "invoices-buyer", "fbr-outbox", "accounts-membership"} <= given
    assert [name for name in files if name.startswith("documents/")]
    assert manifest["subject"] == {"kind": "tenant", "id": str(business.pk)}


def test_a_business_may_choose_parts(business):
    cast.make_accepted(business, cast.make_buyer(business))

    export = exporting.build_tenant_export(business.pk, at=NOON, categories=["invoices"])
    _manifest, files = cast.built(export)

    kinds = {name.split("/")[-1].split("-")[0] for name in files if name.startswith("data/")}
    assert kinds == {"invoices"}
    assert not [name for name in files if name.startswith("documents/")]


# --- kept and handed out ----------------------------------------------------------------------


def test_nothing_of_it_lies_open_on_the_disk(two, media):
    export = exporting.build_export(two, at=NOON)
    exporting.run(exporting.claim(at=NOON), at=NOON)

    export.refresh_from_db()
    assert export.state == ExportState.READY
    lying = b"".join(path.read_bytes() for path in media.rglob("*") if path.is_file())
    assert lying
    assert b"PK\x03\x04" not in lying
    assert b"manifest.json" not in lying
    assert MINE.encode() not in lying


def test_twin_what_is_not_sealed_is_found(two, media, monkeypatch):
    def plainly(source, target, *, key, name):
        target.write_bytes(source.read())

    monkeypatch.setattr(export_archive.sealing, "seal", plainly)
    with pytest.raises(AssertionError):
        test_nothing_of_it_lies_open_on_the_disk(two, media)


def ready(person):
    exporting.build_export(person, at=NOON)
    export = exporting.claim(at=NOON)
    exporting.run(export, at=NOON)
    return export


def files_in(media):
    return list(media.rglob("*.sealed"))


def test_three_downloads_and_then_it_is_gone(owner, media, django_capture_on_commit_callbacks):
    export = ready(owner)

    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(3):
            exporting.fetch(export, at=NOON).close()
    with pytest.raises(NotFound):
        exporting.fetch(export, at=NOON)

    export.refresh_from_db()
    assert (export.state, export.name, files_in(media)) == (ExportState.GONE, "", [])


def test_twin_without_the_count_there_is_a_fourth(
    owner, media, django_capture_on_commit_callbacks, monkeypatch
):
    monkeypatch.setattr(exporting, "DOWNLOADS", 99)
    with pytest.raises(Exception, match=r"DID NOT RAISE|export_three_downloads"):
        test_three_downloads_and_then_it_is_gone(owner, media, django_capture_on_commit_callbacks)


def test_seven_days_and_then_it_is_gone(owner, media):
    export = ready(owner)
    week = timedelta(days=7)

    assert exporting.forget_old(at=NOON + week - cast.SECOND) == 0
    exporting.fetch(export, at=NOON + week - cast.SECOND).close()
    with pytest.raises(NotFound):
        exporting.fetch(export, at=NOON + week)
    assert exporting.forget_old(at=NOON + week) == 1

    assert ExportFile.objects.get().state == ExportState.GONE
    assert files_in(media) == []


def test_an_archive_whose_row_is_gone_goes_too(owner, media):
    export = ready(owner)
    ExportFile.objects.all().delete()

    assert exporting.forget_old(at=clock.now()) == 0
    assert exporting.forget_old(at=clock.now() + 2 * exporting.LEASE) == 1

    assert export.name
    assert files_in(media) == []


def test_one_of_each_subject_is_put_together_at_a_time(owner):
    first = exporting.build_export(owner, at=NOON)

    assert exporting.build_export(owner, at=NOON) == first


def test_a_worker_that_died_is_followed_by_another_three_times(owner, media):
    exporting.build_export(owner, at=NOON)

    for number in range(3):
        at = NOON + number * exporting.LEASE
        export = exporting.claim(at=at)
        assert exporting.claim(at=at) is None
    export = exporting.claim(at=NOON + 3 * exporting.LEASE)

    assert export.state == ExportState.FAILED
    assert exporting.claim(at=NOON + 9 * exporting.LEASE) is None


def test_a_full_disk_leaves_no_piece_and_the_next_run_makes_it(owner, media, monkeypatch):
    exporting.build_export(owner, at=NOON)

    def full(source, target, **how):
        target.write_bytes(source.read(10))
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(export_archive.sealing, "seal", full)
        assert answering.build_due(at=NOON) == 0
    assert files_in(media) == []

    assert answering.build_due(at=NOON + 30 * cast.DAY) == 1
    assert ExportFile.objects.get().state == ExportState.READY


def test_a_request_of_access_is_done_when_its_archive_is_ready(owner):
    request = cast.proved(owner, RequestType.ACCESS)
    answering.begin(request, at=NOON)

    assert answering.build_due(at=NOON) == 1

    assert cast.fresh(request).state == RequestState.DONE
    assert len(cast.mails("request_done")) == 1
    assert mail.outbox == []


def test_a_person_is_looked_for_only_where_they_work(business, other_business):
    me = factories.make_member(other_business, Role.VIEWER)

    found = exporting._whose(exporting.build_export(me, at=NOON)).tenants

    assert found == ((other_business.pk, False),)
