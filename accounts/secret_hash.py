"""The fingerprint under which a secret that we hand out is known to us."""

from __future__ import annotations

import hashlib


def hash_of(secret: str) -> str:
    """SHA-256: our secrets are 32 random bytes, so a slow hash would protect nothing more."""
    return hashlib.sha256(secret.encode()).hexdigest()
