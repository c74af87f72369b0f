"""Which table goes by which clock, with what it takes along, and through which role.

The class stands on each model; here stands which column starts its time. A test compares both:
each table that has a class is below, or says why no clock of its own takes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from graphlib import TopologicalSorter
from types import MappingProxyType
from typing import Any, Final

from django.apps import apps
from django.db import models

from accounts.tenancy import TenantModel
from privacy import others
from privacy.deadlines import MONTH, TERMS, WEEK, Term
from smartinvoicing.classified import Retention
from smartinvoicing.pg import roles

DOCUMENT: Final = "invoices_invoice"
THREE_YEARS: Final = Term(months=36)
OPEN_MATTERS: Final = ("queued", "submitting", "uncertain", "cancel_requested")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One kind of record: a row of `table` and the rows that go with it, or none of them.

    clock:  what starts its time: a column or an expression over `r`; NULL where it runs not yet.
            Of TAX the day, the instant or the year of its tax period.
    along:  (table, the column that names the record), in the order in which they go.
    role:   who deletes: `purge` what law wants kept and what is written once, else `app`.
    """

    table: str
    retention: Retention
    clock: str
    kind: str = "instant"  # or day, year
    along: tuple[tuple[str, str], ...] = ()
    role: str = roles.APP
    term: Term | None = None
    also: str = ""  # what must hold besides

    @property
    def tables(self) -> tuple[str, ...]:
        """All of them, the children first."""
        return (*(table for table, _column in self.along), self.table)

    @property
    def is_walled(self) -> bool:
        return issubclass(model_of(self.table), TenantModel)

    @property
    def is_tax(self) -> bool:
        return self.retention == Retention.TAX

    @property
    def length(self) -> Term:
        return self.term or TERMS[self.retention]


def _tax(table: str, clock: str, kind: str = "instant", **more: Any) -> Rule:
    return Rule(
        table=table,
        retention=Retention.TAX,
        clock=f"r.{clock}",
        kind=kind,
        role=roles.PURGE,
        **more,
    )


def _row(table: str, retention: Retention, clock: str, **more: Any) -> Rule:
    clock = clock if "(" in clock else f"r.{clock}"
    return Rule(table=table, retention=retention, clock=clock, **more)


def _day(column: str) -> str:
    """A day as the instant at which it begins in Karachi."""
    return f"(r.{column}::timestamp AT TIME ZONE 'Asia/Karachi')"


# What goes with the document that its column names. The guard of the tables says the same.
OF_A_DOCUMENT: Final[Mapping[str, str]] = MappingProxyType(
    dict.fromkeys(
        (
            *("fbr_attempt", "fbr_cancelapplication", "fbr_cancellation", "fbr_claim"),
            *("fbr_evidence", "fbr_incidentdocument", "fbr_outbox", "fbr_scenariorun"),
            *("invoices_advanceuse", "invoices_bookentry", "invoices_invoiceevent"),
            *("invoices_invoiceline", "invoices_invoicepdf", "invoices_signature"),
        ),
        "invoice_id",
    )
)
TAX_RULES: Final = (
    _tax(DOCUMENT, "invoice_date", "day", along=tuple(OF_A_DOCUMENT.items())),
    _tax("fbr_statement", "uploaded_at", along=(("fbr_statementrow", "statement_id"),)),
    _tax("fbr_quarantine", "resumed_at", along=(("fbr_numbergap", "quarantine_id"),)),
    _tax("fbr_lostreport", "recorded_at"),
    _tax("fbr_incident", "closed_at"),
    _tax("fbr_offlinespell", "first_issued_at"),
    _tax("fbr_outage", "restored_at"),
    _tax("invoices_closing", "ends_on", "day"),
    _tax("invoices_series", "year", "year"),
    _tax("invoices_signingkey", "made_at"),
    _tax("invoices_till", "retired_at"),
    _tax("privacy_legalhold", "lifted_at"),
    _tax("accounts_auditevent", "at"),
)
_EVENT: Final = (
    "(SELECT e.at FROM accounts_auditevent e WHERE e.tenant_id = r.tenant_id AND e.id = r.id)"
)
_CASE_OF_NOTICE: Final = (
    "(SELECT c.closed_at FROM privacy_breachletter l JOIN privacy_breachcase c"
    " ON c.id = l.case_id WHERE l.id = r.letter_id)"
)
_NEXT_MAP: Final = (
    "(SELECT min(n.approved_at) FROM privacy_datamapversion n WHERE n.approved_at > r.approved_at)"
)
_NEXT_CONSENT: Final = (
    "CASE WHEN r.user_id IS NULL AND r.address_key = '' THEN r.at ELSE (SELECT min(n.at)"
    " FROM accounts_consentevent n WHERE n.purpose = r.purpose AND n.id > r.id"
    " AND n.user_id IS NOT DISTINCT FROM r.user_id AND n.address_key = r.address_key) END"
)
_NEXT_ACCEPTANCE: Final = (
    "(SELECT min(n.at) FROM accounts_policyacceptance n"
    " JOIN accounts_policyversion w ON w.id = n.version_id"
    " JOIN accounts_policyversion v ON v.id = r.version_id AND v.kind = w.kind"
    " WHERE n.user_id = r.user_id AND n.at > r.at)"
)
# A tie keeps somebody out of a business for as long as they work here.
_LAST_SEAT: Final = (
    "(SELECT CASE WHEN bool_or(s.until IS NULL) THEN NULL"
    " ELSE greatest(max(s.until), r.said_at) END FROM accounts_staffseat s"
    " WHERE s.user_id = r.staff_id)"
)
ROW_RULES: Final = (
    _row("accounts_auditprivate", Retention.SEC, _EVENT, role=roles.PURGE),
    _row("accounts_notice", Retention.SEC, "cleared_at"),
    _row("fbr_witnessrequest", Retention.SEC, "closed_at", role=roles.PURGE),
    _row("fbr_unknowncode", Retention.SEC, "reviewed_at", role=roles.PURGE),
    _row("fbr_alert", Retention.SEC, "cleared_at"),
    _row("usersessions_usersession", Retention.SEC, "last_seen_at"),
    _row("axes_accessfailurelog", Retention.SEC, "attempt_time"),
    _row("axes_accesslog", Retention.SEC, "attempt_time"),
    _row(
        "axes_accessattempt",
        Retention.SEC,
        "attempt_time",
        along=(("axes_accessattemptexpiration", "access_attempt_id"),),
    ),
    _row("django_session", Retention.SEC, "expire_date", term=Term()),
    _row("account_emailconfirmation", Retention.TMP, "created", term=WEEK),
    _row("accounts_invitation", Retention.TMP, "invited_at", term=MONTH),
    _row("accounts_outgoingmail", Retention.LOG, "done_at"),
    _row("django_admin_log", Retention.REG, "action_time"),
    _row("accounts_staffseat", Retention.REG, "until"),
    _row("accounts_staffdeed", Retention.REG, "at", role=roles.PURGE),
    _row(
        "accounts_approval",
        Retention.REG,
        "coalesce(r.spent_at, r.answered_at, r.expires_at)",
    ),
    _row("privacy_desktask", Retention.REG, "done_at"),
    _row("privacy_alarm", Retention.REG, "silenced_at"),
    # What a person asked of us: three years after it was closed.
    _row(
        "privacy_subjectrequest",
        Retention.REG,
        "closed_at",
        term=THREE_YEARS,
        role=roles.PURGE,
        along=(("privacy_requestevent", "request_id"), ("privacy_identityproof", "request_id")),
    ),
    _row("privacy_exportfile", Retention.TMP, "expires_at", role=roles.PURGE),
    _row(
        "privacy_erasure",
        Retention.REG,
        "(CASE WHEN r.state = 'done' THEN r.done_at END)",
        role=roles.PURGE,
    ),
    _row(
        "privacy_closure",
        Retention.REG,
        "ended_at",
        role=roles.PURGE,
        along=(("privacy_closurestep", "closure_id"), ("privacy_closurecount", "closure_id")),
    ),
    _row(
        "privacy_breachcase",
        Retention.REG,
        "closed_at",
        role=roles.PURGE,
        along=tuple(
            (f"privacy_breach{part}", "case_id")
            for part in ("alert", "decision", "letter", "revision", "scope", "step", "tenant")
        ),
    ),
    _row("privacy_breachnotice", Retention.REG, _CASE_OF_NOTICE, role=roles.PURGE),
    _row(
        "privacy_campaign",
        Retention.REG,
        "coalesce(r.carried_out_at, r.withdrawn_at)",
        role=roles.PURGE,
        along=(("privacy_campaignnotice", "campaign_id"),),
    ),
    _row("privacy_datamapversion", Retention.REG, _NEXT_MAP, role=roles.PURGE),
    _row("privacy_detection", Retention.REG, "cleared_at", role=roles.PURGE),
    _row("privacy_detectionrun", Retention.REG, "at", role=roles.PURGE),
    _row(
        "privacy_ticket",
        Retention.SUP,
        "closed_at",
        role=roles.PURGE,
        along=(("privacy_ticketmessage", "ticket_id"),),
    ),
    # A proof counts from the answer that took its place; what still holds stays.
    _row("accounts_consentevent", Retention.PRF, _NEXT_CONSENT, role=roles.PURGE),
    _row("accounts_policyacceptance", Retention.PRF, _NEXT_ACCEPTANCE, role=roles.PURGE),
    _row("accounts_suppression", Retention.PRF, "lifted_at", role=roles.PURGE),
    _row("accounts_breakglass", Retention.STAFF, "ended_at", role=roles.PURGE),
    _row("accounts_stafflook", Retention.STAFF, "at", role=roles.PURGE),
    _row("accounts_stafftie", Retention.STAFF, _LAST_SEAT, role=roles.PURGE),
    _row(
        "accounts_supportwindow",
        Retention.STAFF,
        "coalesce(r.ended_at, r.until)",
        role=roles.PURGE,
    ),
    _row("accounts_stafftraining", Retention.REG, _day("expires_on"), role=roles.PURGE),
    _row(
        "privacy_checkrun",
        Retention.REG,
        "at",
        role=roles.PURGE,
        along=(("privacy_checkresult", "run_id"),),
    ),
    _row("privacy_egressstatement", Retention.REG, "signed_at", role=roles.PURGE),
    _row("privacy_dpo", Retention.REG, _day("until"), role=roles.PURGE),
    _row("privacy_dpia", Retention.REG, "withdrawn_at", role=roles.PURGE),
    _row("privacy_processor", Retention.REG, "ended_at", role=roles.PURGE),
    _row("privacy_transfer", Retention.REG, "ended_at", role=roles.PURGE),
    _row("privacy_securityreview", Retention.REG, "written_at", role=roles.PURGE),
    _row("privacy_finding", Retention.REG, "closed_at", role=roles.PURGE),
    _row(
        "privacy_disclosure",
        Retention.REG,
        "coalesce(r.exported_at, r.refused_at, r.approved_at)",
        role=roles.PURGE,
    ),
    _row("privacy_purgefile", Retention.REG, "gone_at", role=roles.PURGE),
    _row("privacy_purgebatch", Retention.REG, "at", role=roles.PURGE),
    _row("privacy_purgereceipt", Retention.REG, "at", role=roles.PURGE),
    _row("privacy_purgerun", Retention.REG, "ended_at", role=roles.PURGE),
    _row("privacy_purgeplan", Retention.REG, "at", role=roles.PURGE),
)

# Classes that no clock takes: what does.
BY_CLASS: Final[Mapping[Retention, str]] = MappingProxyType(
    {
        Retention.ACC: "goes with its account, by the closing or an erasure",
        Retention.CRED: "destroyed on the first day of a closing",
        Retention.REFERENCE: "about nobody",
    }
)
# Tables that no clock takes, whatever their class: why.
BY_TABLE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "accounts_accesslog": "by the day: whole partitions are dropped",
        "accounts_consenttext": "the words that consents name by their hash",
        "accounts_policyversion": "every version stays readable",
        "accounts_auditcheck": "one row, written over",
        "accounts_audithead": "the end of a chain: a number and a digest",
        "accounts_auditlink": "digests alone: without them the chain could not be proven",
        "accounts_heartbeat": "one row a process, written over",
        "accounts_idempotencykey": "the task accounts.forget_replays takes it after seven days",
        "fbr_breaker": "one row a line, written over",
        "fbr_linecheck": "one row, written over",
        "fbr_reach": "one row a line, written over",
        "fbr_tally": "one row a count, written over",
        "privacy_fielduse": "one row a field, written over",
        "privacy_usageevent": "the task privacy.forget_usage takes it",
        "smartinvoicing_installation": "one row, written over",
        "smartinvoicing_installationevent": "when this installation was armed: ids of nobody",
    }
)
# Where the files of a record lie: table and the columns that hold their paths.
FILES: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "fbr_cancellation": ("approval_path", "proof_path"),
        "fbr_evidence": ("proof_path",),
        "fbr_incident": ("proof_path",),
        "fbr_statement": ("path",),
        "invoices_invoicepdf": ("file",),
    }
)


@cache
def _models() -> Mapping[str, type[models.Model]]:
    return {model._meta.db_table: model for model in apps.get_models(include_auto_created=True)}


def model_of(table: str) -> type[models.Model]:
    return _models()[table]


def keys_to(table: str) -> Iterator[tuple[str, str]]:
    """(table, column) of each foreign key that names a row of `table`."""
    for name, model in sorted(_models().items()):
        for field in model._meta.concrete_fields:
            if isinstance(field, models.ForeignKey) and field.related_model is model_of(table):
                yield name, str(field.column)


def key_of(table: str) -> str:
    """The column of its primary key."""
    return str(model_of(table)._meta.pk.column)


@cache
def rules() -> tuple[Rule, ...]:
    """All of them, children before the rows that they name."""
    known = {rule.table: _ordered(rule) for rule in (*TAX_RULES, *ROW_RULES)}
    of = {table: rule.table for rule in known.values() for table in rule.tables}
    graph: dict[str, set[str]] = {table: set() for table in known}
    for table, home in of.items():
        for child, _column in keys_to(table):
            if of.get(child, home) != home:
                graph[home].add(of[child])
    return tuple(known[table] for table in TopologicalSorter(graph).static_order())


def rule_of(table: str) -> Rule | None:
    """The rule that takes a row of this table, alone or with its record."""
    return next((rule for rule in rules() if table in rule.tables), None)


def retention_of(table: str) -> Retention | None:
    """The class that stands on the model, or in what is said about other people's."""
    model = model_of(table)
    said = getattr(model, "Privacy", None) or others.said_of(model._meta.label)
    return getattr(said, "retention", None)


def why_no_clock(table: str) -> str:
    """Why no rule takes this table; "" where one does, or nobody knows."""
    retention = retention_of(table)
    return BY_TABLE.get(table) or (BY_CLASS.get(retention, "") if retention else "")


def _ordered(rule: Rule) -> Rule:
    """What goes along, children before the rows that they name."""
    columns = dict(rule.along)
    graph: dict[str, set[str]] = {table: set() for table in columns}
    for table in columns:
        graph[table] |= {child for child, _ in keys_to(table) if child in columns} - {table}
    order = TopologicalSorter(graph).static_order()
    return replace(rule, along=tuple((table, columns[table]) for table in order))
