"""Questions about work, attempts and the line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from django.db import connection, models, transaction
from django.db.models import Case, Exists, OuterRef, Q, When

from accounts import tenancy
from accounts.models import LegalEntity
from fbr.models import Attempt, Credential, Evidence, Outbox, ScenarioRun
from fbr.models.work import WorkState
from fbr.outcomes import Hold, Outcome
from invoices.enums import ListName, Registration, State
from invoices.models import (
    Buyer,
    BuyerCheck,
    Invoice,
    PosTerms,
    ReferenceRun,
    ReferenceSync,
    Till,
)
from smartinvoicing import arming
from smartinvoicing.errors import NotFound

_NOT_RECORDED: Final = (Outcome.REJECTED, Outcome.RETRYABLE, Outcome.AUTH)


@dataclass(frozen=True)
class Due:
    """One piece of work that may be sent now."""

    tenant_id: UUID
    work_id: UUID


def _ids(sql: str, params: list[Any], *, why: str) -> list[Due]:
    with tenancy.across_tenants(why=why), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return [Due(*row) for row in cursor.fetchall()]


def _said(sql: str, *, why: str) -> Any:
    with tenancy.across_tenants(why=why), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def is_due() -> bool:
    """Whether anything waits that may go now, of whomever."""
    return bool(_said("SELECT fbr_is_due()", why="fbr.dispatch"))


def paced_s() -> float | None:
    """Seconds until a token that spoke too often may go on with what is due; None for none."""
    seconds: float | None = _said("SELECT fbr_paced_s()", why="fbr.dispatch")
    return seconds


def hanging() -> list[Due]:
    """Work whose worker let its lease run out in the middle of a send."""
    return _ids("SELECT tenant_id, id FROM fbr_hanging(%s)", [100], why="fbr.sweep")


def unread_answers(lost: str) -> list[Due]:
    """Attempts given up as `lost` whose answer was journalled since, and that nobody applied."""
    return _ids(
        "SELECT tenant_id, id FROM fbr_unread_answers(%s, %s)", [lost, 100], why="fbr.sweep"
    )


def token_by_lot(seed: str) -> list[Due]:
    """Whose token reads the lists: one that FBR takes, another one for another seed."""
    return _ids("SELECT tenant_id, id FROM fbr_tokens_by_lot(%s, 1)", [seed], why="fbr.lists")


def registers_due(*, since: datetime, most: int) -> list[Due]:
    """Businesses with a token whose customers nobody has asked FBR's register about since then."""
    return _ids(
        "SELECT tenant_id, id FROM fbr_registers_due(%s, %s)", [since, most], why="fbr.register"
    )


def walks_due() -> list[Due]:
    """The walk over customers that goes on now; none while a worker is at one."""
    return _ids("SELECT tenant_id, id FROM fbr_walks_due(1)", [], why="fbr.register")


def cancellations_ending(*, until: datetime) -> list[Due]:
    """Cancellations that nobody has settled, whose window ends by then or has ended."""
    return _ids(
        "SELECT tenant_id, id FROM fbr_cancellations_open(%s, %s)", [until, 500], why="fbr.cancel"
    )


def cancel_calls_due(*, at: datetime) -> list[Due]:
    """Calls to FBR that were asked for and that nobody has made yet."""
    return _ids(
        "SELECT tenant_id, id FROM fbr_cancel_calls_due(%s, %s)", [at, 50], why="fbr.cancel"
    )


def attempts_of(invoice: Invoice) -> models.QuerySet[Attempt]:
    return Attempt.objects.filter(invoice=invoice).order_by("started_at", "id")


def latest_attempts_of(invoice: Invoice, *, most: int) -> list[Attempt]:
    """The last ones, oldest first: while FBR is away there can be hundreds."""
    return list(attempts_of(invoice).reverse()[:most])[::-1]


def recorded_send(invoice: Invoice) -> Attempt | None:
    """The send that FBR recorded: the one that it answered with the number of `invoice`.

    Where no answer names it, the first that FBR may have recorded: people may have been wrong when
    they said of it that FBR does not have it.
    """
    late = Evidence.objects.filter(
        attempt=OuterRef("pk"), fbr_number=invoice.fbr_number, outcome=Outcome.ACCEPTED
    )
    is_answered = Q(outcome=Outcome.ACCEPTED) | Exists(late)
    sends = Attempt.objects.filter(invoice=invoice).exclude(outcome__in=_NOT_RECORDED)
    rank = Case(When(is_answered, then=0), default=1)
    return sends.defer("answer").order_by(rank, "started_at", "id").first()


def open_work(invoice: Invoice) -> Outbox | None:
    """The version of `invoice` that FBR has not settled yet."""
    return (
        Outbox.objects.filter(invoice=invoice)
        .exclude(state=WorkState.DONE)
        .select_related("credential")
        .defer("body")
        .first()
    )


def works_of(invoice: Invoice) -> models.QuerySet[Outbox]:
    """Every version of `invoice` that was ever to be sent, with its bytes."""
    return Outbox.objects.filter(invoice=invoice).order_by("version")


def last_attempt() -> Attempt | None:
    """The newest try of the tenant; ids sort by time, and the key begins with the tenant."""
    return Attempt.objects.defer("answer").order_by("-id").first()


def hold_of(work: Outbox | None) -> str | None:
    """Why a queued document waits, None when it does not."""
    if work is None or work.state != WorkState.WAITING:
        return None
    if work.hold_reason:
        return str(work.hold_reason)
    if work.credential is not None and work.credential.held_at is not None:
        return Hold.CREDENTIAL.value
    return None if arming.is_armed() else Hold.DISARMED.value


def holds(invoices: Iterable[Invoice]) -> dict[UUID, str]:
    """The hold of each queued document among `invoices`: one query, none when none is queued."""
    queued = [invoice.pk for invoice in invoices if invoice.state == State.QUEUED]
    if not queued:
        return {}
    rows = (
        Outbox.objects.filter(invoice_id__in=queued, state=WorkState.WAITING)
        .select_related("credential")
        .defer("body")
    )
    found = {row.invoice_id: hold_of(row) for row in rows}
    return {invoice_id: hold for invoice_id, hold in found.items() if hold}


def credentials() -> models.QuerySet[Credential]:
    return Credential.objects.select_related("legal_entity").order_by("environment")


def credential_of(entity: LegalEntity, environment: str) -> Credential | None:
    """The token of Digital Invoicing; tills have tokens of their own."""
    return tokens_of(entity).filter(environment=environment).first()


def tokens_of(entity: LegalEntity) -> models.QuerySet[Credential]:
    """The tokens of Digital Invoicing, one an environment."""
    return Credential.objects.filter(legal_entity=entity, till=None)


def line_token(entity: LegalEntity) -> Credential | None:
    """The token by which to say how the line is: Digital Invoicing's, else one of a till."""
    own = Credential.objects.filter(legal_entity=entity, environment=entity.environment)
    return own.order_by(models.F("till_id").asc(nulls_first=True)).first()


def ending_tokens(entity: LegalEntity, *, until: date) -> models.QuerySet[Credential]:
    """Tokens of the environment that `entity` is in, tills' too, whose last day is near or over."""
    return (
        Credential.objects.filter(
            legal_entity=entity, environment=entity.environment, expires_on__lte=until
        )
        .select_related("till")
        .order_by("expires_on", "id")
    )


def newest_runs(entity: LegalEntity) -> dict[str, ScenarioRun]:
    """The run that counts of each scenario that was ever begun, with its document."""
    rows = (
        ScenarioRun.objects.filter(legal_entity=entity)
        .order_by("scenario", "-started_at", "-id")
        .distinct("scenario")
        .select_related("invoice")
    )
    return {row.scenario: row for row in rows}


# --- tills ------------------------------------------------------------------------------------


def tills(entity: LegalEntity | None = None) -> models.QuerySet[Till]:
    """Tills in use first, each environment by itself."""
    rows = Till.objects.filter(legal_entity=entity) if entity else Till.objects.all()
    return rows.select_related("legal_entity").order_by(
        models.F("retired_at").desc(nulls_first=True), "environment", "name", "id"
    )


def till(till_id: UUID) -> Till:
    """Raises: NotFound."""
    row = Till.objects.select_related("legal_entity").filter(pk=till_id).first()
    if row is None:
        raise NotFound("There is no such till.")
    return row


def token_of(row: Till) -> Credential | None:
    """The token that the bills of a till go with."""
    return Credential.objects.filter(till=row, environment=row.environment).first()


def tokens_of_tills(rows: Iterable[Till]) -> dict[UUID, Credential]:
    """The token of each till that has one: one query."""
    found = Credential.objects.filter(till__in=[row.pk for row in rows]).select_related("till")
    return {
        each.till.pk: each
        for each in found
        if each.till is not None and each.environment == each.till.environment
    }


def pos_terms(entity: LegalEntity) -> PosTerms:
    """How the business settled what FBR leaves open; the usual answers until it did."""
    return PosTerms.objects.filter(legal_entity=entity).first() or PosTerms(legal_entity=entity)


def waiting_at(rows: Iterable[Till]) -> dict[UUID, int]:
    """How many bills of each till FBR has not settled yet and no worker has in hand."""
    counts = (
        Outbox.objects.filter(invoice__till__in=[row.pk for row in rows], state=WorkState.WAITING)
        .values("invoice__till_id")
        .annotate(count=models.Count("id"))
        .order_by()
    )
    return {row["invoice__till_id"]: row["count"] for row in counts}


def drafts_left(entity: LegalEntity, environment: str, *, most: int = 1000) -> int:
    """Drafts that were written for one environment; counting stops at `most`."""
    drafts = Invoice.objects.filter(legal_entity=entity, environment=environment, state=State.DRAFT)
    return drafts[:most].count()


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """What waits at FBR's door, in numbers."""

    waiting: int
    held: int
    stopped: int


def backlog() -> Backlog:
    """Counts over the tenant's open work: bounded by what is open, not by history."""
    rows = (
        Outbox.objects.filter(state__in=[WorkState.WAITING, WorkState.SENDING, WorkState.STOPPED])
        .values("state", "hold_reason", held=models.Q(credential__held_at__isnull=False))
        .annotate(count=models.Count("id"))
        .order_by()
    )
    waiting = held = stopped = 0
    for row in rows:
        if row["state"] == WorkState.STOPPED:
            stopped += row["count"]
        elif row["hold_reason"] or row["held"]:
            held += row["count"]
        else:
            waiting += row["count"]
    return Backlog(waiting=waiting, held=held, stopped=stopped)


# --- lists and the register -------------------------------------------------------------------


def last_refresh() -> ReferenceRun | None:
    return ReferenceRun.objects.order_by("-began_at").first()


def last_readings() -> list[tuple[str, ReferenceSync | None, ReferenceSync | None]]:
    """Each list with its last reading, and with the last one that could be stored."""
    newest = ReferenceSync.objects.order_by("name", "-at").distinct("name")
    last = {row.name: row for row in newest}
    good = {row.name: row for row in newest.filter(failure="")}
    return [(name.value, last.get(name), good.get(name)) for name in ListName]


def checks_of(buyer: Buyer) -> models.QuerySet[BuyerCheck]:
    """What FBR's register said of the number of `buyer`, newest first."""
    return BuyerCheck.objects.filter(ntn_cnic=buyer.ntn_cnic or None).order_by("-checked_at", "-id")


def differing_buyers(*, most: int) -> list[Buyer]:
    """Customers of whom FBR's register clearly says something else than our list."""
    rows = (
        Buyer.objects.filter(register_says__in=[Registration.REGISTERED, Registration.UNREGISTERED])
        .exclude(register_says=models.F("registration_type"))
        .order_by("name_key", "id")
    )
    return list(rows[:most])
