"""Customers and products."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, registration
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from invoices import reference, validation
from invoices.content import Party
from invoices.enums import SaleType
from invoices.models import Buyer, Product
from smartinvoicing.errors import Problem, RuleViolation


@transaction.atomic
def save_buyer(
    *, buyer: Buyer, party: Party, phone: str, email: str, actor: Actor, at: datetime
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
    if problems:
        raise RuleViolation.of(problems)
    for name, value in asdict(party).items():
        setattr(buyer, name, value)
    buyer.ntn_cnic = registration.normal(party.ntn_cnic)
    buyer.phone, buyer.email = phone, email
    buyer.save()
    audit.record(actor, AuditAction.BUYER_SAVED, buyer, at=at)
    return buyer


def _is_email(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


@transaction.atomic
def save_product(
    *,
    product: Product,
    name: str,
    hs_code: str,
    sale_type: str,
    rate: str,
    unit: str,
    unit_price: Decimal,
    actor: Actor,
    at: datetime,
) -> Product:
    """Store a product, new or changed.

    Raises: NotAllowed; RuleViolation naming each field.
    """
    allow(actor, Permission.WRITE_CATALOGUE)
    problems = _problems_of_product(name, hs_code, sale_type, rate, unit, unit_price)
    if problems:
        raise RuleViolation.of(problems)
    product.name, product.hs_code, product.sale_type = name, hs_code, sale_type
    product.rate, product.unit, product.unit_price = rate, unit, unit_price
    product.save()
    audit.record(actor, AuditAction.PRODUCT_SAVED, product, at=at)
    return product


def _problems_of_product(
    name: str, hs_code: str, sale_type: str, rate: str, unit: str, unit_price: Decimal
) -> list[Problem]:
    lists = reference.current()
    wrong = (
        (not name, "name", "name", _("The name is missing."), _("Name the product.")),
        (
            hs_code not in lists.hs_codes,
            "0044",
            "hs_code",
            _("FBR does not know this HS code."),
            _("Choose a code from the tariff list, written like 5205.1100."),
        ),
        (
            sale_type not in SaleType.values,
            "0013",
            "sale_type",
            _("FBR does not list this kind of supply."),
            _("Choose the kind of supply from the list."),
        ),
        (
            rate not in lists.rates,
            "0046",
            "rate",
            _("FBR does not know this rate."),
            _("Choose the rate from the list, for example 18%."),
        ),
        (
            unit not in lists.units,
            "0099",
            "unit",
            _("FBR does not know this unit of measure."),
            _("Choose the unit from the list; capitals count."),
        ),
        (
            unit_price < 0,
            "0300",
            "unit_price",
            _("The price cannot be negative."),
            _("Type it without a minus sign."),
        ),
    )
    return [
        Problem(code=code, field=field, message=message, fix=fix)
        for is_wrong, code, field, message, fix in wrong
        if is_wrong
    ]
