"""What a document must meet because of others: notes, money received before, tills. Pure.

Source: Sales Tax Act 1990, s. 9 and s. 2(1AA); PRAL DI API v1.12, codes 0026 to 0037, 0057, 0067
and 0106; POS reference of Tier-1 retailers, returns.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final

from django.utils.translation import gettext as _

from accounts import registration
from accounts.models import LegalEntity
from invoices import law, rates, reasons, sale_types
from invoices.content import Content, Line, Party
from invoices.enums import NOTES, BuyerKind, Channel, DocumentType, NoteDirection, State
from invoices.models import Invoice
from invoices.standing import Original, Receipt, Standing
from invoices.tax import Taxes
from smartinvoicing.errors import Problem
from smartinvoicing.money import ZERO, write
from smartinvoicing.templatetags.formats import amount, karachi_date

STRANGE: Final = "0057"  # FBR does not know the invoice, or not as one that notes may correct
_NOTE: Final = DocumentType.DEBIT_NOTE


def problems_of(
    content: Content, totals: Taxes, standing: Standing, *, seller: LegalEntity, on: date
) -> Iterator[Problem]:
    """Everything that is wrong with what the document points to."""
    if content.document_type in NOTES:
        yield from _of_note(content, totals, standing.original, seller=seller, on=on)
    elif content.original_id is not None or content.reason or content.direction:
        yield Problem(
            code="not_a_note",
            field="document_type",
            message=_("Only a debit note names an invoice that it corrects, or a reason."),
            fix=_("Make it a debit note, or remove invoice, reason and direction."),
            put=_NOTE,
        )
    yield from _of_advance(content)
    yield from _of_settlement(content, totals, standing, seller=seller)
    yield from _of_till(content, standing, seller=seller)


# --- notes ------------------------------------------------------------------------------------


def _of_note(
    content: Content, totals: Taxes, original: Original | None, *, seller: LegalEntity, on: date
) -> Iterator[Problem]:
    if content.document_type == _NOTE:
        yield from _of_reason(content)  # FBR's POS service has no box for one
    if original is None:
        yield Problem(
            code="0026",
            field="original_id",
            message=_("The note does not say which invoice it corrects."),
            fix=_("Begin it from the invoice, so that its FBR number is filled in."),
        )
        return
    hindered = list(hindrances(original.invoice, seller=seller, on=on))
    yield from hindered
    if any(each.code == STRANGE for each in hindered):
        return  # what is left of a strange invoice is nobody's business
    yield from _of_channel(content, original.invoice)
    yield from _of_note_buyer(content.buyer, original.invoice)
    yield from _of_ceilings(totals, original)


def hindrances(original: Invoice, *, seller: LegalEntity, on: date) -> Iterator[Problem]:
    """What keeps every note of that day from correcting `original`, whatever stands on it."""
    yield from _of_original(original, seller)
    yield from _of_note_date(original, on)
    if original.channel != Channel.POS:
        yield from _of_walk_in(original.buyer_registration_type)


def _of_reason(content: Content) -> Iterator[Problem]:
    if content.reason == reasons.OTHERS:
        yield Problem(
            code="0028",
            field="reason",
            message=_(
                "With the reason Others FBR wants remarks, and has not published the field for"
                " them: it refuses every such note."
            ),
            fix=_("Choose the reason that comes nearest."),
        )
    elif content.reason not in reasons.REASONS:
        same = (text for text in reasons.REASONS if text.lower() == content.reason.lower())
        yield Problem(
            code="0027",
            field="reason",
            message=_("FBR does not list this reason.")
            if content.reason
            else _("The note does not say why it is made."),
            fix=_("Choose one of: %(words)s.") % {"words": ", ".join(reasons.REASONS)},
            put=next(same, ""),
        )
    if content.direction not in NoteDirection.values:
        yield Problem(
            code="direction",
            field="direction",
            message=_("It is not said whether the note lowers or raises the supply."),
            fix=_("Choose one; notes mostly lower it."),
            put=NoteDirection.DECREASE,
        )


def _of_original(original: Invoice, seller: LegalEntity) -> Iterator[Problem]:
    """A note quotes an invoice of the same business that FBR has recorded in the same system."""
    number = {"number": original.number or _("The draft")}
    said = ""
    if original.document_type in NOTES:
        said = _("%(number)s is a note itself, and a note corrects invoices only.") % number
    elif original.legal_entity_id != seller.pk:
        said = _("%(number)s is an invoice of another business of yours.") % number
    elif original.environment != seller.environment:
        said = _("%(number)s was reported to FBR's other environment.") % number
    elif original.state == State.CANCEL_REQUESTED:
        said = _("FBR was asked to cancel %(number)s.") % number
    elif original.state == State.CANCELLED:
        said = _("%(number)s is cancelled at FBR: nothing of it is left.") % number
    elif original.state != State.ACCEPTED:
        said = _("FBR has not recorded %(number)s, so it knows nothing to correct.") % number
    if said:
        yield Problem(
            code=STRANGE,
            field="original_id",
            message=said,
            fix=_("Choose the accepted invoice that was wrong."),
        )


def _of_channel(content: Content, original: Invoice) -> Iterator[Problem]:
    """One sale goes to one of FBR's systems, and what comes back goes there too."""
    if content.till_id != original.till_id:
        yield Problem(
            code="note_till",
            field="till_id",
            message=_("The invoice was told to FBR through another till, or none."),
            fix=_("Make the note where the invoice was made."),
            put=str(original.till_id or ""),
        )
    is_bill = original.channel == Channel.POS
    if is_bill and content.direction == NoteDirection.INCREASE:
        yield Problem(
            code="note_direction",
            field="direction",
            message=_("FBR's POS service takes no note that raises a bill."),
            fix=_("Write a new bill over the difference."),
            put=NoteDirection.DECREASE,
        )
    if not is_bill and original.buyer_registration_type != BuyerKind.UNREGISTERED:
        yield from _of_walk_in(content.buyer.registration_type)


def _of_walk_in(kind: str) -> Iterator[Problem]:
    if kind == BuyerKind.UNREGISTERED:
        yield Problem(
            code="0106",
            field="buyer.registration_type",
            message=_(
                "FBR takes no note on a sale to a customer who is not registered, and offers no"
                " other way through its API once its hours for changes are over."
            ),
            fix=_(
                "Within 72 hours cancel or change the invoice on IRIS; later ask the"
                " Commissioner for approval."
            ),
        )


def _of_note_date(original: Invoice, on: date) -> Iterator[Problem]:
    days = law.in_force(law.NOTE_DAYS, original.invoice_date)
    begin = {"day": karachi_date(original.invoice_date)}
    if on < original.invoice_date:
        yield Problem(
            code="0035",
            field="invoice_date",
            message=_("The note is dated before its invoice of %(day)s.") % begin,
            fix=_("Date it on that day or later."),
            put=original.invoice_date.isoformat(),
        )
    elif days is not None and on - original.invoice_date > timedelta(days=days):
        last = original.invoice_date + timedelta(days=days)
        yield Problem(
            code="0034",
            field="invoice_date",
            message=_("A note is possible for %(days)d days; for this invoice until %(last)s.")
            % {"days": days, "last": karachi_date(last)},
            fix=_("FBR takes it no more. Ask your tax adviser about the Commissioner's approval."),
        )


def _of_note_buyer(buyer: Party, original: Invoice) -> Iterator[Problem]:
    if not _is_buyer_of(buyer, original):
        has_number = bool(registration.normal(original.buyer_ntn_cnic))
        yield Problem(
            code="note_buyer",
            field="buyer.ntn_cnic" if has_number else "buyer.name",
            message=_("The invoice was made out to another customer: %(name)s.")
            % {"name": original.buyer_name},
            fix=_("Make the note out to the customer of the invoice."),
            put=original.buyer_ntn_cnic if has_number else original.buyer_name,
        )


def _is_buyer_of(buyer: Party, invoice: Invoice) -> bool:
    """By tax number where either has one, else by name."""
    mine, theirs = (registration.normal(each) for each in (buyer.ntn_cnic, invoice.buyer_ntn_cnic))
    if mine or theirs:
        return mine == theirs
    return buyer.name.casefold() == invoice.buyer_name.casefold()


def _of_ceilings(totals: Taxes, original: Original) -> Iterator[Problem]:
    """All notes together stay within value, tax and withheld tax of their invoice."""
    for code, name, mine, left in (
        ("0036", _("value"), totals.value, original.value_left),
        ("0067", _("sales tax"), totals.sales_tax, original.tax_left),
        ("0037", _("sales tax withheld"), totals.withheld, original.withheld_left),
    ):
        if mine <= left:
            continue
        words = {"name": name, "left": amount(max(left, ZERO)), "mine": amount(mine)}
        yield Problem(
            code=code,
            field="lines",
            message=_("Of the invoice's %(name)s Rs %(left)s is left; this note has Rs %(mine)s.")
            % (words),
            fix=_("Lower quantities or prices until the note stays within it.")
            if left > 0
            else _("Nothing is left to correct. Look at the notes that exist already."),
        )


# --- money received before the supply ---------------------------------------------------------


def _of_advance(content: Content) -> Iterator[Problem]:
    """An advance receipt is a sale invoice of its own kind (s. 2(1AA), s. 23(1) STA)."""
    if not content.is_advance:
        return
    said = ""
    if content.document_type in NOTES:
        said = _("A note is no receipt for money in advance.")
    elif content.till_id is not None:
        said = _("A till's bill is no receipt for money in advance.")
    if said:
        yield Problem(
            code="advance_kind",
            field="is_advance",
            message=said,
            fix=_("Write a sale invoice for the money received, without a till."),
            put="false",
        )


def _of_settlement(
    content: Content, totals: Taxes, standing: Standing, *, seller: LegalEntity
) -> Iterator[Problem]:
    """What was charged in advance comes off the value, so that it is taxed once."""
    if not content.advances:
        return
    if content.document_type in NOTES or content.is_advance:
        yield _advance(
            "advance_place",
            _("Only an ordinary invoice uses up an advance receipt."),
            _("Remove the advance receipts; a note on the receipt itself gives money back."),
        )
        return
    found = [standing.receipts.get(each.receipt_id) for each in content.advances]
    for each, receipt in zip(content.advances, found, strict=True):
        if receipt is None:
            yield _advance(
                "unknown_advances",
                _("There is no such advance receipt."),
                _("Choose one of this customer's receipts."),
            )
        else:
            only = len(found) == 1
            yield from _of_receipt(receipt, each.value, content.buyer, seller=seller, only=only)
    for number, line in enumerate(content.lines, start=1):
        yield from _of_settled_line(number, line)
    yield from _of_rest(content, totals)


def _advance(code: str, message: str, fix: str, *, put: str = "") -> Problem:
    return Problem(code=code, field="advances", message=message, fix=fix, put=put)


def _of_receipt(
    receipt: Receipt, value: Decimal, buyer: Party, *, seller: LegalEntity, only: bool
) -> Iterator[Problem]:
    paper = receipt.invoice
    words: dict[str, Any] = {"number": paper.number or _("The draft")}
    choose = _("Choose one of this customer's accepted advance receipts.")
    if not paper.is_advance:
        yield _advance("not_advance", _("%(number)s is no advance receipt.") % words, choose)
    elif (paper.legal_entity_id, paper.environment) != (seller.pk, seller.environment):
        yield _advance(
            "advance_elsewhere",
            _("%(number)s belongs to another business, or to FBR's other environment.") % words,
            choose,
        )
    elif paper.state != State.ACCEPTED:
        yield _advance(
            "advance_state",
            _("%(number)s does not stand at FBR, so nothing was charged by it.") % words,
            _("Wait until FBR accepts it, or remove it here."),
        )
    elif not _is_buyer_of(buyer, paper):
        words["name"] = paper.buyer_name
        yield _advance(
            "advance_buyer",
            _("%(number)s was received from another customer: %(name)s.") % words,
            choose,
        )
    elif value > receipt.left:
        words |= {"left": amount(max(receipt.left, ZERO)), "value": amount(value)}
        yield _advance(
            "advance_left",
            _("Of %(number)s Rs %(left)s is left; this invoice takes Rs %(value)s.") % words,
            _("Take no more than what is left."),
            put=write(receipt.left) if only and receipt.left > 0 else "",
        )


def _of_settled_line(number: int, line: Line) -> Iterator[Problem]:
    """A tax that is not a percentage of the value does not shrink when the value does."""
    if sale_types.of(line.sale_type).on_retail_price:
        said = _("The tax of this line rests on the retail price; an advance cannot lower it.")
    elif _per_unit(line.rate):
        said = _("The tax of this line is charged by unit; an advance cannot lower it.")
    else:
        return
    yield Problem(
        code="advance_rate",
        field="rate",
        line=number,
        message=said,
        fix=_("Put these goods on an invoice of their own, without the advance."),
    )


def _per_unit(text: str) -> bool:
    try:
        return bool(rates.parse(text).per_unit)
    except rates.UnknownRate:
        return False


def _of_rest(content: Content, totals: Taxes) -> Iterator[Problem]:
    """FBR takes no invoice of no value, so something must be left to charge."""
    if totals.value > 0 or not content.lines:
        return
    taken = sum((each.value for each in content.advances), ZERO)
    yield _advance(
        "advance_whole",
        _("The advance takes the whole value of Rs %(value)s; FBR takes no invoice of nothing.")
        % {"value": amount(max(totals.value + taken, ZERO))},
        _("Take less of the receipt. Where all was paid ahead, the receipt itself is the invoice."),
    )


# --- tills ------------------------------------------------------------------------------------


def _of_till(content: Content, standing: Standing, *, seller: LegalEntity) -> Iterator[Problem]:
    if content.till_id is None:
        return
    till = standing.till
    said = ""
    if till is None:
        said = _("There is no such till.")
    elif (till.legal_entity_id, till.environment) != (seller.pk, seller.environment):
        said = _("This till belongs to another business, or to FBR's other environment.")
    elif till.retired_at is not None:
        said = _("This till is no longer used.")
    if said:
        yield Problem(
            code="till", field="till_id", message=said, fix=_("Choose a till that is in use.")
        )
    if not content.payment_mode:
        yield Problem(
            code="payment_mode",
            field="payment_mode",
            message=_("The bill does not say how it was paid."),
            fix=_("Choose how the customer paid."),
        )
