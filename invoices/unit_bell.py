"""Ring for the units of HS codes that are used and not known yet; a higher floor asks FBR.

A ring is forgotten when nobody hears it: the daily refresh asks for the codes of the products.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from django.core.cache import cache
from django.db import transaction

from accounts import tenancy
from invoices import reference
from smartinvoicing.celery import tell

KEPT: Final = timedelta(days=30)
ONCE_S: Final = 3600  # a code is rung for once an hour, however many drafts name it
MOST: Final = 20  # codes of one document


def ring_for_units(hs_codes: Iterable[str], *, at: datetime) -> None:
    """After the commit, ask for the units of those codes that nobody asked FBR for lately."""
    lists = reference.current()
    wanted = [
        code
        for code in dict.fromkeys(hs_codes)
        if code in lists.hs_codes and _is_old(lists.units_at.get(code), at)
    ]
    tenant_id = str(tenancy.current_tenant_id())
    for code in wanted[:MOST]:
        if cache.add(f"units:{code}", 1, ONCE_S):
            transaction.on_commit(
                partial(tell, "fbr.fetch_units", tenant_id=tenant_id, hs_code=code)
            )


def _is_old(asked_at: datetime | None, at: datetime) -> bool:
    return asked_at is None or at - asked_at > KEPT
