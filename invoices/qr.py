"""The QR mark of a reported document: exactly its FBR number, as a drawing of one inch.

Source: PRAL DI API v1.12, section 6 (version 2, 25 x 25 modules, 1.0 x 1.0 inch); Sales Tax
Rules 2006, rule 150R(4)(e) (it stands for the unique FBR invoice number).
"""

from __future__ import annotations

from itertools import groupby
from typing import Final

import segno
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext

VERSION: Final = 2
QUIET: Final = 4  # modules of white on each side. Source: ISO/IEC 18004, 9.1
SIDE: Final = 25 + 2 * QUIET

_STRONGEST_FIRST: Final = ("H", "Q", "M", "L")


def svg(number: str) -> SafeString:
    """The mark of `number` as inline SVG, one inch wide and high with its quiet zone.

    It holds no style attribute and no script, so a page of ours may show it as it is.
    Raises: ValueError for a number that is empty, not plain ASCII, or too long for version 2.
    """
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" width="1in" height="1in"'
        ' viewBox="0 0 {side} {side}" role="img" aria-label="{label}">'
        '<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="{dark}"/></svg>',
        side=SIDE,
        label=gettext("QR code of the FBR invoice number"),
        dark=_path(_code(number)),
    )


def _code(number: str) -> segno.QRCode:
    """Version 2 with the most error correction that leaves room for `number`."""
    if not number or not number.isascii() or not number.isprintable():
        raise ValueError("an FBR number is plain text")
    for level in _STRONGEST_FIRST:
        try:
            # Unforced, 22 characters would become version 1.
            return segno.make_qr(number, version=VERSION, error=level, boost_error=False)
        except segno.DataOverflowError:
            continue
    raise ValueError("the number does not fit a QR code of version 2")


def _path(code: segno.QRCode) -> str:
    """All dark modules as one path, so that no viewer draws a seam between two rows."""
    runs: list[str] = []
    for y, row in enumerate(code.matrix, start=QUIET):
        x = QUIET
        for dark, modules in groupby(row):
            width = len(list(modules))
            if dark:
                runs.append(f"M{x} {y}h{width}v1h-{width}z")
            x += width
    return "".join(runs)
