"""Jobs of the privacy floor."""

from __future__ import annotations

from privacy.services import alarms
from smartinvoicing import clock
from smartinvoicing.celery import app


@app.task(name="privacy.sound_alarms")
def sound_alarms() -> None:
    """Whatever is due at the desk, late or in time."""
    alarms.sound_due(at=clock.now())
