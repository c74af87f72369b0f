"""How far a run of numbers leaps after a restore, so that no number is given twice.

A lost document may bear a number that nobody here knows, and FBR's list does not tell ours. So a
run goes on behind what anybody saw, what FBR's list lets one count, and what the busiest day would
have used in the lost time. The numbers between are given to nobody, and that is written down.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db.models import Count, Max
from django.db.models.functions import TruncDate
from django.utils.translation import gettext as _

from accounts.models import LegalEntity
from fbr.models import NumberGap, Outbox, Quarantine
from invoices import numbers
from invoices.enums import DocumentType
from invoices.models import Series
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation
from smartinvoicing.ids import uuid7
from smartinvoicing.pg import rows

LEAST: Final = 10
_DIGITS: Final = 7


def refuse_unreadable(
    printed: Sequence[str], quarantine: Quarantine, entity: LegalEntity, *, at: datetime
) -> None:
    """Raises: RuleViolation for a number that none of the runs in question could have printed."""
    heads = [
        numbers.head_of(entity.series, kind, year)
        for kind in DocumentType.values
        for year in _years(quarantine, at)
    ]
    wrong = [text for text in printed if not any(_serial(text, head) for head in heads)]
    if wrong:
        raise RuleViolation.of(
            [
                Problem(
                    code="not_a_number_of_yours",
                    field="last_numbers",
                    message=_("%(number)s is no number of this business.") % {"number": wrong[0]},
                    fix=_("Type it as it is printed, with its letters, year and dashes."),
                )
            ]
        )


def leap(
    quarantine: Quarantine,
    entity: LegalEntity,
    *,
    used: int,
    seen: Iterable[str],
    at: datetime,
) -> list[NumberGap]:
    """Let each run that may have gone on in the lost time leap; what it leapt over."""
    known = list(seen)
    gaps = []
    for series in _may_have_gone_on(quarantine, entity, at):
        numbers_seen = [_serial(text, _head(series)) or 0 for text in known]
        last = max(series.last + max(LEAST, used, _busy(series, quarantine)), *numbers_seen, 0)
        gap = NumberGap(
            tenant_id=series.tenant_id,
            quarantine=quarantine,
            series=series,
            first=series.last + 1,
            last=last,
        )
        rows.insert(gap)
        rows.update(Series, where={"id": series.pk, "last": series.last}, to={"last": last})
        gaps.append(gap)
    return gaps


def _may_have_gone_on(quarantine: Quarantine, entity: LegalEntity, at: datetime) -> list[Series]:
    """Locked: the runs of the years that the lost time touches, those included that began in it."""
    years = _years(quarantine, at)
    here = {"legal_entity": entity, "environment": quarantine.environment}
    for kind in DocumentType.values:
        for year in years:
            Series.objects.get_or_create(
                document_type=kind,
                prefix=entity.series,
                year=year,
                **here,
                defaults={"id": uuid7(), "tenant_id": quarantine.tenant_id},
            )
    found = Series.objects.select_for_update(of=("self",)).filter(**here, year__in=years)
    return list(found.order_by("id"))


def _busy(series: Series, quarantine: Quarantine) -> int:
    """What its busiest day would have used in the lost time; each day of it counts whole."""
    a_day = (
        Outbox.objects.filter(
            invoice__series__legal_entity=series.legal_entity_id,
            invoice__series__document_type=series.document_type,
            invoice__series__environment=series.environment,
            version=1,
        )
        .annotate(day=TruncDate("made_at", tzinfo=clock.KARACHI))
        .values("day")
        .annotate(count=Count("id"))
        .order_by()
    )
    busiest = a_day.aggregate(most=Max("count"))["most"] or 0
    days = (quarantine.lost_until - quarantine.lost_from) // timedelta(days=1) + 1
    return int(busiest * days)


def _years(quarantine: Quarantine, at: datetime) -> range:
    """The years of the runs that the lost time touches."""
    first, last = clock.karachi_date(quarantine.lost_from), clock.karachi_date(at)
    return range(first.year, last.year + 1)


def _head(series: Series) -> str:
    return numbers.head_of(series.prefix, series.document_type, series.year)


def _serial(text: str, head: str) -> int | None:
    """The place of a printed number in the run with this head; None where it is of another."""
    rest = text.strip().removeprefix(head)
    is_one = rest != text.strip() and rest.isascii() and rest.isdigit() and len(rest) <= _DIGITS
    return int(rest) if is_one else None
