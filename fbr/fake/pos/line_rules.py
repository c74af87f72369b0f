"""What the POS service asks of one item of a bill.

Source: FBR's specification of the fiscal component, item fields; arithmetic after its example
(sale value 1298 + tax 221 = bill 1519, the discount taken off before).
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from fbr.fake.document import Fields
from fbr.fake.pos.boxes import (
    Box,
    bill_number_or_null,
    may,
    must,
    number,
    one_of,
    text,
)
from fbr.fake.rates import Rate, is_inclusive, to_paisa

NEW: Final = 1
CREDIT: Final = 3
NEW_THIRD_SCHEDULE: Final = 11
CREDIT_THIRD_SCHEDULE: Final = 12
# The item types that go with a bill's own type.
TYPES: Final[Mapping[int, tuple[int, ...]]] = {
    NEW: (NEW, NEW_THIRD_SCHEDULE),
    CREDIT: (CREDIT, CREDIT_THIRD_SCHEDULE),
}
ON_RETAIL_PRICE: Final = (NEW_THIRD_SCHEDULE, CREDIT_THIRD_SCHEDULE)

BOXES: Final[Mapping[str, Box]] = {
    "ItemCode": must(text(50)),
    "ItemName": must(text(150)),
    "PCTCode": must(text(8, r"[0-9]{8}", "8 digits")),
    "Quantity": must(number(4, positive=True)),
    "TaxRate": must(number()),
    "SaleValue": must(number()),
    "Discount": may(number()),
    "FurtherTax": may(number()),
    "TaxCharged": must(number()),
    "TotalAmount": must(number()),
    "InvoiceType": must(one_of(NEW, CREDIT, NEW_THIRD_SCHEDULE, CREDIT_THIRD_SCHEDULE)),
    "RefUSIN": may(bill_number_or_null),
}


def problem_of(item: Fields, *, bill: Fields, is_gross: bool) -> tuple[str, str] | None:
    """The field of an item that is wrong, and why; its boxes were checked before.

    is_gross: `SaleValue` stands before the discount.
    """
    kind = int(item.amount("InvoiceType"))
    if kind not in TYPES[int(bill.amount("InvoiceType"))]:
        return "InvoiceType", "does not go with the InvoiceType of the bill"
    if item.raw("RefUSIN") != bill.raw("RefUSIN"):
        return "RefUSIN", "must be the RefUSIN of the bill"
    value, further = item.amount("SaleValue"), item.amount("FurtherTax")
    if is_gross:
        value -= item.amount("Discount")
    rate, tax = Rate(text="", percent=item.amount("TaxRate")), item.amount("TaxCharged")
    # The printed retail price is not in a bill, so the tax on it cannot be worked out again.
    if kind not in ON_RETAIL_PRICE and tax != rate.tax(base=value, quantity=Decimal(0)):
        return "TaxCharged", f"must be {rate.percent}% of {to_paisa(value)}"
    total = item.amount("TotalAmount")
    is_split = kind not in ON_RETAIL_PRICE and is_inclusive(
        gross=total - further, value=value, rate=rate, quantity=Decimal(0)
    )
    if total != value + tax + further and not is_split:
        return "TotalAmount", "must be the value with its taxes"
    return None
