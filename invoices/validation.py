"""What a document must meet before it may be issued. Returns Problems, raises nothing.

The codes are FBR's own where FBR has one, so that our answer before the send and FBR's after it
read alike. Source: PRAL DI API v1.12, sections 4, 7 and 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from django.utils.translation import gettext as _

from accounts import registration
from accounts.enums import Environment, Province
from invoices import tax
from invoices.content import MOST_LINES, Content, Line, Party
from invoices.enums import BuyerKind, DocumentType, SaleType
from invoices.reference import Reference
from smartinvoicing.errors import Problem
from smartinvoicing.money import LARGEST, ZERO

FOR_REGISTERED: Final = "SN001"  # standard-rate goods to a registered customer
STANDARD_RATE: Final = "18%"  # Sales Tax Act 1990, s. 3(1), as amended from 15 February 2023

_HS_CODE: Final = re.compile(r"[0-9]{4}\.[0-9]{4}", re.ASCII)
_SCENARIO: Final = re.compile(r"SN0(0[1-9]|1[0-9]|2[0-8])", re.ASCII)


def problems_of(
    content: Content,
    *,
    amounts: list[tax.Taxes],
    seller_ntn_cnic: str,
    environment: str,
    reference: Reference,
    today: date,
) -> list[Problem]:
    """Everything that keeps `content` from being issued, document first, then line by line.

    amounts: the computed taxes of each line, in the order of the lines.
    today:   the date in Karachi.
    """
    found = list(_of_document(content, environment=environment, today=today))
    found += _of_buyer(content.buyer, seller_ntn_cnic=seller_ntn_cnic)
    pairs = zip(content.lines, amounts, strict=True)
    for number, (line, taxes) in enumerate(pairs, start=1):
        found += _of_line(number, line, taxes, content, reference)
    return found


def problems_of_party(buyer: Party) -> list[Problem]:
    """What keeps a customer from being kept as a master."""
    return list(_of_buyer(buyer, seller_ntn_cnic=""))


def problems_of_number(buyer: Party) -> list[Problem]:
    """What is wrong with a customer's NTN or CNIC by itself."""
    return list(_of_buyer_number(buyer, ""))


def _of_document(content: Content, *, environment: str, today: date) -> Iterator[Problem]:
    if content.document_type != DocumentType.SALE_INVOICE:
        yield Problem(
            code="0003",
            field="document_type",
            message=_("Only sale invoices can be issued here so far."),
            fix=_("Choose sale invoice."),
        )
    if content.invoice_date > today:
        yield Problem(
            code="0043",
            field="invoice_date",
            message=_("The invoice date lies in the future."),
            fix=_("Use today's date in Pakistan or an earlier one."),
        )
    if not content.lines:
        yield Problem(
            code="no_lines",
            field="lines",
            message=_("The invoice has no line."),
            fix=_("Add at least one product or service."),
        )
    if len(content.lines) > MOST_LINES:
        yield Problem(
            code="too_many_lines",
            field="lines",
            message=_("The invoice has more than %(most)d lines.") % {"most": MOST_LINES},
            fix=_("Split it into several invoices."),
        )
    if content.scenario and environment == Environment.PRODUCTION:
        yield Problem(
            code="scenario_in_production",
            field="scenario",
            message=_("A sandbox scenario cannot go to FBR's production system."),
            fix=_("Remove the scenario."),
        )
    elif content.scenario:
        yield from _of_scenario(content)


def _of_scenario(content: Content) -> Iterator[Problem]:
    if not _SCENARIO.fullmatch(content.scenario):
        yield Problem(
            code="0203",
            field="scenario",
            message=_("FBR has no such sandbox scenario."),
            fix=_("Choose one from SN001 to SN028."),
        )
    elif (content.scenario, content.buyer.registration_type) == (
        FOR_REGISTERED,
        BuyerKind.UNREGISTERED,
    ):
        yield Problem(
            code="0205",
            field="scenario",
            message=_("Scenario SN001 is for customers who are registered for sales tax."),
            fix=_("Choose SN002, or a registered customer."),
        )


def _of_buyer(buyer: Party, *, seller_ntn_cnic: str) -> Iterator[Problem]:
    if not buyer.name:
        yield Problem(
            code="0010",
            field="buyer.name",
            message=_("The customer's name is missing."),
            fix=_("Choose a customer, or type the name as it stands on FBR's register."),
        )
    if buyer.registration_type not in BuyerKind.values:
        yield Problem(
            code="0012",
            field="buyer.registration_type",
            message=_("It is not said whether the customer is registered for sales tax."),
            fix=_("Choose registered or unregistered."),
        )
    if buyer.province not in Province.values:
        yield Problem(
            code="0074",
            field="buyer.province",
            message=_("The customer's province is missing or not one FBR lists."),
            fix=_("Choose the province from the list."),
        )
    if not buyer.address:
        yield Problem(
            code="buyer_address",
            field="buyer.address",
            message=_("The customer's address is missing."),
            fix=_("Type the address; the city is enough for a walk-in customer."),
        )
    yield from _of_buyer_number(buyer, seller_ntn_cnic)


def _of_buyer_number(buyer: Party, seller_ntn_cnic: str) -> Iterator[Problem]:
    number = registration.normal(buyer.ntn_cnic)
    if not number:
        if buyer.registration_type == BuyerKind.REGISTERED:
            yield Problem(
                code="0009",
                field="buyer.ntn_cnic",
                message=_("A registered customer needs an NTN or CNIC."),
                fix=_("Type the 7-character NTN or the 13-digit CNIC."),
            )
        return
    if not registration.is_number(number):
        yield Problem(
            code="0002",
            field="buyer.ntn_cnic",
            message=_("The customer's NTN or CNIC has the wrong form."),
            fix=_(
                "Write the NTN with 7 characters, without the digit after the dash, or the "
                "CNIC with 13 digits."
            ),
        )
    elif seller_ntn_cnic and number == registration.normal(seller_ntn_cnic):
        yield Problem(
            code="0058",
            field="buyer.ntn_cnic",
            message=_("Seller and customer have the same number."),
            fix=_("Check the customer; nobody invoices himself."),
        )


def _of_line(
    number: int, line: Line, taxes: tax.Taxes, content: Content, reference: Reference
) -> Iterator[Problem]:
    def problem(code: str, field: str, message: str, fix: str) -> Problem:
        return Problem(code=code, field=field, line=number, message=message, fix=fix)

    if not line.description:
        yield problem(
            "description",
            "description",
            _("The line says not what is sold."),
            _("Name the goods or the service."),
        )
    if not _HS_CODE.fullmatch(line.hs_code) or line.hs_code not in reference.hs_codes:
        yield problem(
            "0044" if line.hs_code else "0019",
            "hs_code",
            _("FBR does not know this HS code.") if line.hs_code else _("The HS code is missing."),
            _("Choose a code from the tariff list, written like 5205.1100."),
        )
    if line.unit not in reference.units:
        yield problem(
            "0099",
            "unit",
            _("FBR does not know this unit of measure.")
            if line.unit
            else _("The unit of measure is missing."),
            _("Choose the unit from the list; capitals count."),
        )
    yield from _of_rate(problem, line, reference)
    yield from _of_amounts(problem, line, taxes)
    yield from _of_given_taxes(problem, line, taxes, content)


def _of_rate(problem: _Maker, line: Line, reference: Reference) -> Iterator[Problem]:
    if line.sale_type not in SaleType.values:
        yield problem(
            "0013",
            "sale_type",
            _("FBR does not list this kind of supply."),
            _("Choose the kind of supply from the list."),
        )
    elif line.sale_type != SaleType.STANDARD:
        yield problem(
            "sale_type_later",
            "sale_type",
            _("This kind of supply cannot be reported from here yet."),
            _("Choose goods at standard rate, or report this supply on FBR's portal."),
        )
    elif line.rate != STANDARD_RATE:
        known = line.rate in reference.rates
        yield problem(
            "0046",
            "rate",
            _("This rate does not go with goods at standard rate.")
            if known
            else _("FBR does not know this rate."),
            _("Write 18%, exactly so."),
        )


def _of_amounts(problem: _Maker, line: Line, taxes: tax.Taxes) -> Iterator[Problem]:
    if line.quantity <= 0:
        yield problem(
            "0098", "quantity", _("The quantity is not above zero."), _("Type how many were sold.")
        )
    if line.unit_price <= 0:
        yield problem(
            "0021",
            "unit_price",
            _("The price is not above zero."),
            _("Type the price of one unit."),
        )
    if line.discount < 0:
        yield problem(
            "0300", "discount", _("The discount is negative."), _("Type it without a minus.")
        )
    elif line.quantity > 0 and line.unit_price > 0 and taxes.value <= 0:
        yield problem(
            "0300",
            "discount",
            _("Nothing is left of the value after the discount."),
            _("Make the discount smaller than quantity times price."),
        )
    if abs(taxes.total) > LARGEST:
        yield problem(
            "0300", "unit_price", _("The amount is too large."), _("Check quantity and price.")
        )


def _of_given_taxes(
    problem: _Maker, line: Line, taxes: tax.Taxes, content: Content
) -> Iterator[Problem]:
    for field in ("further_tax", "extra_tax", "fed", "withheld"):
        given: Decimal | None = getattr(line, field)
        if given is not None and given < 0:
            yield problem(
                "0300", field, _("A tax is not negative."), _("Leave it empty to have it computed.")
            )
    if line.withheld is not None and line.withheld not in {ZERO, taxes.sales_tax}:
        yield problem(
            "0008",
            "withheld",
            _("FBR takes sales tax withheld only as zero or as the whole sales tax."),
            _("Leave it empty, or type the whole sales tax of the line."),
        )
    unregistered = content.buyer.registration_type == BuyerKind.UNREGISTERED
    if line.withheld and unregistered:
        yield problem(
            "0070",
            "withheld",
            _("Only a customer who is registered withholds sales tax."),
            _("Leave it empty, or change the customer's registration."),
        )
    due = tax.further_tax(
        value=taxes.value,
        sale_type=line.sale_type,
        buyer_kind=content.buyer.registration_type,
        on=content.invoice_date,
    )
    if line.further_tax is not None and line.further_tax not in {ZERO, due}:
        yield problem(
            "further_tax",
            "further_tax",
            _("The further tax is not what the law asks for this customer and value."),
            _("Leave it empty to have it computed, or type 0 where a notification frees you."),
        )


class _Maker(Protocol):
    """The shape of the problem maker of one line."""

    def __call__(self, code: str, field: str, message: str, fix: str) -> Problem: ...
