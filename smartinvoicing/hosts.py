"""Which machines outside may be reached: those of the settings, and those of the register."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final
from urllib.parse import urlsplit

from django.conf import settings

from smartinvoicing.models import AllowedHost

_ADDRESSES: Final = (
    *("FBR_DI_URL", "FBR_POS_SANDBOX_URL", "FBR_POS_PRODUCTION_URL", "PRIVACY_IMAP_URL"),
)
_asked: Final[list[Callable[[], bool]]] = []


def ask_before_optional(allows: Callable[[], bool]) -> None:
    """Have `allows` say whether whoever is worked for lets helpers be reached that are not needed.

    The floor that knows businesses does that; while nobody does, none of them is reached.
    """
    _asked.append(allows)


def of_settings() -> frozenset[str]:
    """FBR, the mail server, the mailbox and the time server, as whoever runs this set them."""
    found = {urlsplit(getattr(settings, name)).hostname or "" for name in _ADDRESSES}
    found |= {settings.EMAIL_HOST, settings.NTP_HOST.partition(":")[0]}
    return frozenset(host.lower() for host in found if host)


def known() -> frozenset[str]:
    """All that may be reached at all."""
    return of_settings() | frozenset(AllowedHost.objects.values_list("host", flat=True))


def may_reach(host: str) -> bool:
    """Whether a line to this machine may be opened now, for whoever is worked for."""
    host = host.lower()
    if host in of_settings():
        return True
    row = AllowedHost.objects.filter(host=host).first()
    if row is None:
        return False
    return not row.is_optional or (bool(_asked) and all(allows() for allows in _asked))
