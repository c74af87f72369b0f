"""Two canaries, a person and a customer of theirs, whose every value stands nowhere else.

They are driven through what the product does with people; what is left of them is then looked for.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch
from uuid import UUID

from django.core import mail
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts import policies, tenancy
from accounts.access import Actor
from accounts.enums import Role
from accounts.models import LegalEntity, User
from accounts.services import mailing, members
from fbr.services import credentials, issuing
from invoices.enums import BuyerKind
from invoices.models import Buyer, Invoice
from invoices.services import catalogue, drafts, printing
from privacy.models import ExportFile, SubjectRequest, Ticket
from privacy.services import answering
from smartinvoicing import clock, logs
from tests import factories
from tests.accounts.cast import PARTICULARS
from tests.factories import make_content, make_line, make_party
from tests.fbr.pump_cast import calm, drain

PASSWORD: Final = "seven copper kettles whistle"
TOKEN: Final = "canary-token-5f1c-0000-7000007"
ADDRESS: Final = "203.0.113.77"
BROWSER: Final = "Kanarienfalke/7.3"

# Of the person who signs up, by what it is.
PERSON: Final = {
    "name": "Zubaida Kanarienvogel",
    "email": "zubaida.kanarie@mills.example",
    "address": ADDRESS,
    "browser": BROWSER,
}
# Of their business, which is a natural person's.
BUSINESS: Final = {
    "business": "Kanarienvogel Spinning Works",
    "cnic": "3520298765431",
    "business address": "77 Kanarienweg, Sheikhupura",
    "business phone": "03214567891",
    "strn": "3277987654321",
}
# Of a customer of that business, who never saw us.
BUYER: Final = {
    "buyer": "Farrukh Singvogel Traders",
    "buyer cnic": "3740576543219",
    "buyer address": "19 Singvogel Bazaar, Chiniot",
    "buyer phone": "03339876543",
    "buyer mail": "farrukh.singvogel@shop.example",
}
# Who only wrote to us: of no business.
ASKS: Final = {"asks": "wazir.fragvogel@shop.example"}
OTHERS: Final = {
    "invited": "invited.kanarie@mills.example",
    "words": "Kanariengarn sechsfach gezwirnt",
    "reference": "REF-KANARIE-20771",
}
TOKENS: Final[dict[str, str]] = PERSON | BUSINESS | BUYER | ASKS | OTHERS
SECRETS: Final = (PASSWORD, TOKEN)


@dataclass(kw_only=True)
class Canary:
    """Where they are to be found by whoever erases them."""

    folders: list[Path]
    user_id: UUID = field(default=UUID(int=0))
    tenant_id: UUID = field(default=UUID(int=0))
    buyer_id: UUID = field(default=UUID(int=0))
    invoice_id: UUID = field(default=UUID(int=0))


@contextmanager
def listening(folder: Path) -> Iterator[None]:
    """All that is logged meanwhile, as production writes it."""
    folder.mkdir(exist_ok=True)
    handler = logging.FileHandler(folder / "app.log")
    handler.setFormatter(logs.JsonFormatter())
    root = logging.getLogger()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
        handler.close()


def drive(fake_fbr: Any, folder: Path) -> Canary:
    """From sign-up to a reported invoice on paper."""
    canary = Canary(folders=[folder / name for name in ("media", "spool", "logs")])
    with listening(folder / "logs"):
        browser = Client(REMOTE_ADDR=ADDRESS, HTTP_USER_AGENT=BROWSER)
        _sign_up(browser)
        user = User.objects.get(email=PERSON["email"])
        canary.user_id = user.pk
        canary.tenant_id = _open_business(browser)
        with tenancy.in_tenant(canary.tenant_id):
            _work(canary, fake_fbr)
        _look_around(browser, canary)
        _ask(browser)
        mailing.deliver_due(at=clock.now())
    return canary


def _sign_up(browser: Client) -> None:
    factories.make_policies()
    form = {
        "name": PERSON["name"],
        "email": PERSON["email"],
        "password1": PASSWORD,
        "password2": PASSWORD,
        "accept": "on",
        "texts": policies.digest_of(policies.to_accept("en", clock.now())),
    }
    browser.post(reverse("account_signup"), form)
    [letter] = mail.outbox
    browser.post(re.search(r"https?://testserver(/\S+)", str(letter.body))[1])
    for password in ("not the one", PASSWORD):
        browser.post(reverse("account_login"), {"login": PERSON["email"], "password": password})


def _open_business(browser: Client) -> UUID:
    particulars = {
        "name": BUSINESS["business"],
        "ntn_cnic": BUSINESS["cnic"],
        "address": BUSINESS["business address"],
        "phone": BUSINESS["business phone"],
        "strn": BUSINESS["strn"],
        "series": "K",
    }
    browser.post(reverse("accounts:welcome"), PARTICULARS | particulars)
    browser.post(reverse("accounts:business"), PARTICULARS | particulars)
    return UUID(str(browser.session["tenant"]))


def _work(canary: Canary, fake_fbr: Any) -> None:
    """Invite, write, report, print."""
    actor = Actor.person(canary.user_id, Role.OWNER)
    at = clock.now()
    fake_fbr.add_tokens([{"token": TOKEN, "seller": BUSINESS["cnic"], "environment": "sandbox"}])
    party = make_party(
        name=BUYER["buyer"],
        registration_type=BuyerKind.UNREGISTERED,
        ntn_cnic=BUYER["buyer cnic"],
        address=BUYER["buyer address"],
    )
    with transaction.atomic():
        members.invite(email=OTHERS["invited"], role=Role.VIEWER, actor=actor, at=at)
        entity = LegalEntity.objects.get()
        credentials.store(entity=entity, environment="sandbox", token=TOKEN, actor=actor, at=at)
        buyer = catalogue.save_buyer(
            buyer=Buyer(),
            party=party,
            phone=BUYER["buyer phone"],
            email=BUYER["buyer mail"],
            actor=actor,
            at=at,
        )
        content = make_content(
            make_line(description=OTHERS["words"], unit_price=Decimal("2.50")),
            buyer=party,
            buyer_id=buyer.pk,
            client_reference=OTHERS["reference"],
            invoice_date=clock.karachi_date(at),
        )
        invoice, lines = drafts.create(content=content, entity=entity, actor=actor, at=at)
        issuing.issue(invoice=invoice, lines=lines, actor=actor, at=at)
    canary.buyer_id, canary.invoice_id = buyer.pk, invoice.pk
    calm()
    drain()
    with transaction.atomic():
        assert Invoice.objects.get().state == "accepted", Invoice.objects.get().problems
        printing.render_and_keep(invoice_id=invoice.pk, at=clock.now())


def _look_around(browser: Client, canary: Canary) -> None:
    """Pages that show them, and searches for them."""
    for name, words in (
        ("invoices:list", {"q": BUYER["buyer"]}),
        ("invoices:buyers", {"q": BUYER["buyer cnic"]}),
        ("invoices:buyer_search", {"q": BUYER["buyer"]}),
        ("accounts:audit", {}),
        ("accounts:members", {}),
    ):
        browser.get(reverse(name), words)
    browser.get(reverse("invoices:detail", args=[canary.invoice_id]))
    browser.get("/no/such/page/", {"q": PERSON["email"]})
    browser.raise_request_exception = False
    with patch(
        "invoices.views.invoices.pages.rows_of", side_effect=ValueError(f"of {PERSON['email']}")
    ):
        assert browser.get(reverse("invoices:list")).status_code == 500


def _ask(browser: Client) -> None:
    """Our support, of both kinds; for their data, with an account and without; for all of it."""
    letter = {"subject": "Printing", "text": f"I am {PERSON['name']}.", "website": ""}
    named = {"name": PERSON["name"], "email": PERSON["email"]}
    browser.post(reverse("privacy:tickets"), letter)
    Client(REMOTE_ADDR=ADDRESS).post(reverse("privacy:contact"), letter | named)
    browser.post(reverse("account_reauthenticate"), {"password": PASSWORD})
    browser.post(reverse("privacy:mine"), {"type": "access", "text": f"I am {PERSON['name']}."})
    browser.post(reverse("privacy:business_export"), {})
    of_buyer = {"type": "access", "email": ASKS["asks"], "text": BUYER["buyer"]}
    Client(REMOTE_ADDR=ADDRESS).post(reverse("privacy:ask"), of_buyer)
    answering.look_up_due(at=clock.now())
    answering.build_due(at=clock.now())
    assert (Ticket.objects.count(), SubjectRequest.objects.count()) == (2, 2)
    assert ExportFile.objects.filter(ready_at__isnull=False).exists()
