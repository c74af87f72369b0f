"""An account is closed: day by day, with a way back for thirty days, and nothing left on day 45."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import IntegrityError, transaction
from django.urls import reverse

from accounts import access, four_eyes, tenancy
from accounts.access import Actor
from accounts.enums import Permission, Role
from accounts.models import ApiKey, AuditPrivate, Invitation, LegalEntity, Membership, Tenant, User
from accounts.services import audit_checks, mailing, members
from fbr.models import Alert, Credential, Outbox
from fbr.models.work import WorkState
from fbr.services import credentials, issuing
from invoices.enums import State
from invoices.models import Buyer, Invoice, InvoicePdf, Product
from privacy import deadlines
from privacy.models import (
    Alarm,
    Closure,
    ClosureCount,
    ClosureState,
    ClosureStep,
    DeskTask,
    LegalHold,
)
from privacy.services import (
    alarms,
    closed_tables,
    closing,
    closing_engine,
    closing_steps,
    erasure_ledger,
    holds,
    leftovers,
    tenant_purge,
    tombstones,
)
from privacy.services.holds import Case
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests import factories
from tests.factories import SYSTEM
from tests.privacy import purge_cast

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)
SECOND = timedelta(seconds=1)
BOTH = ("password", "mfa")


@pytest.fixture(autouse=True)
def _ledger(settings, tmp_path):
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "erasures")
    settings.OPERATOR_EMAILS = ["operator@example.com"]


@pytest.fixture
def began_at():
    """A hundred days ago: what is due since is due by the database's clock too."""
    return clock.now() - 100 * DAY


@pytest.fixture
def person(owner):
    return Actor.person(owner.pk, Role.OWNER, address="203.0.113.9")


@pytest.fixture
def full(business, owner, operator):
    """A business at work: an accepted document, a draft, customers, goods, a key, a token."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        entity = LegalEntity.objects.get()
        factories.make_credential(entity, "token-of-the-business-1")
        bought = factories.make_buyer(name="Zarghoon Traders")
        factories.make_buyer(name="Nobody's customer", ntn_cnic="8885801")
        factories.make_product()
        invoice, lines = factories.make_draft(factories.make_content(buyer_id=bought.pk))
        issuing.issue(invoice=invoice, lines=lines, actor=SYSTEM, at=factories.AT)
        factories.accept(invoice)
        factories.make_draft()
        actor = Actor.person(owner.pk, Role.OWNER, address="203.0.113.9")
        members.invite(email="guest@example.com", role=Role.VIEWER, actor=actor, at=factories.AT)
    factories.make_key(business, owner)
    return business


def begin(tenant, actor, at):
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return closing.begin(tenant=tenant, typed_name=tenant.name, actor=actor, at=at)


def day(closure, number):
    """Noon of this day in Karachi."""
    return deadlines.day_of_closure(closure.begun_at, number) + timedelta(hours=12)


def go_on(closure, number, *, deliver=True):
    at = day(closure, number)
    alarms.sound_due(at=at)
    closing_engine.advance(closure, at=at)
    if deliver:
        mailing.deliver_due(at=at + DAY)
    closure.refresh_from_db()
    return closure


def inside(tenant):
    return tenancy.in_tenant(tenant.pk)


def steps_done(closure):
    rows = ClosureStep.objects.filter(closure=closure, done_at__isnull=False)
    return list(rows.order_by("place").values_list("step", flat=True))


# --- day 0 ------------------------------------------------------------------------------------


def test_closing_stops_everything_that_adds_to_the_business(full, person, began_at):
    closure = begin(full, person, began_at)

    with inside(full), transaction.atomic():
        tenant = Tenant.objects.get()
        assert tenant.closing_at == began_at
        assert not ApiKey.objects.filter(revoked_at=None).exists()
        assert not Invitation.objects.exists()
        draft = Invoice.objects.get(state=State.DRAFT)
        with pytest.raises(StateConflict):
            issuing.issue(invoice=draft, actor=SYSTEM, at=factories.AT)
    with inside(full), transaction.atomic():
        draft.refresh_from_db()
        assert draft.state == State.DRAFT
        with pytest.raises(StateConflict):
            factories.make_credential(LegalEntity.objects.get(), "another-token-0001")
    for make in (factories.make_draft, factories.make_buyer, factories.make_product):
        with (
            inside(full),
            pytest.raises(IntegrityError, match="tenant_is_open"),
            transaction.atomic(),
        ):
            make()
    with pytest.raises(IntegrityError, match="tenant_is_open"):
        factories.make_key(full, User.objects.get(pk=person.user_id))
    assert steps_done(closure)[0] == "stop"


def test_twin_without_its_trigger_a_closing_business_goes_on_issuing(
    full, person, began_at, laid_database
):
    begin(full, person, began_at)
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE fbr_outbox DISABLE TRIGGER tenant_is_open")
    try:
        with inside(full), transaction.atomic():
            draft = Invoice.objects.get(state=State.DRAFT)
            issuing.issue(invoice=draft, actor=SYSTEM, at=factories.AT)
            assert Outbox.objects.filter(invoice=draft).exists()
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE fbr_outbox ENABLE TRIGGER tenant_is_open")


@pytest.mark.parametrize(
    "permission",
    sorted(set(Permission) - access.WHILE_CLOSING),
)
def test_nobody_in_a_closing_business_may_add_to_it(owner, permission):
    actor = Actor.person(owner.pk, Role.OWNER, is_closing=True)

    with pytest.raises(NotAllowed, match="being closed"):
        access.allow(actor, permission)


def test_only_an_owner_closes_and_types_the_name(full, person, operator, began_at):
    clerk = Actor.person(operator.pk, Role.OPERATOR)

    with inside(full), pytest.raises(NotAllowed), transaction.atomic():
        closing.begin(tenant=full, typed_name=full.name, actor=clerk, at=began_at)
    with inside(full), pytest.raises(RuleViolation), transaction.atomic():
        closing.begin(tenant=full, typed_name="Another", actor=person, at=began_at)

    assert not Closure.objects.exists()


def test_a_business_is_closed_once(full, person, began_at):
    begin(full, person, began_at)

    with pytest.raises(StateConflict):
        begin(full, person, began_at)


# --- queue, open matters, token ---------------------------------------------------------------


def test_the_token_goes_only_when_the_queue_is_empty_and_nothing_is_open(
    business, owner, person, began_at
):
    with inside(business), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), "token-of-the-business-1")
        waiting = factories.make_issued()
    closure = begin(business, person, began_at)

    go_on(closure, 1)

    with inside(business), transaction.atomic():
        assert credentials.opened(Credential.objects.get()) == "token-of-the-business-1"
        factories.accept(waiting)
    go_on(closure, 2)
    with inside(business), transaction.atomic():
        token = Credential.objects.get()
        assert (bytes(token.token_sealed), token.last_four) == (b"", "")
        with pytest.raises(credentials.NoToken):
            credentials.opened(token)
    assert steps_done(closure) == ["stop", "drain", "settle", "token"]


def test_what_is_open_can_be_handed_over_in_writing(business, owner, person, began_at):
    with inside(business), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), "token-of-the-business-1")
        stuck = factories.make_issued()
        Outbox.objects.update(state=WorkState.STOPPED)
    closure = begin(business, person, began_at)
    go_on(closure, 1)
    assert "token" not in steps_done(closure)

    with inside(business), transaction.atomic():
        closing.hand_over(closure=closure, actor=person, at=day(closure, 2))
    go_on(closure, 2)

    assert "token" in steps_done(closure)
    assert [item["id"] for item in closure.open_items] == [str(stuck.pk)]


def test_what_nobody_settled_is_handed_over_by_letter_when_the_time_is_up(
    business, owner, person, began_at
):
    with inside(business), transaction.atomic():
        stuck = factories.make_issued()
        Outbox.objects.update(state=WorkState.STOPPED)
        number = stuck.number
    closure = begin(business, person, began_at)

    go_on(closure, 31, deliver=False)
    mailing.deliver_due(at=day(closure, 31))

    settled = ClosureStep.objects.get(closure=closure, step="settle")
    assert settled.facts == {"count": 1, "how": "by letter"}
    assert number is not None


# --- until day 30 -----------------------------------------------------------------------------


def test_an_owner_opens_it_again_until_the_last_second_of_day_30(full, person, began_at):
    closure = begin(full, person, began_at)
    last = closure.purge_from - SECOND

    with inside(full), transaction.atomic():
        closing.revoke(closure=closure, actor=person, at=last)

    closure.refresh_from_db()
    assert closure.state == ClosureState.REVOKED
    with inside(full), transaction.atomic():
        assert Tenant.objects.get().closing_at is None
        factories.make_draft()
    assert not Alarm.objects.filter(about=closure.pk, silenced_at=None).exists()


def test_nobody_opens_it_again_from_day_31(full, person, began_at):
    closure = begin(full, person, began_at)

    with inside(full), pytest.raises(StateConflict), transaction.atomic():
        closing.revoke(closure=closure, actor=person, at=closure.purge_from)


def test_reminders_ring_and_are_mailed_on_days_7_and_25(full, person, began_at):
    closure = begin(full, person, began_at)
    mailing.deliver_due(at=began_at)
    mail.outbox.clear()

    for number in (6, 7, 8, 25):
        go_on(closure, number)

    subjects = [letter.subject for letter in mail.outbox]
    assert len(subjects) == 2
    assert "23 days left" in subjects[0]
    assert "5 days left" in subjects[1]


def test_the_database_lets_nothing_go_before_its_day(full, person):
    closure = begin(full, person, clock.now())

    with pytest.raises(IntegrityError, match="opened again"), transaction.atomic():
        Closure.objects.filter(pk=closure.pk).update(state=ClosureState.PURGING)
    with pytest.raises(IntegrityError, match="fixed"), transaction.atomic():
        Closure.objects.filter(pk=closure.pk).update(purge_from=clock.now())
    with inside(full), pytest.raises(IntegrityError, match="erased"), transaction.atomic():
        closed_tables.delete(
            next(each for each in closed_tables.taken() if each.model is AuditPrivate),
            full.pk,
            most=10,
        )


def test_twin_without_its_guard_a_closing_jumps_to_its_purge(full, person, laid_database):
    closure = begin(full, person, clock.now())
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE privacy_closure DISABLE TRIGGER closure_guard")
    try:
        moved = Closure.objects.filter(pk=closure.pk).update(state=ClosureState.PURGING)
    finally:
        with laid_database.cursor() as cursor:
            cursor.execute("ALTER TABLE privacy_closure ENABLE TRIGGER closure_guard")

    assert moved == 1


# --- days 31 to 90 ----------------------------------------------------------------------------


def test_day_by_day_only_what_law_keeps_is_left(full, person, owner, operator, began_at):
    closure = begin(full, person, began_at)
    for number in range(31):
        go_on(closure, number)
    with inside(full), transaction.atomic():
        assert Membership.objects.count() == 2
        assert Buyer.objects.count() == 2

    go_on(closure, 31)

    assert closure.state == ClosureState.PURGED
    assert tenant_purge.left(full.pk) == {}
    with inside(full), transaction.atomic():
        assert [invoice.state for invoice in Invoice.objects.all()] == [State.ACCEPTED]
        kept = Invoice.objects.get()
        assert (kept.seller_ntn_cnic, kept.buyer_name) == ("7000007", "Sample Traders")
        assert [(b.name, b.ntn_cnic, b.address) for b in Buyer.objects.all()] == [("", "", "")]
        assert not Product.objects.exists()
        assert not Membership.objects.exists()
        assert LegalEntity.objects.get().name == ""
        assert "Sample" not in Tenant.objects.get().name
    for user in (owner, operator):
        user.refresh_from_db()
        assert user.email.endswith("@erased.invalid")
        assert not user.has_usable_password()
        assert not user.is_active
    go_on(closure, 32)
    assert bytes(closure.sealed) == b""
    for number in (45, 60, 75, 81, 82):
        go_on(closure, number)
    assert closure.state == ClosureState.SEALED
    assert steps_done(closure) == list(closing_steps.STEPS)
    assert not DeskTask.objects.filter(done_at=None).exists()


def test_the_receipt_adds_up_and_reaches_the_last_address(full, person, owner, began_at):
    address = owner.email
    closure = begin(full, person, began_at)
    mailing.deliver_due(at=began_at)
    mail.outbox.clear()

    go_on(closure, 31)

    counted = {(c.table, c.deed): c.count for c in ClosureCount.objects.filter(closure=closure)}
    told = {
        (row["table"], row["deed"]): row["count"]
        for row in closure.receipt
        if row["deed"] != "hold"
    }
    assert counted == told
    assert counted["invoices_buyer", "delete"] == 1
    assert counted["invoices_buyer", "anonymise"] == 1
    assert counted["accounts_membership", "delete"] == 2
    held = [row for row in closure.receipt if row["deed"] == "hold"]
    assert [(row["table"], row["count"]) for row in held] == [("invoices_invoice", 1)]
    letter = next(letter for letter in mail.outbox if "receipt" in letter.subject)
    assert letter.to == [address]
    assert closure.receipt_sha256 in letter.body


def test_the_printed_copy_of_a_draft_goes_with_it_and_is_counted(full, person, began_at):
    with inside(full), transaction.atomic():
        draft = Invoice.objects.get(state=State.DRAFT)
        name = default_storage.save(f"{full.pk}/{draft.pk}/a.pdf", ContentFile(b"%PDF- a copy"))
        InvoicePdf(
            invoice=draft,
            shows="draft",
            version=1,
            file=name,
            sha256="0" * 64,
            rendered_at=began_at,
        ).save(force_insert=True)
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    told = {row["table"]: row["count"] for row in closure.receipt if row["deed"] == "delete"}
    assert (told["invoices_invoice"], told["invoices_invoicepdf"]) == (1, 1)
    assert not default_storage.exists(name)


def test_the_audit_trail_is_whole_after_a_closing(full, person, began_at, settings, tmp_path):
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    closure = begin(full, person, began_at)
    go_on(closure, 31)

    with inside(full), transaction.atomic():
        assert not AuditPrivate.objects.exists()
    assert audit_checks.verify(at=clock.now()).is_right


def test_who_works_elsewhere_too_loses_only_this_membership(
    full, owner, person, other_business, began_at
):
    with inside(other_business), transaction.atomic():
        Membership(user=owner, role=Role.VIEWER, since=factories.AT).save(force_insert=True)
    closure = begin(full, person, began_at)
    email = owner.email

    go_on(closure, 31)

    owner.refresh_from_db()
    assert (owner.email, owner.is_active) == (email, True)
    with inside(other_business), transaction.atomic():
        assert Membership.objects.filter(user=owner).exists()


def test_another_business_is_not_touched(full, person, other_business, stranger, began_at):
    with inside(other_business), transaction.atomic():
        factories.make_buyer(name="Their customer")
        factories.make_draft()
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    with inside(other_business), transaction.atomic():
        assert Buyer.objects.get().name == "Their customer"
        assert Invoice.objects.count() == 1
    stranger.refresh_from_db()
    assert stranger.is_active


def test_a_legal_hold_on_the_business_keeps_all_of_it(full, person, began_at):
    case = Case(
        authority="High Court", reference="W.P. 1", review_on=clock.karachi_date(clock.now() + DAY)
    )
    with inside(full), transaction.atomic():
        hold = holds.place(case=case, actor=SYSTEM, at=began_at)
    closure = begin(full, person, began_at)

    go_on(closure, 40)

    assert closure.state == ClosureState.BEGUN
    assert DeskTask.objects.filter(kind=closing_engine.HELD, done_at=None).exists()
    with inside(full), transaction.atomic():
        assert Buyer.objects.count() == 2
        LegalHold.objects.filter(pk=hold.pk).update(
            lifted_at=clock.now(), lifted_by="test", lifted_why="over"
        )
    go_on(closure, 41)
    assert closure.state == ClosureState.PURGED


def test_a_late_closing_alerts_on_60_75_and_85_and_is_a_broken_promise_on_90(
    full, person, began_at, monkeypatch
):
    factories.make_staff("privacy_officer")
    monkeypatch.setattr(tenant_purge, "run", lambda *args, **kwargs: False)
    closure = begin(full, person, began_at)
    go_on(closure, 31)
    mail.outbox.clear()

    told = {}
    for number in (59, 60, 75, 85, 90):
        mail.outbox.clear()
        go_on(closure, number)
        told[number] = sorted(letter.to[0].partition("@")[2] for letter in mail.outbox)

    assert told[59] == []
    assert told[60] == ["smartinvoicing.example"]
    assert told[75] == ["example.com"]
    assert told[85] == ["example.com", "smartinvoicing.example"]
    assert told[90] == ["example.com", "smartinvoicing.example"]
    assert DeskTask.objects.filter(kind="promise_broken", done_at=None).count() == 1


def test_twin_a_closing_in_time_alerts_nobody(full, person, began_at):
    factories.make_staff("privacy_officer")
    closure = begin(full, person, began_at)
    go_on(closure, 31)
    mailing.deliver_due(at=day(closure, 32))
    go_on(closure, 32)
    mail.outbox.clear()

    for number in (60, 75, 82, 85, 90):
        go_on(closure, number)

    assert mail.outbox == []
    assert not DeskTask.objects.filter(done_at=None).exists()


def test_a_scheduler_that_stood_still_catches_up(full, person, began_at):
    closure = begin(full, person, began_at)

    go_on(closure, 40)

    assert closure.state == ClosureState.PURGED


def test_the_job_takes_every_closing_and_one_that_fails_keeps_none_back(
    full, person, other_business, stranger, began_at, monkeypatch
):
    failing = begin(other_business, Actor.person(stranger.pk, Role.OWNER), began_at - DAY)
    closure = begin(full, person, began_at)
    real = closing_engine.advance

    def advance(row, **kwargs):
        if row.pk == failing.pk:
            raise OSError("disk is full")
        real(row, **kwargs)

    monkeypatch.setattr(closing_engine, "advance", advance)

    assert closing_engine.go_on(at=day(closure, 32)) == 2
    assert closing_engine.go_on(at=day(closure, 32)) == 2

    closure.refresh_from_db()
    assert closure.state == ClosureState.PURGED


def test_the_check_finds_what_a_purge_left(full, person, began_at, monkeypatch):
    """Twin of the purge: a step that does nothing does not pass for done."""
    monkeypatch.setattr(tenant_purge, "_steps", list)
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    assert closure.state == ClosureState.PURGING
    assert closure.receipt == []
    assert DeskTask.objects.filter(kind=closing.TASK, done_at=None).exists()


def test_the_search_finds_a_word_where_no_count_would_look(full, person, owner, began_at):
    Alert.objects.create(
        kind="mail_stuck", key=owner.email, raised_at=began_at, tell_after=began_at
    )
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    assert closure.state == ClosureState.PURGING
    task = DeskTask.objects.get(kind=closing.TASK, done_at=None)
    assert "fbr_alert" in task.title


def shops(tenant, **fields):
    """The same number and address for every customer of a business."""
    with inside(tenant), transaction.atomic():
        Buyer.objects.update(phone="03001234567", email="shop@example.org", **fields)


@pytest.fixture
def like(full, other_business, owner):
    """Another business has the same customer and a man of the same name, who is one himself."""
    with inside(other_business), transaction.atomic():
        factories.make_buyer(name="Zarghoon Traders")
    namesake = factories.make_member(other_business, Role.VIEWER)
    User.objects.filter(pk=namesake.pk).update(name=owner.name, email="shop@example.org")
    shops(full)
    shops(other_business)


def test_a_customer_or_a_name_of_another_business_keeps_no_closing_open(
    full, person, began_at, like
):
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    assert closure.state == ClosureState.PURGED
    assert not DeskTask.objects.filter(kind=closing.TASK, done_at=None).exists()


def test_twin_whoever_it_is_of_the_closing_never_ends(full, person, began_at, like, monkeypatch):
    monkeypatch.setattr(leftovers, "_is_of", lambda *args: True)
    closure = begin(full, person, began_at)

    for number in (31, 40, 45):
        go_on(closure, number)

    assert closure.state == ClosureState.PURGING


def test_a_customer_who_is_left_in_the_business_is_found(full, person, began_at, monkeypatch):
    shops(full)
    closure = begin(full, person, began_at)
    monkeypatch.setattr(tenant_purge, "left", lambda tenant_id: {})
    monkeypatch.setattr(tenant_purge, "_steps", list)

    go_on(closure, 31)

    title = DeskTask.objects.get(kind=closing.TASK, done_at=None).title
    assert "invoices_buyer (2)" in title
    assert "shop@" not in title


@pytest.mark.parametrize(("is_named", "ends"), [(True, "purged"), (False, "purging")])
def test_a_file_stays_with_its_record_and_a_lost_one_is_found(
    full, person, began_at, is_named, ends
):
    purge_cast.make_document(full)  # its printed copy cannot be read
    if not is_named:
        default_storage.save(f"proofs/{full.pk}/lost.txt", ContentFile(b"Ask 03001234567"))
    shops(full)
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    assert closure.state == ends
    tasks = DeskTask.objects.filter(kind=closing.TASK, done_at=None)
    assert [task.title.partition(": ")[2] for task in tasks] == ["files (1)"] * (not is_named)


def test_all_tables_are_searched_once_a_day(full, person, owner, began_at, monkeypatch):
    trace = Alert.objects.create(
        kind="mail_stuck", key=owner.email, raised_at=began_at, tell_after=began_at
    )
    searches = []
    real = leftovers.scanning.scan
    monkeypatch.setattr(
        leftovers.scanning, "scan", lambda *args, **kw: searches.append(1) or real(*args, **kw)
    )
    closure = begin(full, person, began_at)
    for _run in range(3):
        go_on(closure, 31)
    assert len(searches) == 1
    facts = ClosureStep.objects.get(closure=closure, step="check").facts
    assert facts == {"searched_at": day(closure, 31).isoformat(), "found": ["fbr_alert (1)"]}

    trace.delete()
    go_on(closure, 31)
    assert closure.state == ClosureState.PURGING
    go_on(closure, 32)

    assert closure.state == ClosureState.PURGED
    assert len(searches) == 2


def test_a_member_who_is_locked_out_goes_with_the_business(full, person, operator, began_at):
    User.objects.filter(pk=operator.pk).update(is_active=False)
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    operator.refresh_from_db()
    assert tombstones.is_tombstone(operator)
    assert closure.state == ClosureState.PURGED


def test_the_ledger_knows_the_account_before_the_first_row_goes(
    full, person, began_at, monkeypatch
):
    monkeypatch.setattr(tenant_purge, "run", lambda *args, **kwargs: False)
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    [entry] = erasure_ledger.entries()
    assert (entry.subject_kind, entry.begun_at) == ("tenant", began_at)
    with inside(full), transaction.atomic():
        assert Buyer.objects.count() == 2


# --- killed and gone on with ------------------------------------------------------------------


class Killed(Exception):
    pass


def state_of(tenant):
    """What is left of a business, without what differs by nature: ids, instants, random words."""
    with inside(tenant), transaction.atomic():
        return (
            tenant_purge.left(tenant.pk),
            Invoice.objects.count(),
            Buyer.objects.count(),
            AuditPrivate.objects.count(),
        )


@pytest.mark.parametrize("seed", range(3))
def test_killed_at_twenty_batches_it_ends_the_same_and_the_counts_add_up(
    full, person, began_at, monkeypatch, seed
):
    chance = random.Random(seed)
    monkeypatch.setattr(tenant_purge, "BATCH", 1)
    kills = []

    def maybe_dead(name):
        if len(kills) < 20 and chance.random() < 0.2:
            kills.append(name)
            raise Killed

    monkeypatch.setattr(tenant_purge, "crashpoint", maybe_dead)
    closure = begin(full, person, began_at)
    while closure.state != ClosureState.PURGED:
        try:
            go_on(closure, 31, deliver=False)
        except Killed:
            closure.refresh_from_db()

    assert len(kills) == 20
    assert state_of(full) == ({}, 1, 1, 0)
    counted = {(c.table, c.deed): c.count for c in ClosureCount.objects.filter(closure=closure)}
    assert counted["accounts_membership", "delete"] == 2
    assert counted["accounts_user", "anonymise"] == 2
    assert counted["invoices_buyer", "delete"] == 1
    assert counted["invoices_buyer", "anonymise"] == 1
    assert counted["invoices_invoice", "delete"] == 1


def test_twin_counted_outside_its_transaction_a_kill_loses_rows_from_the_receipt(
    full, person, began_at, monkeypatch
):
    """The same kills, with the counting moved behind the commit: the sums no longer fit."""
    lost = []
    monkeypatch.setattr(tenant_purge, "BATCH", 1)
    monkeypatch.setattr(tenant_purge, "_count", lambda *args: lost.append(args))
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    assert state_of(full)[0] == {}
    assert lost
    assert not [row for row in closure.receipt if row["deed"] != "hold"]


def test_thousands_of_rows_go_in_batches(full, person, began_at):
    with inside(full), transaction.atomic():
        entity = LegalEntity.objects.get()
        Buyer.objects.bulk_create(
            Buyer(
                tenant_id=full.pk,
                name=f"Customer {number}",
                registration_type="Registered",
                ntn_cnic=f"{number:07d}",
                province=entity.province,
                address="Karachi",
            )
            for number in range(3000)
        )
    closure = begin(full, person, began_at)

    go_on(closure, 31)

    counted = ClosureCount.objects.get(closure=closure, table="invoices_buyer", deed="delete")
    assert counted.count == 3001
    assert closure.state == ClosureState.PURGED


# --- somebody who acts for the owner ----------------------------------------------------------


def test_a_representative_needs_a_proof_and_two_of_us(full, began_at):
    one = factories.make_staff("privacy_officer")
    other = factories.make_staff("privacy_officer")
    proof = "Succession certificate 17/2026, seen in the original"
    with inside(full), transaction.atomic():
        asked = closing.ask_for_representative(tenant=full, proof=proof, by=one, at=began_at)
        with pytest.raises(NotAllowed):
            closing.begin_for_representative(tenant=full, proof=proof, by=one, at=began_at)
    four_eyes.answer(
        asked, agrees=True, by=other, at=began_at, desk=four_eyes.DESK_OF[closing.DEED]
    )

    with inside(full), transaction.atomic():
        closure = closing.begin_for_representative(tenant=full, proof=proof, by=one, at=began_at)

    assert closure.path == "representative"


# --- the page ---------------------------------------------------------------------------------


def enter(client, user, *methods):
    """Signed in, by these proofs a moment ago: by default by password and second factor."""
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [
        {"method": method, "at": clock.now().timestamp()} for method in methods or BOTH
    ]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()


def test_the_page_shows_the_plan_and_begins_it(full, owner, client):
    enter(client, owner)

    page = client.get(reverse("privacy:closure"))
    done = client.post(
        reverse("privacy:closure"), {"deed": "begin", "typed_name": full.name}, follow=True
    )

    assert page.status_code == 200
    assert "Day by day" in page.content.decode()
    assert "Being closed" in done.content.decode()
    assert Closure.objects.get().tenant_id == full.pk


@pytest.mark.parametrize(
    ("methods", "has_factor", "asked"),
    [
        (["old"], True, "account_reauthenticate"),
        (["mfa"], True, "account_reauthenticate"),
        (["password"], True, "mfa_reauthenticate"),
        (["password"], False, "mfa_index"),
    ],
)
def test_the_page_asks_for_password_and_second_factor_before_it_begins(
    full, owner, client, methods, has_factor, asked
):
    if has_factor:
        Authenticator.objects.create(user=owner, type="totp", data={"secret": "x"})
    enter(client, owner, *methods)

    answer = client.post(reverse("privacy:closure"), {"deed": "begin", "typed_name": full.name})

    assert answer.status_code == 302
    assert answer.url.partition("?")[0] == reverse(asked)
    assert not Closure.objects.exists()


def test_the_page_refuses_another_name(full, owner, client):
    enter(client, owner)

    answer = client.post(reverse("privacy:closure"), {"deed": "begin", "typed_name": "No"})

    assert answer.status_code == 422
    assert not Closure.objects.exists()


def test_the_page_opens_it_again(full, owner, person, client):
    begin(full, person, clock.now())
    enter(client, owner)

    client.post(reverse("privacy:closure"), {"deed": "revoke"})

    assert Closure.objects.get().state == ClosureState.REVOKED
