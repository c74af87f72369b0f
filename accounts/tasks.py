"""Jobs of the accounts floor."""

from __future__ import annotations

from accounts.services import housekeeping
from smartinvoicing import clock
from smartinvoicing.celery import app


@app.task(name="accounts.heartbeat")
def heartbeat() -> None:
    """Beat rang and a worker of the documents queue answered: both live."""
    housekeeping.beat("documents", at=clock.now())


@app.task(name="accounts.forget_replays")
def forget_replays() -> None:
    housekeeping.forget_replays(at=clock.now())
