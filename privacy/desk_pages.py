"""What our people see of a business that let them in, as plain values for the templates.

CNIC, phone and e-mail are masked; what was asked to be unmasked is named in `revealed`, and the
line that is written of the page names it too.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, Final
from uuid import UUID

from django.db.models import Count
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import selectors as people
from accounts.enums import Role, StaffRole
from accounts.models import LegalEntity
from accounts.services.staff_access import Grant
from fbr import selectors as work
from fbr.models import Attempt
from fbr.outcomes import Outcome
from invoices.enums import State
from invoices.models import Buyer, Invoice, InvoiceEvent, InvoiceLine
from invoices.states import look_of
from privacy import masking
from smartinvoicing.templatetags.formats import karachi_time

Row = dict[str, Any]
Mask = Callable[[str], str]

MOST_ATTEMPTS: Final = 50
NOTHING: Final = "\N{EN DASH}"

# What may be unmasked on each page, what it is called, and how it looks masked.
BUYER_FIELDS: Final[dict[str, tuple[Any, Mask]]] = {
    "ntn_cnic": (gettext_lazy("NTN or CNIC"), masking.ntn_cnic),
    "phone": (gettext_lazy("Phone"), masking.number),
    "email": (gettext_lazy("E-mail"), masking.email),
}
DOCUMENT_FIELDS: Final[dict[str, tuple[Any, Mask]]] = {
    "buyer_ntn_cnic": (gettext_lazy("NTN or CNIC"), masking.ntn_cnic),
    "seller_ntn_cnic": (gettext_lazy("NTN or CNIC"), masking.ntn_cnic),
}
BUSINESS_FIELDS: Final[dict[str, tuple[Any, Mask]]] = {
    "ntn_cnic": (gettext_lazy("NTN or CNIC"), masking.ntn_cnic),
    "phone": (gettext_lazy("Phone"), masking.number),
}


def watermark(grant: Grant, name: str) -> Row:
    """Who lets us look, why and until when: it stands above each page and cannot be closed."""
    emergency = grant.glass_id is not None
    words = _("%(who)s, until %(until)s, to read only. Why: %(why)s") % {
        "who": StaffRole(grant.role).label,
        "until": karachi_time(grant.until),
        "why": grant.purpose,
    }
    return {
        "tone": "danger" if emergency else "attention",
        "icon": "eye",
        "word": _("Emergency at %(name)s:") % {"name": name}
        if emergency
        else _("You look at %(name)s:") % {"name": name},
        "text": words,
        "url": reverse("privacy:desks"),
        "action": _("Leave"),
    }


def nav(grant: Grant, path: str) -> list[Row]:
    """The pages that this grant opens."""
    if grant.document_id is not None:
        places = [("privacy:desk_document", _("Document"), "invoice", [grant.document_id])]
    else:
        places = [
            ("privacy:desk", _("Business"), "building", []),
            ("privacy:desk_documents", _("Invoices"), "invoice", []),
            ("privacy:desk_customers", _("Customers"), "people", []),
        ]
    rows = [
        {"url": reverse(name, args=[grant.tenant_id, *ids]), "label": label, "icon": icon}
        for name, label, icon, ids in places
    ]
    return [row | {"current": row["url"] == path} for row in rows]


def facts_of(row: Any, fields: dict[str, tuple[Any, Mask]], revealed: Collection[str]) -> list[Row]:
    """Each with its value, masked or not, and whether something is hidden that may be shown."""
    found = []
    for field, (label, mask) in fields.items():
        value = getattr(row, field)
        if value:
            masked = mask(value)
            found.append(
                {
                    "field": field,
                    "name": label,
                    "value": value if field in revealed else masked,
                    "is_masked": field not in revealed and masked != value,
                }
            )
    return found


# --- pages ------------------------------------------------------------------------------------


def business(entity: LegalEntity, revealed: Collection[str] = ()) -> Row:
    counted = Invoice.objects.order_by().values("state").annotate(count=Count("id"))
    counts = {each["state"]: each["count"] for each in counted}
    return {
        "name": entity.name,
        "masked": facts_of(entity, BUSINESS_FIELDS, revealed),
        "facts": [
            {"name": _("Province"), "value": entity.get_province_display()},
            {"name": _("Business activity"), "value": entity.get_activity_display()},
            {"name": _("FBR environment"), "value": entity.get_environment_display()},
            {"name": _("People"), "value": _people()},
        ],
        "states": [
            {"look": look_of(state), "count": counts[state]} for state in State if state in counts
        ],
    }


def _people() -> str:
    """By role: who they are is not needed to help."""
    roles = [Role(each.role).label for each in people.members()]
    return ", ".join(str(role) for role in roles) or NOTHING


def documents(rows: Iterable[Invoice], tenant_id: UUID) -> list[Row]:
    return [
        {
            "url": reverse("privacy:desk_document", args=[tenant_id, row.pk]),
            "number": row.number or _("Draft"),
            "date": row.invoice_date,
            "buyer": row.buyer_name or NOTHING,
            "total": row.total,
            "state": look_of(row.state),
        }
        for row in rows
    ]


def document(row: Invoice, lines: Iterable[InvoiceLine], revealed: Collection[str] = ()) -> Row:
    masked = facts_of(row, DOCUMENT_FIELDS, revealed)
    return {
        "number": row.number or _("Draft"),
        "state": look_of(row.state),
        "sides": [
            _side(_("Seller"), row.seller_name, row.seller_address, masked, "seller_ntn_cnic"),
            _side(_("Customer"), row.buyer_name, row.buyer_address, masked, "buyer_ntn_cnic"),
        ],
        "facts": [
            {"name": _("Date"), "value": row.invoice_date},
            {"name": _("FBR invoice number"), "value": row.fbr_number or NOTHING, "code": True},
        ],
        "lines": list(lines),
        "total": row.total,
        "problems": [each.get("message", "") for each in row.problems],
    }


def _side(title: str, name: str, address: str, masked: list[Row], field: str) -> Row:
    return {
        "title": title,
        "name": name or NOTHING,
        "address": address,
        "masked": [each for each in masked if each["field"] == field],
    }


def history(row: Invoice) -> list[Row]:
    """What became of it, and each time that it went to FBR; never what FBR wrote, for it may
    repeat what is masked here."""
    events = [
        {
            "at": each.at,
            "tone": "neutral",
            "icon": "history",
            "title": State(each.became).label,
            "by": each.actor.partition(":")[0],
        }
        for each in InvoiceEvent.objects.filter(invoice=row)
    ]
    events += [_attempt(each) for each in work.latest_attempts_of(row, most=MOST_ATTEMPTS)]
    return sorted(events, key=lambda each: each["at"], reverse=True)


def _attempt(each: Attempt) -> Row:
    outcome = Outcome(each.outcome).label if each.outcome else _("under way")
    return {
        "at": each.started_at,
        "tone": "neutral",
        "icon": "send",
        "title": _("To FBR: %(outcome)s") % {"outcome": outcome},
        "text": " · ".join(filter(None, [str(each.http_status or ""), each.failure])),
    }


def customers(rows: Iterable[Buyer], tenant_id: UUID) -> list[Row]:
    return [
        {
            "url": reverse("privacy:desk_customer", args=[tenant_id, row.pk]),
            "name": row.name,
            "number": masking.ntn_cnic(row.ntn_cnic) or NOTHING,
            "province": row.get_province_display(),
        }
        for row in rows
    ]


def customer(row: Buyer, revealed: Collection[str] = ()) -> Row:
    return {
        "name": row.name,
        "masked": facts_of(row, BUYER_FIELDS, revealed),
        "facts": [
            {"name": _("Sales tax"), "value": row.get_registration_type_display()},
            {"name": _("Province"), "value": row.get_province_display()},
            {"name": _("Address"), "value": row.address},
        ],
    }
