"""Helpers, machines, transfers: what is not in the register is not reached (P17, P18, I4)."""

from __future__ import annotations

import time
from datetime import date, timedelta

import pytest
from django.db import IntegrityError, transaction
from django.test import Client
from django.urls import reverse

from accounts import tenancy
from accounts.enums import StaffRole
from accounts.models import AuditEvent, Tenant
from accounts.services import processors
from privacy import policy_facts, selectors
from privacy.models import Alarm, Campaign, DeskTask, Processor, ProcessorKind
from privacy.services import alarms, laying, register_alarms, registers
from privacy.services.registers import AGREEMENT, Abroad, Facts
from smartinvoicing import hosts
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from smartinvoicing.http import HostRefused, open_line, open_session
from smartinvoicing.models import AllowedHost
from tests import factories
from tests.egress import Egress
from tests.factories import AT, SYSTEM
from tests.privacy.guards import without

pytestmark = pytest.mark.django_db

WHOLE = Facts(
    name="Sample Scanning Ltd",
    purpose="Reads statements",
    data="Statements that a business uploads",
    country="Pakistan",
    hosts=("localhost",),
    is_optional=True,
    agreement_on=date(2026, 11, 1),
    reviewed_on=date(2026, 11, 2),
    deletion_proof="A certificate each year",
    subprocessors="none",
    exit_plan="We read them ourselves again",
)
ABROAD = Abroad(
    country="Germany",
    recipient="Sample GmbH",
    data="Statements",
    basis="agreement of the business",
    safeguards="sealed on the way and there",
    assessment="A court there needs an order of a judge.",
    keeps_copy=True,
)


@pytest.fixture
def officer(db):
    return factories.make_staff(StaffRole.PRIVACY_OFFICER)


@pytest.fixture
def _fbr_elsewhere(settings):
    """So that this machine is nobody's whom the settings name."""
    settings.FBR_DI_URL = settings.FBR_POS_SANDBOX_URL = "https://gw.fbr.gov.pk"
    settings.FBR_POS_PRODUCTION_URL = "https://gw.fbr.gov.pk"


def told(row):
    """As if the notice had gone to everybody and its days were over."""
    campaign = row.announcement
    Campaign.objects.filter(pk=campaign.pk).update(
        effective_at=AT + timedelta(days=31), reached_at=AT, told_in_app_at=AT
    )
    campaign.refresh_from_db()
    return AT + timedelta(days=40)


def switched_on(officer, **changed):
    """A helper by the whole way."""
    row = registers.write(facts=Facts(**{**WHOLE.__dict__, **changed}), by=officer, at=AT)
    registers.announce(row=row, about="Somebody reads statements.", by=officer, at=AT)
    row.refresh_from_db()
    registers.enable(row=row, by=officer, at=told(row))
    row.refresh_from_db()
    return row


# --- switching on -----------------------------------------------------------------------------


def test_a_helper_is_on_after_agreement_review_and_notice(officer):
    row = switched_on(officer)

    assert row.enabled_at is not None
    assert row.announcement.carried_out_at is not None
    assert AllowedHost.objects.get().host == "localhost"


@pytest.mark.parametrize(
    ("gap", "said"),
    [
        ({"agreement_on": None}, "agreement"),
        ({"reviewed_on": None}, "security"),
        ({"exit_plan": ""}, "leave"),
        ({"country": "Germany"}, "transfer"),
        ({"country": ""}, "transfer"),
    ],
)
def test_with_a_gap_it_stays_off(officer, gap, said):
    with pytest.raises(RuleViolation, match=said):
        switched_on(officer, **gap)
    assert not AllowedHost.objects.exists()


def test_untold_it_stays_off(officer):
    row = registers.write(facts=WHOLE, by=officer, at=AT)
    with pytest.raises(RuleViolation, match="told"):
        registers.enable(row=row, by=officer, at=AT)

    registers.announce(row=row, about="Somebody reads statements.", by=officer, at=AT)
    with pytest.raises(RuleViolation):
        registers.enable(row=row, by=officer, at=AT + timedelta(days=29))


def refused(row_id, **to):
    """What the database itself says, whatever the program thinks."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Processor.objects.filter(pk=row_id).update(**to)
    return True


def test_the_database_refuses_the_same(officer):
    row = registers.write(facts=WHOLE, by=officer, at=AT)
    assert refused(row.pk, enabled_at=AT)  # nobody was told
    Processor.objects.filter(pk=row.pk).update(agreement_on=None, laid="mail")
    assert refused(row.pk, enabled_at=AT)  # no agreement
    Processor.objects.filter(pk=row.pk).update(agreement_on=AT.date(), country="Germany")
    assert refused(row.pk, enabled_at=AT)  # no transfer
    Processor.objects.filter(pk=row.pk).update(country="Pakistan")
    Processor.objects.filter(pk=row.pk).update(enabled_at=AT)


@pytest.mark.django_db(transaction=True)
def test_twin_without_its_guard_it_would_not(officer, laid_database):
    with without("processor_guard", "privacy_processor", laid_database):
        row = registers.write(facts=WHOLE, by=officer, at=AT)
        with pytest.raises(pytest.fail.Exception):
            refused(row.pk, enabled_at=AT)


def test_a_country_counts_from_its_row_on(officer):
    assert not selectors.may_transfer("germany")
    with pytest.raises(RuleViolation):
        registers.refuse_transfer("Germany")

    transfer = registers.write_transfer(given=ABROAD, by=officer, at=AT)
    registers.refuse_transfer(" germany ")
    row = switched_on(officer, country="Germany")
    with pytest.raises(RuleViolation):
        registers.end_transfer(row=transfer, why="over", by=officer, at=AT)

    registers.end(row=row, why="certificate of deletion 7", by=officer, at=AT)
    registers.end_transfer(row=transfer, why="over", by=officer, at=AT)
    assert not selectors.may_transfer("Germany")


def test_what_has_ended_is_over(officer):
    row = switched_on(officer)
    registers.end(row=row, why="certificate of deletion 7", by=officer, at=AT)

    assert not AllowedHost.objects.exists()
    assert not Alarm.objects.filter(about=row.pk, silenced_at=None).exists()
    with pytest.raises(StateConflict):
        registers.change(row=row, facts=WHOLE, why="again", by=officer, at=AT)
    assert refused(row.pk, ended_at=None)
    with pytest.raises(Exception, match="permission denied"), transaction.atomic():
        Processor.objects.all().delete()


def test_only_who_keeps_registers_writes():
    for role in (StaffRole.PRIVACY_AGENT, StaffRole.AUDITOR, StaffRole.SUPPORT):
        with pytest.raises(NotAllowed):
            registers.write(facts=WHOLE, by=factories.make_staff(role), at=AT)


def test_a_year_after_the_review_somebody_looks_again(officer):
    row = switched_on(officer)
    late = AT + timedelta(days=400)

    alarms.sound_due(at=late)

    task = DeskTask.objects.get(kind="register_processor")
    assert (task.key, task.done_at) == (str(row.pk), None)
    registers.change(
        row=row,
        facts=Facts(**{**WHOLE.__dict__, "reviewed_on": date(2027, 12, 1)}),
        why="looked again",
        by=officer,
        at=late,
    )
    assert DeskTask.objects.get(pk=task.pk).done_at == late
    alarms.sound_due(at=late + timedelta(days=2))
    assert not DeskTask.objects.filter(kind="register_processor", done_at=None).exists()


# --- machines ---------------------------------------------------------------------------------


def reached(world, *, within_s=5):
    """Whether anybody came; the listener counts in a thread of its own."""
    until = time.monotonic() + within_s
    while not world.count and time.monotonic() < until:
        time.sleep(0.01)
    return world.count == 1


@pytest.mark.usefixtures("_fbr_elsewhere")
def test_nobodys_machine_is_not_reached(business):
    with Egress() as world:
        with pytest.raises(HostRefused):
            open_line(f"http://localhost:{world.port}", timeout_s=2)
        with pytest.raises(HostRefused), open_session(connect_s=2, read_s=2) as session:
            session.get(f"http://localhost:{world.port}/")

    assert world.count == 0


@pytest.mark.usefixtures("_fbr_elsewhere")
def test_twin_with_the_gate_open_it_is(monkeypatch):
    monkeypatch.setattr(hosts, "may_reach", lambda host: True)
    with Egress() as world:
        open_line(f"http://localhost:{world.port}", timeout_s=2).close()
        assert reached(world)


@pytest.mark.usefixtures("_fbr_elsewhere")
def test_a_business_keeps_out_whoever_is_not_needed(officer, business, other_business):
    switched_on(officer)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        processors.choose(needed_only=True, actor=SYSTEM, at=AT)
        event = AuditEvent.objects.get()
        assert event.details["fields"] == ["needed_processors_only"]

    with Egress() as world:
        with tenancy.in_tenant(business.pk), transaction.atomic(), pytest.raises(HostRefused):
            open_line(f"http://localhost:{world.port}", timeout_s=2)
        assert world.count == 0
        with pytest.raises(HostRefused):
            open_line(f"http://localhost:{world.port}", timeout_s=2)  # for nobody in particular

        with tenancy.in_tenant(other_business.pk), transaction.atomic():
            open_line(f"http://localhost:{world.port}", timeout_s=2).close()
        assert reached(world)


@pytest.mark.usefixtures("_fbr_elsewhere")
def test_twin_unasked_it_would_be_reached(officer, business, monkeypatch):
    switched_on(officer)
    with tenancy.in_tenant(business.pk), transaction.atomic():
        processors.choose(needed_only=True, actor=SYSTEM, at=AT)
    monkeypatch.setattr(hosts, "_asked", [lambda: True])

    with Egress() as world, tenancy.in_tenant(business.pk), transaction.atomic():
        open_line(f"http://localhost:{world.port}", timeout_s=2).close()
        assert reached(world)


def test_no_machine_stands_in_the_list_but_by_the_register():
    with pytest.raises(IntegrityError), transaction.atomic():
        AllowedHost.objects.create(host="example.com", is_optional=False)


def test_the_settings_machines_are_reached(settings):
    settings.FBR_DI_URL = "https://gw.fbr.gov.pk"
    settings.EMAIL_HOST, settings.NTP_HOST = "Mail.example", "time.example:123"
    settings.PRIVACY_IMAP_URL = "imaps://a%40b:secret@box.example/INBOX"

    assert {"gw.fbr.gov.pk", "mail.example", "time.example", "box.example"} <= hosts.of_settings()
    assert hosts.may_reach("GW.fbr.gov.pk")
    assert not hosts.may_reach("fbr.gov.pk")


def test_a_business_chooses_on_its_page(business, owner, viewer):
    browser = Client()
    browser.force_login(owner)
    page = browser.get(reverse("privacy:processors"))
    assert page.status_code == 200

    browser.post(reverse("privacy:processors"), {"processors": "needed"})
    with tenancy.in_tenant(business.pk):
        assert Tenant.objects.get().needed_processors_only
    browser.post(reverse("privacy:processors"), {"processors": "all"})
    with tenancy.in_tenant(business.pk):
        assert not Tenant.objects.get().needed_processors_only

    other = Client()
    other.force_login(viewer)
    assert other.post(reverse("privacy:processors"), {"processors": "needed"}).status_code == 403


# --- the first day ----------------------------------------------------------------------------


def test_the_settings_are_laid_once(settings):
    settings.EMAIL_HOST, settings.HOSTING_COMPANY = "mail.example", "Sample Hosting"
    settings.HOSTING_COUNTRY = "Pakistan"
    before = policy_facts.all_facts("en")["processors"]

    laying.lay(at=AT)
    assert laying.lay(at=AT) == []

    rows = {row.laid: row for row in Processor.objects.all()}
    assert set(rows) == {"fbr", "hosting", "mail"}
    assert rows["fbr"].kind == ProcessorKind.AUTHORITY
    assert rows["fbr"].enabled_at == AT
    assert rows["hosting"].enabled_at is None  # nobody wrote down an agreement yet
    assert DeskTask.objects.filter(kind=AGREEMENT, done_at=None).count() == 2
    assert policy_facts.all_facts("en")["processors"] == before


def test_another_host_is_another_company(settings, officer):
    settings.HOSTING_COMPANY = "Sample Hosting"
    laying.lay(at=AT)
    settings.HOSTING_COMPANY = "Other Hosting"
    laying.lay(at=AT)

    assert Processor.objects.get(name="Sample Hosting").ended_at == AT
    fresh = Processor.objects.get(name="Other Hosting")
    with pytest.raises(RuleViolation):
        registers.end(row=fresh, why="tired of it", by=officer, at=AT)


def test_the_host_is_on_with_its_agreement(settings, officer):
    settings.HOSTING_COMPANY, settings.HOSTING_COUNTRY = "Sample Hosting", "Pakistan"
    laying.lay(at=AT)
    row = Processor.objects.get(laid="hosting")
    with pytest.raises(RuleViolation):
        registers.enable(row=row, by=officer, at=AT)
    registers.change(
        row=row,
        facts=Facts(**{**WHOLE.__dict__, "name": row.name, "hosts": ()}),
        why="signed",
        by=officer,
        at=AT,
    )
    registers.enable(row=row, by=officer, at=AT)

    assert not DeskTask.objects.filter(kind=AGREEMENT, key=str(row.pk), done_at=None).exists()


def test_a_day_without_an_officer_rings(officer):
    laying.lay(at=AT)
    alarms.sound_due(at=AT + timedelta(hours=23))
    assert not DeskTask.objects.filter(kind="register_vacant").exists()

    alarms.sound_due(at=AT + timedelta(days=1))
    assert DeskTask.objects.filter(kind="register_vacant", done_at=None).count() == 1


def test_twin_unlaid_nothing_rings(officer):
    alarms.sound_due(at=AT + timedelta(days=9))

    assert not DeskTask.objects.filter(kind="register_vacant").exists()
    assert register_alarms.OFFICE not in Alarm.objects.values_list("about", flat=True)
