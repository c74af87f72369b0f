"""The second factor: its secret lies sealed, and a code opens once."""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Final

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.db import transaction

from smartinvoicing import crypto

# A person is of no one business.
_WHERE: Final = {"tenant_id": "", "place": "mfa_authenticator/data"}
_LAST: Final = "last_step"


class FactorAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Seals what codes are made from, before allauth stores it."""

    def encrypt(self, text: str) -> str:
        return b64encode(crypto.seal(text, **_WHERE)).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """What `encrypt` was given.

        Raises: CannotOpen when no key of this installation fits.
        """
        return crypto.unseal(b64decode(encrypted_text), **_WHERE)


class _OpensOnce(BaseAuthenticateForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        code: str = super().clean_code()
        if self.authenticator.type == Authenticator.Type.TOTP and not take_step(
            self.authenticator, code
        ):
            self._emit_authentication_failed(self.authenticator)
            raise FactorAdapter().validation_error("incorrect_code")
        return code


class SignInCodeForm(_OpensOnce, AuthenticateForm):  # type: ignore[misc]
    """The code at sign-in."""


class ProofCodeForm(_OpensOnce, ReauthenticateForm):  # type: ignore[misc]
    """The code before a dangerous deed."""


@transaction.atomic
def take_step(factor: Authenticator, code: str) -> bool:
    """Whether `code` is of a later step than each that opened before; then it is the last.

    A code lives for three steps of 30 seconds, for clocks that differ (RFC 6238, 5.2), and is
    to be taken once in all of them (the same). Of two who bring one code together, one gets in.
    """
    row = Authenticator.objects.select_for_update().get(pk=factor.pk)
    step = _step_of(row, code)
    if step is None or step <= row.data.get(_LAST, 0):
        return False
    row.data[_LAST] = step
    row.save(update_fields=["data"])
    return True


def _step_of(factor: Authenticator, code: str) -> int | None:
    secret = decrypt(factor.data["secret"])
    for step in totp.yield_hotp_counters_from_time():
        expected = totp.format_hotp_value(totp.hotp_value(secret, step))
        if compare_user_code(actual=code, expected=expected):
            return int(step)
    return None
