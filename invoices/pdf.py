"""An invoice as it is printed: what the page says, and the page as PDF. No query, no network.

Particulars: Sales Tax Rules 2006, rule 150R(13); PRAL DI API v1.12, section 6.
"""

from __future__ import annotations

import functools
import logging
import threading
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.translation import gettext, gettext_lazy, pgettext_lazy

from accounts.enums import Environment
from accounts.models import LegalEntity
from invoices import qr, tax
from invoices.enums import REPORTED, BuyerKind, DocumentType, SaleType, State
from invoices.models import Invoice, InvoiceLine
from invoices.words import rupees_in_words
from smartinvoicing import clock, money
from smartinvoicing.errors import AppError
from smartinvoicing.templatetags import formats

logger = logging.getLogger(__name__)

TITLES: Final[Mapping[str, Any]] = {
    DocumentType.SALE_INVOICE: gettext_lazy("Sales Tax Invoice"),
    DocumentType.DEBIT_NOTE: gettext_lazy("Debit Note"),
}

_PENDING: Final = (
    pgettext_lazy("watermark", "PENDING"),
    gettext_lazy(
        "Provisional copy. FBR has not confirmed this document yet, so it carries no FBR number"
        " and no QR code. The final copy replaces this one."
    ),
)
# What a copy that is not a plain, reported invoice says across the page, and in a sentence.
STANDING: Final[Mapping[str, tuple[Any, Any]]] = {
    State.DRAFT: (
        pgettext_lazy("watermark", "DRAFT"),
        gettext_lazy("Draft. It has not been issued or reported to FBR and is no tax invoice."),
    ),
    State.QUEUED: _PENDING,
    State.SUBMITTING: _PENDING,
    State.UNCERTAIN: _PENDING,
    State.REJECTED: (
        pgettext_lazy("watermark", "NOT REPORTED"),
        gettext_lazy("FBR did not accept this document. It is no tax invoice until it does."),
    ),
    State.CANCEL_REQUESTED: (
        pgettext_lazy("watermark", "CANCELLATION REQUESTED"),
        gettext_lazy("The seller has asked FBR to cancel this document."),
    ),
    State.CANCELLED: (
        pgettext_lazy("watermark", "CANCELLED"),
        gettext_lazy("This document was cancelled at FBR. It is no tax invoice any more."),
    ),
    State.VOID: (
        pgettext_lazy("watermark", "VOID"),
        gettext_lazy("This number was given up. Nothing was reported to FBR under it."),
    ),
}

_IN_SALES_TAX_MODE: Final = frozenset({SaleType.GOODS_FED, SaleType.SERVICES_FED})
_RARE: Final = ("extra_tax", "fed", "withheld", "discount")
_ALWAYS: Final = ("quantity", "price", "value", "rate", "sales_tax", "further_tax", "total")

# Sheets from the calmest on, and how many characters of amounts each has room for.
_LAYOUTS: Final = (("", 88), ("wide", 150), ("wide small", 200), ("wide tiny", 256))
_GAP: Final = 2  # characters between two columns
_WIDTHS: Final = {"rate": (5, 10)}  # longer words of a rate may break
_UNIT: Final = 14


class PdfUnavailable(AppError):
    """This machine cannot make PDFs; the rest of the product works."""

    code = "pdf_unavailable"
    http_status = 503


class Words(str):
    """What people wrote: it knows which way it runs."""

    __slots__ = ()

    @property
    def runs(self) -> str:
        """`rtl` when its first letter is Urdu or its kin, for the attribute `dir`."""
        for letter in self:
            kind = unicodedata.bidirectional(letter)
            if kind in {"L", "R", "AL"}:
                return "ltr" if kind == "L" else "rtl"
        return "ltr"


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
class PrintedLine:
    """One row of the table. sale_type is "" for goods at standard rate."""

    position: int
    hs_code: str
    description: Words
    sale_type: str
    retail_price: Decimal | None
    sro_schedule: str
    sro_item: str
    quantity: str
    unit: str
    price: str
    rate: str
    value: Decimal
    sales_tax: Decimal
    further_tax: Decimal
    extra_tax: Decimal
    fed: Decimal
    withheld: Decimal
    discount: Decimal
    total: Decimal


@dataclass(frozen=True, kw_only=True)
class Printed:
    """Everything the page shows.

    shown:  the rare columns that have an amount in some line.
    fed_in_sales_tax_mode: the part of the sales tax that is excise (rule 150R(13)(u)).
    widths: how many characters each column of numbers must hold, 5 to 24.
    layout: "", "wide", "wide small" or "wide tiny": the sheet on which they all find room.
    """

    title: str
    number: str
    fbr_number: str
    fbr_dated: str
    software_no: str
    environment: str
    watermark: str
    issued_on: date
    tax_period: date
    reference: str
    refers_to: str
    seller: Party
    buyer: Party
    prices_include_tax: bool
    lines: tuple[PrintedLine, ...]
    shown: frozenset[str]
    widths: Mapping[str, int]
    layout: str
    totals: tax.Taxes
    fed_in_sales_tax_mode: Decimal
    total_in_words: str
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def printed_of(
    invoice: Invoice,
    lines: Sequence[InvoiceLine],
    entity: LegalEntity,
    *,
    refers_to: str = "",
) -> Printed:
    """What a copy of `invoice` shows as it stands now. It asks the database nothing.

    The seller is the one frozen at issue; a draft has none yet and shows `entity`.
    refers_to: on a debit note, FBR's number of the document that it corrects.
    """
    rows = tuple(_line(line) for line in lines)
    shown = frozenset(name for name in _RARE if any(getattr(row, name) for row in rows))
    widths = {name: _width(name, rows) for name in (*_ALWAYS, *shown)}
    return Printed(
        title=str(TITLES[invoice.document_type]),
        number=invoice.number,
        fbr_number=invoice.fbr_number,
        fbr_dated=invoice.fbr_dated,
        software_no=invoice.seller_software_no if invoice.seller_name else entity.software_no,
        environment=str(Environment(invoice.environment).label),
        watermark="\n".join(_watermark(invoice)),
        issued_on=invoice.invoice_date,
        tax_period=clock.tax_period(invoice.invoice_date),
        reference=invoice.client_reference,
        refers_to=refers_to,
        seller=_seller(invoice, entity),
        buyer=_buyer(invoice),
        prices_include_tax=invoice.prices_include_tax,
        lines=rows,
        shown=shown,
        widths=widths,
        layout=_layout(widths),
        totals=tax.Taxes(**{name: getattr(invoice, name) for name in tax.AMOUNTS}),
        fed_in_sales_tax_mode=sum(
            (line.sales_tax for line in lines if line.sale_type in _IN_SALES_TAX_MODE), money.ZERO
        ),
        total_in_words=rupees_in_words(invoice.total),
        warnings=tuple(_warnings(invoice)),
        notes=tuple(_notes(invoice)),
    )


def _watermark(invoice: Invoice) -> Iterable[str]:
    if invoice.environment == Environment.SANDBOX:
        yield gettext("SANDBOX")
    if invoice.state in STANDING:
        yield str(STANDING[invoice.state][0])


def _warnings(invoice: Invoice) -> Iterable[str]:
    if invoice.state in STANDING:
        yield str(STANDING[invoice.state][1])
    if invoice.environment == Environment.SANDBOX:
        yield gettext("Made in FBR's sandbox, for testing. It has no legal effect.")


def _notes(invoice: Invoice) -> Iterable[str]:
    if invoice.state in REPORTED and invoice.environment == Environment.PRODUCTION:
        yield gettext(
            "This document was reported to FBR. Its FBR number, which the QR code holds, shows"
            " with FBR whether it is genuine."
        )


def _seller(invoice: Invoice, entity: LegalEntity) -> Party:
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


def _buyer(invoice: Invoice) -> Party:
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
    return gettext("CNIC") if len(number) == 13 else gettext("NTN")


def _line(line: InvoiceLine) -> PrintedLine:
    plain = line.sale_type == SaleType.STANDARD
    same = {field.name for field in fields(PrintedLine)} - {
        *("description", "sale_type", "quantity", "price", "retail_price")
    }
    return PrintedLine(
        description=Words(line.description),
        sale_type="" if plain else line.get_sale_type_display(),
        quantity=formats.quantity(line.quantity),
        price=_price(line.unit_price),
        retail_price=line.retail_price or None,
        **{name: getattr(line, name) for name in same},
    )


def _price(price: Decimal) -> str:
    """Two to four places: 1,250.00 and 0.1234."""
    places = max(2, money.places_of(price))
    return f"{price:,.{places}f}"


def _width(column: str, rows: Iterable[PrintedLine]) -> int:
    """How many characters `column` must hold in one line, its heading among them."""
    least, most = _WIDTHS.get(column, (8, 24))
    texts = [getattr(row, column) for row in rows]
    written = [text if isinstance(text, str) else formats.amount(text) for text in texts]
    longest = max([least, *map(len, written)])
    if column == "quantity":  # the unit stands below it, and may break
        longest = max([longest, *(min(len(row.unit), _UNIT) for row in rows)])
    return min(longest, most)


def _layout(widths: Mapping[str, int]) -> str:
    needed = sum(width + _GAP for width in widths.values())
    return next((name for name, room in _LAYOUTS if needed <= room), _LAYOUTS[-1][0])


# --- the press --------------------------------------------------------------------------------

# Pango shares one map of fonts, which no two threads may use at once.
_one_at_a_time: Final = threading.Lock()


@functools.cache
def _press() -> tuple[Any, Any, Any]:
    """WeasyPrint's HTML class, our style sheet, parsed, and the fonts: made once a process.

    Raises: PdfUnavailable.
    """
    try:
        import weasyprint
        from weasyprint.text.fonts import FontConfiguration
        from weasyprint.urls import URLFetcher
    except OSError as missing:
        logger.exception("pdf.unavailable")
        raise PdfUnavailable(
            "PDFs cannot be made on this machine, because Pango is missing. Install"
            " libpango-1.0-0, libpangoft2-1.0-0, libharfbuzz-subset0 and fonts-noto-core"
            " (Debian, Ubuntu), and restart the workers."
        ) from missing
    # WeasyPrint's own fetcher reads files and calls the network; this one does neither.
    fetcher = URLFetcher(allowed_protocols={"data"}, allow_redirects=False)
    fonts = FontConfiguration()
    source = (settings.BASE_DIR / "templates" / "invoices" / "print.css").read_text()
    sheet = weasyprint.CSS(string=source, url_fetcher=fetcher, font_config=fonts)
    page = functools.partial(weasyprint.HTML, base_url=None, url_fetcher=fetcher)
    return page, sheet, fonts


def render(printed: Printed) -> bytes:
    """The PDF. The same content gives the same bytes: it holds no time and no chance.

    Raises: PdfUnavailable when the machine lacks Pango; ValueError for an FBR number that no
            QR code of version 2 can hold.
    """
    mark = qr.svg(printed.fbr_number) if printed.fbr_number else ""
    text = render_to_string("invoices/print.html", {"printed": printed, "mark": mark})
    with _one_at_a_time:
        page, sheet, fonts = _press()
        document = page(string=text).render(font_config=fonts, stylesheets=[sheet])
        content: bytes = document.write_pdf(pdf_tags=True)
    if not any(font.family.startswith("Noto") for font in document.fonts.values()):
        logger.warning("pdf.fonts_missing", extra={"install": "fonts-noto-core"})
    return content
