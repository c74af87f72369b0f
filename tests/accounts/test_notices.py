"""The bell: rung once while the matter is open, mailed once, gone by itself."""

from __future__ import annotations

import re
from datetime import timedelta
from smtplib import SMTPServerDisconnected

import pytest
from django.core import mail
from django.db import transaction
from django.urls import reverse

from accounts import bells, notice_words, tenancy
from accounts.access import MAY
from accounts.enums import NoticeKind, Permission, Role
from accounts.models import LegalEntity, Notice
from accounts.services import letters, notices
from smartinvoicing import arming
from tests import factories
from tests.factories import AT

LATER = AT + timedelta(hours=1)


def post(about, kind=NoticeKind.REJECTED, *, at=AT, **facts):
    notices.post(kind, about, at=at, **facts)


def open_ones():
    return list(Notice.objects.filter(cleared_at=None).order_by("id"))


@pytest.fixture
def rung(business, transactional_db):
    """One notice about a document of the business, committed."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), "a token to issue with")
        invoice = factories.make_issued()
        post(invoice, number=invoice.number)
    return invoice


# --- post and clear ---------------------------------------------------------------------------


def test_the_same_matter_rings_once(entity):
    post(entity, number="INV-1")
    post(entity, at=LATER, number="INV-1")

    (notice,) = open_ones()

    assert (notice.posted_at, notice.facts, notice.object_type) == (
        AT,
        {"number": "INV-1"},
        "legalentity",
    )


def test_facts_and_the_last_hour_are_brought_up_to_date(entity):
    post(entity, count="2")
    notices.post(NoticeKind.REJECTED, entity, at=LATER, due_at=LATER, count="3")

    (notice,) = open_ones()

    assert (notice.facts, notice.due_at, notice.posted_at) == ({"count": "3"}, LATER, AT)


def test_another_step_rings_and_mails_again(entity):
    notices.post(NoticeKind.TOKEN_ENDS, entity, at=AT, step="30")
    Notice.objects.update(mailed_at=AT)

    notices.post(NoticeKind.TOKEN_ENDS, entity, at=LATER, step="30")
    assert open_ones()[0].mailed_at == AT

    notices.post(NoticeKind.TOKEN_ENDS, entity, at=LATER, step="7")
    (notice,) = open_ones()
    assert (notice.step, notice.posted_at, notice.mailed_at) == ("7", LATER, None)


def test_what_is_settled_goes_and_may_come_again(entity):
    post(entity)
    notices.clear(NoticeKind.REJECTED, entity, at=LATER)
    assert open_ones() == []

    post(entity, at=LATER)

    assert [notice.posted_at for notice in open_ones()] == [LATER]
    assert Notice.objects.count() == 2


def test_one_kind_is_cleared_and_the_other_is_left(entity):
    post(entity)
    post(entity, NoticeKind.OUTAGE)

    notices.clear(NoticeKind.REJECTED, entity, at=LATER)

    assert [notice.kind for notice in open_ones()] == ["outage"]


# --- mail -------------------------------------------------------------------------------------


def test_it_is_mailed_once_however_often_the_postman_comes(business, rung):
    owner = factories.make_member(business, Role.OWNER)
    factories.make_member(business, Role.VIEWER)

    assert letters.mail_due(at=AT) == 1
    assert letters.mail_due(at=AT) == 0
    assert letters.mail_due(at=AT + timedelta(days=1)) == 0

    (letter,) = mail.outbox
    assert letter.to == [owner.email]
    assert rung.number in letter.body
    assert reverse("invoices:detail", args=[rung.pk]) in letter.body
    assert rung.number in letter.alternatives[0][0]


def test_twin_without_the_claim_and_the_note_it_is_mailed_again(business, rung, monkeypatch):
    factories.make_member(business, Role.OWNER)
    monkeypatch.setattr(letters, "CLAIM", timedelta())
    monkeypatch.setattr(letters, "_send", lambda letters_: mail.outbox.extend(letters_) or False)

    letters.mail_due(at=AT)
    letters.mail_due(at=AT)

    assert len(mail.outbox) == 2


def test_two_postmen_at_once_mail_it_once(business, rung):
    factories.make_member(business, Role.OWNER)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        ids = [Notice.objects.get().pk]
        assert len(letters._claimed(ids, AT)) == 1

        assert letters._claimed(ids, AT) == []
    assert letters.mail_due(at=AT) == 0


def test_what_a_crash_left_goes_again_under_the_same_mark(business, rung, monkeypatch):
    factories.make_member(business, Role.OWNER)
    sent = []
    monkeypatch.setattr(letters, "_send", lambda given: sent.extend(given) or False)

    letters.mail_due(at=AT)
    letters.mail_due(at=AT + timedelta(minutes=1))
    assert len(sent) == 1

    letters.mail_due(at=AT + letters.CLAIM)
    assert len(sent) == 2
    assert len({letter.extra_headers["Message-ID"] for letter in sent}) == 1


def test_without_a_mail_server_it_waits(business, rung, monkeypatch, settings):
    factories.make_member(business, Role.OWNER)

    def away(self, messages):
        raise SMTPServerDisconnected("gone")

    with monkeypatch.context() as patch:
        patch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", away)
        assert letters.mail_due(at=AT) == 0

    assert letters.mail_due(at=AT + letters.CLAIM) == 1


def test_what_was_settled_meanwhile_is_not_mailed(business, rung):
    factories.make_member(business, Role.OWNER)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        notices.clear(NoticeKind.REJECTED, rung, at=AT)

    assert letters.mail_due(at=AT) == 0


def test_a_copy_of_production_mails_nothing(business, rung, monkeypatch):
    factories.make_member(business, Role.OWNER)
    monkeypatch.setattr(arming._known, "answer", False)

    assert letters.mail_due(at=AT) == 0
    assert mail.outbox == []


def test_many_of_a_kind_are_one_mail(business, transactional_db):
    factories.make_member(business, Role.OWNER)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        for number in range(25):
            post(factories.make_buyer(name=f"A customer {number}"), number=f"INV-{number:02}")

    assert letters.mail_due(at=AT) == 1

    (letter,) = mail.outbox
    assert len(re.findall(r"INV-\d\d", letter.body)) == letters.SHOWN
    assert "and 5 more" in letter.body
    assert "A customer" not in letter.body


@pytest.mark.parametrize(
    ("kind", "roles"),
    [
        (NoticeKind.REJECTED, {Role.OWNER, Role.ADMIN, Role.ACCOUNTANT}),
        (NoticeKind.CREDENTIAL_HELD, {Role.OWNER, Role.ADMIN}),
        (NoticeKind.CLAIM_WAITS, {Role.OWNER, Role.ADMIN, Role.ACCOUNTANT}),
    ],
)
def test_each_kind_is_mailed_to_those_who_can_do_something(inside, kind, roles):
    for role in Role:
        factories.make_member(inside, role)

    assert {Role(member.role) for member in letters._told(kind)} == roles


def test_another_business_is_told_nothing(business, other_business, rung):
    factories.make_member(other_business, Role.OWNER)

    assert letters.mail_due(at=AT) == 0
    assert mail.outbox == []


# --- words and pages --------------------------------------------------------------------------


@pytest.mark.parametrize("kind", NoticeKind)
def test_each_kind_has_words_and_a_page_that_is_there(inside, kind, business):
    bell = bells.BELLS[kind]
    about = bells.INVOICE if bell.page == bells.INVOICE_PAGE else "other"
    notice = Notice(kind=kind, object_type=about, object_id=business.pk, posted_at=AT, facts={})

    said = notice_words.said(notice)

    assert bell.tone in bells.TONES
    assert said["title"]
    assert str(said["advice"])
    assert said["url"] != reverse("accounts:notices")
    assert any(bell.may in MAY[role] for role in bells.MAILED)


def test_facts_become_words(inside):
    facts = {
        "number": "INV-7",
        "environment": "production",
        "days": "0",
        "count": "1",
        "month": "2026-10",
    }
    notice = Notice(kind="token_ends", object_type="credential", facts=facts, posted_at=AT)

    assert notice_words.said(notice)["facts"] == (
        "INV-7 · Production · October 2026 · 1 document · today is the last day"
    )


def test_the_page_has_the_most_urgent_first_and_a_button_for_who_may(inside, client, viewer, owner):
    entity = LegalEntity.objects.get()
    post(entity, NoticeKind.OUTAGE)
    post(entity, NoticeKind.CREDENTIAL_HELD)

    client.force_login(viewer)
    seen = client.get(reverse("accounts:notices")).content.decode()
    client.force_login(owner)
    may = client.get(reverse("accounts:notices")).content.decode()

    assert seen.index("FBR refused the token") < seen.index("FBR is away")
    assert f'href="{reverse("fbr:tokens")}"' not in seen
    assert f'href="{reverse("fbr:tokens")}"' in may


def test_the_bell_counts_on_every_page_and_asks_again_by_itself(inside, client, viewer):
    client.force_login(viewer)
    silent = client.get(reverse("accounts:notices")).content.decode()
    post(LegalEntity.objects.get())

    whole = client.get(reverse("invoices:list")).content.decode()
    alone = client.get(reverse("accounts:notices"), headers={"HX-Request": "true"})

    assert "Nothing needs you" in silent
    assert "1 matter needs somebody" in whole
    assert "<html" not in alone.content.decode()
    assert "1 matter needs somebody" in alone.content.decode()


def test_nobody_without_the_permission_is_promised_a_page():
    assert {bell.may for bell in bells.BELLS.values()} <= {
        Permission.VIEW,
        Permission.SETTLE,
        Permission.CANCEL,
        Permission.MANAGE_BUSINESS,
    }
