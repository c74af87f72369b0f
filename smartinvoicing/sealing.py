"""Files for places that we trust less: AES-256-GCM over a stream, piece by piece.

A piece is bound to the file's name, to its own place and to whether it is the last, so a file that
was cut, put together anew or given another's name does not open. The stream is compressed first.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from smartinvoicing.crypto import CannotOpen

MAGIC: Final = b"SIBK1"
PIECE: Final = 1024 * 1024
_SALT: Final = 16
_TAG: Final = 16


def seal(source: IO[bytes], target: Path, *, key: bytes, name: str) -> None:
    """Write all of `source` to `target`, which must not be there; durable when this returns."""
    salt = os.urandom(_SALT)
    cipher = _cipher(key, salt)
    with target.open("xb") as file:
        file.write(MAGIC + salt)
        for number, (piece, last) in enumerate(_with_last(_pieces(_squeezed(source)))):
            sealed = cipher.encrypt(_nonce(number), piece, _bound(name, number, last=last))
            file.write(len(sealed).to_bytes(4, "big") + bytes([last]) + sealed)
        file.flush()
        os.fsync(file.fileno())


def unseal(source: Path, take: Callable[[bytes], object], *, key: bytes, name: str) -> None:
    """Hand the content of `source` to `take`, bit by bit.

    Raises: CannotOpen: another key, another name, or a file that was changed or cut. What `take`
            got by then is worth nothing.
    """
    whole = zlib.decompressobj()
    for piece in _opened(source, key=key, name=name):
        take(whole.decompress(piece))
    take(whole.flush())
    if not whole.eof:
        raise CannotOpen(f"{source.name} ends too early.")


def _opened(source: Path, *, key: bytes, name: str) -> Iterator[bytes]:
    with source.open("rb") as file:
        head = file.read(len(MAGIC) + _SALT)
        if not head.startswith(MAGIC):
            raise CannotOpen(f"{source.name} is none of our sealed files.")
        cipher = _cipher(key, head[len(MAGIC) :])
        number, last = 0, False
        while not last:
            frame = file.read(5)
            length = int.from_bytes(frame[:4], "big")
            if len(frame) < 5 or length > PIECE + _TAG:
                raise CannotOpen(f"{source.name} was cut or changed.")
            last = frame[4] == 1
            try:
                piece = cipher.decrypt(
                    _nonce(number), file.read(length), _bound(name, number, last=last)
                )
            except InvalidTag as error:
                raise CannotOpen(
                    f"{source.name} does not open: another key, or it was changed."
                ) from error
            yield piece
            number += 1
        if file.read(1):
            raise CannotOpen(f"{source.name} goes on behind its end.")


def _squeezed(source: IO[bytes]) -> Iterator[bytes]:
    squeeze = zlib.compressobj(1)
    while bit := source.read(PIECE):
        yield squeeze.compress(bit)
    yield squeeze.flush()


def _pieces(bits: Iterator[bytes]) -> Iterator[bytes]:
    """The same stream in pieces of one size; at least one, and only the last is shorter."""
    kept = bytearray()
    for bit in bits:
        kept += bit
        while len(kept) > PIECE:
            yield bytes(kept[:PIECE])
            del kept[:PIECE]
    yield bytes(kept)


def _with_last(pieces: Iterator[bytes]) -> Iterator[tuple[bytes, bool]]:
    before = next(pieces)
    for piece in pieces:
        yield before, False
        before = piece
    yield before, True


def _cipher(key: bytes, salt: bytes) -> AESGCM:
    """A key of its own for each file: the nonce may count from nought."""
    return AESGCM(HKDF(SHA256(), 32, salt=salt, info=b"smartinvoicing backup").derive(key))


def _nonce(number: int) -> bytes:
    return number.to_bytes(12, "big")


def _bound(name: str, number: int, *, last: bool) -> bytes:
    return f"{name}/{number}/{int(last)}".encode()
