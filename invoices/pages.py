"""What the pages of documents show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.access import Actor
from accounts.enums import Permission, Province
from invoices import copy_buttons, qr
from invoices.content import Party
from invoices.enums import EDITABLE, REPORTED, BuyerKind, SaleType, State
from invoices.models import Invoice
from invoices.states import Look, look_of
from smartinvoicing import clock
from smartinvoicing.templatetags.formats import karachi_time, ntn, ntn_in_part, rupees

Row = dict[str, Any]

_LISTED: Final = 12

LABELS: Final[Mapping[str, Any]] = {
    "buyer": gettext_lazy("Customer"),
    "buyer_id": gettext_lazy("Customer"),
    "buyer.name": gettext_lazy("Customer's name"),
    "buyer.registration_type": gettext_lazy("Customer's registration"),
    "buyer.ntn_cnic": gettext_lazy("Customer's NTN or CNIC"),
    "buyer.province": gettext_lazy("Customer's province"),
    "buyer.address": gettext_lazy("Customer's address"),
    "seller.ntn_cnic": gettext_lazy("Your NTN or CNIC"),
    "seller.province": gettext_lazy("Your province"),
    "invoice_date": gettext_lazy("Date"),
    "document_type": gettext_lazy("Document"),
    "client_reference": gettext_lazy("Your reference"),
    "scenario": gettext_lazy("Sandbox scenario"),
    "lines": gettext_lazy("Lines"),
    "product_id": gettext_lazy("Product"),
    "description": gettext_lazy("Description"),
    "hs_code": gettext_lazy("HS code"),
    "unit": gettext_lazy("Unit"),
    "quantity": gettext_lazy("Quantity"),
    "unit_price": gettext_lazy("Price"),
    "discount": gettext_lazy("Discount"),
    "sale_type": gettext_lazy("Kind of supply"),
    "rate": gettext_lazy("Rate"),
    "retail_price": gettext_lazy("Printed retail price"),
    "sro_schedule": gettext_lazy("SRO or schedule"),
    "sro_item": gettext_lazy("Serial in the SRO"),
    "value": gettext_lazy("Value"),
    "sales_tax": gettext_lazy("Sales tax"),
    "further_tax": gettext_lazy("Further tax"),
    "extra_tax": gettext_lazy("Extra tax"),
    "fed": gettext_lazy("FED"),
    "withheld": gettext_lazy("Sales tax withheld"),
    "total": gettext_lazy("Total"),
    "petroleum_levy_on": gettext_lazy("Petroleum levy on"),
    "fed_type": gettext_lazy("Kind of excise"),
    "fed_rate": gettext_lazy("Rate of excise"),
    "fed_unit_price": gettext_lazy("Price of a unit for excise"),
    "fed_schedule": gettext_lazy("SRO or schedule of excise"),
    "fed_item": gettext_lazy("Serial in it"),
    "withholding": gettext_lazy("Tax withheld by the customer"),
    "original_id": gettext_lazy("Corrected invoice"),
    "reason": gettext_lazy("Reason of the note"),
    "direction": gettext_lazy("What the note does"),
    "is_advance": gettext_lazy("Money received before the supply"),
    "advances": gettext_lazy("Money received before"),
    "advances.value": gettext_lazy("Money received before"),
    "till_id": gettext_lazy("Till"),
    "payment_mode": gettext_lazy("Paid by"),
}


def label_of(field: str) -> str:
    """A field of the API as people call it; "" for one that has no name on a page."""
    return str(LABELS.get(field, ""))


def number_of(invoice: Invoice) -> str:
    return invoice.number or _("Draft")


def title_of(invoice: Invoice) -> str:
    """What a page calls a document that may have no number yet."""
    if invoice.number:
        return invoice.number
    name = invoice.buyer_name
    return _("Invoice to %(name)s") % {"name": name} if name else _("Invoice without a customer")


def place_of(problem: Mapping[str, Any]) -> str:
    """Line 2, HS code."""
    label = label_of(str(problem["field"]))
    if not problem.get("line"):
        return label
    line = _("Line %(number)s") % {"number": problem["line"]}
    return f"{line}, {label}" if label else line


def problems_of(problems: Iterable[Mapping[str, Any]], *, editor: str = "") -> list[Row]:
    """Stored problems, each with its place in words.

    editor: address of the editor, for those who may mend what is wrong.
    """
    return [
        {
            "label": place_of(each),
            "message": each["message"],
            "fix": each["fix"],
            "mend": _mend(each, editor) if editor else None,
        }
        for each in problems
    ]


def _mend(problem: Mapping[str, Any], editor: str) -> Row:
    """The way to the field."""
    field = str(problem["field"])
    field = "buyer" if field.startswith("buyer") else field.removesuffix("_id")
    if problem.get("line"):
        field = f"lines-{int(problem['line']) - 1}-{field}"
    return {"label": _("Mend it"), "href": f"{editor}?{urlencode({'at': field})}"}


# --- one document -----------------------------------------------------------------------------


def moving_parts(
    invoice: Invoice, actor: Actor, look: Look | None = None, *, has_lines: bool = True
) -> dict[str, Any]:
    """What changes on the page of a document when FBR answers.

    look: where the caller knows more of it than its state.
    has_lines: the page lists the lines, so what FBR found in one of them stands there.
    """
    editor = _editor(invoice, actor)
    refused = refused_lines(invoice, editor=editor) if has_lines else []
    return {
        "state": state_of(invoice, look, editor=editor, in_lines=len(refused)),
        "refused": refused,
        "mark": mark_of(invoice),
        "actions": actions_of(invoice, actor),
        "dialogs": dialogs_of(invoice, actor),
    }


def _editor(invoice: Invoice, actor: Actor) -> str:
    may_mend = invoice.state in EDITABLE and actor.may(Permission.WRITE_DRAFTS)
    return reverse("invoices:edit", args=[invoice.pk]) if may_mend else ""


def refused_lines(invoice: Invoice, *, editor: str = "") -> list[Row]:
    """What FBR found wrong in single lines, by their position."""
    if invoice.state != State.REJECTED:
        return []
    found: dict[int, list[Row]] = {}
    for each in invoice.problems:
        if each.get("line"):
            shown = problems_of([each], editor=editor)[0]
            words = (each["code"], label_of(str(each["field"])))
            shown["label"] = " ".join(filter(None, words))
            found.setdefault(int(each["line"]), []).append(shown)
    return [{"position": line, "problems": problems} for line, problems in sorted(found.items())]


def state_of(
    invoice: Invoice, look: Look | None = None, *, editor: str = "", in_lines: int = 0
) -> Row:
    """Where a document stands, in a word, a sentence and, where it was refused, its problems.

    in_lines: how many lines say themselves what FBR found in them.
    """
    look = look or look_of(invoice.state)
    listed = invoice.problems[:_LISTED] if invoice.state in EDITABLE else []
    if in_lines:
        listed = [each for each in invoice.problems if not each.get("line")][:_LISTED]
    return {
        "tone": look.tone,
        "icon": look.icon,
        "label": look.label,
        "sentence": _sentence(invoice, look, in_lines),
        "turning": look.turning,
        "problems": problems_of(listed, editor=editor),
    }


def _sentence(invoice: Invoice, look: Look, in_lines: int) -> str:
    if invoice.state == State.VOID and invoice.void_reason:
        return f"{look.sentence} {_('Reason')}: {invoice.void_reason}"
    if invoice.state == State.DRAFT and invoice.problems:
        left = len(invoice.problems)
        return ngettext(
            "It has no number yet. Before it can be issued, one thing is left to fill in or"
            " correct.",
            "It has no number yet. Before it can be issued, %(n)d things are left to fill in or"
            " correct.",
            left,
        ) % {"n": left}
    if in_lines:
        where = ngettext(
            "What FBR found stands under its line.",
            "What FBR found stands under %(n)d lines.",
            in_lines,
        )
        return f"{look.sentence} {where % {'n': in_lines}}"
    return str(look.sentence)


def sale_type_of(text: str) -> str:
    return str(SaleType(text).label) if text in SaleType.values else text


def party_of(name: str, facts: Sequence[tuple[Any, str, bool]]) -> Row:
    shown = [{"name": label, "value": value, "code": code} for label, value, code in facts if value]
    return {"name": name or "\N{EN DASH}", "facts": shown}


def seller_of(invoice: Invoice) -> Row:
    """The seller as frozen at issue; before that, as the business stands today."""
    entity = invoice.legal_entity
    if invoice.seller_name:
        name, number, strn = invoice.seller_name, invoice.seller_ntn_cnic, invoice.seller_strn
        address, province = invoice.seller_address, invoice.seller_province
    else:
        name, number, strn = entity.name, entity.ntn_cnic, entity.strn
        address, province = entity.address, entity.province
    facts = [
        (_("NTN or CNIC"), ntn(number), True),
        (_("STRN"), strn, True),
        (_("Address"), f"{address}, {province_of(province)}", False),
    ]
    return party_of(name, facts)


def buyer_of(invoice: Invoice, actor: Actor) -> Row:
    kind = invoice.buyer_registration_type
    place = ", ".join(filter(None, [invoice.buyer_address, province_of(invoice.buyer_province)]))
    number = number_for(actor, invoice.buyer_ntn_cnic) if invoice.buyer_ntn_cnic else ""
    return party_of(
        invoice.buyer_name,
        [
            (_("NTN or CNIC"), number, True),
            (_("Sales tax"), kind_of(kind), False),
            (_("Address"), place, False),
        ],
    )


def number_for(actor: Actor, number: str) -> str:
    """A customer's tax number, of which not everybody has to see all."""
    return ntn(number) if actor.sees_numbers else ntn_in_part(number)


def kind_of(kind: str) -> str:
    return str(BuyerKind(kind).label) if kind in BuyerKind.values else kind


def province_of(province: str) -> str:
    return str(Province(province).label) if province in Province.values else province


def mark_of(invoice: Invoice) -> Row | None:
    """FBR's number with its QR mark, once there is one."""
    if invoice.state not in REPORTED:
        return None
    return {
        "number": invoice.fbr_number,
        "dated": _written(invoice.fbr_dated),
        "received": invoice.accepted_at,
        "qr": _qr(invoice.fbr_number),
    }


def _written(dated: str) -> str:
    """FBR's own time in the house's way of writing, where it has the form that FBR documents."""
    try:
        at = datetime.strptime(dated, "%Y-%m-%d %H:%M:%S").replace(tzinfo=clock.KARACHI)
    except ValueError:
        return dated
    return f"{karachi_time(at)}:{at:%S}"


def _qr(number: str) -> SafeString | str:
    try:
        return qr.svg(number)
    except ValueError:
        return ""  # a form of number that the mark cannot hold; the number itself stands


def buyer_note(party: Party) -> Row:
    """What we know of the chosen customer."""
    return {
        "number": party.ntn_cnic,
        "text": ", ".join(filter(None, [party.address, province_of(party.province)])),
        "label": kind_of(party.registration_type),
        "tone": "neutral",
    }


# --- what can be done -------------------------------------------------------------------------


def actions_of(invoice: Invoice, actor: Actor) -> list[Row]:
    """The buttons of a document, the next step last and primary."""
    may_write = actor.may(Permission.WRITE_DRAFTS)
    found: list[Row] = []
    if may_write and invoice.state == State.DRAFT:
        found.append({"label": _("Delete"), "dialog": "delete", "kind": "danger", "icon": "trash"})
    if may_write and invoice.state != State.UNCERTAIN:
        url = reverse("invoices:duplicate", args=[invoice.pk])
        found.append({"label": _("Copy as new"), "url": url, "post": True, "icon": "copy"})
    found += copy_buttons.buttons_of(invoice)
    if may_write:
        found += _next_steps(invoice, actor)
    return found


def _next_steps(invoice: Invoice, actor: Actor) -> list[Row]:
    edit = {"url": reverse("invoices:edit", args=[invoice.pk]), "icon": "pencil"}
    issue = {
        "label": _("Issue"),
        "url": f"{reverse('fbr:issue', args=[invoice.pk])}?seen={invoice.version}",
        "post": True,
        "kind": "primary",
        "icon": "send",
    }
    match invoice.state:
        case State.UNCERTAIN if actor.may(Permission.SETTLE):
            url = reverse("fbr:settle", args=[invoice.pk])
            return [{"label": _("Settle it"), "url": url, "icon": "check", "kind": "primary"}]
        case State.UNCERTAIN:
            step = {"label": _("See what was sent"), "url": "#fbr-panel", "icon": "send"}
            return [step | {"kind": "primary"}]
        case State.REJECTED:
            return [edit | {"label": _("Correct it"), "kind": "primary"}]
        case State.ACCEPTED:
            url = reverse("fbr:correct", args=[invoice.pk])
            return [{"label": _("Correct it"), "url": url, "icon": "pencil"}]
        case State.DRAFT if invoice.problems or not actor.may(Permission.ISSUE_INVOICE):
            return [edit | {"label": _("Complete it"), "kind": "primary"}]
        case State.DRAFT:
            return [edit | {"label": _("Edit"), "kind": ""}, issue]
    return []


def dialogs_of(invoice: Invoice, actor: Actor) -> list[Row]:
    """The questions behind the dangerous buttons."""
    if invoice.state != State.DRAFT or not actor.may(Permission.WRITE_DRAFTS):
        return []
    about = {"buyer": invoice.buyer_name, "total": rupees(invoice.total)}
    gone = (
        _("The draft to %(buyer)s over %(total)s is gone for good.")
        if invoice.buyer_name
        else _("This draft over %(total)s is gone for good.")
    )
    return [
        {
            "id": "delete",
            "title": _("Delete this draft?"),
            "url": reverse("invoices:delete", args=[invoice.pk]),
            "confirm": _("Delete the draft"),
            "cancel": _("Keep it"),
            "kind": "danger",
            "tone": "danger",
            "icon": "trash",
            "sentences": [
                gone % about,
                _("It has no number yet, so no number goes missing, and FBR never heard of it."),
            ],
        }
    ]


# --- rows of a list ---------------------------------------------------------------------------


def rows_of(invoices: Iterable[Invoice]) -> list[Row]:
    return [
        {
            "id": invoice.pk,
            "url": reverse("invoices:detail", args=[invoice.pk]),
            "number": number_of(invoice),
            "date": invoice.invoice_date,
            "buyer": invoice.buyer_name or "\N{EN DASH}",
            "reference": invoice.client_reference,
            "value": invoice.value,
            "tax": invoice.sales_tax + invoice.further_tax,
            "total": invoice.total,
            "state": look_of(invoice.state),
        }
        for invoice in invoices
    ]
