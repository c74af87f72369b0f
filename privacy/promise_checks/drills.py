"""What people of ours do at a date: due until it is over, broken when it is long over."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from privacy.models import CheckRun
from privacy.verdicts import Broken, Due, Verdict
from smartinvoicing import clock

FIRST: Final = timedelta(days=90)  # after we began to look, for what was never done
GRACE: Final = timedelta(days=30)


def drilled(words: str, last: datetime | None, *, every: timedelta, at: datetime) -> Verdict:
    """Due again `every` so often; with a month's grace, then it is broken."""
    if last is None:
        began = CheckRun.objects.order_by("at").values_list("at", flat=True).first() or at
        due = began + FIRST
    else:
        due = last + every
    on = clock.karachi_date(due)
    if at > due + GRACE:
        return Broken(words, {"since": on.isoformat()})
    return Due(words, on)
