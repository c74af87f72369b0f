"""Who takes the bytes of a document to FBR: our own server, or one day the shop's computer.

The seam is here. Payload, reading of answers and state machine are the same whoever carries; a
till whose transport has no carrier does not send, and its bills say so.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from fbr import channels, gateway
from fbr.outcomes import Evidence
from invoices.enums import Transport


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """One call: which of FBR's systems and addresses it is for, and its exact bytes."""

    channel: str
    environment: str
    call: str
    body: bytes


class Carrier(Protocol):
    """Takes a parcel to FBR at most once and says what is known of it; it judges nothing."""

    def carry(self, parcel: Parcel, *, token: str, within_s: float) -> Evidence:
        """within_s: wall clock for all of it."""
        ...


class Cloud:
    """Our server posts to FBR's own host."""

    def carry(self, parcel: Parcel, *, token: str, within_s: float) -> Evidence:
        dialect = channels.dialect_of(parcel.channel)
        return gateway.post(
            dialect.base_url(parcel.environment),
            dialect.path(parcel.environment, parcel.call),
            parcel.body,
            token=token,
            within_s=within_s,
        )


_CARRIERS: Final[Mapping[str, Carrier]] = {Transport.CLOUD: Cloud()}


def has(transport: str) -> bool:
    """Whether documents of this transport can leave from here."""
    return transport in _CARRIERS


def of(transport: str) -> Carrier:
    return _CARRIERS[transport]
