"""Customers and products."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, registration
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.texts import ascii_digits
from invoices import intake, reference, sale_types, validation
from invoices.content import PARTICULARS, Party
from invoices.enums import BuyerKind, SaleType, Withholding
from invoices.models import Buyer, BuyerCheck, Product
from invoices.rules import lines
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.money import ZERO


@transaction.atomic
def save_buyer(
    *,
    buyer: Buyer,
    party: Party,
    phone: str,
    email: str,
    actor: Actor,
    at: datetime,
    withholding: str = Withholding.NONE,
) -> Buyer:
    """Store a customer, new or changed. Documents keep what they copied.

    Raises: NotAllowed; RuleViolation naming each field.
    """
    allow(actor, Permission.WRITE_CATALOGUE)
    problems = validation.problems_of_party(party)
    if email and not _is_email(email):
        problems.append(
            Problem(
                code="email",
                field="email",
                message=_("This is not an e-mail address."),
                fix=_("Write it like name@company.pk, or leave it empty."),
            )
        )
    if withholding != Withholding.NONE and party.registration_type == BuyerKind.UNREGISTERED:
        problems.append(
            Problem(
                code="0070",
                field="withholding",
                message=_("Only a customer who is registered withholds sales tax."),
                fix=_("Choose nothing, or change the customer's registration."),
                put=Withholding.NONE,
            )
        )
    if problems:
        raise RuleViolation.of(problems)
    for name, value in asdict(party).items():
        setattr(buyer, name, value)
    buyer.ntn_cnic = registration.normal(party.ntn_cnic)
    _recall_register(buyer)
    buyer.phone, buyer.email, buyer.withholding = phone, email, withholding
    buyer.save()
    audit.record(actor, AuditAction.BUYER_SAVED, buyer, at=at)
    return buyer


def _recall_register(buyer: Buyer) -> None:
    """What FBR's register said last of this number, which may be another one than before."""
    checks = BuyerCheck.objects.filter(ntn_cnic=buyer.ntn_cnic or None)
    last = checks.order_by("-checked_at", "-id").first()
    buyer.checked_at = last.checked_at if last else None
    buyer.register_says = last.registration if last else ""
    buyer.standing = last.standing if last else ""


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class Goods:
    """A product as typed: what the next invoice is to say of it. Prices are rupees for one unit."""

    name: str
    hs_code: str
    unit: str
    sale_type: str = SaleType.STANDARD.value
    rate: str = "18%"
    unit_price: Decimal = ZERO
    item_code: str = ""
    retail_price: Decimal | None = None
    sro_schedule: str = ""
    sro_item: str = ""
    no_further_tax: bool = False
    fed_type: str = ""
    fed_rate: str = ""
    fed_schedule: str = ""
    fed_item: str = ""
    petroleum_levy_on: str = ""


def read_goods(reader: intake.Reader) -> Goods:
    """A product as a program sends it; what cannot be read stands in the reader's problems."""
    texts = ("name", "unit", "item_code", *PARTICULARS)
    return Goods(
        **{name: reader.text(name) for name in texts},
        hs_code=ascii_digits(reader.text("hs_code")),
        sale_type=reader.text("sale_type", SaleType.STANDARD),
        rate=reader.text("rate", "18%"),
        unit_price=reader.not_negative("unit_price", places=4),
        retail_price=reader.number("retail_price", places=2, default=None),
        no_further_tax=reader.yes("no_further_tax"),
    )


@transaction.atomic
def save_product(*, product: Product, goods: Goods, actor: Actor, at: datetime) -> Product:
    """Store a product, new or changed.

    Raises: NotAllowed; RuleViolation naming each field.
    """
    allow(actor, Permission.WRITE_CATALOGUE)
    problems = [*_of_goods(goods, on=clock.karachi_date(at)), *_of_particulars(goods)]
    if problems:
        raise RuleViolation.of(problems)
    for name, value in asdict(goods).items():
        setattr(product, name, value)
    product.save()
    audit.record(actor, AuditAction.PRODUCT_SAVED, product, at=at)
    return product


def _of_goods(goods: Goods, *, on: date) -> list[Problem]:
    lists = reference.current()
    possible = lines.possible_rates(goods.sale_type, on, lists)
    wrong = (
        (not goods.name, "name", "name", _("The name is missing."), _("Name the product.")),
        (
            goods.hs_code not in lists.hs_codes,
            "0044",
            "hs_code",
            _("FBR does not know this HS code."),
            _("Choose a code from the tariff list, written like 5205.1100."),
        ),
        (
            goods.sale_type not in SaleType.values,
            "0013",
            "sale_type",
            _("FBR does not list this kind of supply."),
            _("Choose the kind of supply from the list."),
        ),
        (
            not lists.knows_rate(goods.rate)
            or (possible is not None and goods.rate not in possible),
            "0046",
            "rate",
            _("This rate does not go with this kind of supply."),
            _("Choose the rate from the list, for example 18%."),
        ),
        (
            goods.unit not in lists.units,
            "0099",
            "unit",
            _("FBR does not know this unit of measure."),
            _("Choose the unit from the list; capitals count."),
        ),
        (
            goods.unit_price < 0,
            "0300",
            "unit_price",
            _("The price cannot be negative."),
            _("Type it without a minus sign."),
        ),
    )
    return _problems(wrong)


def _of_particulars(goods: Goods) -> list[Problem]:
    """What may stay empty until an invoice needs it, and may not be nonsense."""
    wrong = (
        (
            goods.retail_price is not None and goods.retail_price < 0,
            "0300",
            "retail_price",
            _("The printed retail price cannot be negative."),
            _("Type it without a minus sign, or leave it empty."),
        ),
        (
            bool(goods.fed_rate) and not reference.current().knows_rate(goods.fed_rate),
            "fed_rate",
            "fed_rate",
            _("The rate of excise cannot be read."),
            _("Write it like 16%, Rs. 5 per KG or 10% and Rs. 2 per Liter."),
        ),
        (
            bool(goods.petroleum_levy_on) and goods.petroleum_levy_on not in sale_types.LEVIES,
            "0129",
            "petroleum_levy_on",
            _("FBR does not know this basis of the petroleum levy."),
            _("Choose it from the list, or leave it empty."),
        ),
    )
    return _problems(wrong)


def _problems(wrong: Iterable[tuple[bool, str, str, str, str]]) -> list[Problem]:
    return [
        Problem(code=code, field=field, message=message, fix=fix)
        for is_wrong, code, field, message, fix in wrong
        if is_wrong
    ]
