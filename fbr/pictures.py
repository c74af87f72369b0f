"""Screenshots and scans without what rides along in them: place, camera, text, a second file.

Pure. The pixels stay as they are, byte for byte; what is no picture is refused.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import Final

PNG: Final = b"\x89PNG\r\n\x1a\n"
JPEG: Final = b"\xff\xd8\xff"
_MOST_PIXELS: Final = 40_000_000

# What a PNG needs to be shown; comments, dates and positions stand in other chunks.
_PNG_KEPT: Final = frozenset(
    {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"sBIT", b"pHYs"}
)
_JPEG_END: Final = 0xD9
_JPEG_SCAN: Final = 0xDA
_JPEG_SIZES: Final = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
# JFIF, and Adobe's word on the colours; every other application's part is dropped.
_JPEG_APPS_KEPT: Final = frozenset({0xE0, 0xEE})
_JPEG_COMMENT: Final = 0xFE


class NoPicture(ValueError):
    """The bytes are not the whole picture that they begin as."""


def clean_png(raw: bytes) -> bytes:
    """The picture alone. Raises: NoPicture."""
    found = [PNG]
    for name, chunk, data in _chunks(raw):
        if len(found) == 1 and name != b"IHDR":
            raise NoPicture("it has no head")
        if name == b"IHDR":
            _refuse_huge(*struct.unpack(">II", data[:8]))
        if name in _PNG_KEPT:
            found.append(chunk)
    return b"".join(found)


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Name, whole chunk and data of each part, up to the end mark; what follows is no part."""
    at, name = len(PNG), b""
    while name != b"IEND":
        if at + 12 > len(raw):
            raise NoPicture("it ends too early")
        (size,) = struct.unpack(">I", raw[at : at + 4])
        name, end = raw[at + 4 : at + 8], at + 12 + size
        if end > len(raw) or (name == b"IHDR" and size != 13):
            raise NoPicture("it ends too early")
        (told,) = struct.unpack(">I", raw[end - 4 : end])
        if zlib.crc32(raw[at + 4 : end - 4]) != told:
            raise NoPicture("a part of it is damaged")
        yield name, raw[at:end], raw[at + 8 : end - 4]
        at = end


def clean_jpeg(raw: bytes) -> bytes:
    """The picture alone. Raises: NoPicture."""
    found, at, has_size = [raw[:2]], 2, False
    while True:
        if at + 4 > len(raw) or raw[at] != 0xFF:
            raise NoPicture("a part of it is damaged")
        kind, (size,) = raw[at + 1], struct.unpack(">H", raw[at + 2 : at + 4])
        end = at + 2 + size
        if size < 2 or end > len(raw):
            raise NoPicture("it ends too early")
        if kind in _JPEG_SIZES:
            _refuse_huge(*_jpeg_size(raw[at:end]))
            has_size = True
        if kind == _JPEG_SCAN:
            break
        if not _rides_along(kind):
            found.append(raw[at:end])
        at = end
    if not has_size:
        raise NoPicture("it has no head")
    return b"".join([*found, raw[at : _after_the_scans(raw, end)]])


def _jpeg_size(part: bytes) -> tuple[int, int]:
    if len(part) < 9:
        raise NoPicture("it has no head")
    height, width = struct.unpack(">HH", part[5:9])
    return width, height


def _rides_along(kind: int) -> bool:
    is_application = 0xE0 <= kind <= 0xEF
    return kind == _JPEG_COMMENT or (is_application and kind not in _JPEG_APPS_KEPT)


def _after_the_scans(raw: bytes, start: int) -> int:
    """Where the end mark ends. Inside the pixels a byte FF is followed by 00 or a restart mark."""
    at = raw.find(b"\xff", start)
    while at != -1 and at + 1 < len(raw):
        if raw[at + 1] == _JPEG_END:
            return at + 2
        at = raw.find(b"\xff", at + 1)
    raise NoPicture("it ends too early")


def _refuse_huge(width: int, height: int) -> None:
    if not 0 < width * height <= _MOST_PIXELS:
        raise NoPicture("it has too many pixels, or none")
