"""What the register of failures shows, as plain values for its templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import selectors as people
from accounts.access import Actor
from accounts.enums import Environment, Permission
from fbr import outage_pages
from fbr.models import Incident, IncidentDocument, IncidentKind
from invoices.models import Invoice
from invoices.states import look_of
from smartinvoicing.templatetags.formats import karachi_time

Row = dict[str, Any]

SHOWN: Final = 50
_MACHINE: Final = "SmartInvoicing"

_NEXT: Final[Mapping[str, Any]] = MappingProxyType(
    {
        IncidentKind.GATEWAY_DOWN: gettext_lazy(
            "Go on issuing. What was issued offline is reported by itself once FBR answers."
        ),
        IncidentKind.TOKEN_REFUSED: gettext_lazy(
            "Store a new token; what waits goes by itself. Then tell FBR."
        ),
        IncidentKind.UNCLEAN_STOP: gettext_lazy(
            "Settle the documents below: look in IRIS whether FBR has them."
        ),
        IncidentKind.INTEGRITY: gettext_lazy(
            "Change nothing. Call our support; what differs must be understood first."
        ),
        IncidentKind.DOUBLE_REPORTED: gettext_lazy(
            "Cancel the surplus number in IRIS within 72 hours."
        ),
        IncidentKind.HARDWARE: gettext_lazy("Issue from another till or computer meanwhile."),
        IncidentKind.OTHER: gettext_lazy("Write down what happened, and tell FBR."),
    }
)


def badge(incident: Incident, *, at: datetime) -> Row:
    """Where it stands: {tone, icon, label}."""
    if incident.closed_at is not None:
        return {"tone": "neutral", "icon": "check", "label": _("Closed")}
    if incident.told_at is not None:
        return {"tone": "ok", "icon": "check-circle", "label": _("FBR was told")}
    if at >= incident.due_at:
        return {"tone": "danger", "icon": "alert", "label": _("Overdue")}
    return {"tone": "attention", "icon": "clock", "label": _("FBR must be told")}


def clock_of(incident: Incident, *, at: datetime) -> Row | None:
    """The day that there is to tell FBR; None once it was told or the matter is closed."""
    if incident.told_at is not None or incident.closed_at is not None:
        return None
    return outage_pages.running(incident.due_at, at=at)


def row(incident: Incident, count: int, *, at: datetime) -> Row:
    """One line of the list."""
    return {
        "url": incident.get_absolute_url(),
        "kind": incident.get_kind_display(),
        "is_exercise": incident.environment != Environment.PRODUCTION,
        "since": incident.happened_at,
        "documents": count,
        "badge": badge(incident, at=at),
        "clock": clock_of(incident, at=at),
    }


def tabs(shown: str) -> list[Row]:
    """Those that are open, and all."""
    here = reverse("fbr:incidents")
    return [
        {"url": here, "label": _("Open"), "current": shown != "all"},
        {"url": f"{here}?show=all", "label": _("All"), "current": shown == "all"},
    ]


def detail(
    incident: Incident, touched: Sequence[IncidentDocument], count: int, *, at: datetime
) -> Row:
    """What the page of one incident shows besides its forms and the letter."""
    is_exercise = incident.environment != Environment.PRODUCTION
    return {
        "id": incident.pk,
        "title": incident.get_kind_display(),
        "badge": badge(incident, at=at),
        "clock": clock_of(incident, at=at),
        "next": "" if incident.closed_at else str(_NEXT[IncidentKind(incident.kind)]),
        "is_exercise": is_exercise,
        "is_open": incident.closed_at is None,
        "is_told": incident.told_at is not None,
        "facts": _facts(incident),
        "told": _told(incident),
        "documents": [_document(each.invoice) for each in touched],
        "more": _more(count - len(touched)),
        "is_late": at > incident.due_at,
    }


def _facts(incident: Incident) -> list[Row]:
    names = people.names_of([incident.opened_by])
    facts = [
        {"name": _("Began"), "value": karachi_time(incident.happened_at)},
        {
            "name": _("Ended"),
            "value": karachi_time(incident.ended_at) if incident.ended_at else _("still lasting"),
        },
        {"name": _("Noticed"), "value": karachi_time(incident.aware_at)},
        {"name": _("Noticed by"), "value": names.get(incident.opened_by, _MACHINE)},
        {"name": _("FBR must hear of it until"), "value": karachi_time(incident.due_at)},
    ]
    if incident.why:
        facts.append({"name": _("What was seen"), "value": incident.why})
    if incident.closed_note:
        facts.append({"name": _("Closed with"), "value": incident.closed_note})
    return facts


def _told(incident: Incident) -> list[Row]:
    if incident.told_at is None:
        return []
    names = people.names_of([incident.told_by])
    facts: list[Row] = [
        {"name": _("Told at"), "value": karachi_time(incident.told_at)},
        {"name": _("How"), "value": str(incident.get_told_how_display())},
        {"name": _("Written down by"), "value": names.get(incident.told_by, incident.told_by)},
    ]
    if incident.told_reference:
        facts.append({"name": _("Reference"), "value": incident.told_reference, "code": True})
    if incident.proof_path:
        url = reverse("fbr:incident_proof", args=[incident.pk])
        facts.append({"name": _("Proof"), "value": _("Open the file"), "url": url})
    if incident.late_reason:
        facts.append({"name": _("Why it took longer"), "value": incident.late_reason})
    return facts


def _document(invoice: Invoice) -> Row:
    return {
        "number": invoice.number,
        "url": invoice.get_absolute_url(),
        "buyer": invoice.buyer_name,
        "total": invoice.total,
        "look": look_of(invoice.state),
    }


def _more(count: int) -> str:
    if count <= 0:
        return ""
    return ngettext("and %d more document", "and %d more documents", count) % count


def may(actor: Actor) -> Row:
    """What this person may do with incidents."""
    return {
        "report": actor.may(Permission.ISSUE_INVOICE),
        "handle": actor.may(Permission.SETTLE),
    }
