"""Why do you still hold this: one record at a time, and the calendar of a business."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import transaction
from django.urls import reverse

from accounts import tenancy
from invoices.enums import State
from privacy.services import holds, why
from privacy.services.holds import Case
from smartinvoicing.classified import Retention
from tests import factories
from tests.factories import AT, DAY, SYSTEM
from tests.invoices.test_lifecycle import _in_state

pytestmark = pytest.mark.django_db

CASE = Case(authority="High Court, Lahore", reference="W.P. 1/2026", review_on=date(2040, 1, 1))
MIDNIGHT = datetime(2033, 11, 30, 19, 0, tzinfo=UTC)


def test_an_issued_document_is_a_tax_record(inside):
    invoice = factories.make_issued()
    factories.accept(invoice)

    answer = why.why(invoice, at=AT)

    assert (answer.retention, answer.basis) == (Retention.TAX, "law")
    assert (answer.starts_at, answer.earliest_at) == (DAY, MIDNIGHT)
    assert (answer.keeps, answer.holds) == ((), ())


def test_what_hangs_on_a_document_goes_with_it(inside):
    invoice = factories.make_issued()

    answer = why.why(invoice.lines.get(), at=AT)

    assert answer.earliest_at == MIDNIGHT
    assert answer.keeps == ("open",)


def test_a_draft_is_part_of_the_account(inside):
    invoice, _ = factories.make_draft()

    answer = why.why(invoice, at=AT)

    assert (answer.retention, answer.earliest_at) == (Retention.ACC, None)


def test_it_names_the_holds_and_the_open_matter(inside):
    uncertain = _in_state(State.UNCERTAIN)
    placed = holds.place(case=CASE, actor=SYSTEM, at=AT, on=uncertain)
    holds.place(case=CASE, actor=SYSTEM, at=AT, period=(date(2020, 1, 1), date(2020, 1, 31)))

    answer = why.why(uncertain, at=AT)

    assert answer.keeps == ("open", "held")
    assert answer.holds == (placed,)


def test_a_disputed_customer_keeps_the_document(inside, laid_database):
    buyer = factories.make_buyer()
    invoice, _ = factories.make_draft()
    invoice.buyer = buyer
    invoice.save()
    invoice.refresh_from_db()
    type(buyer).objects.update(disputed_at=AT)
    invoice.state = State.ACCEPTED  # as far as the question goes

    assert why.why(invoice, at=AT).keeps == ("stopped",)


def test_a_customer_and_a_user_live_with_the_account(buyer, owner):
    for record, basis in ((buyer, "tenant's instruction"), (owner, "contract")):
        answer = why.why(record, at=AT)
        assert (answer.retention, answer.basis) == (Retention.ACC, basis)
        assert answer.earliest_at is None


def test_every_class_and_basis_has_its_words():
    assert set(why.CLASSES) == set(Retention)
    from tests.architecture.test_privacy_classes import BASES  # noqa: PLC0415 -- the contract's list

    assert set(why.BASES) == BASES


def test_the_calendar_counts_what_goes_in_which_month(inside):
    for _ in range(2):
        factories.accept(factories.make_issued())

    rows = {(row.month, row.retention): row.records for row in why.calendar(at=AT)}

    assert rows[date(2033, 12, 1), Retention.TAX] >= 2


# --- pages ----------------------------------------------------------------------------------------


@pytest.fixture
def signed_in(client, owner):
    client.force_login(owner, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client


def test_a_member_reads_why(signed_in, business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice = factories.make_issued()
        factories.accept(invoice)
        holds.place(case=CASE, actor=SYSTEM, at=AT)
        buyer = factories.make_buyer()
        product = factories.make_product()

    page = signed_in.get(reverse("privacy:why_invoice", args=[invoice.pk])).content.decode()

    assert "Tax record" in page
    assert "1 Dec 2033" in page
    assert "A legal hold covers it." in page
    for name, record in (("buyer", buyer), ("product", product)):
        page = signed_in.get(reverse(f"privacy:why_{name}", args=[record.pk]))
        assert "Part of the account" in page.content.decode()
    assert "Part of the account" in signed_in.get(reverse("privacy:why_me")).content.decode()
    assert "December 2033" in signed_in.get(reverse("privacy:calendar")).content.decode()


def test_pages_of_records_link_to_it(signed_in, business):
    with tenancy.in_tenant(business.pk), transaction.atomic():
        invoice = factories.make_issued()
        buyer = factories.make_buyer()
    pages = {
        reverse("invoices:detail", args=[invoice.pk]): ("why_invoice", [invoice.pk]),
        reverse("invoices:buyer", args=[buyer.pk]): ("why_buyer", [buyer.pk]),
        reverse("accounts:profile"): ("why_me", []),
    }
    for page, (name, args) in pages.items():
        assert reverse(f"privacy:{name}", args=args) in signed_in.get(page).content.decode()
