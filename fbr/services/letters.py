"""Work with what a send needs of its document and token, and nothing more of the rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db import models
from django.db.models import QuerySet

from fbr import channels
from fbr.models import Attempt, Credential, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Evidence, Outcome, Reading
from invoices.models import Invoice
from smartinvoicing.pg import rows


def _in_order(model: type[models.Model], *names: str) -> tuple[str, ...]:
    """The order in which `Model.from_db` takes values."""
    order = [field.attname for field in model._meta.concrete_fields]
    return tuple(sorted(names, key=order.index))


_OF_WORK: Final = _in_order(
    Outbox,
    *("id", "tenant_id", "invoice_id", "credential_id", "environment", "channel", "version"),
    *("body", "body_sha256", "lines", "state", "attempt_no", "lease_until"),
)
_OF_INVOICE: Final = _in_order(
    Invoice, "id", "tenant_id", "state", "seller_ntn_cnic", "number", "till_id"
)
_OF_TOKEN: Final = _in_order(
    Credential,
    *("id", "tenant_id", "environment", "seller_ntn_cnic", "token_sealed", "held_at"),
    *("stored_at", "till_id"),
)


UNLEASED: Final = MappingProxyType({"lease_until": None, "leased_by": ""})


@dataclass(frozen=True)
class Lease:
    """Work that is ours for a while. fence: its attempt_no."""

    tenant_id: UUID
    work_id: UUID
    fence: int


@dataclass(frozen=True, eq=False)
class Sending:
    """A document about to leave: its attempt is open, and the bytes may go."""

    work: Outbox
    attempt: Attempt
    token: str


@dataclass(frozen=True, eq=False)
class Landed:
    """What came back, nothing of it read yet."""

    sending: Sending
    call: Call
    evidence: Evidence
    at: datetime


@dataclass(frozen=True)
class Settled:
    """Which document a send was about, and what it came to."""

    tenant_id: UUID
    invoice_id: UUID
    outcome: Outcome


def mine(work: Outbox, fence: int, state: WorkState) -> dict[str, Any]:
    """Where a send still holds its work: nobody leased it since, and it stands in `state`."""
    return {"id": work.pk, "tenant_id": work.tenant_id, "attempt_no": fence, "state": state}


def reading_of(work: Outbox, evidence: Evidence, *, call: str, at: datetime) -> Reading:
    """What an answer about this document means, by the rules of its channel."""
    return channels.dialect_of(work.channel).read(
        evidence,
        call=call,
        lines=work.lines,
        usin=work.invoice.number,
        environment=work.environment,
        at=at,
    )


def needed() -> QuerySet[Outbox]:
    """One tenant's work, with its document and token."""
    names = (
        *_OF_WORK,
        *(f"invoice__{name}" for name in _OF_INVOICE),
        *(f"credential__{name}" for name in _OF_TOKEN),
    )
    return Outbox.objects.select_related("invoice", "credential").only(*names)


def _columns(model: type[models.Model], alias: str, names: Sequence[str]) -> str:
    of = {field.attname: field.column for field in model._meta.concrete_fields}
    return ", ".join(f'{alias}."{of[name]}"' for name in names)


# One round trip a tenant, in the words of `needed`: the ORM's own cost as much as the send.
_READ: Final = f"""
SELECT set_config('app.tenant_id', %s, true);
SELECT {_columns(Outbox, "o", _OF_WORK)}, {_columns(Invoice, "i", _OF_INVOICE)},
       {_columns(Credential, "c", _OF_TOKEN)}, clock_timestamp()
FROM fbr_outbox o
JOIN invoices_invoice i ON i.tenant_id = o.tenant_id AND i.id = o.invoice_id
LEFT JOIN fbr_credential c ON c.tenant_id = o.tenant_id AND c.id = o.credential_id
WHERE o.tenant_id = %s AND o.id = ANY(%s)
"""  # noqa: S608 -- our models' names


def read(leases: Sequence[Lease]) -> Iterator[tuple[Lease, Outbox, datetime]]:
    """Each lease with its work, of many tenants, and the database's time."""
    by_tenant = sorted(leases, key=lambda lease: lease.tenant_id)
    with rows.alone(is_durable=False) as (cursor, _):
        for tenant_id, group in groupby(by_tenant, key=lambda lease: lease.tenant_id):
            wanted = {lease.work_id: lease for lease in group}
            cursor.execute(_READ, [str(tenant_id), tenant_id, list(wanted)])
            for row in cursor.fetchall():
                work = _work(row[:-1])
                yield wanted[work.pk], work, row[-1]


def _work(row: tuple[Any, ...]) -> Outbox:
    work: Outbox = Outbox.from_db("default", list(_OF_WORK), row[: len(_OF_WORK)])
    rest = row[len(_OF_WORK) :]
    work.invoice = Invoice.from_db("default", list(_OF_INVOICE), rest[: len(_OF_INVOICE)])
    token = rest[len(_OF_INVOICE) :]
    if token[0] is not None:
        work.credential = Credential.from_db("default", list(_OF_TOKEN), token)
    else:
        work.credential = None
    return work
