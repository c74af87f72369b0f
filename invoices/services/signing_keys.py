"""The keys that sign documents: made on first use, changed by hand, never taken back."""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit, tenancy
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import AuditEvent
from invoices.models import SigningKey
from smartinvoicing import crypto
from smartinvoicing.errors import NotFound, StateConflict
from smartinvoicing.ids import uuid7

SIGNER: Final = Actor.system("invoices.sign")
ALGORITHM: Final = "Ed25519"
_ID: Final = 16  # letters of a key's name


def current(*, at: datetime) -> SigningKey:
    """The key that signs now in the current tenant; the first one is made here."""
    key = _newest()
    if key is not None:
        return key
    try:
        with transaction.atomic():
            return _make(actor=SIGNER, at=at)
    except IntegrityError:
        key = _newest()  # somebody else made the first one in the same moment
        if key is None:
            raise
        return key


def _newest() -> SigningKey | None:
    return SigningKey.objects.exclude(sealed=None).order_by("-seq").first()


def _make(*, actor: Actor, at: datetime) -> SigningKey:
    """The next key. Its public half is told to the audit trail, which no other key gets into."""
    last = SigningKey.objects.order_by("-seq").values_list("seq", flat=True).first() or 0
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes_raw()
    key = SigningKey(
        id=uuid7(),
        seq=last + 1,
        key_id=hashlib.sha256(public).hexdigest()[:_ID],
        public_key=public,
        made_at=at,
    )
    secret = base64.b64encode(private.private_bytes_raw()).decode()
    key.sealed = crypto.seal(
        secret, tenant_id=str(tenancy.current_tenant_id()), place=_place_of(key)
    )
    key.save(force_insert=True)
    audit.record(
        actor,
        AuditAction.SIGNING_KEY_MADE,
        key,
        at=at,
        key_id=key.key_id,
        public_sha256=_public_sha256(key),
    )
    return key


def rotate(*, actor: Actor, at: datetime) -> SigningKey:
    """A new key signs from now on; the private halves of those before are wiped.

    What they signed stays checkable. Raises: NotAllowed; StateConflict.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
    try:
        with transaction.atomic():
            made = _make(actor=actor, at=at)
            SigningKey.objects.filter(seq__lt=made.seq).exclude(sealed=None).update(sealed=None)
    except IntegrityError as error:
        raise StateConflict(_("Somebody else made a new key just now.")) from error
    return made


def _place_of(key: SigningKey) -> str:
    return f"invoices_signingkey/{key.pk}/sealed"


def _public_sha256(key: SigningKey) -> str:
    return hashlib.sha256(bytes(key.public_key)).hexdigest()


# --- using them -------------------------------------------------------------------------------


def sign(key: SigningKey, content: bytes) -> bytes:
    """Raises: CannotOpen when this installation cannot open the private half."""
    if key.sealed is None:
        raise StateConflict(_("This key signs no more."))
    secret = crypto.unseal(bytes(key.sealed), tenant_id=str(key.tenant_id), place=_place_of(key))
    return Ed25519PrivateKey.from_private_bytes(base64.b64decode(secret)).sign(content)


def fits(key: SigningKey, signature: bytes, content: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(bytes(key.public_key)).verify(signature, content)
    except InvalidSignature:
        return False
    return True


def is_ours(key: SigningKey) -> bool:
    """Whether the audit trail knows this very key: one that was slipped in is nobody's."""
    public = bytes(key.public_key)
    return (
        key.key_id == hashlib.sha256(public).hexdigest()[:_ID]
        and AuditEvent.objects.filter(
            action=AuditAction.SIGNING_KEY_MADE,
            object_id=key.pk,
            details__public_sha256=_public_sha256(key),
        ).exists()
    )


# --- for whoever checks -----------------------------------------------------------------------


def keys() -> list[SigningKey]:
    """All keys of the current tenant, the newest first."""
    return list(SigningKey.objects.order_by("-seq"))


def public(key_id: str) -> SigningKey:
    """One key of any business by its printed name: its public half and its age, no more.

    Raises: NotFound.
    """
    with tenancy.as_bearer(key_id), transaction.atomic():
        known = SigningKey.objects.only("id", "key_id", "public_key", "made_at")
        key = known.filter(key_id=key_id).order_by("made_at", "id").first()
    if key is None:
        raise NotFound(_("There is no such key."))
    return key


def pem_of(key: SigningKey) -> str:
    """The public half as `openssl` reads it."""
    loaded = Ed25519PublicKey.from_public_bytes(bytes(key.public_key))
    return loaded.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def told(key: SigningKey) -> dict[str, str]:
    """What anybody may know of a key."""
    return {
        "key_id": key.key_id,
        "algorithm": ALGORITHM,
        "public_key": base64.b64encode(bytes(key.public_key)).decode(),
        "public_key_pem": pem_of(key),
        "made_at": key.made_at.isoformat(),
    }
