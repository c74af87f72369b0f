"""Secrets at rest: AES-256-GCM under a key per tenant, wrapped by the key of the installation.

A sealed value is bound to its place (tenant, table, row, field): moved to another row it does
not open. The key's id stands in front, so that keys can be rotated.
"""

from __future__ import annotations

import hashlib
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from smartinvoicing.errors import AppError

_NONCE: Final = 12
_KEY_ID: Final = 4


class CannotOpen(AppError):
    """The sealed value was made under another key, for another place, or was changed."""

    code = "cannot_open"
    http_status = 500


def key_id(key: bytes) -> bytes:
    """Four bytes that name a key without telling anything about it."""
    return hashlib.sha256(b"smartinvoicing key id" + key).digest()[:_KEY_ID]


def _tenant_key(key: bytes, tenant_id: str) -> AESGCM:
    info = b"smartinvoicing tenant " + tenant_id.encode()
    return AESGCM(HKDF(SHA256(), 32, salt=None, info=info).derive(key))


def seal(secret: str, *, tenant_id: str, place: str) -> bytes:
    """Encrypt `secret` for one place, written `table/row/field`."""
    key = settings.FIELD_KEYS[0]
    nonce = os.urandom(_NONCE)
    bound = f"{tenant_id}/{place}".encode()
    return key_id(key) + nonce + _tenant_key(key, tenant_id).encrypt(nonce, secret.encode(), bound)


def unseal(sealed: bytes, *, tenant_id: str, place: str) -> str:
    """The secret again.

    Raises: CannotOpen when no key of this installation fits, or the place is another.
    """
    wanted, nonce = sealed[:_KEY_ID], sealed[_KEY_ID : _KEY_ID + _NONCE]
    bound = f"{tenant_id}/{place}".encode()
    for key in settings.FIELD_KEYS:
        if key_id(key) == wanted:
            try:
                opened = _tenant_key(key, tenant_id).decrypt(
                    nonce, sealed[_KEY_ID + _NONCE :], bound
                )
            except (InvalidTag, ValueError) as error:  # the latter: cut short
                raise CannotOpen("A stored secret does not open.") from error
            return opened.decode()
    raise CannotOpen("A stored secret was sealed with a key that this installation lacks.")
