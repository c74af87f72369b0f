"""May this installation speak to the world? Asked of the database, with this environment's secret.

A restored database, a copy and a database after a failover say no, each by itself, until a person
has looked and armed it. Arming, disarming and the history are written by `owner` alone.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from smartinvoicing import opening
from smartinvoicing.errors import StateConflict
from smartinvoicing.known import Known
from smartinvoicing.models import Happening, Installation, InstallationEvent


def is_armed() -> bool:
    """Whether anything may leave. An answer counts for two seconds; no answer is a no."""
    return _known()


def forget() -> None:
    """Ask anew next time."""
    _known.forget()


def _ask() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT installation_is_armed(%s)", [settings.INSTANCE_ID])
        return bool(cursor.fetchone()[0])


_known: Final = Known("arming", _ask, doubt=False)


# --- how it stands ----------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What is known of this installation.

    is_same_place: the database stands where it stood when it was last armed or disarmed: same
                   server, same timeline. If not, it was restored, copied or failed over.
    is_quarantined: what could be reported twice was set aside since it stands here.
    """

    is_armed: bool
    is_same_place: bool
    is_quarantined: bool
    timeline: str
    place: str
    armed_at: datetime | None
    armed_by: str

    @property
    def needs_quarantine(self) -> bool:
        return not (self.is_same_place or self.is_quarantined)


def standing() -> Standing:
    """Raises: Installation.DoesNotExist when the tables are not laid."""
    row = Installation.objects.get()
    timeline, place = _here()
    return Standing(
        is_armed=_known.look() or False,
        is_same_place=(row.timeline, row.place) == (timeline, place),
        is_quarantined=InstallationEvent.objects.filter(
            kind=Happening.QUARANTINED, timeline=timeline, place=place
        ).exists(),
        timeline=timeline,
        place=place,
        armed_at=row.armed_at,
        armed_by=row.armed_by,
    )


def _here() -> tuple[str, str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_timeline(), current_place()")
        timeline, place = cursor.fetchone()
    return timeline, place


def newest(kind: Happening) -> InstallationEvent | None:
    """The last of its kind, for whoever watches the age of backups and rehearsals."""
    return InstallationEvent.objects.filter(kind=kind).order_by("-at", "-id").first()


def rehearsed() -> InstallationEvent | None:
    """The last rehearsal of a restore that found nothing wrong: the others prove nothing."""
    events = InstallationEvent.objects.filter(kind=Happening.DRILLED, facts__faults=[])
    return events.order_by("-at", "-id").first()


# --- deeds, as `owner` ------------------------------------------------------------------------


@transaction.atomic
def arm(*, by: str, why: str, at: datetime) -> None:
    """Let this very database speak, with this environment's secret, from now on.

    Raises: StateConflict while it stands at a new place and nothing was quarantined there, or
            whoever was erased since may still be in it.
    """
    now = standing()
    if now.needs_quarantine:
        raise StateConflict(
            "This database was restored, copied or failed over. What it would send may be at FBR "
            "already: run `manage.py quarantine` first."
        )
    if not opening.ask():
        raise StateConflict(
            "This database was restored, copied or failed over. Who was erased meanwhile may be "
            "in it again: run `manage.py replay_erasures` first."
        )
    Installation.objects.update(
        instance_sha256=hashlib.sha256(settings.INSTANCE_ID.encode()).hexdigest(),
        timeline=now.timeline,
        place=now.place,
        armed_at=at,
        armed_by=by,
        why=why,
    )
    note(Happening.ARMED, by=by, why=why, at=at)
    forget()


@transaction.atomic
def disarm(*, by: str, why: str, at: datetime) -> None:
    """Nothing leaves any more. What is under way is finished."""
    Installation.objects.update(armed_at=None, armed_by="", why=why)
    note(Happening.DISARMED, by=by, why=why, at=at)
    forget()


def note(
    kind: Happening, *, by: str, why: str = "", at: datetime, facts: dict[str, Any] | None = None
) -> InstallationEvent:
    """One line of the history, with where the database stands now."""
    timeline, place = _here()
    told = json.loads(json.dumps(facts or {}, default=str))
    return InstallationEvent.objects.create(
        kind=kind, by=by, why=why, at=at, timeline=timeline, place=place, facts=told
    )
