"""Why do you still hold this? And: what goes when?

Asked of one record: its class, on what it rests, when its time began, from when it may go, and
what keeps it longer. Asked of a business: how much goes in which month.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from accounts import tenancy
from accounts.tenancy import TenantModel
from privacy import others, rules
from privacy.models import LegalHold
from privacy.rules import DOCUMENT, Rule
from privacy.services import purge_queries, retention
from privacy.services.purge_queries import Moment
from smartinvoicing import clock
from smartinvoicing.classified import Retention

# What each class is to a person, and how long it is kept.
CLASSES: Final[Mapping[Retention, tuple[Any, Any]]] = MappingProxyType(
    {
        Retention.TAX: (
            _("Tax record"),
            _("Seven years after the end of its tax period, and never less than tax law asks for."),
        ),
        Retention.ACC: (
            _("Part of the account"),
            _("As long as the account lives; by day 45 after it is closed it is gone."),
        ),
        Retention.CRED: (_("Key to FBR"), _("Destroyed on the first day when an account closes.")),
        Retention.SEC: (_("Safety record"), _("Thirteen months.")),
        Retention.LOG: (_("Log"), _("180 days at most.")),
        Retention.TMP: (_("Passing record"), _("Thirty days at most.")),
        Retention.SUP: (_("Question to us"), _("Two years after it was closed.")),
        Retention.PRF: (
            _("Proof of a choice"),
            _("While the choice holds, and seven years after another one took its place."),
        ),
        Retention.REG: (_("Register of accountability"), _("Up to seven years after its end.")),
        Retention.STAFF: (_("Look of our staff"), _("Three years.")),
        Retention.ANALYTICS: (_("Counting of use"), _("Fourteen months, with consent alone.")),
        Retention.REFERENCE: (_("Public list"), _("It is about nobody.")),
    }
)
BASES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "contract": _("The contract with you"),
        "law": _("A duty by law"),
        "consent": _("Consent"),
        "legitimate interest": _("Keeping the service safe and answerable"),
        "tenant's instruction": _("The instruction of the business whose customer it is"),
        "none": _("It is about nobody"),
    }
)
KEEPS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "open": _("Its matter with FBR is open."),
        "held": _("A legal hold covers it."),
        "stopped": _("A request, a dispute or an incident about it is open."),
        "named": _("A record that is younger still names it."),
    }
)
LAW: Final = _("Sales Tax Act 1990, section 24; Income Tax Ordinance 2001, section 174")


@dataclass(frozen=True, kw_only=True)
class Why:
    """The answer. starts_at: None where its time runs not yet; earliest_at: None as well.

    keeps: what keeps it longer, by name; holds: the legal holds among it.
    """

    retention: Retention
    basis: str
    source: Any = ""
    starts_at: date | datetime | None = None
    earliest_at: datetime | None = None
    keeps: tuple[str, ...] = ()
    holds: tuple[LegalHold, ...] = ()

    @property
    def title(self) -> Any:
        return CLASSES[self.retention][0]

    @property
    def term(self) -> Any:
        return CLASSES[self.retention][1]

    @property
    def basis_label(self) -> Any:
        return BASES[self.basis]

    @property
    def reasons(self) -> list[Any]:
        return [KEEPS[name] for name in self.keeps]


def why(obj: models.Model, *, at: datetime) -> Why:
    """Of one record, inside its tenant where it belongs to one.

    Raises: LookupError for a record of no class: the build should have failed.
    """
    table = obj._meta.db_table
    found = rules.retention_of(table)
    said = getattr(obj, "Privacy", None) or others.said_of(obj._meta.label)
    if found is None or said is None:
        raise LookupError(f"{table} has no class")
    rule = rules.rule_of(table)
    if rule is None or _is_draft(obj):
        kept_as = Retention.ACC if _is_draft(obj) else found
        return Why(retention=kept_as, basis="contract" if _is_draft(obj) else said.basis)
    key = getattr(obj, dict(rule.along).get(table, "") or "pk")
    start, keeps = _standing(rule, key, getattr(obj, "tenant_id", None), at)
    moment = retention.moment_of(at)
    return Why(
        retention=rule.retention,
        basis=said.basis,
        source=LAW if rule.is_tax else "",
        starts_at=purge_queries.day_of(rule, start) if rule.is_tax and start else start,
        earliest_at=moment.earliest(rule, start) if start else None,
        keeps=keeps,
        holds=_holds(obj) if "held" in keeps else (),
    )


def _is_draft(obj: models.Model) -> bool:
    """Nobody's record yet."""
    return obj._meta.db_table == DOCUMENT and getattr(obj, "state", "") == "draft"


def _standing(
    rule: Rule, key: Any, tenant_id: UUID | None, at: datetime
) -> tuple[Any, tuple[str, ...]]:
    moment = retention.moment_of(at)
    params = moment.params(rule, tenant_id) | {"key": key}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(purge_queries.standing(rule), params)
        row = cursor.fetchone() or (None,)
    found = dict(zip(purge_queries.reasons(rule), row[1:], strict=False))
    if tenant_id in moment.stopped.tenants:
        found["stopped"] = True
    return row[0], tuple(name for name, holds in found.items() if holds)


def _holds(obj: models.Model) -> tuple[LegalHold, ...]:
    """Those in force that may cover it; a person reads which does."""
    if not isinstance(obj, TenantModel):
        return ()
    in_force = LegalHold.objects.filter(lifted_at=None).order_by("placed_at")
    if obj._meta.db_table != DOCUMENT:
        return tuple(in_force)
    return tuple(hold for hold in in_force if _covers(hold, obj))


def _covers(hold: LegalHold, document: Any) -> bool:
    named = {document.pk, document.original_id, document.legal_entity_id, document.buyer_id}
    if hold.from_on and hold.to_on:
        return bool(hold.from_on <= document.invoice_date <= hold.to_on)
    return hold.scope == "tenant" or hold.covers in named


# --- what goes when -------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Goes:
    """How many records of one class may go in one month of Karachi."""

    month: date
    retention: Retention
    records: int

    @property
    def title(self) -> Any:
        return CLASSES[self.retention][0]


def calendar(*, at: datetime) -> list[Goes]:
    """Of the business of the scope: what its time will be over of, the nearest first.

    Months that have passed count as this one: what is in them waits for a plan, or is kept.
    """
    tenant_id = tenancy.current_tenant_id()
    moment = retention.moment_of(at)
    this_month = clock.karachi_date(at).replace(day=1)
    found: dict[tuple[date, Retention], int] = {}
    with transaction.atomic(), connection.cursor() as cursor:
        for rule in rules.rules():
            if rule.is_walled:
                for start, records in _months(cursor, rule, tenant_id, moment):
                    month = _month_of(moment.earliest(rule, start), this_month)
                    place = (month, rule.retention)
                    found[place] = found.get(place, 0) + records
    return [
        Goes(month=month, retention=kind, records=records)
        for (month, kind), records in sorted(found.items())
    ]


def _months(cursor: Any, rule: Rule, tenant_id: UUID, moment: Moment) -> list[tuple[Any, int]]:
    cursor.execute(purge_queries.by_month(rule), moment.params(rule, tenant_id))
    rows: list[tuple[Any, int]] = cursor.fetchall()
    return rows


def _month_of(earliest: datetime, this_month: date) -> date:
    return max(clock.karachi_date(earliest).replace(day=1), this_month)
