"""The correction coach: from what happened to the way that law leaves open for it.

Sources: STGO 01 of 2026 (cancelling within 72 hours, later with approval); Sales Tax Act 1990,
s. 9, and PRAL DI API v1.12, codes 0034 to 0037 (debit notes, 180 days, no more than the original).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.access import Actor
from accounts.enums import Permission
from fbr import cancel_pages
from fbr.windows import Window
from invoices import note_pages
from invoices import selectors as invoice_selectors
from invoices.enums import NOTES
from invoices.models import Invoice
from invoices.services import notes
from invoices.standing import COUNTED
from smartinvoicing.money import ZERO
from smartinvoicing.templatetags.formats import rupees

Row = dict[str, Any]

CANCEL: Final = "cancel"
APPLICATION: Final = "application"
NOTE: Final = "note"
SECOND: Final = "second"


@dataclass(frozen=True, kw_only=True)
class Happening:
    """What happened, in the seller's words, and the ways for it, the best one first.

    within, after: while the seller may cancel alone, and later.
    note:  the event on the page of notes that tells it.
    """

    label: Any
    help: Any
    within: tuple[str, ...]
    after: tuple[str, ...]
    note: str


HAPPENINGS: Final[Mapping[str, Happening]] = MappingProxyType(
    {
        "buyer": Happening(
            label=gettext_lazy("Wrong customer"),
            help=gettext_lazy("Another name or number should have stood on it."),
            within=(CANCEL, NOTE),
            after=(APPLICATION, NOTE),
            note="cancelled",
        ),
        "too_high": Happening(
            label=gettext_lazy("The amount was too high"),
            help=gettext_lazy("Price or quantity was more than what was sold."),
            within=(CANCEL, NOTE),
            after=(NOTE, APPLICATION),
            note="too_high",
        ),
        "too_low": Happening(
            label=gettext_lazy("The amount was too low"),
            help=gettext_lazy("More was sold, or at a higher price, than stands on it."),
            within=(CANCEL, SECOND),
            after=(SECOND, NOTE),
            note="too_low",
        ),
        "returned": Happening(
            label=gettext_lazy("Goods came back"),
            help=gettext_lazy("The invoice was right; all of it or a part was returned later."),
            within=(NOTE,),
            after=(NOTE,),
            note="returned",
        ),
        "never": Happening(
            label=gettext_lazy("The supply never happened"),
            help=gettext_lazy("The order was called off, or nothing was ever delivered."),
            within=(CANCEL, NOTE),
            after=(NOTE, APPLICATION),
            note="cancelled",
        ),
        "duplicate": Happening(
            label=gettext_lazy("It was reported twice"),
            help=gettext_lazy("Another document tells FBR of the same sale."),
            within=(CANCEL, NOTE),
            after=(APPLICATION, NOTE),
            note="cancelled",
        ),
    }
)


def ways_of(happened: str, *, is_open: bool, can_note: bool = True) -> tuple[str, ...]:
    """The ways for what happened, the best one first.

    can_note: whether there are notes of this kind on such a document at all.
    """
    known = HAPPENINGS[happened]
    ways = tuple(
        way for way in (known.within if is_open else known.after) if can_note or way != NOTE
    )
    return ways or (CANCEL if is_open else APPLICATION,)


def context(
    invoice: Invoice, window: Window, happened: str, actor: Actor, *, at: datetime
) -> dict[str, Any]:
    """The whole page; without an answer it only asks."""
    chosen = happened if happened in HAPPENINGS else ""
    return {
        "title": _("Correct %(number)s") % {"number": invoice.number},
        "number": invoice.number,
        "back": invoice.get_absolute_url(),
        "here": reverse("fbr:correct", args=[invoice.pk]),
        "clock": cancel_pages.countdown(window, at=at),
        "left": cancel_pages.left_in_words(window, at=at) if window.is_open(at) else "",
        "happenings": [
            {"value": name, "label": each.label, "help": each.help, "chosen": name == chosen}
            for name, each in HAPPENINGS.items()
        ],
        "ways": _ways(invoice, window, chosen, actor, at=at) if chosen else [],
    }


def _ways(
    invoice: Invoice, window: Window, happened: str, actor: Actor, *, at: datetime
) -> list[Row]:
    left = _Left.of(invoice)
    is_known = HAPPENINGS[happened].note in note_pages.events_of(invoice)
    can_note = is_known and invoice.document_type not in NOTES
    names = ways_of(happened, is_open=window.is_open(at), can_note=can_note)
    hindrances = _hindrances(invoice, at=at) if NOTE in names else []
    rows = [
        {
            **_WAYS[name](invoice, HAPPENINGS[happened], left),
            "clock": cancel_pages.countdown(window, at=at) if name == CANCEL else [],
            "hindrances": hindrances if name == NOTE else [],
        }
        for name in names
    ]
    # What can be done stands before what cannot.
    rows.sort(key=lambda row: bool(row["hindrances"]))
    return [_with_action(row, actor, is_best=not place) for place, row in enumerate(rows)]


def _with_action(row: Row, actor: Actor, *, is_best: bool) -> Row:
    """The way with its button, for those who may go it."""
    is_best = is_best and not row["hindrances"]
    may = actor.may(row["needs"])
    button = row["action"] | {"kind": "primary" if is_best else ""}
    return row | {
        "is_best": is_best,
        "told": "" if may else _("Your role does not allow this. Ask an accountant or an owner."),
        "buttons": [button] if may and not row["hindrances"] else [],
    }


def _hindrances(invoice: Invoice, *, at: datetime) -> list[Row]:
    return [{"message": each.message, "fix": each.fix} for each in notes.hindrances(invoice, at=at)]


# --- what each way does -----------------------------------------------------------------------


@dataclass(frozen=True)
class _Left:
    """What the notes on a document have left of it."""

    value: Decimal
    tax: Decimal

    @classmethod
    def of(cls, invoice: Invoice) -> _Left:
        counted = [row for row in invoice_selectors.notes_of(invoice) if row.state in COUNTED]
        return cls(
            max(invoice.value - sum((row.value for row in counted), ZERO), ZERO),
            max(invoice.sales_tax - sum((row.sales_tax for row in counted), ZERO), ZERO),
        )


def _gone(invoice: Invoice) -> list[Row]:
    tax = invoice.sales_tax + invoice.further_tax + invoice.extra_tax
    return [
        {"name": _("Value at FBR"), "value": _from_to(invoice.value)},
        {"name": _("Tax at FBR"), "value": _from_to(tax)},
    ]


def _from_to(amount: Decimal) -> str:
    return _("%(before)s, then nothing") % {"before": rupees(amount)}


def _cancel(invoice: Invoice, what: Happening, left: _Left) -> Row:
    return {
        "title": _("Cancel it in IRIS, then write it anew"),
        "sentence": _("It is as if it had never been reported. Only for an honest mistake."),
        "effects": _gone(invoice),
        "action": _action("cancel", invoice, _("Cancel it"), reason=str(what.label)),
        "needs": Permission.CANCEL,
    }


def _application(invoice: Invoice, what: Happening, left: _Left) -> Row:
    return {
        "title": _("Apply to the Commissioner"),
        "sentence": _(
            "The 72 hours are over. The letter is written for you; once it is approved, you cancel"
            " the document in IRIS."
        ),
        "effects": _gone(invoice),
        "action": _action("cancel", invoice, _("Prepare the application"), reason=str(what.label)),
        "needs": Permission.CANCEL,
    }


def _note(invoice: Invoice, what: Happening, left: _Left) -> Row:
    is_more = what.note == "too_low"
    url = reverse("invoices:note", args=[invoice.pk])
    return {
        "title": _("Write a debit note that adds to it")
        if is_more
        else _("Write a note that takes it back"),
        "sentence": _(
            "FBR's texts speak of notes that lower a supply: ask your tax adviser before you raise"
            " one."
        )
        if is_more
        else _("The invoice stays; the note takes off what was too much. Within 180 days."),
        "effects": []
        if is_more
        else [
            {"name": _("Value, at most"), "value": _less(left.value)},
            {"name": _("Sales tax, at most"), "value": _less(left.tax)},
        ],
        "action": {
            "label": _("Write the note"),
            "url": f"{url}?{urlencode({'event': what.note})}",
        },
        "needs": Permission.WRITE_DRAFTS,
    }


def _less(amount: Decimal) -> str:
    return _("%(sum)s less") % {"sum": rupees(amount)}


def _second(invoice: Invoice, what: Happening, left: _Left) -> Row:
    return {
        "title": _("Write a second invoice over the difference"),
        "sentence": _(
            "The first one stays as it is. Take the copy and leave only what is missing in it; it"
            " is declared in the month of its own date."
        ),
        "effects": [
            {
                "name": _("Tax at FBR"),
                "value": _("%(sum)s, and that of the difference")
                % {"sum": rupees(invoice.sales_tax)},
            }
        ],
        "action": {
            "label": _("Copy as new"),
            "url": reverse("invoices:duplicate", args=[invoice.pk]),
            "post": True,
        },
        "needs": Permission.WRITE_DRAFTS,
    }


def _action(name: str, invoice: Invoice, label: str, **query: str) -> Row:
    url = reverse(f"fbr:{name}", args=[invoice.pk])
    return {"label": label, "url": f"{url}?{urlencode(query)}"}


_WAYS: Final = {CANCEL: _cancel, APPLICATION: _application, NOTE: _note, SECOND: _second}
