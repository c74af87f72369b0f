"""How the house writes amounts, quantities, dates and tax numbers on a page."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from django import template
from django.utils import dateformat
from django.utils.translation import gettext, ngettext

from smartinvoicing import clock, money

register = template.Library()

CNIC_DIGITS: Final = 13
NOTHING: Final = "\N{EN DASH}"
TIGHT: Final = "\N{NO-BREAK SPACE}"

Number = Decimal | int | str


def _number(value: Number) -> Decimal:
    """The exact number in `value`. A float has already lost paisas, so it is refused."""
    if isinstance(value, float):
        raise TypeError("Amounts are Decimal, never float.")
    return Decimal(value)


def _plain(value: Decimal) -> str:
    """Grouped in thousands, without zeros that say nothing: 1,250.5."""
    text = f"{value:,f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


@register.filter
def amount(value: Number | None) -> str:
    """1,234.50: for a column whose heading says that it is rupees."""
    return NOTHING if value in (None, "") else f"{money.to_paisa(_number(value)):,f}"


@register.filter
def rupees(value: Number | None) -> str:
    """Rs 1,234.50: for an amount that stands alone."""
    return NOTHING if value in (None, "") else f"Rs{TIGHT}{amount(value)}"


@register.filter
def short_rupees(value: Number | None) -> str:
    """Rs 1.24 million: for the end of an axis, never for an amount that anyone may copy."""
    if value in (None, ""):
        return NOTHING
    number = _number(value)
    if abs(number) < 1_000_000:
        return f"Rs{TIGHT}{number:,.0f}"
    return gettext("Rs\N{NO-BREAK SPACE}%(millions)s million") % {
        "millions": _plain(Decimal(f"{number / 1_000_000:.2f}"))
    }


@register.filter
def price(value: Number | None) -> str:
    """2.50, 18.7525: the price of one unit, with as many places as it has, and two at least."""
    if value in (None, ""):
        return NOTHING
    number = _number(value)
    return f"{number:,.4f}".rstrip("0") if money.places_of(number) > 2 else amount(number)


@register.filter
def percent(value: Number | None) -> str:
    """18% of Decimal("18.00")."""
    return NOTHING if value in (None, "") else f"{_plain(_number(value))}%"


@register.filter
def quantity(value: Number | None) -> str:
    """1,250.5 of Decimal("1250.5000")."""
    return NOTHING if value in (None, "") else _plain(_number(value))


def _karachi(value: date | datetime) -> date | datetime:
    """A day as it is; an instant as the day and hour in Karachi."""
    if not isinstance(value, datetime):
        return value
    if value.tzinfo is None:
        raise ValueError("An instant without a zone has no date in Karachi.")
    return clock.karachi(value)


@register.filter
def karachi_date(value: date | datetime | None) -> str:
    """21 Nov 2026, as the calendar in Karachi reads it."""
    return dateformat.format(_karachi(value), "j M Y") if value else NOTHING


@register.filter
def karachi_month(value: date | datetime | None) -> str:
    """November 2026: the tax period in which a day lies."""
    return dateformat.format(_karachi(value), "F Y") if value else NOTHING


@register.filter
def karachi_time(value: datetime | None) -> str:
    """21 Nov 2026, 14:05, as the clock in Karachi reads it."""
    return dateformat.format(_karachi(value), "j M Y, H:i") if value else NOTHING


@register.filter
def duration(value: timedelta | None) -> str:
    """15 minutes, 3 hours or 2 days: rounded up, so that no wait is too short."""
    if value is None:
        return NOTHING
    minutes = max(1, -(-value // timedelta(minutes=1)))
    if minutes < 60:
        return ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    hours = -(-minutes // 60)
    if hours < 48:
        return ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    days = -(-hours // 24)
    return ngettext("%(n)d day", "%(n)d days", days) % {"n": days}


@register.filter
def ntn(value: str | None) -> str:
    """A tax number with its dashes: CNIC 35202-1234567-1, NTN 2046004-7, a short NTN as it is."""
    text = str(value or "").strip()
    if len(text) == CNIC_DIGITS and text.isdigit():
        return f"{text[:5]}-{text[5:12]}-{text[12:]}"
    if len(text) == 8 and text.isdigit():
        return f"{text[:7]}-{text[7:]}"
    return text or NOTHING


@register.filter
def ntn_in_part(value: str | None) -> str:
    """The same for lists: a CNIC stands for a person, so that only its ends are shown."""
    text = ntn(value)
    if sum(map(str.isdigit, text)) != CNIC_DIGITS:
        return text
    middle = "".join("\N{BULLET}" if each.isdigit() else each for each in text[3:-1])
    return f"{text[:3]}{middle}{text[-1]}"


def with_ends_only(text: str, number: str) -> str:
    """A whole text in which this number, where it is a CNIC, shows its ends only."""
    return text.replace(number, ntn_in_part(number)) if len(number) == CNIC_DIGITS else text
