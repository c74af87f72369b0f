"""Lays the heads of all chains down outside the database each hour, and signs each day.

A chain alone proves nothing against whoever may write the whole database: he cuts its tail or
reckons every hash anew. What stands outside, he would have to change as well.
"""

from __future__ import annotations

import base64
import json
import logging
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection

from accounts.models import AuditCheck
from accounts.services import anchor_files
from accounts.services.anchor_files import Anchor, Head
from smartinvoicing.errors import StateConflict

logger = logging.getLogger(__name__)

# A head is stamped a moment before its commit: what was seen too early comes again.
OVERLAP: Final = timedelta(hours=1)


def folder() -> Path:
    return Path(settings.AUDIT_ANCHOR_DIR)


def anchor(*, at: datetime) -> str | None:
    """Write the file of this hour: the heads that changed, once a day all of them.

    Returns: its name; None when the hour has one. Two runs at once write one.
    """
    name = anchor_files.name_of(at)
    newest = _newest()
    wrote = newest is None or newest.name < name
    if wrote:
        wrote = anchor_files.write(folder(), name, _content(name, newest, at=at))
        newest = _newest()
    if newest is not None:
        _remember(newest)
    return name if wrote else None


def _newest() -> Anchor | None:
    names = anchor_files.names(folder())
    return anchor_files.read(folder(), names[-1]) if names else None


def accept(*, why: str, at: datetime) -> str:
    """Take the trails as they are now, after a restore that lost what older files know of.

    The older files stay, and so does this one: whoever looks sees that a person did it, and why.
    """
    name = anchor_files.name_of_acceptance(at)
    content = anchor_files.text_of(
        heads(), at=at, is_whole=True, previous=_before(_newest()), accepts=why
    )
    if not anchor_files.write(folder(), name, content):
        raise StateConflict("That was done in this hour already. Try again in the next.")
    _remember(anchor_files.read(folder(), name))
    return name


def _content(name: str, newest: Anchor | None, *, at: datetime) -> bytes:
    day = anchor_files.day_of(name)
    is_whole = newest is None or anchor_files.day_of(newest.name) != day
    since = None if newest is None or is_whole else newest.at - OVERLAP
    return anchor_files.text_of(heads(since), at=at, is_whole=is_whole, previous=_before(newest))


def _before(newest: Anchor | None) -> tuple[str, str]:
    """The file that a new one follows: the newest here, or one that is gone from here."""
    before = (newest.name, newest.sha256) if newest else ("", "")
    known = AuditCheck.objects.get()
    if known.anchor > before[0]:
        # The chain of files goes on from the one that we know of: it shows what is missing.
        logger.error("audit.anchors_gone", extra={"anchor": known.anchor, "newest": before[0]})
        before = (known.anchor, known.anchor_sha256)
    return before


def heads(since: datetime | None = None) -> list[Head]:
    """Where the chains end, of all tenants or of those that changed, by one narrow function."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT tenant_id, seq, hash FROM accounts_audit_heads(%s)", [since])
        return [Head(*row) for row in cursor.fetchall()]


def _remember(newest: Anchor) -> None:
    """The database knows the last file: to take the newest ones away does not go unseen."""
    AuditCheck.objects.filter(anchor__lt=newest.name).update(
        anchor=newest.name, anchor_sha256=newest.sha256, anchored_at=newest.at
    )


# --- signatures -------------------------------------------------------------------------------


def sign(*, at: datetime) -> list[str]:
    """Sign each day that is over and has no signature yet, however many those are.

    Returns: the days, as they stand in the names of the files.
    """
    today = anchor_files.day_of(at)
    last = {anchor_files.day_of(name): name for name in anchor_files.names(folder())}
    signed = {anchor_files.day_of(n) for n in anchor_files.names(folder(), anchor_files.SIGNATURE)}
    days = sorted(day for day in last if day < today and day not in signed)
    for day in days:
        _sign(day, anchor_files.read(folder(), last[day]))
    if days:
        AuditCheck.objects.update(signed_at=at)
    return days


def _sign(day: str, last: Anchor) -> None:
    key = signing_key()
    content = {
        "day": day,
        "anchor": last.name,
        "sha256": last.sha256,
        "key": public_text(key.public_key()),
        "signature": base64.b64encode(key.sign(_message(day, last.name, last.sha256))).decode(),
    }
    anchor_files.write(
        folder(), f"{day}{anchor_files.SIGNATURE}", f"{json.dumps(content)}\n".encode()
    )


def _message(day: str, name: str, sha256: str) -> bytes:
    return f"smartinvoicing audit day\n{day}\n{name}\n{sha256}\n".encode()


def is_signed(day: str, last: Anchor, *, key: str, signature: str) -> bool:
    """Whether one of our keys signed this file as the last of its day."""
    if key not in trusted_keys():
        return False
    try:
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key))
        public.verify(base64.b64decode(signature), _message(day, last.name, last.sha256))
    except (InvalidSignature, ValueError):
        return False
    return True


def trusted_keys() -> frozenset[str]:
    """The key that signs, and those that signed before it."""
    return frozenset({public_text(signing_key().public_key()), *settings.AUDIT_PUBLIC_KEYS})


def public_text(key: Ed25519PublicKey) -> str:
    return base64.b64encode(key.public_bytes_raw()).decode()


def signing_key() -> Ed25519PrivateKey:
    """The key of AUDIT_SIGNING_KEY; outside production one that follows from FIELD_KEY."""
    seed = settings.AUDIT_SIGNING_KEY or HKDF(
        SHA256(), 32, salt=None, info=b"smartinvoicing audit signing"
    ).derive(settings.FIELD_KEYS[0])
    return Ed25519PrivateKey.from_private_bytes(seed)
