"""Files as people upload them, small and whole."""

from __future__ import annotations

import struct
import zlib

from django.core.files.uploadedfile import SimpleUploadedFile

PDF = b"%PDF-1.4\n1 0 obj\n<< /Type /Catalog >>\nendobj\ntrailer << /Root 1 0 R >>\n%%EOF\n"


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*extra, width=1, height=1):
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    parts = [chunk(b"IHDR", head), *extra, chunk(b"IDAT", zlib.compress(b"\0\0"))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


def segment(kind, data):
    return b"\xff" + bytes([kind]) + struct.pack(">H", len(data) + 2) + data


def jpeg(*extra, width=1, height=1):
    size = struct.pack(">BHHB", 8, height, width, 1) + b"\x01\x11\x00"
    parts = [
        segment(0xE0, b"JFIF\0"),
        *extra,
        segment(0xC0, size),
        segment(0xDA, b"\x01\x01\0\0?\0"),
    ]
    return b"\xff\xd8" + b"".join(parts) + b"pixels\xff\x00more" + b"\xff\xd9"


def upload(content=None, name="screen.png"):
    return SimpleUploadedFile(name, png() if content is None else content)
