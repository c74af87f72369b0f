"""Helpers of ours and transfers: written down, announced, switched on, ended; and the list of
machines that may be reached, which is made out of them and out of nothing else."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import staff
from accounts.enums import Desk, StaffAction
from accounts.models import User
from privacy import selectors
from privacy.models import Campaign, CampaignKind, Processor, ProcessorKind, Transfer
from privacy.services import campaigns, desk, register_alarms
from smartinvoicing import hosts
from smartinvoicing.errors import RuleViolation, StateConflict
from smartinvoicing.models import AllowedHost

AGREEMENT: Final = "agreement_missing"
_HOST: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What the register must hold of a helper before it may be switched on."""

    name: str
    purpose: str
    data: str
    country: str = ""
    hosts: tuple[str, ...] = ()
    is_optional: bool = False
    agreement_on: date | None = None
    reviewed_on: date | None = None
    deletion_proof: str = ""
    subprocessors: str = ""
    exit_plan: str = ""


# --- processors -------------------------------------------------------------------------------


@transaction.atomic
def write(*, facts: Facts, by: User, at: datetime) -> Processor:
    """Write somebody down who may come to help us. Nothing goes there yet.

    Raises: NotAllowed; RuleViolation; StateConflict when the name stands there already.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    known = _checked(facts)
    if Processor.objects.filter(name=facts.name.strip(), ended_at=None).exists():
        raise StateConflict(_("This name stands in the register already."))
    row = Processor(kind=ProcessorKind.PROCESSOR, written_at=at, **known)
    row.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, row, at=at)
    return row


@transaction.atomic
def change(*, row: Processor, facts: Facts, why: str, by: User, at: datetime) -> None:
    """Correct what is written down. The agreement of one that is on cannot be taken away.

    Raises: NotAllowed; RuleViolation; StateConflict when it has ended.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    kept = _held(row)
    _refuse_ended(kept)
    known = _checked(facts)
    if kept.enabled_at is not None:
        _refuse_gaps(kept, known)
    changed = sorted(name for name, value in known.items() if getattr(kept, name) != value)
    for name in changed:
        setattr(kept, name, known[name])
    if changed:
        kept.save(update_fields=changed)
        staff.record(by, StaffAction.CHANGED, kept, at=at, why=why, fields=changed)
    _after(kept, at=at)


@transaction.atomic
def announce(*, row: Processor, about: str, by: User, at: datetime) -> Campaign:
    """Have everybody told, at least thirty days before it begins.

    Raises: NotAllowed; RuleViolation; StateConflict when it is announced.
    """
    kept = _held(row)
    _refuse_ended(kept)
    if kept.laid or (kept.announcement and kept.announcement.withdrawn_at is None):
        raise StateConflict(_("This was announced already."))
    campaign = campaigns.plan(CampaignKind.SUBPROCESSOR, about=about, by=by, at=at)
    campaigns.start(campaign, by=by, at=at)
    kept.announcement = campaign
    kept.save(update_fields=["announcement"])
    return campaign


@transaction.atomic
def enable(*, row: Processor, by: User, at: datetime) -> None:
    """Switch it on: its machines may be reached from now on.

    Raises: NotAllowed; RuleViolation without agreement, review, announcement or transfer.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    kept = _held(row)
    _refuse_ended(kept)
    if kept.enabled_at is not None:
        raise StateConflict(_("It is on."))
    _refuse_gaps(kept, {name: getattr(kept, name) for name in Facts.__dataclass_fields__})
    if not kept.laid:
        _refuse_unannounced(kept, by=by, at=at)
    kept.enabled_at = at
    kept.save(update_fields=["enabled_at"])
    staff.record(by, StaffAction.DECIDED, kept, at=at, enabled=True)
    _after(kept, at=at)


@transaction.atomic
def end(*, row: Processor, why: str, by: User, at: datetime) -> None:
    """It helps us no more; no line to it is opened from now on.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    kept = _held(row)
    _refuse_ended(kept)
    if not why.strip():
        raise RuleViolation(_("Say why, and how deletion was proved."))
    if kept.laid in selectors.of_settings():
        raise RuleViolation(_("The settings name it: change them first."))
    kept.ended_at = at
    kept.save(update_fields=["ended_at"])
    staff.record(by, StaffAction.CLOSED, kept, at=at, why=why)
    _after(kept, at=at)


def _after(row: Processor, *, at: datetime) -> None:
    """What follows from the row: machines, and who has to look at it again."""
    write_hosts()
    register_alarms.of_processor(row, at=at)
    if row.enabled_at is not None or row.ended_at is not None:
        desk.done(AGREEMENT, str(row.pk), at=at)


def _checked(facts: Facts) -> dict[str, Any]:
    """Raises: RuleViolation."""
    known = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in asdict(facts).items()
    }
    known["hosts"] = sorted({host.strip().lower() for host in facts.hosts if host.strip()})
    if not (known["name"] and known["purpose"] and known["data"]):
        raise RuleViolation(_("Say who it is, what for, and which data."))
    wrong = [host for host in known["hosts"] if not _HOST.fullmatch(host)]
    if wrong:
        raise RuleViolation(_("Not the name of a machine: %s") % ", ".join(wrong))
    return known


def _refuse_gaps(row: Processor, known: dict[str, Any]) -> None:
    """Raises: RuleViolation naming what is missing."""
    if row.kind == ProcessorKind.AUTHORITY:
        return
    missing = []
    if known["agreement_on"] is None:
        missing.append(_("There is no agreement."))
    if known["reviewed_on"] is None:
        missing.append(_("Nobody has looked at its security."))
    if not (known["deletion_proof"] and known["exit_plan"]):
        missing.append(_("Say how deletion is proved, and how we would leave it."))
    if not selectors.may_transfer(known["country"]):
        missing.append(_("No transfer to its country is on record."))
    if missing:
        raise RuleViolation(" ".join(missing))


def _refuse_unannounced(row: Processor, *, by: User, at: datetime) -> None:
    """What was announced takes effect here. Raises: RuleViolation with what is missing."""
    if row.announcement is None:
        raise RuleViolation(_("People have not been told."))
    if row.announcement.carried_out_at is None:
        campaigns.carry_out(row.announcement, by=by, at=at)


def _refuse_ended(row: Processor) -> None:
    if row.ended_at is not None:
        raise StateConflict(_("This has ended."))


def _held(row: Processor) -> Processor:
    held: Processor = Processor.objects.select_for_update(of=("self",)).get(pk=row.pk)
    return held


# --- machines ---------------------------------------------------------------------------------


@transaction.atomic
def write_hosts() -> Sequence[str]:
    """Make the list of machines anew, out of who is switched on; what it holds."""
    wanted: dict[str, bool] = {}
    for row in selectors.in_use():
        for host in row.hosts:
            wanted[host] = wanted.get(host, True) and row.is_optional
    AllowedHost.objects.exclude(host__in=wanted).delete()
    for host, is_optional in wanted.items():
        AllowedHost.objects.update_or_create(host=host, defaults={"is_optional": is_optional})
    return sorted(wanted)


def reachable() -> Sequence[str]:
    """All that may be reached, the settings' own machines with it."""
    return sorted(hosts.known())


# --- transfers --------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Abroad:
    """Data that is to leave for another country, thought through."""

    country: str
    recipient: str
    data: str
    basis: str
    safeguards: str
    assessment: str
    keeps_copy: bool


@transaction.atomic
def write_transfer(*, given: Abroad, by: User, at: datetime) -> Transfer:
    """From now on data may go there.

    Raises: NotAllowed; RuleViolation where something is not said.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    known = {
        name: value.strip() if isinstance(value, str) else value
        for name, value in asdict(given).items()
    }
    if not all(value for name, value in known.items() if name != "keeps_copy"):
        raise RuleViolation(_("Each question has to be answered."))
    row = Transfer(written_at=at, **known)
    row.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, row, at=at)
    return row


@transaction.atomic
def end_transfer(*, row: Transfer, why: str, by: User, at: datetime) -> None:
    """Nothing goes there any more.

    Raises: NotAllowed; RuleViolation without a reason, or while a helper there is on.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    if not why.strip():
        raise RuleViolation(_("Say why."))
    if row.ended_at is not None:
        raise StateConflict(_("This has ended."))
    others = Transfer.objects.filter(country__iexact=row.country, ended_at=None).exclude(pk=row.pk)
    if not others.exists() and selectors.in_use().filter(country__iexact=row.country).exists():
        raise RuleViolation(_("Somebody there helps us. End that first."))
    Transfer.objects.filter(pk=row.pk, ended_at=None).update(ended_at=at)
    staff.record(by, StaffAction.CLOSED, row, at=at, why=why)


def refuse_transfer(country: str) -> None:
    """Before data leaves for another country.

    Raises: RuleViolation when the register has no row for it.
    """
    if not selectors.may_transfer(country):
        raise RuleViolation(_("No transfer to this country is on record: %s") % (country or "?"))
