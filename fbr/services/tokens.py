"""Whose token asks for lists and looks into the register: any that the business has and FBR takes.

The calls have one address for both of FBR's environments; the token decides nothing but access.
"""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Q

from accounts.models import LegalEntity
from fbr.models import Credential
from fbr.services import credentials
from fbr.services.credentials import NoToken
from invoices.enums import Channel
from invoices.models import ProvinceRow
from smartinvoicing import clock


@dataclass(frozen=True, kw_only=True)
class Asking:
    """A token, open, and FBR's number of the province of the business that lends it."""

    token: str
    province: int | None


def for_asking() -> Asking:
    """The token of the current tenant with which FBR may be asked; inside a transaction.

    Raises: NoToken where it has none that may be used.
    """
    today = clock.karachi_date(clock.now())
    usable = Credential.objects.select_related("legal_entity").filter(
        Q(expires_on=None) | Q(expires_on__gte=today), channel=Channel.DI, held_at=None
    )
    for credential in sorted(usable, key=_is_of_the_other_world):
        entity = credential.legal_entity
        try:
            token = credentials.opened(credential)
        except NoToken:
            continue  # sealed under a key that is gone: the page of the tokens says so
        return Asking(token=token, province=_province_of(entity))
    raise NoToken("There is no FBR token of yours that may be used. Store one first.")


def _is_of_the_other_world(credential: Credential) -> bool:
    return str(credential.environment) != str(credential.legal_entity.environment)


def _province_of(entity: LegalEntity) -> int | None:
    row = ProvinceRow.objects.filter(text=entity.province).first()
    return row.code if row else None
