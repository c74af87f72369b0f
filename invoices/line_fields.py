"""Which particulars of a line, or a product, its kind of supply asks for. Pure.

What was typed is always shown, asked for or not: nothing that goes to FBR stands out of sight.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from invoices import sale_types

SCHEDULE: Final = ("sro_schedule", "sro_item")
EXCISE: Final = ("fed_type", "fed_rate", "fed_unit_price", "fed", "fed_schedule", "fed_item")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Names of fields: in sight; behind a fold; the six of excise behind one of their own.

    excise_open: one of the six is used, or wrong.
    """

    plain: tuple[str, ...]
    folded: tuple[str, ...]
    excise: tuple[str, ...]
    excise_open: bool


def shown_for(
    text: Mapping[str, object], *, known: Collection[str], wrong: Collection[str] = ()
) -> Shown:
    """What to draw for these texts.

    known: the fields that the form has. wrong: those that something is said about.
    """
    kind = sale_types.of(str(text.get("sale_type", "")))
    used = {name for name in known if text.get(name)} | set(wrong)
    asked = {
        "retail_price": kind.on_retail_price,
        **dict.fromkeys(SCHEDULE, kind.needs_sro),
        "petroleum_levy_on": kind.levy,
        "further_tax": True,
        "no_further_tax": True,
        "extra_tax": not kind.no_extra_tax,
        "withheld": True,
    }
    plain = [name for name, is_asked in asked.items() if is_asked or name in used]
    excise = [name for name in EXCISE if name in known]
    has_excise = bool(used & set(excise))
    return Shown(
        plain=tuple(name for name in ("sale_type", "rate", *plain) if name in known),
        folded=tuple(name for name in SCHEDULE if name in known and name not in plain),
        excise=() if kind.fed_mode and not has_excise else tuple(excise),
        excise_open=has_excise,
    )
