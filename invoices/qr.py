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
SIDE: Final = 25 + 2 * QUIET  # of version 2

_STRONGEST_FIRST: Final = ("H", "Q", "M", "L")


def svg(number: str, *, side: str = "1in") -> SafeString:
    """The mark of `number` as inline SVG, as wide and high as `side` with its quiet zone.

    A number too long for version 2 takes the smallest version that holds it: the modules get
    smaller, the mark does not grow, and no copy fails for it.
    It holds no style attribute and no script, so a page of ours may show it as it is.
    Raises: ValueError for no number.
    """
    code = _code(number)
    modules = len(code.matrix) + 2 * QUIET
    return format_html(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{width}"'
        ' viewBox="0 0 {side} {side}" role="img" aria-label="{label}">'
        '<path fill="#fff" d="M0 0h{side}v{side}H0z"/><path fill="#000" d="{dark}"/></svg>',
        width=side,
        side=modules,
        label=gettext("QR code of the FBR invoice number"),
        dark=_path(code),
    )


def _code(number: str) -> segno.QRCode:
    """Version 2 with the most error correction that leaves room; else the smallest that does."""
    if not number:
        raise ValueError("there is no number to mark")
    for level in _STRONGEST_FIRST:
        try:
            # Unforced, 22 characters would become version 1.
            return segno.make_qr(number, version=VERSION, error=level, boost_error=False)
        except segno.DataOverflowError:
            continue
    # Unforced, segno takes the smallest version, and then the best level with room in it.
    return segno.make_qr(number, error="L", boost_error=True)


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
