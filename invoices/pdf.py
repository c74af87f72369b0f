"""The press: what a document says, as a PDF. No query, no network."""

from __future__ import annotations

import functools
import logging
import math
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.template.loader import render_to_string

from invoices import qr
from invoices.letters import Letter
from invoices.printed import Printed
from invoices.receipt import Receipt
from smartinvoicing.errors import AppError

logger = logging.getLogger(__name__)

_ROLL: Final = 80  # mm
_TEAR: Final = 24.0  # pixels of white after the last word


class PdfUnavailable(AppError):
    """This machine cannot make PDFs; the rest of the product works."""

    code = "pdf_unavailable"
    http_status = 503


@dataclass(frozen=True)
class _Press:
    """WeasyPrint with one style sheet of ours, parsed, and the fonts."""

    page: Any
    style: Any
    sheet: Any
    fonts: Any

    def laid_out(self, text: str, *also: str) -> Any:
        """`text` on pages. also: style rules beside those of the sheet."""
        sheets = [self.sheet, *(self.style(string=each) for each in also)]
        return self.page(string=text).render(font_config=self.fonts, stylesheets=sheets)


# Pango shares one map of fonts, which no two threads may use at once.
_one_at_a_time: Final = threading.Lock()


@functools.cache
def _press(sheet: str = "print") -> _Press:
    """Made once a process and sheet: print, receipt, letter, register.

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
    source = (settings.BASE_DIR / "templates" / "invoices" / f"{sheet}.css").read_text()
    style = functools.partial(weasyprint.CSS, url_fetcher=fetcher, font_config=fonts)
    page = functools.partial(weasyprint.HTML, base_url=None, url_fetcher=fetcher)
    return _Press(page=page, style=style, sheet=style(string=source), fonts=fonts)


def render(printed: Printed) -> bytes:
    """The A4 copy. The same content gives the same bytes: it holds no time and no chance.

    Raises: PdfUnavailable when the machine lacks Pango.
    """
    text = render_to_string(
        "invoices/print.html", {"printed": printed, "mark": _mark(printed.fbr_number)}
    )
    with _one_at_a_time:
        return _written(_press().laid_out(text))


def render_receipt(receipt: Receipt) -> bytes:
    """A bill on a roll of 80 mm, as long as what stands on it.

    Raises: PdfUnavailable when the machine lacks Pango.
    """
    mark = _mark(receipt.fbr_number, side="25mm")
    text = render_to_string("invoices/receipt.html", {"receipt": receipt, "mark": mark})
    with _one_at_a_time:
        press = _press("receipt")
        roll = press.laid_out(text)
        if len(roll.pages) == 1:
            height = math.ceil(roll.pages[0].anchors["end"][1] + _TEAR)
            roll = press.laid_out(text, f"@page {{ size: {_ROLL}mm {height}px }}")
        return _written(roll)


def render_letter(letter: Letter) -> bytes:
    """A letter on A4. The same words give the same bytes.

    Raises: PdfUnavailable when the machine lacks Pango.
    """
    text = render_to_string("invoices/letter.html", {"letter": letter})
    with _one_at_a_time:
        return _written(_press("letter").laid_out(text))


def render_register(
    title: str, facts: Sequence[str], columns: Sequence[str], rows: Sequence[Sequence[str]]
) -> bytes:
    """A register on A4 lying on its side. The same words give the same bytes.

    Raises: PdfUnavailable when the machine lacks Pango.
    """
    known = {"title": title, "facts": facts, "columns": columns, "rows": rows}
    text = render_to_string("invoices/register.html", known)
    with _one_at_a_time:
        return _written(_press("register").laid_out(text))


def _mark(number: str, *, side: str = "1in") -> str:
    return qr.svg(number, side=side) if number else ""


def _written(document: Any) -> bytes:
    content: bytes = document.write_pdf(pdf_tags=True)
    if not any(font.family.startswith("Noto") for font in document.fonts.values()):
        logger.warning("pdf.fonts_missing", extra={"install": "fonts-noto-core"})
    return content
