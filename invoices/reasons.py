"""Why a note is made: FBR's texts and what each does to the goods, and what people call it.

Data only. Source: the list of reasons in FBR's offline template; PRAL DI API v1.12, codes 0027
and 0028 (the field for the remarks that `Others` wants is not published, so it cannot be sent).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from invoices.enums import NoteDirection

CANCELLED: Final = "Cancellation of supply"
RETURNED: Final = "Return of goods"
NATURE: Final = "Change in nature of supply"
VALUE: Final = "Change in value of supply"
TAX: Final = "Change in amount of tax"
STEEL: Final = "Adjustment given to Steel Melters"
OTHERS: Final = "Others"

# Each reason that can be sent, and whether it takes the goods out of the sale.
REASONS: Final[Mapping[str, bool]] = {
    CANCELLED: True,
    RETURNED: True,
    NATURE: True,
    VALUE: False,
    TAX: True,
    STEEL: False,
}


def takes_goods(reason: str) -> bool:
    """Whether a note of this reason leaves fewer goods sold, not only less money owed."""
    return REASONS.get(reason, False)


@dataclass(frozen=True, kw_only=True)
class Event:
    """What happened, in the words of whoever sold, and the note that tells it.

    asks: what one has to say of each line: `quantity`, `price`, or nothing for all that is left.
    """

    label: Any
    help: Any
    reason: str
    direction: str = NoteDirection.DECREASE
    asks: str = ""


EVENTS: Final[Mapping[str, Event]] = {
    "returned": Event(
        label=_("Goods came back"),
        help=_("Say how many of each. Value and tax go down with them."),
        reason=RETURNED,
        asks="quantity",
    ),
    "too_high": Event(
        label=_("The price was too high"),
        help=_("Say what the price should have been. The difference is taken back with its tax."),
        reason=VALUE,
        asks="price",
    ),
    "too_low": Event(
        label=_("The price was too low"),
        help=_(
            "The difference is charged by a note that raises the supply. FBR's texts speak of"
            " notes that lower it, so ask your tax adviser; a second invoice over the difference"
            " is the other way."
        ),
        reason=VALUE,
        direction=NoteDirection.INCREASE,
        asks="price",
    ),
    "cancelled": Event(
        label=_("The supply was called off"),
        help=_("All that is left of the invoice is taken back."),
        reason=CANCELLED,
    ),
    "tax": Event(
        label=_("The tax was wrong"),
        help=_(
            "FBR computes the tax of every line, so a note cannot change the tax alone. It takes"
            " back the whole supply; then write a new invoice with the right rate."
        ),
        reason=TAX,
    ),
    "nature": Event(
        label=_("It was another kind of supply"),
        help=_("The note takes back the whole supply; then write a new invoice for what it was."),
        reason=NATURE,
    ),
}
