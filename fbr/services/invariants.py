"""What must be true at any moment, asked of the tables themselves (`manage.py check_invariants`).

Nothing here repairs: a finding is a fault of ours or somebody's hand in the database, and a
person looks at it. It runs as `app`, one business after the other inside its wall; one statement
a business, so that all answers are of one moment and work under way is no finding.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from django.apps import apps
from django.db import connection, models, transaction

from accounts import tenancy
from accounts.models import Heartbeat
from accounts.services import housekeeping, verifying
from fbr.models import AlertKind
from fbr.services import alerts
from smartinvoicing import clock
from smartinvoicing.classified import Retention

logger = logging.getLogger(__name__)

NAME: Final = "invariants"
DAY: Final = timedelta(days=1)
LEASED: Final = timedelta(hours=1)
PAGE: Final = 500
LONGEST_S: Final = 600  # of the statement of one business


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that is not as it must be. `tenant_id` is None for the database as a whole."""

    rule: str
    tenant_id: UUID | None = None
    about: str
    object_id: str
    what: str

    def __str__(self) -> str:
        tenant = self.tenant_id or "-"
        return f"{self.rule} tenant={tenant} {self.about}={self.object_id}: {self.what}"


# --- of one business --------------------------------------------------------------------------

_OF_TENANT: Final = (Path(__file__).parents[1] / "data" / "invariants.sql").read_text()


def of_tenant(tenant_id: UUID) -> list[Finding]:
    """What is not as it must be in one business, all of one moment."""
    with tenancy.in_tenant(tenant_id), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{LONGEST_S}s'")
        cursor.execute(_OF_TENANT, {"tenant": tenant_id})
        return [
            Finding(rule=rule, tenant_id=tenant_id, about=about, object_id=ident, what=what)
            for rule, about, ident, what in cursor.fetchall()
        ]


# --- of the database --------------------------------------------------------------------------

# Beside what every tax record has: the guards of which each says something of its own.
GUARDS: Final[Mapping[str, tuple[str, ...]]] = {
    "accounts_auditevent": ("append_only", "audit_chain", "audit_note"),
    "accounts_auditlink": ("append_only",),
    "fbr_attempt": ("attempt_guard", "attempt_guard_of_delete"),
    "fbr_cancelapplication": ("append_only",),
    "fbr_cancellation": ("cancellation_guard",),
    "fbr_claim": ("claim_guard",),
    "fbr_evidence": ("append_only",),
    "fbr_incident": ("incident_guard",),
    "fbr_incidentdocument": ("append_only",),
    "fbr_lostreport": ("append_only",),
    "fbr_numbergap": ("append_only",),
    "fbr_outage": ("outage_guard",),
    "fbr_outbox": (
        "hold_reported",
        "hold_reported_again",
        "outbox_guard",
        "outbox_guard_of_delete",
        "quarantine_holds",
    ),
    "fbr_quarantine": ("quarantine_guard",),
    "fbr_statement": ("append_only",),
    "fbr_statementrow": ("append_only",),
    "invoices_advanceuse": ("invoice_line_guard", "invoice_line_guard_of_delete"),
    "invoices_bookentry": ("book_guard",),
    "invoices_closing": ("append_only",),
    "invoices_invoice": (
        "book_write",
        "invoice_cancel_guard",
        "invoice_guard",
        "invoice_guard_of_delete",
        "quarantine_refuses",
        "uncertain_guard",
    ),
    "invoices_invoiceevent": ("append_only",),
    "invoices_invoiceline": ("invoice_line_guard", "invoice_line_guard_of_delete"),
    "invoices_invoicepdf": ("copy_guard",),
    "invoices_series": ("series_guard", "series_guard_of_delete"),
    "invoices_signature": ("append_only",),
    "invoices_signingkey": ("signing_key_guard",),
    "privacy_legalhold": ("legal_hold_guard",),
}
# What no two rows may share; an index that a failed rebuild left behind guards nothing.
KEYS: Final = (
    "invoice_fbr_number_once",
    "invoice_serial_once",
    "outbox_one_open",
    "attempt_one_open",
    "attempt_one_accepted",
)


def tax_tables() -> list[str]:
    """Tables whose rows law wants kept, by what their models say."""
    return sorted(model._meta.db_table for model in _models() if _is_tax_record(model))


def _models() -> Iterator[type[models.Model]]:
    return (model for model in apps.get_models() if hasattr(model, "Privacy"))


def _is_tax_record(model: type[models.Model]) -> bool:
    retention: Retention = getattr(model, "Privacy").retention  # noqa: B009 -- no type knows it
    return retention == Retention.TAX


def of_database() -> list[Finding]:
    """Guards, policies and rights as the catalogue has them."""
    wanted = {(table, name) for table, names in GUARDS.items() for name in names} | {
        (table, name) for table in tax_tables() for name in ("tax_retention", "no_truncate")
    }
    walled = [m._meta.db_table for m in _models() if issubclass(m, tenancy.TenantModel)]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname::text FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgenabled IN ('O', 'A')"
        )
        missing = wanted - {(table, name) for table, name in cursor.fetchall()}
        cursor.execute(
            "SELECT relname::text FROM pg_class WHERE relname = ANY(%s)"
            " AND relnamespace = 'public'::regnamespace"
            " AND NOT (relrowsecurity AND relforcerowsecurity)",
            [walled],
        )
        open_tables = [table for (table,) in cursor.fetchall()]
        cursor.execute(
            "SELECT i.indexrelid::regclass::text FROM pg_index i"
            " WHERE i.indisunique AND i.indisvalid AND i.indisready"
        )
        lost = {*KEYS} - {name for (name,) in cursor.fetchall()}
        cursor.execute(
            "SELECT c.relname || ' by ' || r.rolname FROM pg_class c CROSS JOIN pg_roles r"
            " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
            " AND r.rolname IN ('app', 'purge', 'readonly')"
            " AND (c.relowner = r.oid"
            "  OR has_table_privilege(r.oid, c.oid, 'TRUNCATE, TRIGGER, REFERENCES'))"
        )
        rights = [right for (right,) in cursor.fetchall()]
    return [
        *(_of_table(t, f"its trigger {name} is missing or switched off") for t, name in missing),
        *(_of_table(table, "its rows are not behind the wall") for table in open_tables),
        *(_of_table(key, "nothing keeps it unique") for key in lost),
        *(_of_table(right, "may be emptied, or its guards changed") for right in rights),
    ]


def _of_table(table: str, what: str) -> Finding:
    return Finding(rule="R13", about="table", object_id=table, what=what)


# --- all of it --------------------------------------------------------------------------------


def tenant_ids() -> Iterator[UUID]:
    """Every business, by the one narrow function that names them."""
    last = UUID(int=0)
    while True:
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM tenants_after(%s, %s) ORDER BY 1", [last, PAGE])
            page = [ident for (ident,) in cursor.fetchall()]
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1]


def of_trail(tenant_id: UUID, *, at: datetime) -> Iterator[Finding]:
    """Where the chain of a business's audit trail is broken."""
    for fault in verifying.verify_tenant(tenant_id, at=at).faults:
        yield Finding(
            rule="R17",
            tenant_id=tenant_id,
            about="event",
            object_id=str(fault.event_id or f"no. {fault.seq}"),
            what=str(fault.what.label),
        )


def walk(*, with_trail: bool = True) -> Iterator[Finding]:
    """All findings, the database's own first.

    with_trail: also every link of the audit trails, which costs more than all the rest.
    """
    at = clock.database_now()
    yield from of_database()
    for tenant_id in tenant_ids():
        yield from of_tenant(tenant_id)
        if with_trail:
            yield from of_trail(tenant_id, at=at)


def broken() -> list[Finding]:
    """Everything that is not as it must be, now; empty on a sound database."""
    return list(walk())


# --- once a day -------------------------------------------------------------------------------


def check(*, at: datetime) -> list[Finding] | None:
    """The daily look, when it is due and nobody is at it; the trails have a night of their own."""
    if not _claim(at):
        return None
    found = list(walk(with_trail=False))
    for finding in found:
        logger.error("invariants.broken", extra={"finding": str(finding)})
    rules = Counter(finding.rule for finding in found)
    alerts.compare(
        {(AlertKind.INVARIANTS_BROKEN, rule): {"findings": n} for rule, n in rules.items()},
        among=frozenset({AlertKind.INVARIANTS_BROKEN}),
        at=at,
    )
    housekeeping.beat(NAME, at=at)
    return found


def _claim(at: datetime) -> bool:
    """Whether the look is ours: for an hour, then another may begin it anew."""
    began = {"at": at - DAY + LEASED}
    if Heartbeat.objects.filter(name=NAME, at__lte=at - DAY).update(**began):
        return True
    _beat, is_first = Heartbeat.objects.get_or_create(name=NAME, defaults=began)
    return is_first
