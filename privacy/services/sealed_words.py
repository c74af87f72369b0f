"""Words of a person in a row outside the wall, sealed: nobody reads them in the table."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from django.db import models

from smartinvoicing import crypto

OURS: Final = "platform"  # in the place of a tenant


def seal(row: models.Model, words: Mapping[str, object]) -> bytes:
    """The words as they stand in this row, and in no other."""
    return crypto.seal(json.dumps(words), tenant_id=OURS, place=_place(row))


def unseal(row: Any) -> dict[str, str]:
    """The words again; none where none were said, or they are gone. row: has `sealed`."""
    if not row.sealed:
        return {}
    words: dict[str, str] = json.loads(
        crypto.unseal(bytes(row.sealed), tenant_id=OURS, place=_place(row))
    )
    return words


def _place(row: models.Model) -> str:
    return f"{row._meta.db_table}/{row.pk}/sealed"
