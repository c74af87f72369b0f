"""Jobs of the accounts floor."""

from __future__ import annotations

from accounts.services import access_logs, anchoring, audit_checks, housekeeping, mailing
from smartinvoicing import arming, clock
from smartinvoicing.celery import app


@app.task(name="accounts.heartbeat")
def heartbeat() -> None:
    """Beat rang and a worker of the documents queue answered: both live."""
    housekeeping.beat("documents", at=clock.now())


@app.task(name="accounts.forget_replays")
def forget_replays() -> None:
    housekeeping.forget_replays(at=clock.now())


@app.task(name="accounts.deliver_mail")
def deliver_mail() -> None:
    """What waits to leave by mail."""
    mailing.deliver_due(at=clock.now())


@app.task(name="accounts.keep_access_log")
def keep_access_log() -> None:
    """Months ahead; networks for old addresses; what is older than ninety days goes."""
    access_logs.keep()


# --- the audit trail: each takes what is due, so one run makes up for many --------------------


@app.task(name="accounts.anchor_audit")
def anchor_audit() -> None:
    """Lay this hour's heads down outside the database, unless that is done.

    A copy of the database lays nothing down among the files of the true one.
    """
    if arming.is_armed():
        anchoring.anchor(at=clock.now())


@app.task(name="accounts.sign_anchors")
def sign_anchors() -> None:
    """Sign the days that are over."""
    anchoring.sign(at=clock.now())


@app.task(name="accounts.verify_audit")
def verify_audit() -> None:
    """Once a night, walk every chain; what is wrong is logged and kept."""
    audit_checks.check(at=clock.now())
