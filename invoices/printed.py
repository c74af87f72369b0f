"""An invoice as it is printed: what the page says. No query, no network.

Particulars: Sales Tax Rules 2006, rule 150R(13), with SRO 1666(I)/2026 for excise; PRAL DI API
v1.12, section 6. No setting of a business takes one away.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Final

from django.utils.translation import gettext as _

from accounts.enums import Environment
from accounts.models import LegalEntity
from invoices import print_words, sale_types
from invoices.enums import REPORTED, BuyerKind, FurtherTaxWhy, SaleType
from invoices.models import AdvanceUse, Invoice, InvoiceLine, Signature, Till
from invoices.print_columns import Cell, Column, cells_of, columns_of, layout_of, price
from invoices.print_words import Words
from invoices.words import rupees_in_words
from smartinvoicing import clock, money
from smartinvoicing.templatetags import formats

_UNSAID: Final = frozenset({"", FurtherTaxWhy.REGISTERED})  # goes without saying


@dataclass(frozen=True, kw_only=True)
class Others:
    """The rows beside a document that stand on its copy.

    original: of a note. advances: with their receipts. cashier: the name of who issued a bill,
    at issued_at. signature: of a document that FBR has.
    """

    original: Invoice | None = None
    advances: Sequence[AdvanceUse] = ()
    till: Till | None = None
    cashier: str = ""
    issued_at: datetime | None = None
    signature: Signature | None = None


ALONE: Final = Others()


@dataclass(frozen=True, kw_only=True)
class Party:
    """A seller or buyer. number_kind: what the registration number is, "" for none."""

    name: Words
    address: Words
    province: str
    number_kind: str
    number: str
    strn: str = ""
    registration: str = ""


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A name and a value."""

    name: str
    value: str


@dataclass(frozen=True, kw_only=True)
class PrintedLine:
    """One row of the table. more: small print below the description."""

    position: int
    hs_code: str
    description: Words
    more: tuple[str, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True, kw_only=True)
class Excise:
    """The six particulars of excise on one line, (aa) to (ff); amounts in rupees."""

    position: int
    description: Words
    kind: str
    rate: str
    unit_price: str
    amount: Decimal
    schedule: str
    item: str


@dataclass(frozen=True, kw_only=True)
class Settled:
    """An advance receipt that comes off this document."""

    number: str
    fbr_number: str
    on: date
    value: Decimal


@dataclass(frozen=True, kw_only=True)
class Sum:
    """One line of the sums. kind: its class in print.css."""

    name: str
    value: str
    kind: str = ""


@dataclass(frozen=True, kw_only=True)
class Printed:
    """Everything the page shows; rare columns, rows and tables only where they say something."""

    title: str
    number: str
    system: str
    fbr_number: str
    fbr_dated: str
    watermark: str
    facts: tuple[Fact, ...]
    seller: Party
    buyer: Party
    columns: tuple[Column, ...]
    lines: tuple[PrintedLine, ...]
    layout: str
    excise: tuple[Excise, ...]
    settled: tuple[Settled, ...]
    sums: tuple[Sum, ...]
    total_in_words: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def printed_of(
    invoice: Invoice, lines: Sequence[InvoiceLine], entity: LegalEntity, others: Others = ALONE
) -> Printed:
    """What a copy of `invoice` shows as it stands now. It asks the database nothing.

    The seller is the one frozen at issue; a draft has none yet and shows `entity`.
    """
    columns = columns_of(lines, inclusive=invoice.prices_include_tax)
    settled = tuple(_settled(use) for use in others.advances)
    offline = tuple(print_words.offline_of(invoice, others.issued_at))
    is_reported = invoice.state in REPORTED
    return Printed(
        title=print_words.title_of(invoice),
        number=invoice.number,
        system=str(print_words.SYSTEMS[invoice.channel]),
        fbr_number=invoice.fbr_number,
        fbr_dated=invoice.fbr_dated,
        watermark="\n".join(print_words.watermark_of(invoice)),
        facts=tuple(_facts(invoice, entity, others)),
        seller=seller_of(invoice, entity),
        buyer=buyer_of(invoice),
        columns=columns,
        lines=tuple(_line(line, columns, invoice) for line in lines),
        layout=layout_of(columns),
        excise=tuple(_excise(line) for line in lines if line.fed or line.fed_rate),
        settled=settled,
        sums=tuple(_sums(invoice, lines)),
        total_in_words=rupees_in_words(invoice.total + invoice.service_fee),
        warnings=(*print_words.warnings_of(invoice), *(() if is_reported else offline)),
        notes=(
            *(offline if is_reported else ()),
            *print_words.notes_of(invoice),
            *signed_by(others.signature),
        ),
    )


def signed_by(signature: Signature | None) -> Iterator[str]:
    """The digital signature, as far as paper carries it (rule 150R(4)(b))."""
    if signature is not None:
        yield _("Digital signature %(fingerprint)s, key %(key)s.") % {
            "fingerprint": signature.fingerprint,
            "key": signature.key.key_id,
        }


def _facts(invoice: Invoice, entity: LegalEntity, others: Others) -> Iterator[Fact]:
    software_no = invoice.seller_software_no if invoice.seller_name else entity.software_no
    yield Fact(name=_("Date of issue"), value=formats.karachi_date(invoice.invoice_date))
    period = clock.tax_period(invoice.invoice_date)
    yield Fact(name=_("Tax period"), value=formats.karachi_month(period))
    if invoice.client_reference:
        yield Fact(name=_("Reference"), value=invoice.client_reference)
    yield from _reference(invoice, others.original)
    yield from _sale(invoice, others.till)
    yield Fact(name=_("Software reg. no."), value=software_no or formats.NOTHING)
    yield Fact(name=_("Environment"), value=str(Environment(invoice.environment).label))


def _reference(invoice: Invoice, original: Invoice | None) -> Iterator[Fact]:
    """A note names its invoice by FBR's number and by ours, and says why it is made."""
    refers_to = invoice.original_fbr_number or (original.fbr_number if original else "")
    if refers_to:
        yield Fact(name=_("Invoice reference no."), value=refers_to)
    if original is not None:
        day = formats.karachi_date(original.invoice_date)
        yield Fact(name=_("Corrects"), value=f"{original.number}, {day}")
    if invoice.reason:
        yield Fact(name=_("Reason"), value=invoice.reason)
    if invoice.direction:
        yield Fact(name=_("Effect"), value=str(invoice.get_direction_display()))


def _sale(invoice: Invoice, till: Till | None) -> Iterator[Fact]:
    if till is not None:
        yield Fact(name=_("POS number"), value=str(till.pos_id))
    if invoice.payment_mode:
        yield Fact(name=_("Paid by"), value=str(invoice.get_payment_mode_display()))


def seller_of(invoice: Invoice, entity: LegalEntity) -> Party:
    """As frozen at issue, else as the business is now."""
    frozen = bool(invoice.seller_name)
    number = invoice.seller_ntn_cnic if frozen else entity.ntn_cnic
    return Party(
        name=Words(invoice.seller_name if frozen else entity.name),
        address=Words(invoice.seller_address if frozen else entity.address),
        province=_label(invoice, "seller") if frozen else entity.get_province_display(),
        number_kind=_number_kind(number),
        number=number,
        strn=invoice.seller_strn if frozen else entity.strn,
    )


def buyer_of(invoice: Invoice) -> Party:
    kind = invoice.buyer_registration_type
    return Party(
        name=Words(invoice.buyer_name),
        address=Words(invoice.buyer_address),
        province=_label(invoice, "buyer"),
        number_kind=_number_kind(invoice.buyer_ntn_cnic),
        number=invoice.buyer_ntn_cnic,
        registration=str(BuyerKind(kind).label) if kind else "",
    )


def _label(invoice: Invoice, party: str) -> str:
    label: str = getattr(invoice, f"get_{party}_province_display")()
    return label


def _number_kind(number: str) -> str:
    if not number:
        return ""
    return _("CNIC") if len(number) == 13 else _("NTN")


def _line(line: InvoiceLine, columns: tuple[Column, ...], invoice: Invoice) -> PrintedLine:
    return PrintedLine(
        position=line.position,
        hs_code=line.hs_code,
        description=Words(line.description),
        more=tuple(_small_print(line, invoice.buyer_registration_type)),
        cells=cells_of(line, columns),
    )


def _small_print(line: InvoiceLine, buyer_kind: str) -> Iterator[str]:
    if line.sale_type != SaleType.STANDARD:
        yield line.get_sale_type_display()
    if line.sro_schedule or line.sro_item:
        yield _("SRO or schedule %(schedule)s, serial no. %(item)s") % {
            "schedule": line.sro_schedule or formats.NOTHING,
            "item": line.sro_item or formats.NOTHING,
        }
    if line.retail_price:
        yield _("Retail price %(price)s a unit") % {"price": formats.amount(line.retail_price)}
    if line.petroleum_levy_on:
        yield _("Petroleum levy on: %(what)s") % {"what": line.petroleum_levy_on}
    if line.further_tax_why not in _UNSAID and (
        line.further_tax or buyer_kind == BuyerKind.UNREGISTERED
    ):
        yield _("Further tax: %(why)s") % {"why": line.get_further_tax_why_display()}


def _excise(line: InvoiceLine) -> Excise:
    unit_price = line.fed_unit_price
    return Excise(
        position=line.position,
        description=Words(line.description),
        kind=line.fed_type,
        rate=line.fed_rate,
        unit_price=formats.NOTHING if unit_price is None else price(unit_price),
        amount=line.fed,
        schedule=line.fed_schedule,
        item=line.fed_item,
    )


def _settled(use: AdvanceUse) -> Settled:
    paper = use.receipt
    return Settled(
        number=paper.number,
        fbr_number=paper.fbr_number,
        on=paper.invoice_date,
        value=use.value,
    )


# --- the sums ---------------------------------------------------------------------------------


def _sums(invoice: Invoice, lines: Sequence[InvoiceLine]) -> Iterator[Sum]:
    """From the value down to the total: what is added stands plain, what is within is a part."""
    advance = _sum(lines, "advance")
    if advance:
        before = invoice.value + advance
        yield Sum(name=_("Value before the advance"), value=formats.amount(before))
        yield Sum(name=_("Charged in advance"), value=f"\N{MINUS SIGN}{formats.amount(advance)}")
    yield Sum(name=_("Value excluding tax"), value=formats.amount(invoice.value))
    yield Sum(
        name=_("of which federal excise duty (FED)"),
        value=formats.amount(invoice.fed),
        kind="part",
    )
    yield Sum(name=_("Sales tax"), value=formats.amount(invoice.sales_tax))
    yield Sum(
        name=_("of which FED in sales tax mode"),
        value=formats.amount(fed_in_sales_tax_mode(lines)),
        kind="part",
    )
    yield Sum(name=_("Further tax"), value=formats.amount(invoice.further_tax))
    residue = _sum(lines, "residue")
    last = "" if residue else "last"
    yield Sum(name=_("Extra tax"), value=formats.amount(invoice.extra_tax), kind=last)
    if residue:
        yield Sum(name=_("Rounding"), value=formats.amount(residue), kind="last")
    yield Sum(name=_("Total"), value=formats.rupees(invoice.total), kind="all")
    yield from _after_the_total(invoice)


def _after_the_total(invoice: Invoice) -> Iterator[Sum]:
    if invoice.service_fee:
        payable = invoice.total + invoice.service_fee
        yield Sum(name=_("POS service fee"), value=formats.amount(invoice.service_fee))
        yield Sum(name=_("Payable"), value=formats.rupees(payable), kind="all")
    yield Sum(
        name=_("Discount, already taken off"),
        value=formats.amount(invoice.discount),
        kind="first",
    )
    name = _("Sales tax withheld at source")
    if invoice.withheld and invoice.withholding in print_words.SHARES:
        name = f"{name} ({print_words.SHARES[invoice.withholding]})"
    yield Sum(name=name, value=formats.amount(invoice.withheld))


def fed_in_sales_tax_mode(lines: Iterable[InvoiceLine]) -> Decimal:
    """The part of the sales tax that is excise (rule 150R(13)(u))."""
    fed = (line.sales_tax for line in lines if sale_types.of(line.sale_type).fed_mode)
    return sum(fed, money.ZERO)


def _sum(lines: Iterable[InvoiceLine], name: str) -> Decimal:
    return sum((getattr(line, name) for line in lines), money.ZERO)
