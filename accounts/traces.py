"""What is kept of an address: a keyed hash of one of e-mail, the front part of one of the net."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
from typing import Final

from django.conf import settings

_FRONT: Final = {4: 24, 6: 48}
_PLACE: Final = b"smartinvoicing mail address "


def key_of(email: str) -> str:
    """The keyed hash under which an address is known when the address itself is gone."""
    return _keyed(settings.FIELD_KEYS[0], email)


def keys_of(email: str) -> list[str]:
    """The same by every key of this installation: what was written before a change of keys."""
    return [_keyed(key, email) for key in settings.FIELD_KEYS]


def _keyed(key: bytes, email: str) -> str:
    return hmac.new(key, _PLACE + email.strip().casefold().encode(), hashlib.sha256).hexdigest()


def prefix_of(address: str) -> str:
    """The net that an address belongs to, as `203.0.113.0/24`; "" where it is none."""
    try:
        known = ipaddress.ip_address(address)
    except ValueError:
        return ""
    if isinstance(known, ipaddress.IPv6Address) and known.ipv4_mapped:
        known = known.ipv4_mapped
    net = ipaddress.ip_network((known, _FRONT[known.version]), strict=False)
    return str(net)
