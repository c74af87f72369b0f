"""The first sheet of an XLSX file as rows of text. Pure, and careful: the file is a stranger's.

A workbook is a ZIP of XML. Nothing but the cells of one sheet is read: no formula, no macro, no
link. What is larger than a list of a tax period can be is refused before it is unpacked.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final
from xml.etree import ElementTree as ET

MARK: Final = b"PK\x03\x04"
LARGEST: Final = 60_000_000  # bytes of one part, unpacked
RATIO: Final = 200  # times that a part may grow
ENTRIES: Final = 500
WIDEST: Final = 100  # columns

_MAIN: Final = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_PLACE: Final = re.compile(r"([A-Z]{1,3})[0-9]+")
# Day 0 of a workbook; its calendar has a 29 February 1900 that never was.
_EPOCH: Final = date(1899, 12, 30)
# Formats of Excel's own that show a date.
_DATES: Final = frozenset({14, 15, 16, 17, 22, 27, 30, 36, 50, 57})
_NOT_CODE: Final = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]')


class NoWorkbook(ValueError):
    """It is no workbook that we read; the words say why."""


def rows(raw: bytes, *, most: int) -> list[list[str]]:
    """The cells of the first sheet, row by row; dates as 2026-11-21, empty cells as "".

    Raises: NoWorkbook.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as package:
            _refuse_bomb(package)
            names = set(package.namelist())
            sheet = next((name for name in _sheets(names)), "")
            if not sheet:
                raise NoWorkbook("there is no sheet in it")
            shared = _shared(package) if "xl/sharedStrings.xml" in names else []
            dates = _date_styles(package) if "xl/styles.xml" in names else frozenset()
            return list(_cells(_parse(package, sheet), shared, dates, most=most))
    except (zipfile.BadZipFile, zipfile.LargeZipFile, KeyError, EOFError) as error:
        raise NoWorkbook("it is damaged") from error
    except (ET.ParseError, NotImplementedError, RuntimeError, OverflowError) as error:
        raise NoWorkbook("it is damaged, or locked with a password") from error


def _refuse_bomb(package: zipfile.ZipFile) -> None:
    entries = package.infolist()
    if len(entries) > ENTRIES:
        raise NoWorkbook("it holds too many parts")
    for entry in entries:
        grows = entry.file_size > RATIO * max(entry.compress_size, 1024)
        if entry.file_size > LARGEST or grows:
            raise NoWorkbook("it is too large when it is unpacked")


def _sheets(names: set[str]) -> list[str]:
    """Parts that are sheets, in the order of their numbers."""
    found = [name for name in names if re.fullmatch(r"xl/worksheets/sheet[0-9]{1,4}\.xml", name)]
    return sorted(found, key=lambda name: (len(name), name))


def _parse(package: zipfile.ZipFile, name: str) -> ET.Element:
    with package.open(name) as part:
        content = part.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise NoWorkbook("it is too large when it is unpacked")
    if b"<!DOCTYPE" in content[:4096] or b"<!ENTITY" in content:
        raise NoWorkbook("it holds what no list needs")
    return ET.fromstring(content)  # noqa: S314 -- no entity is declared in it, as just seen


def _shared(package: zipfile.ZipFile) -> list[str]:
    """Texts that cells name by their place."""
    return [_text(each) for each in _parse(package, "xl/sharedStrings.xml").iter(f"{_MAIN}si")]


def _text(element: ET.Element) -> str:
    return "".join(part.text or "" for part in element.iter(f"{_MAIN}t"))


def _date_styles(package: zipfile.ZipFile) -> frozenset[int]:
    """Places of the styles that show a number as a date."""
    styles = _parse(package, "xl/styles.xml")
    own = {
        int(each.get("numFmtId", "0"))
        for each in styles.iter(f"{_MAIN}numFmt")
        if re.search(r"[dy]", _NOT_CODE.sub("", each.get("formatCode", "")).lower())
    }
    used = styles.find(f"{_MAIN}cellXfs")
    formats = [] if used is None else [int(each.get("numFmtId", "0")) for each in used]
    return frozenset(place for place, number in enumerate(formats) if number in _DATES | own)


def _cells(
    sheet: ET.Element, shared: list[str], dates: frozenset[int], *, most: int
) -> Iterator[list[str]]:
    for count, row in enumerate(sheet.iter(f"{_MAIN}row"), start=1):
        if count > most:
            raise NoWorkbook("it has too many rows")
        found: list[str] = []
        for cell in row.iter(f"{_MAIN}c"):
            column = _column(cell.get("r", ""), len(found))
            if column >= WIDEST:
                break
            found += [""] * (column - len(found))
            found.append(_value(cell, shared, dates))
        yield found


def _column(place: str, following: int) -> int:
    """The column of a cell, from 0; the one that follows where the cell does not say."""
    match = _PLACE.fullmatch(place)
    if match is None:
        return following
    number = 0
    for letter in match.group(1):
        number = 26 * number + ord(letter) - ord("A") + 1
    return max(number - 1, following)


def _value(cell: ET.Element, shared: list[str], dates: frozenset[int]) -> str:
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return _text(cell)
    raw = cell.findtext(f"{_MAIN}v") or ""
    if kind == "s":
        place = int(raw) if raw.isdecimal() else -1
        return shared[place] if 0 <= place < len(shared) else ""
    style = cell.get("s", "0")
    if kind == "n" and style.isdecimal() and int(style) in dates:
        return _day(raw)
    return _number(raw) if kind == "n" else raw


def _day(raw: str) -> str:
    days = raw.partition(".")[0]
    if not days.isdecimal() or len(days) > 6:
        return raw
    return (_EPOCH + timedelta(days=int(days))).isoformat()


def _number(raw: str) -> str:
    """A number as it was typed: a workbook keeps 0.1 as 0.10000000000000001."""
    _whole, _point, places = raw.partition(".")
    if not places or len(places) < 12 or not raw.lstrip("-").replace(".", "").isdecimal():
        return raw
    return f"{round(float(raw), 4):.4f}".rstrip("0").rstrip(".")
