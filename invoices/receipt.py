"""A till's bill on a paper roll: what it says, in the order of FBR's sample. No query, no network.

Source: SRO 1006(I)/2021 (rule 150ZEB as it was) and FBR's signed sample of a receipt; Sales Tax
Rules 2006, rule 150R(13); SRO 1279(I)/2021 (service fee).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from accounts.enums import Environment
from accounts.models import LegalEntity
from invoices import print_words, printed
from invoices.enums import NOTES, REPORTED, BuyerKind, FurtherTaxWhy, SaleType, State
from invoices.models import Invoice, InvoiceLine
from invoices.print_columns import price
from invoices.print_words import Words
from invoices.printed import ALONE, Fact, Others, Party, Sum
from smartinvoicing import clock
from smartinvoicing.templatetags import formats

_TEST: Final = "*test*"  # as FBR spells it
_ON_ITS_WAY: Final = frozenset({State.QUEUED, State.SUBMITTING, State.UNCERTAIN})


@dataclass(frozen=True, kw_only=True)
class ReceiptLine:
    """One item: its words, then its amounts in one row."""

    description: Words
    more: tuple[str, ...]
    price: str
    rate: str
    quantity: str
    tax: str
    total: str


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """Everything the receipt shows.

    head:       what stands above everything where FBR has not confirmed the bill, or it counts
                for nothing.
    fbr_number: only of a bill that FBR has; with it stand logo, QR code and the verify sentence.
    """

    title: str
    head: tuple[str, ...]
    watermark: str
    system: str
    seller: Party
    branch: Words
    branch_address: Words
    facts: tuple[Fact, ...]
    buyer: tuple[Fact, ...]
    lines: tuple[ReceiptLine, ...]
    sums: tuple[Sum, ...]
    fbr_number: str
    fbr_dated: str
    test: str
    verify: str
    foot: tuple[str, ...]


def receipt_of(
    invoice: Invoice, lines: Sequence[InvoiceLine], entity: LegalEntity, others: Others = ALONE
) -> Receipt:
    """What the receipt of a bill shows as it stands now. It asks the database nothing."""
    reported = invoice.state in REPORTED
    till = others.till
    return Receipt(
        title=_title(invoice),
        head=tuple(_head(invoice)),
        watermark="\n".join(print_words.watermark_of(invoice)),
        system=str(print_words.SYSTEMS[invoice.channel]),
        seller=printed.seller_of(invoice, entity),
        branch=Words(till.branch if till else ""),
        branch_address=Words(till.address if till else ""),
        facts=tuple(_facts(invoice, others)),
        buyer=tuple(_buyer(invoice)),
        lines=tuple(_line(line) for line in lines),
        sums=tuple(_sums(invoice, lines)),
        fbr_number=invoice.fbr_number if reported else "",
        fbr_dated=invoice.fbr_dated if reported else "",
        test=_test(invoice) if reported else "",
        verify=_verify(invoice) if reported else "",
        foot=(
            *print_words.offline_of(invoice, others.issued_at),
            *_foot(invoice, entity),
            *printed.signed_by(others.signature),
        ),
    )


def _title(invoice: Invoice) -> str:
    is_return = invoice.document_type in NOTES
    return print_words.title_of(invoice) if is_return else _("Sales tax receipt")


def _head(invoice: Invoice) -> Iterator[str]:
    """No copy without FBR's number passes for one with it."""
    if invoice.state in _ON_ITS_WAY:
        yield _("FBR PENDING")
    if invoice.state not in REPORTED:
        yield _("RECEIPT WITHOUT FISCAL VALUE")
    if invoice.environment == Environment.SANDBOX:
        yield _("TEST: no legal effect")
    if invoice.state in {State.CANCEL_REQUESTED, State.CANCELLED}:
        yield str(print_words.STANDING[invoice.state][0])


def _facts(invoice: Invoice, others: Others) -> Iterator[Fact]:
    if others.till is not None:
        yield Fact(name=_("POS number"), value=str(others.till.pos_id))
    yield Fact(name=_("Bill"), value=invoice.number or _("No number yet"))
    if others.original is not None:
        yield Fact(name=_("Of bill"), value=others.original.number)
        yield Fact(name=_("Reason"), value=invoice.reason or formats.NOTHING)
    yield Fact(name=_("Date"), value=formats.karachi_date(invoice.invoice_date))
    if others.issued_at is not None:
        yield Fact(name=_("Time"), value=f"{clock.karachi(others.issued_at):%H:%M:%S}")
    if others.cashier:
        yield Fact(name=_("Cashier"), value=others.cashier)
    if invoice.payment_mode:
        yield Fact(name=_("Paid by"), value=str(invoice.get_payment_mode_display()))


def _buyer(invoice: Invoice) -> Iterator[Fact]:
    """Whoever is named; a walk-in without a number needs no line but the name."""
    party = printed.buyer_of(invoice)
    if party.name:
        yield Fact(name=_("Buyer"), value=party.name)
    if party.number:
        yield Fact(name=party.number_kind, value=formats.ntn(party.number))
    if invoice.buyer_registration_type == BuyerKind.REGISTERED:
        yield Fact(name=_("Sales tax"), value=party.registration)


def _line(line: InvoiceLine) -> ReceiptLine:
    """The price stands without tax, whatever way it was typed."""
    gross = line.value + line.discount - line.fed + line.advance
    net = gross / line.quantity if line.quantity else line.unit_price
    return ReceiptLine(
        description=Words(line.description),
        more=tuple(_small_print(line)),
        price=formats.amount(net) if net != line.unit_price else price(line.unit_price),
        rate=line.rate,
        quantity=formats.quantity(line.quantity),
        tax=formats.amount(line.sales_tax),
        total=formats.amount(line.total),
    )


def _small_print(line: InvoiceLine) -> Iterator[str]:
    yield f"{line.hs_code} · {line.unit}"
    if line.sale_type != SaleType.STANDARD:
        yield line.get_sale_type_display()
    if line.retail_price:
        yield _("Retail price %(price)s, value at it %(value)s") % {
            "price": formats.amount(line.retail_price),
            "value": formats.amount(line.retail_value),
        }
    if line.sro_schedule or line.sro_item:
        yield f"{line.sro_schedule or formats.NOTHING}, {line.sro_item or formats.NOTHING}"
    if line.discount:
        yield _("Discount %(amount)s, taken off") % {"amount": formats.amount(line.discount)}
    if line.further_tax:
        why = FurtherTaxWhy(line.further_tax_why).label if line.further_tax_why else ""
        yield f"{_('Further tax')} {formats.amount(line.further_tax)} {why}".strip()


def _sums(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Iterator[Sum]:
    """Value, taxes, total; then the fee, what is payable, and what is contained in them."""
    yield Sum(name=_("Value excluding tax"), value=formats.amount(invoice.value))
    yield Sum(name=_("Sales tax"), value=formats.amount(invoice.sales_tax))
    residue = sum(line.residue for line in lines)
    rare = (
        (_("Further tax"), invoice.further_tax),
        (_("Extra tax"), invoice.extra_tax),
        (_("Rounding"), residue),
    )
    for name, value in rare:
        if value:
            yield Sum(name=name, value=formats.amount(value))
    yield Sum(name=_("Total"), value=formats.rupees(invoice.total), kind="all")
    if invoice.service_fee:
        yield Sum(name=_("POS service fee"), value=formats.amount(invoice.service_fee))
    payable = invoice.total + invoice.service_fee
    name = _("Given back") if invoice.document_type in NOTES else _("Payable")
    yield Sum(name=name, value=formats.rupees(payable), kind="all")
    yield from _within(invoice, lines)


def _within(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Iterator[Sum]:
    rare = (
        (_("Discount, taken off already"), invoice.discount),
        (_("Excise (FED), within the value"), invoice.fed),
        (_("FED in sales tax mode"), printed.fed_in_sales_tax_mode(lines)),
        (_("Sales tax withheld"), invoice.withheld),
    )
    for name, value in rare:
        if value:
            yield Sum(name=name, value=formats.amount(value), kind="part")


def _verify(invoice: Invoice) -> str:
    if invoice.environment == Environment.SANDBOX:
        return _("A test number: FBR's Tax Asaan app and 9966 do not know it.")
    return _(
        "Is this bill with FBR? Scan the code in FBR's Tax Asaan app, or text the number above to"
        " 9966."
    )


def _test(invoice: Invoice) -> str:
    """A number of the sandbox shows that it is one, where FBR did not write it into the number."""
    in_sandbox = invoice.environment == Environment.SANDBOX
    return _TEST if in_sandbox and _TEST not in invoice.fbr_number else ""


def _foot(invoice: Invoice, entity: LegalEntity) -> Iterator[str]:
    number = invoice.seller_software_no if invoice.seller_name else entity.software_no
    if number:
        yield _("Software reg. no. %(number)s") % {"number": number}
    yield _("POS software: SmartInvoicing")
