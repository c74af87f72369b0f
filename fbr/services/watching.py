"""The watchdog: looks at the whole installation and at each business, and rings.

It reads what the others leave behind and takes part in nothing: a sender that hangs cannot hang
it. Whether it lives itself is the dispatcher's question (`fbr.services.deadman`).
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from accounts import tenancy
from accounts.enums import NoticeKind
from accounts.models import AuditCheck, Heartbeat, LegalEntity
from accounts.services import housekeeping, notices
from fbr import alarms, selectors
from fbr.alarms import Count, Figures, Line
from fbr.models import AlertKind, Breaker, Credential, LineCheck, Outbox, Tally
from fbr.models.work import WorkState
from fbr.services import alerts
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import arming, clock, health
from smartinvoicing.models import Happening, Installation, InstallationEvent

logger = logging.getLogger(__name__)

NAME: Final = "watchdog"
WATCHED: Final = ("dispatcher", "documents")  # the second is beat's and a worker's
# The nightly look over the tables judges what it found itself.
JUDGED: Final = frozenset(AlertKind) - {AlertKind.INVARIANTS_BROKEN}
MOST: Final = 200  # documents of one business that the bell rings for, of a kind
TOKEN_DAYS: Final = (0, 1, 7, 30)  # a token that ends rings again at each


def look(*, at: datetime) -> Figures:
    """One look at the installation: alerts are set off and cleared, and told."""
    housekeeping.beat(NAME, at=at)
    found = figures(at=at)
    alerts.compare(alarms.findings(found), among=JUDGED, at=at)
    return found


# --- the installation -------------------------------------------------------------------------


def figures(*, at: datetime) -> Figures:
    """All that is known now. It looks over every tenant by one narrow function."""
    rows = _rows()
    expired = Tally.objects.filter(name=alerts.LEASE_EXPIRED).first()
    twice = Tally.objects.filter(name=alerts.NUMBER_TWICE).first()
    audit = AuditCheck.objects.first()
    check = LineCheck.objects.first()
    beats = dict(Heartbeat.objects.values_list("name", "at"))
    return Figures(
        at=at,
        since=Installation.objects.values_list("armed_at", flat=True).first(),
        is_armed=arming.is_armed(),
        states={label: count for name, label, count in rows if name == "state"},
        waiting={label: count for name, label, count in rows if name == "waiting"},
        hanging=next((count for name, _, count in rows if name == "hanging"), Count()),
        mail=next((count for name, _, count in rows if name == "mail"), Count()),
        leases_expired=expired.count if expired else 0,
        lease_expired_at=expired.last_at if expired else None,
        numbers_twice=twice.count if twice else 0,
        number_twice_at=twice.last_at if twice else None,
        lines=tuple(_lines()),
        anchored_at=audit.anchored_at if audit else None,
        audit_is_right=audit.is_right if audit else None,
        backed_up_at=_at(arming.newest(Happening.BACKED_UP)),
        rehearsed_at=_at(arming.rehearsed()),
        drill_faults=_drill_faults(),
        skew_ms=check.skew_ms if check else 0,
        ntp_skew_ms=check.ntp_skew_ms if check else None,
        clock_holds=check.holds if check else False,
        clock_checked_at=check.checked_at if check else None,
        is_broker_away=health.broker() != "ok",
        disks=dict(_disks()),
        heartbeats={name: beats.get(name) for name in WATCHED},
        has_time_server=bool(settings.NTP_HOST),
        is_production=settings.PRODUCTION,
    )


def _rows() -> list[tuple[str, str, Count]]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, label, n, oldest FROM fbr_figures()")
        return [(name, label, Count(n=n, oldest=old)) for name, label, n, old in cursor.fetchall()]


def _lines() -> Iterator[Line]:
    for row in Breaker.objects.order_by("environment", "channel"):
        yield Line(
            environment=row.environment,
            channel=row.channel,
            opened_at=row.opened_at,
            hold=row.hold,
            window=row.window,
        )


def _at(event: InstallationEvent | None) -> datetime | None:
    return event.at if event else None


def _drill_faults() -> int:
    newest = arming.newest(Happening.DRILLED)
    return len(newest.facts.get("faults", ())) if newest else 0


def _disks() -> Iterator[tuple[str, int]]:
    """How full each disk is, in percent: as the system reckons for whoever is not root."""
    for folder in settings.WATCHED_FOLDERS:
        try:
            usage = shutil.disk_usage(folder)
        except OSError as error:
            logger.warning("watch.no_folder", extra={"failure": type(error).__name__})
            continue
        yield folder, round(100 * usage.used / (usage.used + usage.free))


# --- the businesses ---------------------------------------------------------------------------


def look_at_tenants(*, at: datetime) -> int:
    """Ring in each business where something waits, and clear what is settled; how many."""
    found = _tenants_to_watch(at)
    for tenant_id in found:
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            look_at_tenant(at=at)
    return len(found)


def _tenants_to_watch(at: datetime) -> list[UUID]:
    waits_since = at - timedelta(minutes=settings.WAITS_LONG_MIN)
    with (
        tenancy.across_tenants(why="fbr.watch"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            "SELECT tenant_id FROM fbr_tenants_to_watch(%s, %s)", [waits_since, _ending_by(at)]
        )
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def look_at_tenant(*, at: datetime) -> None:
    """By the rows alone, so that it may look as often as it likes: no event is needed."""
    _documents(NoticeKind.UNCERTAIN, State.UNCERTAIN, at)
    _documents(NoticeKind.REJECTED, State.REJECTED, at)
    for entity in LegalEntity.objects.all():
        _waiting(entity, at)
        _tokens(entity, at)


def _documents(kind: NoticeKind, state: State, at: datetime) -> None:
    rung = notices.open_about(kind, Invoice)
    rows = Invoice.objects.filter(state=state).only("id", "tenant_id", "number")
    for invoice in rows.order_by("-id")[:MOST]:
        if invoice.pk not in rung:
            notices.post(kind, invoice, at=at, number=invoice.number)
    settled = Invoice.objects.filter(pk__in=rung).exclude(state=state)
    for invoice in settled.only("id", "tenant_id"):
        notices.clear(kind, invoice, at=at)


def _waiting(entity: LegalEntity, at: datetime) -> None:
    """One notice a business, not one a document: thousands may wait at once."""
    late = Outbox.objects.filter(
        invoice__legal_entity=entity,
        state=WorkState.WAITING,
        hold_reason="",
        made_at__lte=at - timedelta(minutes=settings.WAITS_LONG_MIN),
        credential__isnull=False,
        credential__held_at=None,
    )
    if count := late.count():
        notices.post(NoticeKind.WAITS_LONG, entity, at=at, count=str(count))
    else:
        notices.clear(NoticeKind.WAITS_LONG, entity, at=at)


def _tokens(entity: LegalEntity, at: datetime) -> None:
    ending = {token.pk for token in selectors.ending_tokens(entity, until=_ending_by(at))}
    for token in Credential.objects.filter(legal_entity=entity):
        if token.held_at is not None:
            where = token.environment
            notices.post(NoticeKind.CREDENTIAL_HELD, token, at=at, environment=where)
        else:
            notices.clear(NoticeKind.CREDENTIAL_HELD, token, at=at)
        if token.pk in ending:
            _ring_for(token, at)
        else:
            notices.clear(NoticeKind.TOKEN_ENDS, token, at=at)


def _ring_for(token: Credential, at: datetime) -> None:
    """Thirty, seven and one day before, and when it is over."""
    if token.expires_on is None:
        return
    left = max((token.expires_on - clock.karachi_date(at)).days, 0)
    ends_at = datetime.combine(token.expires_on, time.max, tzinfo=clock.KARACHI).astimezone(UTC)
    notices.post(
        NoticeKind.TOKEN_ENDS,
        token,
        at=at,
        due_at=ends_at,
        step=str(next(days for days in TOKEN_DAYS if left <= days)),
        days=str(left),
        environment=token.environment,
    )


def _ending_by(at: datetime) -> date:
    return clock.karachi_date(at) + timedelta(days=max(TOKEN_DAYS))
