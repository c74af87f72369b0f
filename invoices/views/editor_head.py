"""The document above its lines: its customer, its kind, and what it takes of other documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _

from accounts.models import LegalEntity
from invoices import editing, pages, selectors
from invoices.content import PARTY, Party
from invoices.editing import Sheet
from invoices.enums import DocumentType, Withholding
from invoices.forms import HeadForm, Offers
from invoices.judging import Judgement
from invoices.models import Buyer, Invoice
from invoices.standing import Receipt
from smartinvoicing.money import ZERO

Context = dict[str, Any]

_OF_NOTES: Final = ("reason", "direction")
_OF_TILLS: Final = ("till", "payment_mode")


def context(
    sheet: Sheet,
    judgement: Judgement,
    entity: LegalEntity,
    *,
    draft_id: UUID,
    has_scenario: bool,
) -> Context:
    """The form, and what stands beside it."""
    chosen = sheet.content.buyer_id
    buyer = selectors.find_buyer(chosen) if chosen else None
    tills = [(str(till.pk), str(till)) for till in selectors.tills_in_use(entity)]
    aside = kept_aside(sheet, has_tills=bool(tills), has_scenario=has_scenario)
    offers = Offers(
        buyers=selectors.buyer_choices(chosen=chosen),
        tills=tills,
        own_withholding=own_withholding(buyer),
        kept_aside=aside,
    )
    return {
        "form": HeadForm(sheet.head, offers=offers),
        "shown": [name for name in (*_OF_NOTES, *_OF_TILLS) if name not in aside],
        "buyer_note": None if buyer is None else buyer_note(buyer),
        "note": _note(sheet, judgement),
        "advances": advances(sheet, judgement, entity, draft_id=draft_id),
    }


def kept_aside(sheet: Sheet, *, has_tills: bool, has_scenario: bool) -> frozenset[str]:
    """Fields that this document has no use for; what stands in them is sent along."""
    is_note = sheet.head["document_type"] != DocumentType.SALE_INVOICE
    unused = {
        **dict.fromkeys(_OF_NOTES, not is_note),
        **dict.fromkeys(_OF_TILLS, not has_tills and not sheet.head["till"]),
        "is_advance": is_note and not sheet.head["is_advance"],
        "scenario": not has_scenario,
    }
    return frozenset(name for name, is_unused in unused.items() if is_unused)


def buyer_note(buyer: Buyer) -> Context:
    """What we know of the chosen customer."""
    return pages.buyer_note(Party(**{name: getattr(buyer, name) for name in PARTY}))


def own_withholding(buyer: Buyer | None) -> str:
    """What holds while nobody chooses otherwise."""
    if buyer is None:
        return _("As usual")
    return _("%(word)s, as usual") % {"word": Withholding(buyer.withholding).label}


def _note(sheet: Sheet, judgement: Judgement) -> Context | None:
    """The document that this one corrects."""
    if sheet.head["document_type"] == DocumentType.SALE_INVOICE:
        return None
    original = judgement.standing.original
    kind = DocumentType(sheet.content.document_type).label
    if original is None:
        return {"title": kind, "number": "", "url": "", "fbr_number": ""}
    return {
        "title": kind,
        "number": original.invoice.number,
        "url": original.invoice.get_absolute_url(),
        "fbr_number": original.invoice.fbr_number,
        "date": original.invoice.invoice_date,
    }


def advances(
    sheet: Sheet, judgement: Judgement, entity: LegalEntity, *, draft_id: UUID
) -> list[Context]:
    """The receipts of the customer of which something is left, and those that are named already."""
    buyer = judgement.content.buyer
    is_sale = judgement.content.document_type == DocumentType.SALE_INVOICE
    left = (
        selectors.receipts_left(buyer, entity, apart_from=draft_id)
        if is_sale and not judgement.content.is_advance
        else []
    )
    listed = {str(each.invoice.pk) for each in left}
    return [
        *(_advance(each, sheet.advances.get(str(each.invoice.pk), "")) for each in left),
        *_named(sheet, judgement, listed),
    ]


def _named(sheet: Sheet, judgement: Judgement, listed: set[str]) -> Iterator[Context]:
    """What is typed beside a receipt that the list does not show any more is not lost."""
    known = {str(pk): each for pk, each in judgement.standing.receipts.items()}
    for receipt_id, text in sheet.advances.items():
        if receipt_id in listed or not text.strip():
            continue
        receipt = known.get(receipt_id)
        yield _advance(receipt, text) if receipt else _stranger(receipt_id, text)


def _advance(receipt: Receipt, text: str) -> Context:
    row: Invoice = receipt.invoice
    return {
        "name": f"{editing.ADVANCE}-{row.pk}",
        "number": pages.number_of(row),
        "url": row.get_absolute_url(),
        "date": row.invoice_date,
        "left": receipt.left,
        "text": text,
    }


def _stranger(receipt_id: str, text: str) -> Context:
    about = {"number": _("A receipt that is not here"), "url": "", "date": None, "left": ZERO}
    return {"name": f"{editing.ADVANCE}-{receipt_id}", "text": text, **about}
