"""What FBR asks of one line of an invoice, its tax arithmetic included.

Source: PRAL DI API v1.12, sections 4 (fields) and 7 (error codes), the codes reported by
integrators where that document is silent, and the samples of the 28 scenarios.
The first rule that is broken decides.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from fbr.fake import lists
from fbr.fake.document import Fields, Malformed
from fbr.fake.rates import Rate
from fbr.fake.refusals import Refusal

THIRD_SCHEDULE: Final = "3rd Schedule Goods"
REDUCED_RATE: Final = "Goods at Reduced Rate"
COTTON: Final = "Cotton ginners"
PETROLEUM: Final = "Petroleum Products"
POTASSIUM: Final = "Potassium Chlorate"
STEEL: Final = "Steel melting and re-rolling"

# 0091 is certain for reduced rates only; for the others integrators report it.
NO_EXTRA_TAX: Final = frozenset({REDUCED_RATE, "Exempt goods", "Goods at zero-rate", COTTON})
# Rupees up to ten million millions: above that a number is a mistake.
LARGEST_EXPONENT: Final = 12
FIVE_PERCENT: Final = Decimal(5)
FIVE_PERCENT_CEILING: Final = Decimal(20_000)

_HS_CODE: Final = re.compile(r"[0-9]{4}\.[0-9]{4}")
_NO_HS_CODE: Final = "0000.0000"
_ELECTRICITY: Final = "2716."
_UNIT_OF_RATE: Final = {"SqY": ("SqY", "0060"), "bill": ("Bill of lading", "0061")}
# Amount, decimals allowed, and the code when it is left out; "" where it may be.
_AMOUNTS: Final = (
    ("quantity", 4, "0098"),
    ("totalValues", 2, "0300"),
    ("valueSalesExcludingST", 2, "0021"),
    ("fixedNotifiedValueOrRetailPrice", 2, "0300"),
    ("salesTaxApplicable", 2, "0018"),
    ("salesTaxWithheldAtSource", 2, "0022"),
    ("furtherTax", 2, "0300"),
    ("fedPayable", 2, ""),
    ("discount", 2, ""),
)


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line, with what the header says that matters to it."""

    fields: Fields
    buyer_is_registered: bool
    is_self: bool
    scenario: lists.Scenario | None

    @property
    def sale_type(self) -> lists.SaleType:
        return lists.SALE_TYPES[self.fields.text("saleType")]

    @property
    def rate(self) -> Rate:
        return self.sale_type.rates[self.fields.text("rate")]

    def text(self, name: str) -> str:
        """A text of the line, without the blanks around it."""
        return self.fields.text(name).strip()

    def amount(self, name: str) -> Decimal:
        """An amount of the line; zero where an optional one is left out."""
        return self.fields.amount(name)


def judge_line(line: Line) -> Refusal | None:
    """The first rule that the line breaks.

    Raises: Malformed when the line has not the shape of one.
    """
    _check_shape(line)
    for rule in _RULES:
        if refusal := rule(line):
            return refusal
    return None


def _check_shape(line: Line) -> None:
    """FBR's parser stumbles over quotes, backslashes and control characters in a description."""
    if "productDescription" not in line.fields:
        raise Malformed("productDescription is required")
    description = line.fields.text("productDescription")
    if any(char in '"\\' or unicodedata.category(char) == "Cc" for char in description):
        raise Malformed("productDescription is not plain text")


def _self_invoice(line: Line) -> Refusal | None:
    return Refusal("0058") if line.is_self else None


def _hs_code(line: Line) -> Refusal | None:
    code = line.fields.text("hsCode")
    if not code.strip():
        return Refusal("0019")
    return None if _HS_CODE.fullmatch(code) and code != _NO_HS_CODE else Refusal("0044")


def _sale_type(line: Line) -> Refusal | None:
    if line.fields.text("saleType") not in lists.SALE_TYPES:
        return Refusal("0013")
    if line.scenario and line.scenario.sale_type != line.sale_type.text:
        return Refusal("0204")
    return None


def _rate(line: Line) -> Refusal | None:
    if not line.text("rate"):
        return Refusal("0020")
    return None if line.fields.text("rate") in line.sale_type.rates else Refusal("0046")


def _amounts(line: Line) -> Refusal | None:
    for name, places, code_when_absent in _AMOUNTS:
        if name in line.fields:
            refusal = _amount(line, name, places)
        else:
            refusal = Refusal(code_when_absent, name) if code_when_absent else None
        if refusal:
            return refusal
    return None


def _amount(line: Line, name: str, places: int) -> Refusal | None:
    number = line.fields.number(name)
    if number is None or number.is_signed() or number.adjusted() > LARGEST_EXPONENT:
        return Refusal("0300", name)
    return Refusal("0302", name) if _decimals(number) > places else None


def _decimals(number: Decimal) -> int:
    exponent = number.as_tuple().exponent
    return -exponent if isinstance(exponent, int) else 0


def _extra_tax(line: Line) -> Refusal | None:
    """An empty text, and for some sale types nothing else; elsewhere also an amount."""
    if line.fields.raw("extraTax") == "":
        return None
    refusal = _amount(line, "extraTax", 2)
    return refusal or (Refusal("0091") if line.sale_type.text in NO_EXTRA_TAX else None)


def _value(line: Line) -> Refusal | None:
    """Zero is refused, though some samples of FBR's carry it."""
    name = "valueSalesExcludingST"
    return None if line.amount(name) else Refusal("0300", name)


def _quantity(line: Line) -> Refusal | None:
    is_free = line.sale_type.text == COTTON
    return None if is_free or line.amount("quantity") else Refusal("0098")


def _unit(line: Line) -> Refusal | None:
    unit, rate_unit = line.fields.text("uoM"), line.rate.unit
    if unit != "KWH" and line.fields.text("hsCode").startswith(_ELECTRICITY):
        return Refusal("0096")
    if unit not in lists.units_of(line.fields.text("hsCode")):
        return Refusal("0099")
    wanted, code = _UNIT_OF_RATE.get(rate_unit, (unit, ""))
    if line.sale_type.text == STEEL:
        wanted, code = "MT", "0062"
    return None if unit == wanted else Refusal(code)


def _schedule(line: Line) -> Refusal | None:
    """A sale type whose rates rest on an SRO must quote one that FBR lists, and an entry of it."""
    schedules = line.sale_type.schedules
    if not schedules:
        return None
    schedule = schedules.get(line.fields.text("sroScheduleNo"))
    if schedule is None:
        return Refusal("0077")
    return None if line.fields.text("sroItemSerialNo") in schedule.serials else Refusal("0078")


def _retail_price(line: Line) -> Refusal | None:
    is_priced = line.amount("fixedNotifiedValueOrRetailPrice") > 0
    return Refusal("0090") if line.sale_type.text == THIRD_SCHEDULE and not is_priced else None


def _cotton(line: Line) -> Refusal | None:
    is_cotton = line.sale_type.text == COTTON
    return Refusal("0100") if is_cotton and not line.buyer_is_registered else None


def _petroleum(line: Line) -> Refusal | None:
    is_petroleum = line.sale_type.text == PETROLEUM
    return Refusal("0129") if is_petroleum and not line.text("petroleumLevyOn") else None


def _five_percent(line: Line) -> Refusal | None:
    is_large = line.amount("valueSalesExcludingST") > FIVE_PERCENT_CEILING
    return Refusal("0079") if line.rate.percent == FIVE_PERCENT and is_large else None


def _sales_tax(line: Line) -> Refusal | None:
    """FBR works the tax out again, to the paisa, without any tolerance."""
    is_third = line.sale_type.text == THIRD_SCHEDULE
    base = "fixedNotifiedValueOrRetailPrice" if is_third else "valueSalesExcludingST"
    due = line.rate.tax(base=line.amount(base), quantity=line.amount("quantity"))
    return None if line.amount("salesTaxApplicable") == due else Refusal(_tax_code(line))


def _tax_code(line: Line) -> str:
    if line.sale_type.text == THIRD_SCHEDULE:
        return "0102"
    if line.sale_type.text == POTASSIUM:
        return "0103"
    return "0105" if line.rate.per_unit else "0104"


def _withheld(line: Line) -> Refusal | None:
    withheld = line.amount("salesTaxWithheldAtSource")
    if not withheld:
        return None
    if withheld != line.amount("salesTaxApplicable"):
        return Refusal("0050" if line.sale_type.text == COTTON else "0008")
    return None if line.buyer_is_registered else Refusal("0070")


# Sale type and rate come first: the rules after them take both for granted.
_RULES: Final[tuple[Callable[[Line], Refusal | None], ...]] = (
    _self_invoice,
    _hs_code,
    _sale_type,
    _rate,
    _amounts,
    _extra_tax,
    _value,
    _quantity,
    _unit,
    _schedule,
    _retail_price,
    _cotton,
    _petroleum,
    _five_percent,
    _sales_tax,
    _withheld,
)
