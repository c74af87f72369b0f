"""Rows for tests, by the services where a service makes them. A test sets what it asserts on."""

from __future__ import annotations

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from allauth.mfa.utils import is_mfa_enabled
from django.db import transaction

from accounts import tenancy
from accounts.access import SCOPES, Actor
from accounts.enums import Environment, Province, Role, StaffRole
from accounts.models import (
    ApiKey,
    Course,
    LegalEntity,
    Membership,
    PolicyVersion,
    StaffSeat,
    StaffTraining,
    Tenant,
    User,
)
from accounts.secret_hash import hash_of
from fbr.models import Cancellation, Credential, Outbox
from fbr.models.cancelling import Way
from fbr.models.work import WorkState
from fbr.services import credentials, issuing, tills
from invoices import lifecycle
from invoices.content import Content, Line, Party
from invoices.enums import BuyerKind, State, Withholding
from invoices.models import Buyer, Invoice, InvoiceLine, Product, Till
from invoices.services import catalogue, drafts
from privacy.services import policies
from smartinvoicing import clock
from smartinvoicing.ids import uuid7

AT = datetime(2026, 11, 20, 7, 0, tzinfo=UTC)
DAY = date(2026, 11, 20)
SYSTEM = Actor.system("test")
TOTP_SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
_count = itertools.count(1)


@transaction.atomic
def make_tenant(name: str = "Business", *, ntn_cnic: str = "7000007", **fields: Any) -> Tenant:
    """A tenant with one legal entity in the sandbox."""
    tenant = Tenant(id=uuid7(), name=name, opened_at=AT)
    with tenancy.in_tenant(tenant.pk):
        tenant.save(force_insert=True)
        LegalEntity(
            name=f"{name} (Pvt) Ltd",
            ntn_cnic=ntn_cnic,
            province=Province.PUNJAB,
            address="Lahore",
            environment=fields.pop("environment", Environment.SANDBOX),
            **fields,
        ).save(force_insert=True)
    return tenant


@transaction.atomic
def make_member(
    tenant: Tenant, role: Role = Role.OWNER, *, password: str = "a long password"
) -> User:
    """A verified person with one role in one tenant."""
    number = next(_count)
    user = User.objects.create_user(
        f"{role}{number}@example.com", password, name=f"{role} {number}"
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    with tenancy.in_tenant(tenant.pk):
        Membership(user=user, role=role, since=AT).save(force_insert=True)
    return user


@transaction.atomic
def make_staff(
    *roles: StaffRole, password: str = "a long password", is_superuser: bool = False
) -> User:
    """A verified person of ours, sitting in these roles."""
    number = next(_count)
    user = User.objects.create_user(
        f"staff{number}@smartinvoicing.example",
        password,
        name=f"staff {number}",
        is_staff=True,
        is_superuser=is_superuser,
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    for role in roles:
        StaffSeat.objects.create(user=user, role=role, since=AT, given_by="system:test")
    train(user)
    return user


def train(user: User, *, score: int = 100) -> None:
    """Trainings that hold for a year, from the tests' day on and from the clock's."""
    at = clock.now()
    for day in {DAY, clock.karachi_date(at)}:
        StaffTraining.objects.create(
            person=user,
            course=Course.PRIVACY,
            version="1",
            score=score,
            taken_on=day,
            expires_on=day + timedelta(days=365),
            recorded_at=at,
            recorded_by="system:test",
        )


def enrol(user: User) -> None:
    """A second factor that is switched on, where there is none yet."""
    if not is_mfa_enabled(user):
        TOTP.activate(user, TOTP_SECRET)


def code(secret: str = TOTP_SECRET, *, steps: int = 0) -> str:
    """What the app on a telephone shows now, or so many steps of 30 seconds from now."""
    step = int(clock.now().timestamp()) // 30 + steps
    return format_hotp_value(hotp_value(secret, step))


def make_policies(at: datetime = AT) -> list[PolicyVersion]:
    """Our texts, published as a fresh installation does it. Without them nobody can sign up."""
    return policies.publish_first(at=at)


@transaction.atomic
def make_key(tenant: Tenant, made_by: User, *, scopes: Any = SCOPES) -> str:
    """An API key's text."""
    number = next(_count)
    key = f"si_test_{number:036d}"
    with tenancy.in_tenant(tenant.pk):
        ApiKey(
            name=f"key {number}",
            prefix=key[:9],
            key_hash=hash_of(key),
            scopes=[str(scope) for scope in scopes],
            made_by=made_by,
            made_at=AT,
            expires_at=clock.now() + timedelta(days=300),
        ).save(force_insert=True)
    return key


def make_credential(entity: LegalEntity, token: str, *, environment: str = "sandbox") -> Credential:
    return credentials.store(
        entity=entity, environment=environment, token=token, actor=SYSTEM, at=AT
    )


def make_till(*, token: str = "", **fields: Any) -> Till:
    """A till in the sandbox of the current tenant, with its token where one is given."""
    entity = fields.pop("entity", None) or LegalEntity.objects.get()
    environment = fields.pop("environment", Environment.SANDBOX)
    known: dict[str, Any] = {"name": "Counter 1", "pos_id": "817001"}
    given = tills.Particulars(**{**known, **fields})
    till = tills.register(entity=entity, environment=environment, given=given, actor=SYSTEM, at=AT)
    if token:
        tills.store_token(till=till, token=token, actor=SYSTEM, at=AT)
    return till


def make_bill(till: Till, *lines: Line, **fields: Any) -> Content:
    """What a shop's customer, nobody in particular, pays in cash at `till`."""
    known: dict[str, Any] = {"buyer": Party(), "till_id": till.pk, "payment_mode": "cash"}
    return make_content(*lines, **{**known, **fields})


def make_party(**fields: Any) -> Party:
    """A registered buyer in Karachi whom the fake FBR knows."""
    known: dict[str, Any] = {
        "name": "Sample Traders",
        "registration_type": BuyerKind.REGISTERED,
        "ntn_cnic": "2046004",
        "province": Province.SINDH,
        "address": "Karachi",
    }
    return Party(**{**known, **fields})


def make_line(**fields: Any) -> Line:
    """400 kg of cotton yarn at Rs 2.50: value 1,000.00, tax 180.00."""
    known: dict[str, Any] = {
        "description": "Cotton yarn",
        "hs_code": "5205.1100",
        "unit": "KG",
        "quantity": Decimal(400),
        "unit_price": Decimal("2.50"),
    }
    return Line(**{**known, **fields})


def make_content(*lines: Line, **fields: Any) -> Content:
    known: dict[str, Any] = {
        "invoice_date": DAY,
        "buyer": make_party(),
        "lines": lines or (make_line(),),
    }
    return Content(**{**known, **fields})


def make_buyer(*, withholding: str = Withholding.NONE, **fields: Any) -> Buyer:
    return catalogue.save_buyer(
        buyer=Buyer(),
        party=make_party(**fields),
        phone="",
        email="",
        withholding=withholding,
        actor=SYSTEM,
        at=AT,
    )


def make_product(**fields: Any) -> Product:
    known: dict[str, Any] = {
        "name": "Cotton yarn",
        "hs_code": "5205.1100",
        "sale_type": "Goods at standard rate (default)",
        "rate": "18%",
        "unit": "KG",
        "unit_price": Decimal("2.50"),
    }
    goods = catalogue.Goods(**{**known, **fields})
    return catalogue.save_product(product=Product(), goods=goods, actor=SYSTEM, at=AT)


def make_draft(
    content: Content | None = None, *, entity: LegalEntity | None = None
) -> tuple[Invoice, list[InvoiceLine]]:
    """A draft in the current tenant."""
    return drafts.create(
        content=content or make_content(),
        entity=entity or LegalEntity.objects.get(),
        actor=SYSTEM,
        at=AT,
    )


def make_issued(content: Content | None = None, *, at: datetime = AT) -> Invoice:
    """A queued document in the current tenant."""
    invoice, lines = make_draft(content)
    issuing.issue(invoice=invoice, lines=lines, actor=SYSTEM, at=at)
    return invoice


def cancel(invoice: Invoice, *, at: datetime = AT) -> None:
    """The accepted document is cancelled in IRIS, with what proves it."""
    lifecycle.transition(invoice, State.CANCEL_REQUESTED, actor=SYSTEM, at=at)
    prove_cancelled(invoice, at=at)
    lifecycle.transition(invoice, State.CANCELLED, actor=SYSTEM, at=at)


def prove_cancelled(invoice: Invoice, *, at: datetime = AT) -> None:
    """The row alone."""
    Cancellation(
        invoice=invoice,
        way=Way.IRIS,
        reason="Goods came back",
        window_ends_at=at + timedelta(hours=72),
        asked_at=at,
        asked_by=SYSTEM.name,
        iris_reference="IRIS 4711",
        cancelled_at=at,
        proof_path="proofs/none.png",
        proof_sha256="0" * 64,
        proof_type="image/png",
        confirmed_at=at,
        confirmed_by=SYSTEM.name,
    ).save(force_insert=True)


def number_of_today(serial: int) -> str:
    """The number of an invoice that is issued by the true clock: its year is in it."""
    return f"INV-{clock.karachi_date(clock.now()).year}-{serial:06d}"


def make_reporting_tenant(number: int, *, token: str, ntn_cnic: str) -> UUID:
    """A tenant whose token a fake FBR knows; for tests of many tenants."""
    tenant = make_tenant(f"Business {number}", ntn_cnic=ntn_cnic)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        make_credential(LegalEntity.objects.get(), token)
    return tenant.pk


def accept(invoice: Invoice, number: str = "") -> None:
    """FBR has it, without anybody having asked FBR."""
    number = number or f"fbr-{next(_count):012d}"
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=AT)
    lifecycle.transition(
        invoice,
        State.ACCEPTED,
        actor=SYSTEM,
        at=AT,
        also={"fbr_number": number, "accepted_at": AT},
    )
    Outbox.objects.filter(invoice=invoice).update(state=WorkState.DONE, done_at=AT)
