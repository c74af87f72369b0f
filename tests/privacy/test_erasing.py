"""Whoever is erased is gone from every table; what law holds waits, and follows by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from axes.models import AccessAttempt, AccessLog
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import IntegrityError, connection, transaction

from accounts import audit, selectors, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Role, StaffRole
from accounts.models import (
    ApiKey,
    AuditEvent,
    AuditPrivate,
    IdempotencyKey,
    Invitation,
    LegalEntity,
    MailState,
    Membership,
    OutgoingMail,
    Tenant,
    User,
)
from accounts.services import audit_checks, mailing, members
from invoices import selectors as invoice_selectors
from invoices.enums import Registration, State, TaxpayerStanding
from invoices.models import Buyer, BuyerCheck, Invoice
from privacy import scanning, subjects
from privacy.models import Erasure, ErasureState, HoldScope, LegalHold
from privacy.services import erasing, erasure_ledger, person_tables, tombstones
from privacy.subjects import SubjectKind
from smartinvoicing import clock
from smartinvoicing.errors import StateConflict
from tests import factories
from tests.factories import AT, SYSTEM
from tests.privacy import breach_cast

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "Palwasha Zarghoon-Canary"


@pytest.fixture(autouse=True)
def _ledger(settings, tmp_path):
    settings.ERASURE_LEDGER_DIR = str(tmp_path / "erasures")
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")


@pytest.fixture
def person(business, owner):
    """A clerk with all that an account gathers; the business has another owner."""
    user = factories.make_member(business, Role.OPERATOR)
    User.objects.filter(pk=user.pk).update(name=NAME, email="palwasha.canary@example.org")
    EmailAddress.objects.filter(user=user).update(email="palwasha.canary@example.org")
    user.refresh_from_db()
    Authenticator.objects.create(user=user, type="totp", data={"secret": "x"})
    AccessAttempt.objects.create(
        username=user.email, ip_address="203.0.113.7", user_agent="x", failures_since_start=1
    )
    AccessLog.objects.create(username=user.email, ip_address="203.0.113.7", user_agent="x")
    LogEntry.objects.create(
        user=owner,
        content_type=ContentType.objects.get_for_model(User),
        object_id=str(user.pk),
        object_repr=NAME,
        action_flag=CHANGE,
        change_message=user.email,
    )
    factories.make_key(business, user)
    mailing.post(key="k", to=user.email, template="x", context={"name": NAME}, at=AT)
    actor = Actor.person(user.pk, Role.OPERATOR, address="203.0.113.7")
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice, _lines = factories.make_draft()
        audit.record(actor, AuditAction.DRAFT_SAVED, invoice, at=AT)
    return user


def erase(subject, at=AT):
    return erasing.erase(subject, at=at, actor=SYSTEM)


def found(*words):
    with scanning.sight() as cursor:
        return {hit.place for hit in scanning.scan(words, folders=[], cursor=cursor)}


# --- a person ---------------------------------------------------------------------------------


def test_nothing_of_an_erased_person_is_found_in_any_table(business, person):
    words = (person.email, NAME)
    assert "accounts_user" in found(*words)

    receipt = erase(subjects.user(person.pk))

    assert found(*words) == set()
    rows = {(row.table, row.deed): row.count for row in receipt.rows}
    assert rows["accounts_user", "anonymise"] == 1
    assert rows["account_emailaddress", "delete"] == 1
    assert rows["mfa_authenticator", "delete"] == 1
    assert rows["accounts_membership", "delete"] == 1
    assert rows["accounts_auditevent", "hold"] == 1


def test_twin_without_the_tombstone_the_person_is_still_there(person, monkeypatch):
    monkeypatch.setattr(erasing, "tombstone", lambda *args, **kwargs: None)

    erase(subjects.user(person.pk))

    assert "accounts_user" in found(person.email, NAME)


def test_a_tombstone_leads_nowhere_and_signs_nobody_in(business, person):
    before = person.email
    erase(subjects.user(person.pk))

    person.refresh_from_db()
    assert tombstones.is_tombstone(person)
    assert "canary" not in person.email
    assert not person.has_usable_password()
    assert person.date_joined.day == 1
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not ApiKey.objects.filter(made_by=person, revoked_at=None).exists()
        assert not Membership.objects.filter(user=person).exists()
    assert not OutgoingMail.objects.filter(to=before).exists()


def test_what_stands_beside_the_audit_trail_goes_and_the_chain_stays_whole(business, person):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        deeds = AuditEvent.objects.filter(actor=f"user:{person.pk}").count()
        assert AuditPrivate.objects.count() > 0

    erase(subjects.user(person.pk))

    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert AuditEvent.objects.filter(actor=f"user:{person.pk}").count() == deeds
        assert not AuditPrivate.objects.filter(
            id__in=AuditEvent.objects.filter(actor=f"user:{person.pk}").values("id")
        ).exists()
    assert audit_checks.verify(at=clock.now()).is_right


def left_behind(business, person):
    """Somebody who did something in a business, and is no member any more."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        Membership.objects.filter(user=person).delete()


def side_values(business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        return [beside.facts for beside in AuditPrivate.objects.all()]


def test_what_stands_beside_the_trail_of_a_business_that_they_left_goes_too(business, person):
    left_behind(business, person)
    assert "203.0.113.7" in str(side_values(business))

    receipt = erase(subjects.user(person.pk))

    assert "203.0.113.7" not in str(side_values(business))
    rows = {(row.table, row.deed): row.count for row in receipt.rows}
    assert rows["accounts_auditevent", "hold"] == 1


def test_twin_asked_of_memberships_alone_it_stays(business, person, monkeypatch):
    monkeypatch.setattr(person_tables, "businesses_of", _memberships)
    left_behind(business, person)

    erase(subjects.user(person.pk))

    assert "203.0.113.7" in str(side_values(business))


def _memberships(user_id):
    return [membership.tenant_id for membership in selectors.memberships_of(user_id)]


def test_a_hold_on_a_business_that_they_left_stops_it(business, person, other_business):
    left_behind(business, person)
    held(business)

    assert erase(subjects.user(person.pk)).is_stopped

    person.refresh_from_db()
    assert person.name == NAME


def test_the_database_keeps_what_stands_beside_the_trail_of_whoever_lives(business, person):
    with (
        tenancy.in_tenant(business.pk),
        pytest.raises(IntegrityError, match="nobody was erased"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT privacy_erase_once('accounts_auditprivate', %s, %s, 10)",
            [business.pk, person.pk],
        )


def test_the_last_owner_of_an_open_business_closes_it_first(business, owner):
    plan = erasing.plan_for(subjects.user(owner.pk), at=AT)
    assert "close_first" in {row.deed for row in plan}

    with pytest.raises(StateConflict):
        erase(subjects.user(owner.pk))

    owner.refresh_from_db()
    assert owner.is_active
    assert not Erasure.objects.exists()
    assert list(erasure_ledger.entries()) == []


def test_one_membership_can_go_without_the_person(business, person, other_business):
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        Membership(user=person, role=Role.VIEWER, since=AT).save(force_insert=True)

    erase(subjects.user(person.pk, tenant_id=business.pk))

    person.refresh_from_db()
    assert person.is_active
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        assert Membership.objects.filter(user=person).exists()
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not Membership.objects.filter(user=person).exists()


# --- the ledger -------------------------------------------------------------------------------


def test_the_ledger_names_nobody_and_is_on_the_disk_before_anything_goes(
    person, monkeypatch, settings
):
    seen = []
    real = erasing.tombstone

    def watched(user, **kwargs):
        seen.extend(erasure_ledger.entries())
        real(user, **kwargs)

    monkeypatch.setattr(erasing, "tombstone", watched)
    subject = subjects.user(person.pk)

    erase(subject)

    [entry] = seen
    assert {entry.key} == erasure_ledger.keys_of(subject)
    [path] = list(erasure_ledger.folder().iterdir())
    words = path.read_text()
    assert person.email not in words
    assert str(person.pk) not in words
    assert path.stat().st_mode & 0o222 == 0


def test_a_changed_file_of_the_ledger_is_seen(person):
    erase(subjects.user(person.pk))
    [path] = list(erasure_ledger.folder().iterdir())
    path.chmod(0o600)
    path.write_text(path.read_text().replace('"user"', '"lead"'))

    with pytest.raises(erasure_ledger.LedgerBroken):
        list(erasure_ledger.entries())


def test_an_erasure_that_was_broken_off_is_gone_on_with(person, monkeypatch):
    with monkeypatch.context() as broken:
        broken.setattr(erasing, "tombstone", _full_disk)
        with pytest.raises(OSError, match="disk"):
            erase(subjects.user(person.pk))
    assert Erasure.objects.get().state == ErasureState.BEGUN

    erasing.go_on(at=AT + timedelta(hours=1))

    person.refresh_from_db()
    assert tombstones.is_tombstone(person)
    assert Erasure.objects.get().state != ErasureState.BEGUN
    assert len(list(erasure_ledger.entries())) == 1


def _full_disk(*args, **kwargs):
    raise OSError("disk is full")


# --- a customer of a business -----------------------------------------------------------------


@pytest.fixture
def customer(business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        made = factories.make_buyer(name=NAME, ntn_cnic="2046004")
        BuyerCheck(
            buyer=made,
            ntn_cnic="2046004",
            checked_at=AT,
            registration=Registration.REGISTERED,
            standing=TaxpayerStanding.ACTIVE,
            said_by="x",
        ).save(force_insert=True)
        IdempotencyKey(key="k", body_hash="x", status=200, answer={"buyer": NAME}, at=AT).save(
            force_insert=True
        )
    return made


def test_a_customer_without_documents_is_gone(business, customer):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        content = factories.make_content(
            buyer=factories.make_party(name=NAME), buyer_id=customer.pk
        )
        draft, _lines = factories.make_draft(content)
        Invoice.objects.filter(pk=draft.pk).update(buyer=customer, buyer_name=NAME)

    receipt = erase(subjects.buyer(customer.pk, tenant_id=business.pk))

    assert found(NAME) == set()
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not Buyer.objects.exists()
        assert not BuyerCheck.objects.exists()
    assert receipt.resumes_on is None
    assert Erasure.objects.get().state == ErasureState.DONE


def test_accepted_documents_of_a_customer_are_held_and_the_rest_follows(
    business, customer, laid_database
):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice = factories.make_issued(factories.make_content(buyer_id=customer.pk))
        factories.accept(invoice)
    subject = subjects.buyer(customer.pk, tenant_id=business.pk)

    receipt = erase(subject)

    held = [row for row in receipt.rows if row.deed == "hold"]
    assert [(row.count, row.until) for row in held] == [(1, date(2033, 12, 1))]
    assert receipt.resumes_on == date(2033, 12, 1)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        blank = Buyer.objects.get()
        assert (blank.name, blank.ntn_cnic, blank.restricted_at) == ("", "", AT)
        assert Invoice.objects.get(pk=invoice.pk).state == State.ACCEPTED
    with laid_database.cursor() as cursor:  # seven years later its document was purged
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("DELETE FROM invoices_invoice")
        cursor.execute("SET session_replication_role = DEFAULT")
    assert erasing.go_on(at=datetime(2033, 11, 30, 18, 59, 59, tzinfo=UTC)) == 0
    assert erasing.go_on(at=datetime(2033, 11, 30, 19, 0, tzinfo=UTC)) == 1
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not Buyer.objects.exists()
    done = Erasure.objects.get()
    assert (done.state, done.buyer_id) == (ErasureState.DONE, None)


def test_documents_of_an_erased_customer_are_found_by_number_and_not_by_name(business, customer):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        party = factories.make_party(name=NAME)
        invoice = factories.make_issued(factories.make_content(buyer=party, buyer_id=customer.pk))
        factories.accept(invoice)

    erase(subjects.buyer(customer.pk, tenant_id=business.pk))

    with tenancy.in_tenant(business.pk), transaction.atomic():
        by_name, by_number = (
            list(invoice_selectors.invoices(invoice_selectors.InvoiceFilter(text=text)))
            for text in (NAME, invoice.number)
        )
    assert (by_name, by_number) == ([], [invoice])


def held(business, scope=HoldScope.TENANT, covers=None):
    """A legal hold, on all of a business unless said otherwise."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        hold = LegalHold(
            scope=scope,
            covers=covers,
            authority="Court",
            reference="1",
            review_on=date(2027, 1, 1),
            placed_at=AT,
            placed_by="x",
        )
        hold.save(force_insert=True)
    return hold


def test_a_legal_hold_on_the_business_stops_it_until_it_is_lifted(business, customer):
    hold = held(business)
    subject = subjects.buyer(customer.pk, tenant_id=business.pk)

    receipt = erase(subject)

    assert receipt.is_stopped
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Buyer.objects.get().name == NAME
        LegalHold.objects.filter(pk=hold.pk).update(lifted_at=AT, lifted_by="x", lifted_why="over")
    erasing.go_on(at=AT + timedelta(days=31))
    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert not Buyer.objects.exists()


def test_under_a_hold_the_receipt_says_that_all_is_held(business, customer):
    held(business)
    subject = subjects.buyer(customer.pk, tenant_id=business.pk)

    plan = erasing.plan_for(subject, at=AT)
    receipt = erase(subject)

    assert {(row.table, row.deed, row.until, row.basis) for row in receipt.rows} == {
        ("invoices_buyer", "hold", None, "A legal hold covers it."),
        ("invoices_buyercheck", "hold", None, "A legal hold covers it."),
    }
    assert list(receipt.rows) == plan
    assert {row["deed"] for row in Erasure.objects.get().receipt} == {"hold"}


def test_under_a_hold_the_customer_is_set_aside_at_once(business, customer):
    held(business)

    erase(subjects.buyer(customer.pk, tenant_id=business.pk))

    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Buyer.objects.get().restricted_at == AT


def on_a_taxpayer(business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        entity = LegalEntity.objects.get()
    held(business, HoldScope.ENTITY, entity.pk)


def in_a_breach(business):
    officer = factories.make_staff(StaffRole.PRIVACY_OFFICER)
    breach_cast.make_case(officer, tenant_ids=[business.pk])


@pytest.mark.parametrize("keep", [on_a_taxpayer, in_a_breach])
def test_a_hold_on_a_taxpayer_or_an_open_breach_keeps_a_customer(business, customer, keep):
    keep(business)

    assert erase(subjects.buyer(customer.pk, tenant_id=business.pk)).is_stopped

    with tenancy.in_tenant(business.pk), transaction.atomic():
        assert Buyer.objects.get().name == NAME
        assert BuyerCheck.objects.exists()


@pytest.mark.parametrize("keep", [on_a_taxpayer, in_a_breach])
def test_a_hold_on_a_taxpayer_or_an_open_breach_keeps_a_person(business, person, keep):
    keep(business)

    assert erase(subjects.user(person.pk)).is_stopped

    person.refresh_from_db()
    assert person.name == NAME


def test_twin_a_breach_of_another_business_keeps_nobody(business, person, other_business):
    in_a_breach(other_business)

    assert not erase(subjects.user(person.pk)).is_stopped

    person.refresh_from_db()
    assert tombstones.is_tombstone(person)


# --- addresses --------------------------------------------------------------------------------


def test_a_seat_kept_for_an_address_goes_wherever_it_is(business, other_business, owner, stranger):
    for tenant, boss in ((business, owner), (other_business, stranger)):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            members.invite(
                email="guest.canary@example.org",
                role=Role.VIEWER,
                actor=Actor.person(boss.pk, Role.OWNER),
                at=AT,
            )

    erase(subjects.lead("Guest.Canary@example.org"))

    assert found("guest.canary@example.org") == set()
    for tenant in (business, other_business):
        with tenancy.in_tenant(tenant.pk), transaction.atomic():
            assert not Invitation.objects.exists()


@pytest.fixture
def broken_off(monkeypatch):
    """The erasure of an address of which nobody knows more, ended by a kill."""
    mailing.post(key="lead", to="lead@example.org", template="x", context={}, at=AT)
    with monkeypatch.context() as broken:
        broken.setitem(erasing._DEEDS, SubjectKind.LEAD, _full_disk)
        with pytest.raises(OSError, match="disk"):
            erase(subjects.lead("Lead@example.org"))
    return Erasure.objects.get()


def test_the_erasure_of_an_address_that_was_broken_off_is_gone_on_with(broken_off):
    assert b"lead@" not in bytes(broken_off.sealed).lower()

    assert erasing.go_on(at=AT + timedelta(hours=1)) == 1

    assert not OutgoingMail.objects.filter(to="lead@example.org").exists()
    broken_off.refresh_from_db()
    assert (broken_off.state, bytes(broken_off.sealed)) == (ErasureState.DONE, b"")
    assert Erasure.objects.count() == 1


def test_after_a_change_of_keys_it_is_still_the_same_erasure(broken_off, settings):
    settings.FIELD_KEYS = [b"n" * 32, *settings.FIELD_KEYS]

    assert erasing.go_on(at=AT + timedelta(hours=1)) == 1

    assert [erasure.state for erasure in Erasure.objects.all()] == [ErasureState.DONE]


def test_no_address_outlives_its_erasure(broken_off):
    with pytest.raises(IntegrityError, match="erasure_state_is_true"), transaction.atomic():
        Erasure.objects.update(state=ErasureState.DONE, done_at=AT)


def test_letters_that_wait_keep_none_of_the_others(person, monkeypatch):
    monkeypatch.setattr(erasing, "MOST", 1)
    for at, key in ((AT, "waits"), (AT + timedelta(hours=1), "has left")):
        mailing.post(key=key, to=person.email, template="x", context={}, at=AT)
        Erasure.objects.create(
            subject_kind="user", subject_key=key, asked_by="x", at=at, mail_key=key
        )
    OutgoingMail.objects.filter(key="has left").update(state=MailState.SENT, done_at=AT)

    erasing.go_on(at=AT)

    assert OutgoingMail.objects.filter(key="waits").exists()
    assert not OutgoingMail.objects.filter(key="has left").exists()
    assert {*Erasure.objects.values_list("mail_key", flat=True)} == {"waits", ""}


def test_the_letter_about_it_goes_as_soon_as_it_has_left(person):
    address = person.email
    receipt = erase(subjects.user(person.pk))
    mailing.post(key="answer", to=address, template="x", context={}, at=AT)
    erasing.with_letter(receipt.erasure_id, "answer")

    erasing.go_on(at=AT)
    assert OutgoingMail.objects.filter(key="answer").exists()
    OutgoingMail.objects.filter(key="answer").update(state="sent", done_at=AT, context={})
    erasing.go_on(at=AT)

    assert not OutgoingMail.objects.filter(key="answer").exists()


# --- the plan of a mixed account (P15) --------------------------------------------------------


def test_the_plan_of_a_mixed_account_is_the_table_that_law_gives(
    business, other_business, owner, stranger, laid_database
):
    """Two businesses, one being closed; documents of 1, 6.9 and 7.1 years, one under a hold."""
    today = datetime(2033, 12, 15, 7, 0, tzinfo=UTC)
    with tenancy.in_tenant(other_business.pk), transaction.atomic():
        Membership(user=owner, role=Role.VIEWER, since=AT).save(force_insert=True)
    ages = {
        "one": date(2032, 12, 10),
        "almost": date(2027, 1, 20),
        "over": date(2026, 11, 20),
        "held": date(2026, 11, 21),
    }
    made = {}
    with tenancy.in_tenant(business.pk), transaction.atomic():
        for name in ages:
            made[name] = factories.make_issued()
            factories.accept(made[name])
        factories.make_draft()
    with laid_database.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for name, day in ages.items():
            cursor.execute(
                "UPDATE invoices_invoice SET invoice_date = %s WHERE id = %s",
                [day, str(made[name].pk)],
            )
        cursor.execute("SET session_replication_role = DEFAULT")
    with tenancy.in_tenant(business.pk), transaction.atomic():
        LegalHold(
            scope=HoldScope.INVOICE,
            covers=made["held"].pk,
            authority="Court",
            reference="1",
            review_on=date(2034, 1, 1),
            placed_at=AT,
            placed_by="x",
        ).save(force_insert=True)
        Tenant.objects.update(closing_at=AT)

    plan = erasing.plan_for(subjects.user(owner.pk), at=today)

    documents = [
        (row.deed, row.count, row.until) for row in plan if row.table == "invoices_invoice"
    ]
    assert documents == [
        ("delete", 1, date(2033, 12, 1)),
        ("hold", 1, date(2034, 2, 1)),
        ("hold", 1, date(2040, 1, 1)),
        ("hold", 1, None),
    ]
    memberships = [row for row in plan if row.table == "accounts_membership"]
    assert [(row.deed, row.count) for row in memberships] == [("delete", 1), ("delete", 1)]
    assert [row.deed for row in plan if row.table == "accounts_user"] == ["anonymise"]


def test_twin_without_the_hold_the_plan_lets_that_document_go(business, owner, laid_database):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice = factories.make_issued()
        factories.accept(invoice)

    plan = erasing.plan_for(subjects.user(owner.pk), at=datetime(2033, 12, 15, tzinfo=UTC))

    documents = [row for row in plan if row.table == "invoices_invoice"]
    assert [row.deed for row in documents] == ["delete"]
