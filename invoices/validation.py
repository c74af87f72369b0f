"""What a document must meet before it may be issued. Returns Problems, raises nothing.

The codes are FBR's own where FBR has one, so that our answer before the send and FBR's after it
read alike. Source: PRAL DI API v1.12, sections 4, 7 and 8.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext as _

from accounts import registration
from accounts.enums import Activity, Environment, Province
from accounts.models import LegalEntity
from invoices import law, sale_types, tax
from invoices.content import MOST_LINES, Content, Party
from invoices.enums import BuyerKind, Withholding
from invoices.reference import Reference
from invoices.rules import lines, links, tills
from invoices.standing import Standing
from smartinvoicing.errors import Problem

FOR_REGISTERED: Final = "SN001"  # standard-rate goods to a registered customer

_SCENARIO: Final = re.compile(r"SN0(0[1-9]|1[0-9]|2[0-8])", re.ASCII)
_NAMES_EVERY_BUYER: Final = frozenset({Activity.MANUFACTURER, Activity.IMPORTER})


@dataclass(frozen=True, kw_only=True)
class Case:
    """A document on the desk: as typed, as computed, who sells, what FBR's lists and our rows say.

    amounts: the taxes of each line, in the order of the lines.
    today:   the date in Karachi.
    """

    content: Content
    terms: tax.Terms
    amounts: Sequence[tax.LineTaxes]
    totals: tax.Taxes
    entity: LegalEntity
    reference: Reference
    standing: Standing
    today: date


def problems_of(case: Case) -> Iterator[Problem]:
    """Everything that keeps the document from being issued: the whole first, then each line."""
    for problem in _of_all(case):
        if not tills.is_excused(problem, case.content, case.standing):
            yield problem


def _of_all(case: Case) -> Iterator[Problem]:
    yield from _of_document(case)
    yield from _of_scenario(case)
    yield from links.problems_of(
        case.content, case.totals, case.standing, seller=case.entity, on=case.content.invoice_date
    )
    yield from tills.problems_of(case.content, case.amounts, case.standing)
    yield from _of_buyer(case.content.buyer, seller_ntn_cnic=case.entity.ntn_cnic)
    yield from _of_identity(case)
    for number, (line, taxes) in enumerate(
        zip(case.content.lines, case.amounts, strict=True), start=1
    ):
        yield from lines.problems_of(
            number, line, taxes, case.terms, case.reference, province=case.entity.province
        )


def problems_of_party(buyer: Party) -> list[Problem]:
    """What keeps a customer from being kept as a master."""
    return list(_of_buyer(buyer, seller_ntn_cnic=""))


def problems_of_number(buyer: Party) -> list[Problem]:
    """What is wrong with a customer's NTN or CNIC by itself."""
    return list(_of_buyer_number(buyer, ""))


def _of_document(case: Case) -> Iterator[Problem]:
    content = case.content
    if content.invoice_date > case.today:
        yield Problem(
            code="0043",
            field="invoice_date",
            message=_("The invoice date lies in the future."),
            fix=_("Use today's date in Pakistan or an earlier one."),
            put=case.today.isoformat(),
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
    unregistered = content.buyer.registration_type == BuyerKind.UNREGISTERED
    if content.withholding not in {"", Withholding.NONE} and unregistered:
        yield Problem(
            code="0070",
            field="withholding",
            message=_("Only a customer who is registered withholds sales tax."),
            fix=_("Choose nothing, or change the customer's registration."),
            put=Withholding.NONE,
        )


def _of_scenario(case: Case) -> Iterator[Problem]:
    content, scenario = case.content, case.content.scenario
    if not scenario:
        return
    if case.entity.environment == Environment.PRODUCTION:
        yield Problem(
            code="scenario_in_production",
            field="scenario",
            message=_("A sandbox scenario cannot go to FBR's production system."),
            fix=_("Remove the scenario."),
            deed="clear_scenario",
        )
    elif not _SCENARIO.fullmatch(scenario):
        yield Problem(
            code="0203",
            field="scenario",
            message=_("FBR has no such sandbox scenario."),
            fix=_("Choose one from SN001 to SN028."),
        )
    elif (scenario, content.buyer.registration_type) == (FOR_REGISTERED, BuyerKind.UNREGISTERED):
        yield Problem(
            code="0205",
            field="scenario",
            message=_("Scenario SN001 is for customers who are registered for sales tax."),
            fix=_("Choose SN002, or a registered customer."),
            put="SN002",
        )
    else:
        yield from _of_scenarios_sale_type(content)


def _of_scenarios_sale_type(content: Content) -> Iterator[Problem]:
    """The sandbox compares the kind of supply with the scenario (0204)."""
    for number, line in enumerate(content.lines, start=1):
        kind = sale_types.KINDS.get(line.sale_type)
        if kind and kind.scenarios and content.scenario not in kind.scenarios:
            yield Problem(
                code="0204",
                field="sale_type",
                line=number,
                message=_("Scenario %(scenario)s is for another kind of supply.")
                % {"scenario": content.scenario},
                fix=_("Choose another scenario, or leave it to us."),
                deed="clear_scenario",
            )


def _of_identity(case: Case) -> Iterator[Problem]:
    """Whether a customer who is not registered may stay without a number (s. 23(1)(b) STA)."""
    buyer, at_till = case.content.buyer, case.content.till_id is not None
    nobody_said = at_till and not buyer.registration_type
    is_consumer = nobody_said or buyer.registration_type == BuyerKind.UNREGISTERED
    if not is_consumer or registration.normal(buyer.ntn_cnic):
        return
    if case.entity.activity in _NAMES_EVERY_BUYER and not at_till:
        yield Problem(
            code="buyer_identity",
            field="buyer.ntn_cnic",
            message=_("A manufacturer or importer must name every customer by CNIC or NTN."),
            fix=_("Ask the customer for the CNIC (13 digits) or NTN."),
        )
        return
    most = law.in_force(law.CONSUMER_UP_TO, case.content.invoice_date)
    if most is not None and case.totals.total > most:
        yield Problem(
            code="buyer_identity",
            field="buyer.ntn_cnic",
            message=_("Above Rs %(most)s, tax included, the customer needs a CNIC or NTN.")
            % {"most": f"{most:,.0f}"},
            fix=_("Ask the customer for the CNIC (13 digits) or NTN."),
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
