"""What the POS service asks of a whole bill.

Source: FBR's specification of the fiscal component, header fields, payment modes and types; the
service fee of one rupee by SRO 1279(I)/2021, of which integrators report both that it stands in
`TotalBillAmount` and that it does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Protocol

from fbr.fake.document import Fields, Malformed
from fbr.fake.ledger import Bill
from fbr.fake.pos import line_rules
from fbr.fake.pos.boxes import (
    Box,
    bill_number,
    bill_number_or_null,
    blank,
    may,
    must,
    number,
    one_of,
    stamp,
    text_or_nothing,
    whole,
)
from fbr.fake.register import Till

INVALID: Final = 102
NOT_YOURS: Final = 104
NO_CLOUD: Final = 112
SERVICE_FEE: Final = Decimal(1)

_ITEMS: Final = "Items"
_HEADER: Final[Mapping[str, Box]] = {
    "InvoiceNumber": must(blank),
    "POSID": must(whole),
    "USIN": must(bill_number),
    "RefUSIN": may(bill_number_or_null),
    "DateTime": must(stamp),
    "BuyerName": may(text_or_nothing(150)),
    "BuyerNTN": may(text_or_nothing(9, r"[0-9A-Z]{7}(-[0-9])?", "an NTN")),
    "BuyerCNIC": may(text_or_nothing(13, r"[0-9]{13}", "13 digits")),
    "BuyerPhoneNumber": may(text_or_nothing(20)),
    "TotalSaleValue": must(number()),
    "TotalQuantity": must(number(4)),
    "TotalTaxCharged": must(number()),
    "Discount": may(number()),
    "FurtherTax": may(number()),
    "TotalBillAmount": must(number()),
    "PaymentMode": must(one_of(1, 2, 3, 4, 5, 6)),
    # 2, a debit note, has no item type of its own; nobody has seen one pass.
    "InvoiceType": must(one_of(line_rules.NEW, line_rules.CREDIT)),
}
_SUMS: Final[Mapping[str, str]] = {
    "TotalSaleValue": "SaleValue",
    "TotalQuantity": "Quantity",
    "TotalTaxCharged": "TaxCharged",
    "Discount": "Discount",
    "FurtherTax": "FurtherTax",
}


class History(Protocol):
    """What the rules for credits look up in the ledger."""

    def has_bill(self, bill: Bill) -> bool:
        """Whether such a bill was recorded."""


@dataclass(frozen=True, kw_only=True)
class BillCase:
    """A bill on the desk: the document, and what the service knows."""

    fields: Fields
    tills: Mapping[int, Till]
    environment: str
    is_gross: bool
    history: History

    def bill(self) -> Bill:
        """What the ledger keeps of an accepted bill."""
        return Bill(
            environment=self.environment,
            pos_id=int(self.fields.amount("POSID")),
            usin=self.fields.text("USIN"),
            is_credit=self.fields.number("InvoiceType") == line_rules.CREDIT,
        )


@dataclass(frozen=True)
class BillRefusal:
    """A code, and the words of `Errors` where the code is about the bill."""

    code: int
    errors: str = ""


def judge(case: BillCase) -> BillRefusal | None:
    """The first thing that is wrong with a bill."""
    till_id = case.fields.raw("POSID")
    if whole(till_id):
        return BillRefusal(INVALID, f"POSID: {whole(till_id)}")
    till = case.tills.get(int(case.fields.amount("POSID")))
    if till is None:
        return BillRefusal(NOT_YOURS)
    if not till.cloud:
        return BillRefusal(NO_CLOUD)
    problem = _problem(case)
    return BillRefusal(INVALID, problem) if problem else None


def _problem(case: BillCase) -> str:
    bill = case.fields
    wrong = _wrong_boxes(bill, _HEADER, "", also=(_ITEMS,))
    if wrong or (wrong := _wrong_reference(case)):
        return wrong
    try:
        items = bill.objects(_ITEMS)
    except Malformed as error:
        return f"{_ITEMS}: {error}"
    for position, item in enumerate(items):
        where = f"{_ITEMS}[{position}]."
        if wrong := _wrong_boxes(item, line_rules.BOXES, where):
            return wrong
        if found := line_rules.problem_of(item, bill=bill, is_gross=case.is_gross):
            return f"{where}{found[0]}: {found[1]}"
    return _wrong_sum(bill, items)


def _wrong_boxes(
    fields: Fields, boxes: Mapping[str, Box], where: str, also: tuple[str, ...] = ()
) -> str:
    for name, box in boxes.items():
        if name not in fields:
            if box.is_required:
                return f"{where}{name}: is required"
        elif problem := box.check(fields.raw(name)):
            return f"{where}{name}: {problem}"
    unknown = sorted(fields.names() - {*boxes, *also})
    return f"{where}{unknown[0]}: is no field of a bill" if unknown else ""


def _wrong_reference(case: BillCase) -> str:
    """A new bill refers to none; a credit to a recorded new bill of this till."""
    bill, reference = case.bill(), case.fields.raw("RefUSIN")
    if not bill.is_credit:
        return "" if reference is None else "RefUSIN: must be null on a new bill"
    if not isinstance(reference, str):
        return "RefUSIN: a credit must name the USIN of its bill"
    original = Bill(environment=bill.environment, pos_id=bill.pos_id, usin=reference)
    return "" if case.history.has_bill(original) else "RefUSIN: no such bill of this POSID"


def _wrong_sum(bill: Fields, items: list[Fields]) -> str:
    for name, part in _SUMS.items():
        if bill.amount(name) != sum(item.amount(part) for item in items):
            return f"{name}: must be the sum of {part} over the items"
    total = sum((item.amount("TotalAmount") for item in items), Decimal(0))
    if bill.amount("TotalBillAmount") - total not in (0, SERVICE_FEE):
        return "TotalBillAmount: must be the sum of TotalAmount over the items"
    return ""
