"""The demo tenant: a Lahore manufacturer with customers, products and invoices in every state.

Seeding sends nothing. What a seeded document shows of FBR was made here and says so.
"""

from __future__ import annotations

import io
import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from uuid import UUID

import segno
from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import generate_totp_secret
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import transaction

from accounts import tenancy
from accounts.access import SCOPES, Actor
from accounts.enums import Activity, Environment, Province, Role, Sector
from accounts.models import (
    ApiKey,
    LegalEntity,
    Membership,
    Tenant,
    User,
)
from accounts.secret_hash import hash_of
from fbr.models import Attempt, Credential, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Hold, Outcome
from fbr.services import cancelling, credentials, issuing, tills
from invoices import lifecycle
from invoices.content import Content, Line, Party
from invoices.enums import BuyerKind, State
from invoices.models import Buyer, Invoice, Product, Till
from invoices.services import catalogue, drafts, masters
from privacy import demo_staff
from smartinvoicing import clock, env
from smartinvoicing.errors import Problem
from smartinvoicing.ids import uuid7

KEPT: Final = env.BASE_DIR / ".local" / "demo.json"
SEEDER: Final = Actor.system("demo")
SEEDED: Final = "made by the demo, never sent"
NTN: Final = "7000007"
POS_ID: Final = "817001"
POS_TOKEN: Final = "demo-pos-sandbox-token-0000-817001"  # noqa: S105 -- likewise
TOKEN: Final = "demo-sandbox-token-0000-7000007"  # noqa: S105 -- the fake FBR's own, worth nothing

_BUYERS: Final = (
    Party(
        name="Sample Traders",
        registration_type=BuyerKind.REGISTERED,
        ntn_cnic="2046004",
        province=Province.SINDH,
        address="Plot 14, S.I.T.E., Karachi",
    ),
    Party(
        name="Example Garments (Pvt) Ltd",
        registration_type=BuyerKind.REGISTERED,
        ntn_cnic="8885801",
        province=Province.PUNJAB,
        address="Jhang Road, Faisalabad",
    ),
    Party(
        name="Walk-in customer",
        registration_type=BuyerKind.UNREGISTERED,
        ntn_cnic="1000000000000",  # a manufacturer names everybody
        province=Province.PUNJAB,
        address="Lahore",
    ),
)
_PRODUCTS: Final = (
    ("Cotton yarn 20/1 carded", "5205.1100", "KG", Decimal(1180)),
    ("Cotton yarn 30/1 combed", "5205.2300", "KG", Decimal("1425.50")),
    ("Grey cotton fabric", "5208.1100", "Meter", Decimal(415)),
    ("Paper cones, printed", "4822.1000", "Numbers, pieces, units", Decimal("18.75")),
)


@dataclass(frozen=True, kw_only=True)
class Secrets:
    """What stays the same from one call to the next, in `.local/`."""

    tenant: str
    email: str
    password: str
    api_key: str
    staff_email: str
    staff_password: str
    staff_totp_secret: str = ""
    second_staff_email: str = "second.staff@demo.example"
    second_staff_password: str = ""
    second_staff_totp_secret: str = ""


def known_secrets(path: Path = KEPT) -> Secrets:
    """The demo's own sign-ins and key; made at the first call, kept from then on."""
    if path.is_file():
        return _whole(Secrets(**json.loads(path.read_text())), path)
    made = Secrets(
        tenant=str(uuid7()),
        email="owner@demo.example",
        password=f"demo {secrets.token_hex(8)}",
        api_key=f"si_{secrets.token_urlsafe(32)}",
        staff_email="staff@demo.example",
        staff_password=f"staff {secrets.token_hex(8)}",
    )
    path.parent.mkdir(mode=0o700, exist_ok=True)
    path.touch(mode=0o600)
    return _whole(made, path)


def _whole(known: Secrets, path: Path) -> Secrets:
    """With what a file of an older demo does not have yet."""
    whole = replace(
        known,
        staff_totp_secret=known.staff_totp_secret or generate_totp_secret(),
        second_staff_password=known.second_staff_password or f"staff {secrets.token_hex(8)}",
        second_staff_totp_secret=known.second_staff_totp_secret or generate_totp_secret(),
    )
    if not path.read_text() or whole != known:
        path.write_text(json.dumps(asdict(whole), indent=1))
    return whole


@transaction.atomic
def lay(known: Secrets, *, at: datetime) -> None:
    """Whatever of the demo is not there yet. May be called again and again."""
    owner = _person(known.email, known.password, name="Demo owner")
    for name, email, password, secret, roles in (
        (
            "Demo staff",
            known.staff_email,
            known.staff_password,
            known.staff_totp_secret,
            demo_staff.FIRST,
        ),
        (
            "Second demo staff",
            known.second_staff_email,
            known.second_staff_password,
            known.second_staff_totp_secret,
            demo_staff.SECOND,
        ),
    ):
        person = _person(email, password, name=name, is_staff=True)
        demo_staff.seat(person, roles, totp_secret=secret, by=SEEDER.name, at=at)
    tenant_id = UUID(known.tenant)
    with tenancy.in_tenant(tenant_id):
        if not Tenant.objects.filter(pk=tenant_id).exists():
            Tenant(id=tenant_id, name="Sample Weaving Mills", opened_at=at).save(force_insert=True)
            Membership(user=owner, role=Role.OWNER, since=at).save(force_insert=True)
            entity = _business()
            credentials.store(
                entity=entity,
                environment=Environment.SANDBOX,
                token=TOKEN,
                actor=SEEDER,
                at=at,
            )
            _masters(at)
            _documents(entity, at)
        if not Till.objects.exists():
            _till(LegalEntity.objects.get(), at)
        if not ApiKey.objects.filter(key_hash=hash_of(known.api_key)).exists():
            _key(known.api_key, owner, at)


def _person(email: str, password: str, *, name: str, is_staff: bool = False) -> User:
    user = User.objects.filter(email=email).first()
    if user is None:
        user = User.objects.create_user(email, password, name=name, is_staff=is_staff)
    elif not user.check_password(password):
        user.set_password(password)
        user.save(update_fields=["password"])
    EmailAddress.objects.update_or_create(
        user=user, email=email, defaults={"verified": True, "primary": True}
    )
    return user


def _key(key: str, owner: User, at: datetime) -> None:
    ApiKey(
        name="Demo key",
        prefix=key[:9],
        key_hash=hash_of(key),
        scopes=[scope.value for scope in SCOPES],
        made_by=owner,
        made_at=at,
        expires_at=at + timedelta(days=365),
    ).save(force_insert=True)


def _business() -> LegalEntity:
    entity = LegalEntity(
        name="Sample Weaving Mills (Pvt) Ltd",
        ntn_cnic=NTN,
        strn="0300700000711",
        province=Province.PUNJAB,
        address="27 Ferozepur Road, Lahore",
        activity=Activity.MANUFACTURER,
        sector=Sector.TEXTILE,
        environment=Environment.SANDBOX,
        software_no="SI-DEMO-0001",
    )
    entity.save(force_insert=True)
    return entity


def _till(entity: LegalEntity, at: datetime) -> None:
    """The factory's own shop, which the fake's POS service knows."""
    till = tills.register(
        entity=entity,
        environment=Environment.SANDBOX,
        given=tills.Particulars(name="Factory shop", pos_id=POS_ID, branch="Ferozepur Road"),
        actor=SEEDER,
        at=at,
    )
    credentials.store(
        entity=entity,
        environment=Environment.SANDBOX,
        till=till,
        token=POS_TOKEN,
        actor=SEEDER,
        at=at,
    )


def _masters(at: datetime) -> None:
    for party in _BUYERS:
        catalogue.save_buyer(buyer=Buyer(), party=party, phone="", email="", actor=SEEDER, at=at)
    for name, hs_code, unit, price in _PRODUCTS:
        goods = catalogue.Goods(name=name, hs_code=hs_code, unit=unit, unit_price=price)
        catalogue.save_product(product=Product(), goods=goods, actor=SEEDER, at=at)


# --- documents --------------------------------------------------------------------------------


def _content(day: date, number: int) -> Content:
    """A small document; customers and goods take turns."""
    buyer = Buyer.objects.order_by("id")[number % len(_BUYERS)]
    products = list(Product.objects.order_by("id"))
    first, second = products[number % 4], products[(number + 1) % 4]
    content = Content(
        invoice_date=day,
        buyer_id=buyer.pk,
        lines=(
            Line(product_id=first.pk, quantity=Decimal(40 + 15 * number)),
            Line(product_id=second.pk, quantity=Decimal(100), discount=Decimal(250)),
        ),
    )
    return masters.written_out(content)


def _cancelled(invoice: Invoice, at: datetime) -> None:
    """With its proof, as nothing is cancelled without: here a picture of our own mark."""
    cancelling.ask(invoice=invoice, reason=SEEDED, actor=SEEDER, at=at)
    picture = io.BytesIO()
    segno.make_qr(SEEDED).save(picture, kind="png")
    cancelling.confirm(
        invoice=invoice,
        reference="SAMPLE 4711",
        cancelled_at=at,
        proof=SimpleUploadedFile("iris.png", picture.getvalue()),
        actor=SEEDER,
        at=at,
    )


def _documents(entity: LegalEntity, at: datetime) -> None:
    """One document in every lasting state, and a month of accepted ones before them."""
    for back in range(24, 0, -2):
        _accepted(entity, at - timedelta(days=back), back)
    drafts.create(content=_content(clock.karachi_date(at), 1), entity=entity, actor=SEEDER, at=at)
    unfinished = replace(_content(clock.karachi_date(at), 2), buyer_id=None, buyer=Party())
    drafts.create(content=unfinished, entity=entity, actor=SEEDER, at=at)
    _held(entity, at, 3)
    _rejected(entity, at - timedelta(hours=5), 4)
    _uncertain(entity, at - timedelta(hours=3), 5)
    asked = _accepted(entity, at - timedelta(hours=30), 6)
    cancelling.ask(invoice=asked, reason=SEEDED, actor=SEEDER, at=at)
    _cancelled(_accepted(entity, at - timedelta(hours=40), 7), at)
    void = _held(entity, at - timedelta(hours=2), 8)
    lifecycle.transition(
        void, State.VOID, actor=SEEDER, at=at, also={"void_reason": "Written twice by mistake"}
    )
    Outbox.objects.filter(invoice=void).update(state=WorkState.DONE, done_at=at)


def _held(entity: LegalEntity, at: datetime, number: int) -> Invoice:
    """Issued and waiting: held, so that no outside ledger ever sees it."""
    content = _content(clock.karachi_date(at), number)
    invoice, lines = drafts.create(content=content, entity=entity, actor=SEEDER, at=at)
    work = issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=SEEDER, at=at)
    Outbox.objects.filter(pk=work.pk).update(hold_reason=Hold.TENANT_PAUSED)
    return invoice


def _sent(entity: LegalEntity, at: datetime, number: int) -> tuple[Invoice, Outbox, Attempt]:
    """As it would look in the middle of a send."""
    invoice = _held(entity, at, number)
    work = Outbox.objects.get(invoice=invoice)
    lifecycle.transition(invoice, State.SUBMITTING, actor=SEEDER, at=at, note=SEEDED)
    attempt = Attempt(
        work=work,
        invoice=invoice,
        attempt_no=1,
        body_sha256=work.body_sha256,
        worker="demo",
        call=Call.RECORD,
        started_at=at,
    )
    attempt.save(force_insert=True)
    return invoice, work, attempt


def _settle(work: Outbox, attempt: Attempt, outcome: Outcome, at: datetime) -> None:
    stopped = outcome == Outcome.UNCERTAIN
    Attempt.objects.filter(pk=attempt.pk).update(
        outcome=outcome,
        why=SEEDED,
        answered_at=at + timedelta(milliseconds=840),
        failure="TimeoutError" if stopped else "",
        finished_at=at + timedelta(seconds=1),
        took_ms=840,
    )
    Outbox.objects.filter(pk=work.pk).update(
        state=WorkState.STOPPED if stopped else WorkState.DONE,
        hold_reason="",
        attempt_no=1,
        done_at=None if stopped else at,
    )


def _accepted(entity: LegalEntity, at: datetime, number: int) -> Invoice:
    invoice, work, attempt = _sent(entity, at, number)
    lifecycle.transition(
        invoice,
        State.ACCEPTED,
        actor=SEEDER,
        at=at,
        note=SEEDED,
        also={
            "fbr_number": f"{NTN}DI{int(at.timestamp() * 1000) + secrets.randbelow(900):013d}",
            "fbr_dated": clock.karachi(at).strftime("%Y-%m-%d %H:%M:%S"),
            "accepted_at": at,
        },
    )
    _settle(work, attempt, Outcome.ACCEPTED, at)
    return invoice


def _rejected(entity: LegalEntity, at: datetime, number: int) -> None:
    invoice, work, attempt = _sent(entity, at, number)
    problem = Problem(
        code="0053",
        field="buyer.registration_type",
        message="FBR's register says something else about this customer's registration.",
        fix="Check the customer on FBR's portal, correct the registration and issue again.",
    )
    lifecycle.transition(
        invoice, State.REJECTED, actor=SEEDER, at=at, also={"problems": [problem.as_dict()]}
    )
    _settle(work, attempt, Outcome.REJECTED, at)


def _uncertain(entity: LegalEntity, at: datetime, number: int) -> None:
    invoice, work, attempt = _sent(entity, at, number)
    lifecycle.transition(invoice, State.UNCERTAIN, actor=SEEDER, at=at, note=SEEDED)
    _settle(work, attempt, Outcome.UNCERTAIN, at)


def release_holds(known: Secrets, *, at: datetime) -> None:
    """Lift the holds of the demo tenant's tokens; seeded documents stay held."""
    with tenancy.in_tenant(UUID(known.tenant)), transaction.atomic():
        for credential in Credential.objects.all():
            credentials.release(credential=credential, actor=SEEDER, at=at)
