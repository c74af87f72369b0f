"""What the page of our staff's looks shows to a business, as plain values for its template."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import selectors
from accounts.bells import INVOICE, INVOICE_PAGE
from accounts.enums import StaffRole
from accounts.models import BreakGlass, GlassEnd, StaffLook, SupportWindow

Row = dict[str, Any]

_NUMBER: Final = 6  # characters of an id by which one of ours is told from another
_PAGES: Final = {
    "desk": gettext_lazy("Business"),
    "desk_documents": gettext_lazy("List of invoices"),
    "desk_document": gettext_lazy("Invoice"),
    "desk_customers": gettext_lazy("List of customers"),
    "desk_customer": gettext_lazy("Customer"),
}
_FIELDS: Final = {
    "ntn_cnic": gettext_lazy("NTN or CNIC"),
    "buyer_ntn_cnic": gettext_lazy("NTN or CNIC"),
    "seller_ntn_cnic": gettext_lazy("NTN or CNIC"),
    "phone": gettext_lazy("phone"),
    "email": gettext_lazy("e-mail"),
}
_OBJECT_PAGES: Final = {INVOICE: INVOICE_PAGE, "buyer": "invoices:buyer"}


def windows(rows: Iterable[SupportWindow], *, at: datetime, may_end: bool) -> list[Row]:
    held = list(rows)
    names = selectors.names_of(row.granted_by for row in held)
    return [_window(row, names, at, may_end=may_end) for row in held]


def _window(row: SupportWindow, names: dict[str, str], at: datetime, *, may_end: bool) -> Row:
    is_open = row.ended_at is None and row.until > at
    end = {
        "label": _("Close now"),
        "url": reverse("accounts:staff_access_end", args=[row.pk]),
        "post": True,
        "kind": "small danger",
    }
    return {
        "why": row.reason,
        "scope": _("One document") if row.document_id else _("Everything"),
        "by": names.get(row.granted_by, _("Somebody who left")),
        "since": row.granted_at,
        "until": row.ended_at or row.until,
        "state": _open_badge() if is_open else _closed_badge(),
        "actions": [end] if is_open and may_end else [],
    }


def _open_badge() -> Row:
    return {"tone": "attention", "icon": "eye", "label": _("Open")}


def _closed_badge() -> Row:
    return {"tone": "neutral", "icon": "lock", "label": _("Closed")}


def emergencies(rows: Iterable[BreakGlass], *, at: datetime) -> list[Row]:
    return [
        {
            "who": _person(StaffRole.SECURITY, f"staff:{row.staff_id}"),
            "why": row.reason,
            "ticket": row.ticket,
            "since": row.opened_at,
            "until": row.ended_at or row.until,
            "end": _how_it_ended(row, at),
            "review": _("Reviewed") if row.reviewed_at else _("Our privacy officer reviews it"),
        }
        for row in rows
    ]


def _how_it_ended(row: BreakGlass, at: datetime) -> str:
    if row.end:
        return str(GlassEnd(row.end).label)
    if row.confirmed_at is None and at >= row.confirm_by:
        return str(GlassEnd.ALONE.label)
    return str(GlassEnd.TIME.label) if at >= row.until else _("Goes on")


def looks(rows: Iterable[StaffLook]) -> list[Row]:
    return [
        {
            "at": row.at,
            "who": _person(row.role, row.who),
            "what": str(_PAGES.get(row.page, row.page)),
            "rows": _counted(row),
            "url": _url(row),
            "revealed": ", ".join(str(_FIELDS.get(each, each)) for each in row.fields_revealed),
            "why": row.purpose,
            "emergency": row.glass_id is not None,
        }
        for row in rows
    ]


def _person(role: str, who: str) -> str:
    """By role and a number: enough to ask us about, and no name of an employee."""
    label = StaffRole(role).label if role in StaffRole.values else role
    return f"{label} {who[-_NUMBER:]}"


def _counted(row: StaffLook) -> str:
    if row.object_id or not row.rows_shown:
        return ""
    return ngettext("%(n)d row", "%(n)d rows", row.rows_shown) % {"n": row.rows_shown}


def _url(row: StaffLook) -> str:
    page = _OBJECT_PAGES.get(row.object_type)
    if not row.object_id or page is None:
        return ""
    try:
        return reverse(page, args=[row.object_id])
    except NoReverseMatch:
        return ""
