"""Text and numbers as FBR's parsers survive them: one way of writing for both documents. Pure.

Source: PRAL DI API v1.12, section 4; POS reference, section 4 (JSON numbers, never texts).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal

from accounts.texts import clean
from smartinvoicing.money import write_short

Value = str | int | Decimal | None


def plain(text: str) -> str:
    """Text that FBR's parser survives: no control or direction marks, quotes or backslashes.

    Source: reported by integrators, DI API v1.12 field `productDescription`.
    """
    return clean(text.replace('"', "'").replace("\\", "/"))


def members(fields: Mapping[str, Value]) -> str:
    """The members of a JSON object, in their order and without spaces; None is `null`."""
    return ",".join(f'"{name}":{_write(value)}' for name, value in fields.items())


def _write(value: Value) -> str:
    if isinstance(value, Decimal):
        return write_short(value)
    return json.dumps(value, ensure_ascii=False)
