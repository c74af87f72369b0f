"""The arithmetic of a line, pure, on one core: all rate texts, all kinds of supply in turns."""

from __future__ import annotations

import itertools
import time
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from bench import rig
from invoices import rates, sale_types, tax
from invoices.models import RateText
from smartinvoicing.money import to_paisa

LINES: Final = 20_000
WANTED: Final = 20_000
TURNS: Final = 5


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Lines a second, the best of five, beside the bare multiplying and rounding of one tax."""
    supplies = _supplies([rates.parse(row.text) for row in RateText.objects.all()])
    terms = tax.Terms(on=date(2026, 11, 21), buyer_kind="unregistered")
    ours = max(_rate(supplies, terms) for _ in range(TURNS))
    bare = max(_bare(supplies) for _ in range(TURNS))
    rig.line("tax_lines_per_s", ours, "1/s", f"wanted {WANTED}/s", ours / WANTED)
    rig.line("tax_lines_per_s", ours, "1/s", f"one bare product, {bare:.0f}/s", ours / bare)


def _supplies(texts: list[rates.Rate]) -> list[tax.Supply]:
    kinds = itertools.cycle(sale_types.KINDS)
    return [
        tax.Supply(
            sale_type=next(kinds),
            rate=texts[number % len(texts)],
            quantity=Decimal(number % 97 + 1),
            unit_price=Decimal(number * 37 % 99_991 + 1) / 100,
            discount=Decimal(number % 7) / 4,
            retail_price=Decimal(number % 500 + 1),
        )
        for number in range(LINES)
    ]


def _rate(supplies: list[tax.Supply], terms: tax.Terms) -> float:
    began = time.perf_counter()
    for supply in supplies:
        tax.of_line(supply, terms)
    return len(supplies) / (time.perf_counter() - began)


def _bare(supplies: list[tax.Supply]) -> float:
    began = time.perf_counter()
    for supply in supplies:
        to_paisa(supply.quantity * supply.unit_price * supply.rate.percent / 100)
    return len(supplies) / (time.perf_counter() - began)
