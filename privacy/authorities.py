"""The authorities that a breach is reported to. Data, so that a new law is a new row."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

from django.conf import settings

from smartinvoicing import clock


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Where a report goes. since: the first day on which it is to be told; None for always.

    email: "" where its address must be looked up when it is needed: none is invented here.
    """

    name: str
    basis: str
    since: date | None = None
    email: str = ""
    is_configured: bool = False


# While no data-protection authority exists: reports of incidents go to the national CERT.
# Source: CERT Rules 2023, under the Prevention of Electronic Crimes Act 2016.
KNOWN: Final = (
    Authority(
        name="Pakistan Computer Emergency Response Team (PKCERT)",
        basis="CERT Rules 2023",
    ),
)
FBR: Final = Authority(
    name="Federal Board of Revenue; the Commissioner Inland Revenue",
    basis="Sales Tax Rules 2006, rule 150XA",
)


def to_tell(at: datetime) -> Authority:
    """The configured one, else the last of the known ones whose day has come."""
    if settings.PRIVACY_AUTHORITY_NAME:
        return Authority(
            name=settings.PRIVACY_AUTHORITY_NAME,
            basis="",
            email=settings.PRIVACY_AUTHORITY_EMAIL,
            is_configured=True,
        )
    today = clock.karachi_date(at)
    return [each for each in KNOWN if each.since is None or each.since <= today][-1]
