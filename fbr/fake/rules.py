"""What FBR asks of a whole invoice: the rules of the header, and the verdict on all of it.

Source: PRAL DI API v1.12, sections 4 (fields) and 7 (error codes), and answers seen live where
that document is silent. The first rule that is broken decides. Where FBR's table demands a field
for which it has no code, the fake answers HTTP 400.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Protocol

from fbr.fake.document import Fields, Malformed
from fbr.fake.ledger import Facts
from fbr.fake.line_rules import Line, judge_line
from fbr.fake.lists import PROVINCES, REASONS, SCENARIOS, Lists, Scenario
from fbr.fake.refusals import Refusal
from fbr.fake.register import SANDBOX, Holder, Register, is_number

SALE: Final = "Sale Invoice"
DEBIT_NOTE: Final = "Debit Note"
REGISTERED: Final = "Registered"
UNREGISTERED: Final = "Unregistered"
NOTE_DAYS: Final = 180

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_REFERENCE: Final = re.compile(r"[0-9A-Za-z](?:[0-9A-Za-z-]*[0-9A-Za-z])?")
_NINE: Final = re.compile(r"[0-9A-Z]{9}")
_CODELESS: Final = ("sellerBusinessName", "sellerAddress", "buyerAddress")


class History(Protocol):
    """What the rules for debit notes look up in the ledger."""

    def invoice(self, number: str) -> Facts | None:
        """What was recorded under a number."""

    def notes_on(self, number: str) -> tuple[Facts, ...]:
        """The debit notes recorded against an invoice."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """An invoice on FBR's desk: the document, where it came in, and what FBR knows."""

    fields: Fields
    items: list[Fields]
    environment: str
    holder: Holder
    today: date
    register: Register
    lists: Lists
    history: History
    exact_totals: bool = False

    def text(self, name: str) -> str:
        """A text of the header, without the blanks around it."""
        return self.fields.text(name).strip()

    @property
    def is_note(self) -> bool:
        return self.text("invoiceType") == DEBIT_NOTE

    @property
    def scenario(self) -> Scenario | None:
        return SCENARIOS.get(self.text("scenarioId"))

    @property
    def day(self) -> date | None:
        return _day(self.text("invoiceDate"))

    @property
    def original(self) -> Facts | None:
        """The invoice that a note quotes, if this seller has one of that number here."""
        facts = self.history.invoice(self.text("invoiceRefNo"))
        place = (self.environment, self.holder.seller)
        if facts is None or facts.is_note or (facts.environment, facts.seller) != place:
            return None
        return facts

    def total(self, name: str) -> Decimal:
        """The sum of an amount over the lines."""
        return sum((item.amount(name) for item in self.items), Decimal(0))

    def facts(self) -> Facts:
        """What the ledger keeps of an accepted invoice.

        Raises: ValueError when the invoice has no readable date, so was never accepted.
        """
        return Facts(
            environment=self.environment,
            seller=self.holder.seller,
            is_note=self.is_note,
            reference=self.text("invoiceRefNo"),
            dated=date.fromisoformat(self.text("invoiceDate")),
            value=self.total("valueSalesExcludingST"),
            tax=self.total("salesTaxApplicable"),
            withheld=self.total("salesTaxWithheldAtSource"),
        )


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What FBR thinks of an invoice: a refusal of the whole, or one answer a line."""

    header: Refusal | None
    lines: tuple[Refusal | None, ...]

    @property
    def is_accepted(self) -> bool:
        return self.header is None and not any(self.lines)


def judge(case: Case) -> Verdict:
    """Put an invoice through every rule; its lines are read only when its header stands.

    Raises: Malformed when the document has not the shape of an invoice.
    """
    _check_shape(case)
    for rule in _HEADER_RULES:
        if refusal := rule(case):
            return Verdict(header=refusal, lines=(None,) * len(case.items))
    is_known = case.text("buyerRegistrationType") == REGISTERED
    is_self = case.text("buyerNTNCNIC") == case.holder.seller
    scenario = case.scenario
    lines = tuple(
        judge_line(
            Line(
                fields=item,
                buyer_is_registered=is_known,
                is_self=is_self,
                scenario=scenario,
                lists=case.lists,
                exact_totals=case.exact_totals,
            )
        )
        for item in case.items
    )
    return Verdict(header=None, lines=lines)


def _check_shape(case: Case) -> None:
    for name in _CODELESS:
        if not case.text(name):
            raise Malformed(f"{name} is required")


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text) if _DATE.fullmatch(text) else None
    except ValueError:
        return None


def _token(case: Case) -> Refusal | None:
    mine = Holder(seller=case.fields.text("sellerNTNCNIC"), environment=case.environment)
    return None if mine == case.holder else Refusal("0401")


def _seller(case: Case) -> Refusal | None:
    return None if case.register.is_active(case.holder.seller) else Refusal("0001")


def _document_type(case: Case) -> Refusal | None:
    kind = case.fields.text("invoiceType")
    if not kind:
        return Refusal("0011")
    return None if kind in (SALE, DEBIT_NOTE) else Refusal("0003")


def _date(case: Case) -> Refusal | None:
    if not case.text("invoiceDate"):
        return Refusal("0042")
    if _day(case.fields.text("invoiceDate")) is None:
        return Refusal("0005")
    return Refusal("0043") if case.day and case.day > case.today else None


def _provinces(case: Case) -> Refusal | None:
    if case.text("sellerProvince").upper() not in PROVINCES:
        return Refusal("0073")
    return None if case.text("buyerProvince").upper() in PROVINCES else Refusal("0074")


def _buyer_name(case: Case) -> Refusal | None:
    return None if case.text("buyerBusinessName") else Refusal("0010")


def _buyer_type(case: Case) -> Refusal | None:
    kind = case.text("buyerRegistrationType")
    if not kind:
        return Refusal("0012")
    return None if kind in (REGISTERED, UNREGISTERED) else Refusal("0053")


def _scenario(case: Case) -> Refusal | None:
    """The sandbox needs a scenario, production must have none.

    FBR has published no code for a scenario in production; 0203 is this fake's choice. So is 0053
    for a registered buyer in a retailer's sale to a consumer, which the sandbox is reported to
    pass for unregistered buyers only, whatever its samples say.
    """
    if (case.environment == SANDBOX) != (case.scenario is not None):
        return Refusal("0203")
    if case.environment != SANDBOX and "scenarioId" in case.fields:
        return Refusal("0203")
    if case.scenario is None:
        return None
    if case.scenario.unregistered and case.text("buyerRegistrationType") == REGISTERED:
        return Refusal("0053")
    if not case.scenario.registered:
        return None
    buyer = case.text("buyerNTNCNIC")
    is_open = case.text("buyerRegistrationType") == REGISTERED and buyer
    return None if is_open and case.register.is_registered(buyer) is not False else Refusal("0205")


def _buyer_number(case: Case) -> Refusal | None:
    """An unregistered buyer may go without the key, but a number that is there must have a form.

    0002 lets nine characters pass, 0402 does not.
    """
    number = case.fields.text("buyerNTNCNIC")
    is_named = "buyerNTNCNIC" in case.fields
    if case.text("buyerRegistrationType") == REGISTERED and not number.strip():
        return Refusal("0009")
    if not is_named or is_number(number):
        return None
    return Refusal("0402") if _NINE.fullmatch(number) else Refusal("0002")


def _buyer_standing(case: Case) -> Refusal | None:
    """The registration type must agree with the register, where the register says anything."""
    known = case.register.is_registered(case.text("buyerNTNCNIC"))
    claimed = case.text("buyerRegistrationType") == REGISTERED
    return Refusal("0053") if known is not None and known != claimed else None


def _note_reference(case: Case) -> Refusal | None:
    if not case.text("invoiceRefNo"):
        return Refusal("0026")
    return None if _REFERENCE.fullmatch(case.text("invoiceRefNo")) else Refusal("0088")


def _note_reason(case: Case) -> Refusal | None:
    """A reason of FBR's list; Others also needs remarks, in a field nobody has published."""
    reason = case.text("reason")
    if reason == "Others":
        return Refusal("0028")
    return None if reason in REASONS else Refusal("0027")


def _note_buyer(case: Case) -> Refusal | None:
    is_known = case.text("buyerRegistrationType") == REGISTERED
    return None if is_known else Refusal("0106")


def _note_dates(case: Case) -> Refusal | None:
    original, day = case.original, case.day
    if original is None or day is None:
        return Refusal("0057")
    if day < original.dated:
        return Refusal("0035")
    return Refusal("0034") if (day - original.dated).days > NOTE_DAYS else None


def _note_ceilings(case: Case) -> Refusal | None:
    """All notes together stay within the value, the tax and the withheld tax of the invoice."""
    original = case.original
    if original is None:
        return Refusal("0057")
    notes = case.history.notes_on(case.text("invoiceRefNo"))
    value = case.total("valueSalesExcludingST") + sum(note.value for note in notes)
    tax = case.total("salesTaxApplicable") + sum(note.tax for note in notes)
    withheld = case.total("salesTaxWithheldAtSource") + sum(note.withheld for note in notes)
    for code, amount, ceiling in (
        ("0036", value, original.value),
        ("0067", tax, original.tax),
        ("0037", withheld, original.withheld),
    ):
        if amount > ceiling:
            return Refusal(code)
    return None


def _on_notes(rule: Callable[[Case], Refusal | None]) -> Callable[[Case], Refusal | None]:
    return lambda case: rule(case) if case.is_note else None


_HEADER_RULES: Final[tuple[Callable[[Case], Refusal | None], ...]] = (
    _token,
    _seller,
    _document_type,
    _date,
    _provinces,
    _buyer_name,
    _buyer_type,
    _scenario,
    _buyer_number,
    _buyer_standing,
    _on_notes(_note_reference),
    _on_notes(_note_reason),
    _on_notes(_note_buyer),
    _on_notes(_note_dates),
    _on_notes(_note_ceilings),
)
