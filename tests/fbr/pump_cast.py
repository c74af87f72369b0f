"""What the tests of sending share: looks at what is due, a drain, a line that is well."""

from __future__ import annotations

from django.conf import settings
from django.db import connection, transaction

from accounts import tenancy
from fbr import tasks
from fbr.models import Breaker
from fbr.selectors import Due
from fbr.services import breaker, sending
from fbr.services.draining import Pump
from fbr.services.draining import drain as run
from fbr.services.letters import Landed, Lease
from smartinvoicing import clock

SENDER = tasks.SENDER


def due(most: int = 1000) -> list[Due]:
    """What a pump would take now; it stays where it is."""
    with tenancy.across_tenants(why="fbr.dispatch"), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT tenant_id, id FROM fbr_take(%s, 'a look', 60, %s, %s, %s, %s, %s, NULL)",
                [
                    settings.INSTANCE_ID,
                    settings.FBR_CONCURRENCY,
                    settings.FBR_CONCURRENCY_PER_CREDENTIAL,
                    settings.FBR_CALLS_PER_SECOND,
                    settings.FBR_FIRST_CALLS,
                    most,
                ],
            )
            found = [Due(*row) for row in cursor.fetchall()]
        transaction.set_rollback(True)
    return found


def drain(slots: int = 8) -> int | None:
    """What dispatcher and workers do."""
    return run(Pump(slots=slots, actor=SENDER))


def calm() -> None:
    """Nobody knows anything bad of any line."""
    Breaker.objects.all().delete()
    breaker._calm_until.clear()


def leased(work):
    """T1 of a worker."""
    (lease,) = sending.take(1, only=work.pk)
    return lease


def marked_by_hand(work):
    """T1 and T2 of a worker."""
    (one,) = sending.mark([leased(work)], SENDER)
    return one


def landed(one, evidence, call):
    return Landed(one, call, evidence, clock.now())


__all__ = ["Due", "Lease", "calm", "drain", "due", "landed", "leased", "marked_by_hand"]
