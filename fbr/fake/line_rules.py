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

from fbr.fake.document import Fields, Malformed, places
from fbr.fake.lists import LEVIES, Lists, SaleType, Scenario
from fbr.fake.rates import Rate, is_inclusive, to_paisa
from fbr.fake.refusals import Refusal

THIRD_SCHEDULE: Final = "3rd Schedule Goods"
REDUCED_RATE: Final = "Goods at Reduced Rate"
COTTON: Final = "Cotton ginners"
TOLL: Final = "Toll Manufacturing"
PETROLEUM: Final = "Petroleum Products"
POTASSIUM: Final = "Potassium Chlorate"
STEEL: Final = "Steel melting and re-rolling"

# 0091 is certain for reduced rates only; for the others integrators report it.
NO_EXTRA_TAX: Final = frozenset({REDUCED_RATE, "Exempt goods", "Goods at zero-rate", COTTON})
# Rupees up to ten million millions: above that a number is a mistake.
LARGEST_EXPONENT: Final = 12
FIVE_PERCENT: Final = Decimal(5)
FIVE_PERCENT_CEILING: Final = Decimal(20_000)
# Percent of the value. Source: Sales Tax Act 1990, s. 3(1A).
FURTHER_TAX: Final = Decimal(4)
# SN009 and SN011 are published with the value alone as the total.
VALUE_FOR_TOTAL: Final = frozenset({COTTON, TOLL})

_HS_CODE: Final = re.compile(r"[0-9]{4}\.[0-9]{4}")
_ELECTRICITY: Final = "2716."
_UNIT_OF_RATE: Final = {"SqY": ("SqY", "0060"), "bill": ("Bill of lading", "0061")}
RETAIL_PRICE: Final = "fixedNotifiedValueOrRetailPrice"
# Amount, decimals allowed, and the code when it is left out; "" where it may be.
_AMOUNTS: Final = (
    ("quantity", 4, "0098"),
    ("totalValues", 2, "0300"),
    ("valueSalesExcludingST", 2, "0021"),
    (RETAIL_PRICE, 2, "0300"),
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
    scenario: Scenario | None
    lists: Lists
    exact_totals: bool = False

    @property
    def sale_type(self) -> SaleType:
        return self.lists.sale_types[self.fields.text("saleType")]

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
    is_code = _HS_CODE.fullmatch(code) and line.lists.has_hs_code(code)
    return None if is_code else Refusal("0044")


def _sale_type(line: Line) -> Refusal | None:
    if line.fields.text("saleType") not in line.lists.sale_types:
        return Refusal("0013")
    if line.scenario and line.scenario.sale_type != line.sale_type.text:
        return Refusal("0204")
    return None


def _rate(line: Line) -> Refusal | None:
    if not line.text("rate"):
        return Refusal("0020")
    return None if line.fields.text("rate") in line.sale_type.rates else Refusal("0046")


def _amounts(line: Line) -> Refusal | None:
    for name, longest, code_when_absent in _AMOUNTS:
        if name in line.fields:
            refusal = _amount(line, name, longest)
        else:
            refusal = Refusal(code_when_absent, name) if code_when_absent else None
        if refusal:
            return refusal
    return None


def _amount(line: Line, name: str, longest: int) -> Refusal | None:
    number = line.fields.number(name)
    if number is None or number.is_signed() or number.adjusted() > LARGEST_EXPONENT:
        return Refusal("0300", name)
    return Refusal("0302", name) if places(number) > longest else None


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
    if unit not in line.lists.units_of(line.fields.text("hsCode")):
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


def _printed_price(line: Line) -> Refusal | None:
    is_priced = line.amount(RETAIL_PRICE) > 0
    return Refusal("0090") if line.sale_type.text == THIRD_SCHEDULE and not is_priced else None


def _notified_price(line: Line) -> Refusal | None:
    """Goods without a printed price have zero, or as in SN028 their price with the tax."""
    price = line.amount(RETAIL_PRICE)
    is_free = line.sale_type.text == THIRD_SCHEDULE or not price
    return None if is_free or _is_price_with_tax(line, price) else Refusal("0300", RETAIL_PRICE)


def _is_price_with_tax(line: Line, price: Decimal) -> bool:
    """Whether value and sales tax make up a price, or were taken out of it.

    Each of the two is rounded, so the price they came from may differ by a paisa from their sum.
    Whether there was such a price a document does not say: of two prices a paisa apart, both may
    leave the same value.
    """
    value = line.amount("valueSalesExcludingST")
    if price == value + line.amount("salesTaxApplicable"):
        return True
    is_exact = line.exact_totals or line.sale_type.text == THIRD_SCHEDULE
    return not is_exact and is_inclusive(
        gross=price, value=value, rate=line.rate, quantity=line.amount("quantity")
    )


def _cotton(line: Line) -> Refusal | None:
    is_cotton = line.sale_type.text == COTTON
    return Refusal("0100") if is_cotton and not line.buyer_is_registered else None


def _petroleum(line: Line) -> Refusal | None:
    """The levy's base, in one of the words seen; what FBR does with another word is not known."""
    is_known = line.text("petroleumLevyOn") in LEVIES
    return Refusal("0129") if line.sale_type.text == PETROLEUM and not is_known else None


def _five_percent(line: Line) -> Refusal | None:
    is_large = line.amount("valueSalesExcludingST") > FIVE_PERCENT_CEILING
    return Refusal("0079") if line.rate.percent == FIVE_PERCENT and is_large else None


def _sales_tax(line: Line) -> Refusal | None:
    """FBR works the tax out again, to the paisa, without any tolerance."""
    is_third = line.sale_type.text == THIRD_SCHEDULE
    base = RETAIL_PRICE if is_third else "valueSalesExcludingST"
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


def _further_tax(line: Line) -> Refusal | None:
    """Nothing, or what the law charges, to the paisa.

    FBR has no code for a wrong one. 0300, an amount that is not valid, is this fake's choice.
    """
    due = to_paisa(line.amount("valueSalesExcludingST") * FURTHER_TAX / 100)
    return None if line.amount("furtherTax") in (0, due) else Refusal("0300", "furtherTax")


def _total(line: Line) -> Refusal | None:
    """Zero, as in FBR's samples, or the value with all its taxes.

    FBR seems not to check it; 0300 is this fake's choice. Excise is in the value already or comes
    on top. What FBR's own samples of two sale types show, the value alone, passes for these two.
    """
    total = line.amount("totalValues")
    price = total - line.amount("furtherTax") - line.amount("extraTax")
    prices = (price, price - line.amount("fedPayable"))
    if not total or any(_is_price_with_tax(line, one) for one in prices):
        return None
    is_sample = line.sale_type.text in VALUE_FOR_TOTAL
    if is_sample and total == line.amount("valueSalesExcludingST"):
        return None
    return Refusal("0300", "totalValues")


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
    _printed_price,
    _cotton,
    _petroleum,
    _five_percent,
    _sales_tax,
    _notified_price,
    _withheld,
    _further_tax,
    _total,
)
