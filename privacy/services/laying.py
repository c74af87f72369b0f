"""What every installation has in its registers from its first day on: whom its settings name, and
the switches that the program knows. Laid again, it only brings them up to date."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import staff
from accounts.enums import StaffAction
from privacy import selectors
from privacy.models import HOME, FeatureFlag, Processor, ProcessorKind
from privacy.services import desk, disclosures, register_alarms, registers

NAME: Final = "registers"
PRODUCTION: Final = "production"


@dataclass(frozen=True, kw_only=True)
class Switch:
    """One that the program asks about. basis: why we may do what it does."""

    about: str
    basis: str
    is_high_risk: bool = False


SWITCHES: Final[Mapping[str, Switch]] = MappingProxyType(
    {
        disclosures.SWITCH: Switch(
            about="Hands documents of a business to an authority that asks by law",
            basis="law",
            is_high_risk=True,
        ),
    }
)


@transaction.atomic
def lay(*, at: datetime) -> list[str]:
    """Names of what is new."""
    made = [name for name, known in _wanted().items() if _processor(name, known, at)]
    made += [name for name, switch in SWITCHES.items() if _switch(name, switch, at)]
    registers.write_hosts()
    register_alarms.of_office(at=at)
    register_alarms.of_people(at=at)
    return made


def _wanted() -> dict[str, dict[str, Any]]:
    """Of the settings alone: nobody is invented here."""
    found: dict[str, dict[str, Any]] = {
        "fbr": {
            "kind": ProcessorKind.AUTHORITY,
            "name": _("Federal Board of Revenue"),
            "purpose": _("Gets each invoice, by law"),
            "data": _("The fields of an invoice that its rules name"),
            "country": HOME,
        }
    }
    for key, said in selectors.of_settings().items():
        found[key] = {
            "kind": ProcessorKind.PROCESSOR,
            "name": said["name"],
            "purpose": said["purpose"],
            "data": said["data"],
            "country": settings.HOSTING_COUNTRY if key == "hosting" else "",
        }
    return found


def _processor(laid: str, known: dict[str, Any], at: datetime) -> bool:
    """Whether it is new. A name that changed is another company: the old one ends."""
    row = Processor.objects.filter(laid=laid, ended_at=None).first()
    if row is not None and row.name == known["name"]:
        return False
    if row is not None:
        row.ended_at = at
        row.save(update_fields=["ended_at"])
        register_alarms.of_processor(row, at=at)
        desk.done(registers.AGREEMENT, str(row.pk), at=at)
    if Processor.objects.filter(name=known["name"], ended_at=None).update(laid=laid):
        return False  # somebody had written it down before the settings named it
    is_authority = known["kind"] == ProcessorKind.AUTHORITY
    fresh = Processor(laid=laid, written_at=at, enabled_at=at if is_authority else None, **known)
    fresh.save(force_insert=True)
    staff.record(NAME, StaffAction.ADDED, fresh, at=at)
    if not is_authority:
        desk.open_task(
            registers.AGREEMENT,
            str(fresh.pk),
            title=_("Write down the agreement with %s") % fresh.name,
            at=at,
            url=f"/admin/privacy/processor/{fresh.pk}/change/",
        )
    return True


def _switch(name: str, switch: Switch, at: datetime) -> bool:
    """Whether it is new. Of high risk it begins switched off where real data are."""
    here = settings.ENVIRONMENT
    flag, is_new = FeatureFlag.objects.get_or_create(
        name=name,
        environment=here,
        defaults={
            "about": switch.about,
            "basis": switch.basis,
            "is_high_risk": switch.is_high_risk,
            "is_on": not (switch.is_high_risk and here == PRODUCTION),
            "changed_at": at,
        },
    )
    if is_new:
        staff.record(NAME, StaffAction.ADDED, flag, at=at)
    return is_new
