"""What a taxpayer says of itself, and what is wrong with it. Pure.

Source: PRAL DI API v1.12, section 4 (seller's number, name, province, address are mandatory) and
error codes 0073 and 0108.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from django.utils.translation import gettext as _

from accounts import registration, texts
from accounts.enums import Activity, Province, Sector
from smartinvoicing.errors import Problem, RuleViolation

LONGEST_NAME: Final = 200
LONGEST_ADDRESS: Final = 300
LONGEST_SOFTWARE_NO: Final = 40
SERIES: Final = "INV"

_STRN: Final = re.compile(r"[0-9]{13}", re.ASCII)
_PHONE: Final = re.compile(r"\+?[0-9]{7,15}", re.ASCII)
# Notes are numbered with these endings: a run that had one could print the number of another.
_SERIES: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{0,9}(?<!-CN)(?<!-DN)", re.ASCII)
_SEPARATORS: Final = re.compile(r"[ ().-]")


@dataclass(frozen=True, kw_only=True)
class Particulars:
    """A business as FBR's register has it, and how its invoices are marked and reckoned.

    retail_price_includes_tax: the prices printed on Third Schedule goods have the tax in them.
    """

    name: str
    ntn_cnic: str
    strn: str
    province: str
    address: str
    phone: str
    activity: str
    sector: str
    series: str = SERIES
    software_no: str = ""
    retail_price_includes_tax: bool = True


def checked(given: Particulars) -> Particulars:
    """`given` in the form in which it is stored.

    Raises: RuleViolation naming each field that is wrong.
    """
    stored = _tidied(given)
    problems = list(_problems_of(stored))
    if problems:
        raise RuleViolation.of(problems)
    return stored


def problems_of(given: Particulars) -> list[Problem]:
    """What is wrong with `given`, field by field; nothing where it is complete."""
    return list(_problems_of(_tidied(given)))


def _tidied(given: Particulars) -> Particulars:
    return replace(
        given,
        name=texts.tidy(given.name),
        ntn_cnic=registration.normal(texts.ascii_digits(given.ntn_cnic)),
        strn=_SEPARATORS.sub("", texts.ascii_digits(given.strn)),
        address=texts.tidy(given.address),
        phone=_SEPARATORS.sub("", texts.ascii_digits(given.phone)),
        series=given.series.strip().upper(),
        software_no=texts.tidy(given.software_no),
    )


def _problems_of(stored: Particulars) -> Iterator[Problem]:
    yield from _of_name_and_place(stored)
    yield from _of_numbers(stored)
    yield from _of_lists(stored)
    if not _SERIES.fullmatch(stored.series):
        yield Problem(
            code="series",
            field="series",
            message=_("The prefix of invoice numbers has the wrong form."),
            fix=_(
                "Use up to ten letters, digits and dashes, like INV or LHR-1; -CN and -DN are ours."
            ),
        )
    if not _fits(stored.software_no, LONGEST_SOFTWARE_NO):
        yield Problem(
            code="software_no",
            field="software_no",
            message=_("The software registration number has the wrong form."),
            fix=_("Copy it from FBR's portal, or leave it empty."),
        )


def _of_name_and_place(stored: Particulars) -> Iterator[Problem]:
    if not stored.name or not _fits(stored.name, LONGEST_NAME):
        yield Problem(
            code="name",
            field="name",
            message=_("The name of the business is missing or has signs that no name has."),
            fix=_("Type the name as it stands on FBR's register, up to 200 characters."),
        )
    if not stored.address or not _fits(stored.address, LONGEST_ADDRESS):
        yield Problem(
            code="address",
            field="address",
            message=_("The address of the business is missing or has signs that none has."),
            fix=_("Type it in one line, up to 300 characters; it stands on every invoice."),
        )
    if stored.province not in Province.values:
        yield Problem(
            code="0073",
            field="province",
            message=_("The province is missing or not one FBR lists."),
            fix=_("Choose the province from the list."),
        )


def _of_numbers(stored: Particulars) -> Iterator[Problem]:
    if not registration.is_number(stored.ntn_cnic):
        yield Problem(
            code="0108",
            field="ntn_cnic",
            message=_("The NTN or CNIC has the wrong form."),
            fix=_(
                "Write the NTN with 7 characters, without the digit after the dash, or the "
                "CNIC with 13 digits."
            ),
        )
    if stored.strn and not _STRN.fullmatch(stored.strn):
        yield Problem(
            code="strn",
            field="strn",
            message=_("The sales tax registration number (STRN) has the wrong form."),
            fix=_("Write its 13 digits, or leave it empty."),
        )
    if stored.phone and not _PHONE.fullmatch(stored.phone):
        yield Problem(
            code="phone",
            field="phone",
            message=_("The phone number has the wrong form."),
            fix=_("Write it like 042 35761999 or +92 300 1234567, or leave it empty."),
        )


def _of_lists(stored: Particulars) -> Iterator[Problem]:
    if stored.activity not in Activity.values:
        yield Problem(
            code="activity",
            field="activity",
            message=_("FBR does not list this business activity."),
            fix=_("Choose it from the list; it decides the scenarios of the sandbox."),
        )
    if stored.sector not in Sector.values:
        yield Problem(
            code="sector",
            field="sector",
            message=_("FBR does not list this sector."),
            fix=_("Choose it from the list; it decides the scenarios of the sandbox."),
        )


def _fits(text: str, longest: int) -> bool:
    return len(text) <= longest and texts.is_plain(text)
