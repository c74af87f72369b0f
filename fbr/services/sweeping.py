"""What hangs: leases that ran out in the middle of a send.

A worker that died after T4 left its answer: it is applied. One that died between T2 and T4 left
none: the document may be at FBR, so it becomes uncertain. Time alone never sends it again.
"""

from __future__ import annotations

import logging
from typing import Final
from uuid import UUID

from django.core.exceptions import ObjectDoesNotExist
from django.db import close_old_connections, transaction

from accounts.access import Actor
from fbr.models import Attempt
from fbr.models.work import WorkState
from fbr.outcomes import Outcome, Reading
from fbr.services import alerts, letters, settling, spool
from smartinvoicing import clock

logger = logging.getLogger(__name__)

SWEEPER = Actor.system("fbr.sweep")
LOST: Final = "the sending process was lost before an answer"


def sweep_one(*, work_id: UUID) -> Outcome | None:
    """Settle one piece of work whose lease ran out; None when it did not, after all."""
    with transaction.atomic(durable=True):
        work = (
            letters.needed()
            .select_for_update(of=("self",))
            .filter(pk=work_id, state=WorkState.SENDING)
            .first()
        )
        now = clock.database_now()
        if work is None or work.lease_until is None or work.lease_until > now:
            return None
        attempt = Attempt.objects.get(work=work, attempt_no=work.attempt_no)
        if attempt.answered_at is None:
            lost = Reading(outcome=Outcome.UNCERTAIN, why=LOST)
            logger.warning("fbr.lost", extra={"invoice": str(work.invoice_id)})
            alerts.count(alerts.LEASE_EXPIRED, at=now)
            return settling.settle(work, attempt, lost, actor=SWEEPER, now=now)
    return settling.apply_journal(work_id=work_id, attempt_id=attempt.pk, actor=SWEEPER)


def read_late(*, attempt_id: UUID) -> None:
    """Apply an answer that was journalled after its attempt was given up; twice is once."""
    with transaction.atomic(durable=True):
        work_id = Attempt.objects.only("work_id").get(pk=attempt_id).work_id
    settling.apply_journal(work_id=work_id, attempt_id=attempt_id, actor=SWEEPER)


def replay_spool() -> None:
    """Journal and apply what a worker had to write to its disk, now that the database is back."""
    for path, answer in spool.kept():
        try:
            settling.replay(answer, SWEEPER)
        except ObjectDoesNotExist:
            # Another database than the one that the answer was for: a person must look.
            logger.exception("fbr.spool_belongs_nowhere", extra={"file": path.name})
            continue
        except Exception:  # it stays for the next look; the others, and what hangs, do not wait
            logger.exception("fbr.spool_failed", extra={"file": path.name})
            close_old_connections()
            continue
        spool.forget(path)
