"""Jobs of the privacy floor."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from accounts.models import AuditCheck, User
from accounts.services import audit_checks
from privacy.models import PurgeKind
from privacy.services import (
    alarms,
    analytics,
    answering,
    breach_notices,
    campaign_runs,
    closing_engine,
    datamap,
    detecting,
    erasing,
    exporting,
    field_use,
    mailbox,
    orphans,
    policies,
    promises,
    retention,
    routing,
    staff_watch,
)
from smartinvoicing import clock
from smartinvoicing.celery import app, tell

PURGE_S: Final = 60.0  # below the limit of a task
EXPORT_S: Final = 600.0  # then others have their turn
EXPORT_LIMIT_S: Final = 3000  # writing one archive is one go


@app.task(name="privacy.purge")
def purge() -> None:
    """Go on with what is to be purged, for a while; what is left rings for itself."""
    at = clock.now()
    for begun in retention.of_the_day(at=at):
        if not retention.run(begun, at=at, budget_s=PURGE_S):
            tell("privacy.purge")
            return


@app.task(name="privacy.plan_purge")
def plan_purge(kind: str, user_id: str, plan_id: str) -> None:
    """The dry run that a person asked for at the desk, with what is not due yet."""
    by = User.objects.get(pk=user_id)
    at = clock.now()
    retention.plan(PurgeKind(kind), at=at, by=by, whole=True, plan_id=UUID(plan_id))


@app.task(name="privacy.sweep_files")
def sweep_files() -> None:
    """Files without a record, records without a file: once a week, by whoever comes first."""
    orphans.sweep_when_due(at=clock.now())


@app.task(name="privacy.sound_alarms")
def sound_alarms() -> None:
    """Whatever is due at the desk, late or in time."""
    alarms.sound_due(at=clock.now())


@app.task(name="privacy.forget_usage")
def forget_usage() -> None:
    """What was counted and may not stay: too old, or of a browser that does not agree any more."""
    analytics.forget_due(at=clock.now())


@app.task(name="privacy.watch_staff")
def watch_staff() -> None:
    """What our people look at: too much, too late; and the month that waits for its review."""
    staff_watch.watch(at=clock.now())


@app.task(name="privacy.compare_map")
def compare_map() -> None:
    """Whether the data map is still the one that an officer approved."""
    datamap.compare(at=clock.now())


@app.task(name="privacy.detect")
def detect() -> None:
    """Once a night: does a field that should hold nothing personal hold it? Sees every row."""
    at = clock.now()
    if detecting.is_due(at=at):
        detecting.detect(at=at)


@app.task(name="privacy.look_for_unused")
def look_for_unused() -> None:
    """Once a night: is each personal field filled in, and read? Sees every row."""
    at = clock.now()
    if field_use.is_due(at=at):
        field_use.look(at=at)


# --- requests of persons ----------------------------------------------------------------------


@app.task(name="privacy.look_up_requests")
def look_up_requests() -> None:
    """Who may have written: not while they wait, so that a form tells nobody what we know.

    And what lies with businesses that are gone, which is ours to answer.
    """
    at = clock.now()
    answering.look_up_due(at=at)
    routing.take_over_due(at=at)


@app.task(
    name="privacy.build_exports", soft_time_limit=EXPORT_LIMIT_S, time_limit=EXPORT_LIMIT_S + 60
)
def build_exports() -> None:
    """Archives that were asked for. Its lease is renewed while it works."""
    answering.build_due(at=clock.now(), budget_s=EXPORT_S)


@app.task(name="privacy.forget_exports")
def forget_exports() -> None:
    exporting.forget_old(at=clock.now())


@app.task(name="privacy.read_mailbox")
def read_mailbox() -> None:
    mailbox.read(at=clock.now())


@app.task(name="privacy.close_accounts", soft_time_limit=1800, time_limit=1860)
def close_accounts() -> None:
    """Each closing as far as its day allows; a long one goes on with the next run."""
    closing_engine.go_on(at=clock.now(), budget_s=PURGE_S)


@app.task(name="privacy.go_on_erasing")
def go_on_erasing() -> None:
    """What was broken off, what law held until today, letters that have left."""
    erasing.go_on(at=clock.now())


@app.task(name="privacy.send_notices")
def send_notices() -> None:
    """Go on with what everybody is being told, and silence what has taken effect."""
    campaign_runs.go_on(at=clock.now())
    campaign_runs.quieten(at=clock.now())


@app.task(name="privacy.watch_policies")
def watch_policies() -> None:
    """Whether our texts still say what settings, tables and templates say."""
    policies.watch(at=clock.now())


@app.task(name="privacy.follow_breach_mail")
def follow_breach_mail() -> None:
    """What became of the letters of breaches; what came back is somebody's task."""
    breach_notices.follow(at=clock.now())


@app.task(name="privacy.prove_promises", soft_time_limit=600, time_limit=660)
def prove_promises() -> None:
    """Once a night: is each promise kept?"""
    at = clock.now()
    if not promises.is_due(at=at):
        return
    if not AuditCheck.objects.filter(checked_at__isnull=False).exists():
        audit_checks.check(at=at)  # on its first day a trail is short
    promises.prove(at=at)


@app.task(name="privacy.first_look", soft_time_limit=600, time_limit=660)
def first_look() -> None:
    """When the product starts and nobody has looked since yesterday: what the promises rest on,
    then the promises. A new installation does not wait for its first night."""
    if not promises.is_due(at=clock.now()):
        return
    detect()
    look_for_unused()
    purge()
    tell("privacy.prove_promises")
