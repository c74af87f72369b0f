"""Authorities: nothing leaves without an approved entry, and no more than it names (S24, P17)."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from datetime import date

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts import four_eyes, tenancy
from accounts.enums import Desk, StaffRole
from accounts.models import AuditEvent, OutgoingMail, StaffDeed
from invoices.models import Invoice
from privacy.models import Disclosure, FeatureFlag
from privacy.services import disclosures, laying
from privacy.services.disclosures import Wanted
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation, StateConflict
from smartinvoicing.ids import uuid7
from tests import factories
from tests.factories import AT
from tests.privacy.guards import without

pytestmark = pytest.mark.django_db


@pytest.fixture
def officer(db):
    laying.lay(at=AT)
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def second(db):
    return factories.make_staff(StaffRole.SECURITY)


def wanted(tenant, **changed):
    known = {
        "tenant_id": tenant.pk,
        "authority": "High Court, Lahore",
        "instrument": "W.P. 1/2026, order of 12 November",
        "received_on": date(2026, 11, 13),
        "from_on": date(2026, 11, 20),
        "to_on": date(2026, 11, 20),
        "parts": ("documents", "lines"),
        "tells_tenant": True,
    }
    return Wanted(**{**known, **changed})


def written(officer, tenant, **changed):
    return disclosures.write(wanted=wanted(tenant, **changed), by=officer, at=AT)


def approved(officer, second, tenant, **changed):
    entry = written(officer, tenant, **changed)
    question = disclosures.ask(entry=entry, why="the order is in the file", by=officer, at=AT)
    four_eyes.answer(question, agrees=True, by=second, at=AT, desk=Desk.KEEP_REGISTERS)
    disclosures.approve(entry=entry, by=officer, at=AT)
    entry.refresh_from_db()
    return entry


def opened(made):
    with zipfile.ZipFile(io.BytesIO(made.content)) as archive:
        return {name: json.loads(archive.read(name)) for name in archive.namelist()}


def trail(tenant):
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        return list(
            AuditEvent.objects.filter(object_type="disclosure")
            .order_by("id")
            .values_list("action", flat=True)
        )


@pytest.fixture
def issued(business):
    """One inside the days of the order, one before them, and a draft inside."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        inside = factories.make_issued()
        before = factories.make_issued(factories.make_content(invoice_date=date(2026, 11, 19)))
        factories.make_draft()
    return inside, before


def test_without_an_approval_nothing_is_put_together(officer, second, business, issued):
    entry = written(officer, business)
    with pytest.raises(StateConflict):
        disclosures.export(entry=entry, by=officer, at=AT)
    with pytest.raises(NotAllowed):
        disclosures.approve(entry=entry, by=officer, at=AT)

    question = disclosures.ask(entry=entry, why="the order", by=officer, at=AT)
    with pytest.raises(NotAllowed):
        four_eyes.answer(question, agrees=True, by=officer, at=AT, desk=Desk.KEEP_REGISTERS)
    four_eyes.answer(
        question, agrees=False, by=second, at=AT, desk=Desk.KEEP_REGISTERS, why="too much"
    )
    with pytest.raises(NotAllowed):
        disclosures.approve(entry=entry, by=officer, at=AT)


def test_exactly_the_scope_of_the_paper_leaves(officer, second, business, issued, other_business):
    entry = approved(officer, second, business)

    made = disclosures.export(entry=entry, by=officer, at=AT)

    files = opened(made)
    assert set(files) == {"documents.json", "lines.json", "cover.json"}
    assert [row["id"] for row in files["documents.json"]] == [str(issued[0].pk)]
    assert {row["invoice_id"] for row in files["lines.json"]} == {str(issued[0].pk)}
    assert "Sample Traders" not in json.dumps(files)  # customers were not asked for
    entry.refresh_from_db()
    assert entry.sha256 == made.sha256 == hashlib.sha256(made.content).hexdigest()
    assert disclosures.export(entry=entry, by=officer, at=AT).sha256 == made.sha256
    deeds = StaffDeed.objects.filter(action="exported", tenant_id=business.pk)
    assert deeds.count() == 2


def test_customers_leave_when_the_paper_names_them(officer, second, business, issued):
    entry = approved(officer, second, business, parts=("customers",))

    files = opened(disclosures.export(entry=entry, by=officer, at=AT))

    assert [row["buyer_name"] for row in files["customers.json"]] == ["Sample Traders"]


def test_twin_with_wider_days_the_other_document_leaves(officer, second, business, issued):
    entry = approved(officer, second, business, from_on=date(2026, 11, 1))

    files = opened(disclosures.export(entry=entry, by=officer, at=AT))

    assert len(files["documents.json"]) == 2


def test_the_business_is_told(officer, second, business, owner, issued):
    entry = approved(officer, second, business)

    mail = OutgoingMail.objects.get(key=f"disclosure:{entry.pk}:{owner.pk}")
    assert (mail.to, mail.context["authority"]) == (owner.email, "High Court, Lahore")
    assert trail(business) == ["export.asked"]
    disclosures.export(entry=entry, by=officer, at=AT)
    assert trail(business) == ["export.asked", "export.fetched"]


def test_where_law_forbids_it_the_business_hears_later(officer, second, business, owner, issued):
    with pytest.raises(RuleViolation, match="forbids"):
        written(officer, business, tells_tenant=False)

    why = "the order is sealed until January"
    entry = approved(officer, second, business, tells_tenant=False, untold_why=why)
    disclosures.export(entry=entry, by=officer, at=AT)
    assert (entry.told_at, trail(business)) == (None, [])
    assert not OutgoingMail.objects.filter(key__startswith="disclosure:").exists()

    disclosures.tell(entry=entry, why="it was opened", by=officer, at=AT)
    assert trail(business) == ["export.asked", "export.fetched"]
    assert OutgoingMail.objects.filter(key__startswith="disclosure:").count() == 1
    with pytest.raises(StateConflict):
        disclosures.tell(entry=entry, why="again", by=officer, at=AT)


def past_the_services(entry):
    for to in (
        {"exported_at": AT, "sha256": "0" * 64},
        {"to_on": date(2030, 1, 1)},
        {"parts": ["customers"]},
        {"approved_at": AT, "approved_by": entry.asked_by},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Disclosure.objects.filter(pk=entry.pk).update(**to)


def test_the_database_refuses_it_too(officer, business):
    past_the_services(written(officer, business))
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Disclosure.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_twin_without_its_guard_the_scope_widens(officer, business, laid_database):
    with without("register_row", "privacy_disclosure", laid_database):
        entry = written(officer, business)
        with pytest.raises(pytest.fail.Exception):
            past_the_services(entry)


def test_abroad_only_with_a_row(officer, business):
    with pytest.raises(RuleViolation, match="transfer"):
        written(officer, business, country="Germany")


def test_a_business_that_is_not_there(officer, business):
    with pytest.raises(NotFound):
        disclosures.write(wanted=wanted(business, tenant_id=uuid7()), by=officer, at=AT)


def test_switched_off_or_untrained_nothing_leaves(officer, second, business, issued, monkeypatch):
    entry = approved(officer, second, business)
    monkeypatch.setattr(disclosures.staff, "is_trained", lambda user, *, at: False)
    with pytest.raises(NotAllowed, match="training"):
        disclosures.export(entry=entry, by=officer, at=AT)
    monkeypatch.undo()
    FeatureFlag.objects.update(is_on=False)
    with pytest.raises(NotAllowed, match="switched off"):
        disclosures.export(entry=entry, by=officer, at=AT)


def test_only_who_keeps_registers_may(business):
    for role in (StaffRole.PRIVACY_AGENT, StaffRole.SUPPORT, StaffRole.AUDITOR):
        with pytest.raises(NotAllowed):
            written(factories.make_staff(role), business)


# --- at the desk ------------------------------------------------------------------------------


def browser_of(person):
    browser = Client()
    browser.force_login(person)
    return browser


def test_from_the_paper_to_the_file_at_the_desk(officer, second, business, issued):
    browser = browser_of(officer)
    base = "admin:privacy_disclosure"
    answer = browser.post(
        reverse(f"{base}_write"),
        {
            "tenant_id": str(business.pk),
            "authority": "High Court, Lahore",
            "country": "Pakistan",
            "instrument": "W.P. 1/2026",
            "received_on": "2026-11-13",
            "from_on": "2026-11-01",
            "to_on": "2026-11-20",
            "parts": ["documents"],
            "tells_tenant": "on",
        },
    )
    assert answer.status_code == 302
    entry = Disclosure.objects.get()
    early = browser.post(reverse(f"{base}_export", args=[entry.pk]))
    assert early.status_code == 302
    browser.post(reverse(f"{base}_ask", args=[entry.pk]), {"why": "the order"})
    question = four_eyes.waiting(at=clock.now()).get()
    four_eyes.answer(question, agrees=True, by=second, at=clock.now(), desk=Desk.KEEP_REGISTERS)
    browser.post(reverse(f"{base}_approve", args=[entry.pk]), {"post": "yes"})

    file = browser.post(reverse(f"{base}_export", args=[entry.pk]))

    assert file["Content-Type"] == "application/zip"
    entry.refresh_from_db()
    assert file["X-Content-SHA256"] == entry.sha256
    page = browser.get(reverse(f"{base}_change", args=[entry.pk]))
    assert "Second person agreed" in page.content.decode()
    sheet = browser.get(reverse(f"{base}_sheet"))
    assert sheet.content.startswith(b"%PDF")
    with tenancy.in_tenant(business.pk):
        assert Invoice.objects.count() == 3


PAGES = (
    *("privacy_processor", "privacy_transfer", "privacy_dpia", "privacy_securityreview"),
    *("privacy_dpo", "accounts_stafftraining", "privacy_disclosure"),
)


@pytest.mark.parametrize("name", PAGES)
def test_each_register_opens_its_list_and_its_form(officer, name):
    browser = browser_of(officer)
    deed = "appoint" if name == "privacy_dpo" else "write"

    assert browser.get(reverse(f"admin:{name}_changelist")).status_code == 200
    assert browser.get(reverse(f"admin:{name}_{deed}")).status_code == 200
    empty = browser.post(reverse(f"admin:{name}_{deed}"), {})
    assert empty.status_code == 200  # asked again
    reader = browser_of(factories.make_staff(StaffRole.AUDITOR))
    assert reader.get(reverse(f"admin:{name}_changelist")).status_code == 200
    assert reader.get(reverse(f"admin:{name}_{deed}")).status_code == 403
    nobody = browser_of(factories.make_staff(StaffRole.SUPPORT))
    assert nobody.get(reverse(f"admin:{name}_changelist")).status_code == 403
    assert nobody.get(reverse(f"admin:{name}_sheet")).status_code == 403
