"""Which sandbox scenarios FBR assigns to a business, by what it does. Pure.

What IRIS shows a taxpayer stands above this table: a person may say that theirs is another.
Source: PRAL DI API v1.12, section 10; its note on retailers.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Final

from accounts.enums import Activity, Sector

RETAILERS_ONLY: Final = frozenset({"SN026", "SN027", "SN028"})

_FILE: Final = Path(__file__).parent / "data" / "scenario_matrix.json"


@cache
def _matrix() -> Mapping[Activity, Mapping[Sector, tuple[str, ...]]]:
    """Raises: ValueError for a word that is no activity or sector of ours."""
    table = json.loads(_FILE.read_text(encoding="utf-8"))["matrix"]
    return {
        Activity(activity): {Sector(sector): tuple(ids) for sector, ids in row.items()}
        for activity, row in table.items()
    }


def assigned(activity: str, sector: str, *, is_retailer: bool) -> tuple[str, ...]:
    """The scenarios of one business nature in one sector, by their numbers.

    is_retailer: FBR's sales tax profile says so; others cannot pass the three of retailers.
    """
    found = _matrix()[Activity(activity)][Sector(sector)]
    return tuple(one for one in found if is_retailer or one not in RETAILERS_ONLY)


def assigned_to_all(activities: Iterable[str], sector: str) -> tuple[str, ...]:
    """The scenarios of a business of several natures: all that any of them brings."""
    natures = set(activities)
    is_retailer = Activity.RETAILER in natures
    found = {one for each in natures for one in assigned(each, sector, is_retailer=is_retailer)}
    return tuple(sorted(found))
