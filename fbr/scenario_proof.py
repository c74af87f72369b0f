"""Two proofs about a scenario's document: it is the golden one; FBR counts every paisa. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any, Final

from accounts.models import LegalEntity
from fbr.texts import plain
from smartinvoicing.money import PAISA, write_short

# The retail figure is not among them: a paisa of it is less than half a paisa of tax, and FBR
# compares it with nothing else.
AMOUNTS: Final = (
    "valueSalesExcludingST",
    "salesTaxApplicable",
    "totalValues",
    "furtherTax",
    "salesTaxWithheldAtSource",
)

_DATE: Final = re.compile(r'"invoiceDate":"[0-9-]{10}"')
_SELLER: Final = re.compile(r'"sellerNTNCNIC":.*?,"buyer', re.DOTALL)


def expected(golden: str, *, entity: LegalEntity, on: date) -> bytes:
    """A golden document as `entity` would send it that day: only the seller and the date differ."""
    seller = {
        "sellerNTNCNIC": entity.ntn_cnic,
        "sellerBusinessName": plain(entity.name),
        "sellerProvince": entity.province,
        "sellerAddress": plain(entity.address),
    }
    written = json.dumps(seller, ensure_ascii=False, separators=(",", ":"))[1:-1]
    dated = _DATE.sub(f'"invoiceDate":"{on.isoformat()}"', golden)
    return _SELLER.sub(lambda _found: f'{written},"buyer', dated, count=1).encode()


def changed_by_a_paisa(body: bytes) -> Iterator[tuple[str, int, bytes]]:
    """`body` with one amount of its first line a paisa off: field, +1 or -1, the new bytes.

    An amount of nothing is only raised: less than nothing is no amount.
    """
    text = body.decode()
    line: dict[str, Any] = json.loads(text, parse_float=Decimal, parse_int=Decimal)["items"][0]
    for field in AMOUNTS:
        amount: Decimal = line[field]
        for step in (1, -1) if amount else (1,):
            wrong = write_short(amount + step * PAISA)
            old = f'"{field}":{write_short(amount)},'
            yield field, step, text.replace(old, f'"{field}":{wrong},', 1).encode()
