"""A code of the second factor opens once; the mechanics are allauth's."""

from __future__ import annotations

from typing import Final

from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal import auth as totp
from allauth.mfa.utils import decrypt
from django.db import transaction

_LAST: Final = "last_step"


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
