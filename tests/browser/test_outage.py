"""FBR goes away and comes back, as a shop sees it: banner, paper, clock, drained; nobody waits.

The server, the database, the workers and the browser are real; only FBR is a fake, with a ledger
of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction
from playwright.sync_api import Page, expect
from pypdf import PdfReader

from accounts import tenancy
from accounts.enums import Role
from accounts.models import Tenant, User
from fbr.fake import FakeFbr
from fbr.models import Breaker, Incident, IncidentKind, OfflineSpell, Outbox
from fbr.services import incidents
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.celery import tell
from tests import factories
from tests.browser.eyes import Eyes
from tests.chaos import rig
from tests.factories import SYSTEM

pytestmark = [
    pytest.mark.browser,
    pytest.mark.workers,
    pytest.mark.django_db(transaction=True),
]

PASSWORD = "seven quiet lamps"
QUICK = {"FBR_BREAKER_FIRST_S": "1", "FBR_BREAKER_LONGEST_S": "2"}


@dataclass
class Shop:
    tenant: Tenant
    owner: User

    def inside(self, work):
        with tenancy.in_tenant(self.tenant.pk), transaction.atomic():
            return work()

    def draft(self) -> Invoice:
        return self.inside(lambda: factories.make_draft()[0])


@pytest.fixture
def shop(transactional_db, fake_fbr: FakeFbr) -> Shop:
    tenant = rig.reporting_tenant(fake_fbr)
    return Shop(tenant, factories.make_member(tenant, Role.OWNER, password=PASSWORD))


@pytest.fixture
def eyes(shop: Shop, open_browser: Callable[..., Eyes]) -> Eyes:
    one = open_browser(permissions=["clipboard-read", "clipboard-write"])
    one.sign_in(shop.owner.email, PASSWORD)
    return one


@pytest.fixture
def workers(fake_fbr: FakeFbr, start_worker, start_process) -> FakeFbr:
    """Both workers and the dispatcher, which report to the fake."""
    environment = rig.env_of(fake_fbr, **QUICK)
    start_worker("reporting", env=environment)
    start_worker("documents,errands", concurrency=2, env=environment)
    start_process("fbr_dispatch", env=environment)
    return fake_fbr


def look() -> None:
    """What beat rings for every fifteen seconds."""
    tell("fbr.look_for_outages")


def is_away() -> bool:
    return Breaker.objects.filter(opened_at__isnull=False).exists()


def go_away(shop: Shop, fbr: FakeFbr) -> None:
    """FBR's host refuses every connection until the breaker has opened."""
    fbr.stop()
    rig.issue(shop.tenant, 6)
    tell("fbr.dispatch")
    rig.wait_until(is_away, what="the breaker opens")
    look()


def banner(page: Page) -> str:
    """As a page that stays open asks for it."""
    return page.request.get("/fbr/outage/", headers={"HX-Request": "true"}).text()


def issue_by_hand(page: Page, draft: Invoice) -> None:
    page.goto(draft.get_absolute_url())
    page.get_by_role("button", name="Issue").first.click()
    expect(page.locator("#state-badge")).to_contain_text("Queued")


def keep_back(shop: Shop, document: Invoice, until: timedelta) -> None:
    """It goes with the rest, or later than they do."""
    run_after = clock.now() + until
    shop.inside(lambda: Outbox.objects.filter(invoice=document).update(run_after=run_after))


def drained(shop: Shop) -> bool:
    look()
    spells = shop.inside(lambda: list(OfflineSpell.objects.values_list("drained_at", flat=True)))
    return bool(spells) and None not in spells


def test_an_outage_as_a_shop_sees_it(eyes, shop, workers, tmp_path):
    page = eyes.page
    go_away(shop, workers)

    eyes.visit("/")
    rig.wait_until(lambda: "not answering" in banner(page), what="the banner says it")
    eyes.visit("/")
    expect(page.locator("#outage")).to_contain_text("FBR is not answering since")
    expect(page.locator(".light", has_text="FBR is not answering")).to_be_visible()
    eyes.look("outage-dashboard")

    draft = shop.draft()
    issue_by_hand(page, draft)
    expect(page.locator("#offline")).to_contain_text("Issued offline on")
    expect(page.locator("#fbr-number")).to_have_count(0)
    eyes.look("outage-document")
    paper = downloaded(page, tmp_path / "provisional.pdf")
    assert "PENDING" in paper
    assert "not yet reported to FBR" in paper

    keep_back(shop, draft, timedelta(hours=1))
    workers.start()
    rig.wait_until(lambda: not is_away(), what="the breaker closes")
    look()
    rig.wait_until(lambda: has_deadline(shop, draft), what="the deadline is set")
    page.goto(draft.get_absolute_url())
    expect(page.locator("#offline .day-clock")).to_contain_text("h ")
    expect(page.locator("#outage")).to_contain_text("Reporting what was issued offline")
    eyes.look("outage-draining")

    keep_back(shop, draft, timedelta(seconds=-1))
    tell("fbr.dispatch")
    rig.wait_until(lambda: drained(shop), what="all is reported")
    eyes.visit(draft.get_absolute_url())
    expect(page.locator("#outage")).to_contain_text("issued offline was reported within")
    expect(page.locator("#offline")).to_contain_text("Reported on")
    eyes.look("outage-over")
    paper = downloaded(page, tmp_path / "final.pdf")
    assert "reported to FBR on" in paper
    rig.wait_until(lambda: len(workers.ledger()["recorded"]) == 7, what="those from before it too")


def has_deadline(shop: Shop, document: Invoice) -> bool:
    look()
    found = shop.inside(lambda: Outbox.objects.get(invoice=document).deadline)
    return found is not None


def downloaded(page: Page, to: Path) -> str:
    """What the copy of the document says."""
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").first.click()
    download.value.save_as(to)
    return " ".join(" ".join(sheet.extract_text().split()) for sheet in PdfReader(to).pages)


def test_an_incident_from_the_till_to_fbr(eyes, shop):
    page = eyes.page
    eyes.visit("/incidents/")
    eyes.look("incidents-empty")
    page.get_by_role("link", name="Report a failure").click()
    page.get_by_label("In your words").fill("The till of counter 2 has burnt out.")
    eyes.look("incident-new")

    page.get_by_role("button", name="Write it down").click()

    expect(page.locator("#letter-text")).to_contain_text("The till of counter 2 has burnt out.")
    expect(page.locator("#incident-clock-label")).to_contain_text("left")
    eyes.look("incident-open")
    page.get_by_label("Reference").fill("mail of 14:05")
    page.get_by_role("button", name="FBR was told").click()
    expect(page.locator("#page-actions").locator("xpath=..")).to_contain_text("FBR was told")
    eyes.look("incident-told")


def test_a_register_of_several(eyes, shop):
    at = clock.now()
    kinds = {IncidentKind.GATEWAY_DOWN: 1, IncidentKind.TOKEN_REFUSED: 21, IncidentKind.OTHER: 30}

    def fill():
        for kind, hours in kinds.items():
            incidents.open_incident(
                kind=kind, key="x", at=at - timedelta(hours=hours), actor=SYSTEM
            )
        return Incident.objects.count()

    assert shop.inside(fill) == 3
    eyes.visit("/incidents/")
    eyes.look("incidents")
