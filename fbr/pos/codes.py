"""POS codes and gateway faults in words that a shop owner can act upon. Pure.

FBR publishes no list for POS: what is here was reported by those who run it.
Source: POS reference, 7.2 (codes) and 7.3 (faults of the gateway).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from fbr import words
from fbr.outcomes import CodeOnLine
from fbr.words import Code, Scope, unexplained
from smartinvoicing.errors import Problem

__all__ = ["CODES", "Code", "is_known", "problem_of", "problem_of_hold", "unexplained"]

Row = tuple[str, Promise, Promise]

_UNREADABLE: Final[Row] = (
    "",
    gettext_lazy("FBR could not use the bill as it was sent."),
    gettext_lazy("Correct what FBR names below, or check amounts, codes and date, and send again."),
)
_TABLE: Final[Mapping[str, Row]] = {
    "101": (
        "",
        gettext_lazy("FBR's component in the shop could not give the bill a number."),
        gettext_lazy(
            "See that the component runs and reaches the internet, then send the bill again; it "
            "keeps its number."
        ),
    ),
    "102": _UNREADABLE,
    "104": (
        "till_id",
        gettext_lazy("The token is good, but FBR does not let this till report with it."),
        gettext_lazy(
            "Check the POSID in IRIS: it must be active and belong to this token. Then release "
            "the till; its bills wait."
        ),
    ),
    "112": (
        "till_id",
        gettext_lazy("FBR takes no bills of this till from our server."),
        gettext_lazy(
            "Ask FBR in IRIS to register the till as cloud based, then try it again. Reporting "
            "from the component in the shop is not offered here yet. Its bills wait."
        ),
    ),
    "400": (
        "",
        gettext_lazy("FBR's component failed over this bill."),
        gettext_lazy("Correct what FBR names; if it names nothing, call FBR's support first."),
    ),
    "401": _UNREADABLE,
    "402": (
        "",
        gettext_lazy("An entry of the bill broke a rule of FBR's component."),
        gettext_lazy("Correct the entry that FBR names and send again."),
    ),
}
_FAULTS: Final[Mapping[str, Row]] = {
    "900901": (
        "token",
        gettext_lazy("FBR does not know this token: it is wrong, has run out or is not active."),
        gettext_lazy("Wait until FBR has activated it, or copy it again from IRIS and store it."),
    ),
    "900902": (
        "token",
        gettext_lazy("The token did not reach FBR."),
        gettext_lazy("The mistake is ours: tell our support. The bills wait."),
    ),
    "900908": (
        "token",
        gettext_lazy("The token is good, but not for this."),
        gettext_lazy(
            "Three things can be wrong: it belongs to another service of FBR's, to the other "
            "environment, or our address is not declared for it in IRIS."
        ),
    ),
    "900910": (
        "token",
        gettext_lazy("The token lacks the right to report bills."),
        gettext_lazy("Have a new token made in IRIS and store it."),
    ),
}
_TABLES: Final[Mapping[Scope, Mapping[str, Row]]] = {"pos": _TABLE, "gateway": _FAULTS}
CODES: Final[Mapping[str, Code]] = {
    code: Code(code=code, scope=scope, meaning=meaning, fix=fix, field=field)
    for scope, table in _TABLES.items()
    for code, (field, meaning, fix) in table.items()
}

# Accepted, and what the component's own upload is told; they need no words for a shop owner.
_NO_REFUSALS: Final = frozenset({"100", "200", "201"})

# Names that FBR's component has for the boxes of a bill, and ours.
_BOXES: Final[Mapping[str, str]] = {
    "BuyerCNIC": "buyer.ntn_cnic",
    "BuyerNTN": "buyer.ntn_cnic",
    "BuyerName": "buyer.name",
    "DateTime": "invoice_date",
    "Discount": "discount",
    "FurtherTax": "further_tax",
    "ItemName": "description",
    "PCTCode": "hs_code",
    "POSID": "till_id",
    "PaymentMode": "payment_mode",
    "Quantity": "quantity",
    "SaleValue": "unit_price",
    "TaxCharged": "sales_tax",
    "TaxRate": "rate",
}
_NAMES_ITS_BOX: Final = frozenset({"102", "400", "401", "402"})
_OF_HOLD: Final = re.compile(r"(?:code|gateway fault) (\w+)")


def is_known(code: str) -> bool:
    """Whether we know what `code` means: we have words for it, or it refuses nothing."""
    return code in CODES or code in _NO_REFUSALS


def problem_of(found: CodeOnLine) -> Problem:
    """What to tell about one code in FBR's answer, in the language that is active now."""
    field = words.named_field(found.text, _BOXES) if found.code in _NAMES_ITS_BOX else ""
    return words.problem_of(found, CODES.get(found.code), field=field)


def problem_of_hold(why: str) -> Problem:
    """What to tell the owner of a held till. why: that of the reading which held it."""
    named = _OF_HOLD.fullmatch(why)
    if named and named.group(1) in CODES:
        return problem_of(CodeOnLine(code=named.group(1), text=""))
    message = _("FBR refused the token of this till (%(why)s).") % {"why": why}
    return Problem(
        code="refused_token",
        field="token",
        message=message if why else _("FBR refused the token of this till."),
        fix=_("Check in IRIS that token and till are active, then test the token here."),
    )
