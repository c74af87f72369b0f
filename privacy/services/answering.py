"""What is answered without anybody of ours: as soon as it is proved who asks.

The export is put together, a consent ends, the plan of what we hold is told, a customer's request
goes to the business. What is left waits for a person, with the clock running.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import override

from accounts import consents
from accounts.access import Actor
from accounts.consents import How, Who
from accounts.enums import Purpose
from accounts.models import ConsentChannel, SuppressionReason
from privacy.models import ExportFile, ExportState, Hat, RequestState, RequestType, SubjectRequest
from privacy.services import (
    clocks,
    deciding,
    erasing,
    erasure_words,
    exporting,
    identity,
    request_words,
    requests,
    rights_mail,
    routing,
)
from privacy.services.request_states import note

logger = logging.getLogger(__name__)

SYSTEM: Final = Actor.system("privacy.answer")
STOPPED: Final = frozenset({RequestType.WITHDRAWAL, RequestType.OBJECTION, RequestType.RESTRICTION})


@transaction.atomic
def begin(request: SubjectRequest, *, at: datetime) -> bool:
    """It is proved who asks: do at once what needs no judgement. Called again, it does no more.

    Returns: whether what rests on consent ended now. What a browser agreed to has no name: whoever
    has that browser before them ends it there.
    """
    request.refresh_from_db()
    if request.state != RequestState.IN_PROGRESS or request.proved_at is None:
        return False
    if request.hat == Hat.PROCESSOR:
        _hand_over(request, at)
    elif request.type in deciding.EXPORTED:
        exporting.build_export(request, at=at)
    elif request.type in STOPPED:
        _stop_uses(request, at)
        return True
    elif request.type == RequestType.WHY:
        tell_why(request, at=at)
    return False


def _hand_over(request: SubjectRequest, at: datetime) -> None:
    clocks.to_forward(request, at=at)
    if not routing.forward(request, by=SYSTEM, at=at):
        clocks.settled(request, clocks.OF_FORWARDING, at=at)
        rights_mail.alert_desk(request, "routed", at=at)


def _stop_uses(request: SubjectRequest, at: datetime) -> None:
    """Whatever rests on consent ends now; what they wrote besides, a person reads."""
    how = How(channel=ConsentChannel.SYSTEM, language=request.language)
    if request.user_id is not None:
        for purpose in Purpose:
            consents.withdraw(purpose, who=Who(user_id=request.user_id), how=how, at=at)
    address = request_words.address_of(request)
    if address:
        consents.suppress(address, why=SuppressionReason.WITHDREW, at=at)
    note(request, "uses.stopped", by=SYSTEM, at=at)
    if request.type == RequestType.WITHDRAWAL or not request_words.said(request).text.strip():
        _finish(request, at)


def _finish(request: SubjectRequest, at: datetime) -> None:
    with override(request.language):
        text = _(
            "We use your data for nothing any more that rests on your consent: no news, no "
            "questions. It counts from this moment. What a browser agreed to, statistics of use "
            "among it, is kept without your name: in each of your browsers it ends here: %(url)s"
        ) % {"url": settings.PUBLIC_URL + reverse("privacy:consents")}
    deciding.finish(request, text=text, by=SYSTEM, at=at)


@transaction.atomic
def tell_why(request: SubjectRequest, *, at: datetime) -> None:
    """What we hold by class, on which basis and until when: the plan of an erasure says it."""
    plan = erasing.plan_for(requests.subject_of(request), at=at)
    rows = [row.as_dict() for row in plan]
    deciding.finish_with_table(
        request,
        rows=erasure_words.told(rows, language=request.language),
        receipt={"rows": rows},
        by=SYSTEM,
        at=at,
    )


# --- exports ----------------------------------------------------------------------------------


def build_due(*, at: datetime, budget_s: float = 600.0) -> int:
    """Put together what was asked for, one after the other; how many became ready.

    Outside a transaction. One that fails is tried again later, and keeps none of the others back;
    one for which the time is not enough goes on with the next run. The time that goes by counts:
    a lease begins when it is taken.
    """
    began, ready = time.monotonic(), 0

    def now() -> datetime:
        return at + timedelta(seconds=time.monotonic() - began)

    def is_over() -> bool:
        return time.monotonic() - began >= budget_s

    while not is_over() and (export := exporting.claim(at=now())) is not None:
        if export.state == ExportState.FAILED:
            _failed(export, at)
            continue
        try:
            exporting.run(export, at=at, is_over=is_over)
            if export.state == ExportState.READY:
                exported(export, at=at)
                ready += 1
        except Exception as error:
            logger.exception("export.failed", extra={"failure": type(error).__name__})
            exporting.drop_piece(export)
    return ready


@transaction.atomic
def exported(export: ExportFile, *, at: datetime) -> None:
    """It can be fetched: whoever asked is told where, and their request is done."""
    request = export.request
    if request is None:
        return
    note(request, "exported", by=SYSTEM, at=at, facts={"size": export.size})
    if request.hat == Hat.PROCESSOR or request.state != RequestState.IN_PROGRESS:
        rights_mail.tell_person(request, "request_export", key=f"export-{export.pk}", at=at)
        return
    with override(request.language):
        text = _("Fetch it within seven days, three times at most. Then it is removed here.")
    deciding.finish(request, text=text, by=SYSTEM, at=at)


def _failed(export: ExportFile, at: datetime) -> None:
    if export.request is not None:
        rights_mail.alert_desk(export.request, "export", at=at)


# --- strangers --------------------------------------------------------------------------------


def look_up_due(*, at: datetime) -> int:
    """Look up who may have written, and mail the codes; how many requests.

    One that cannot be looked up is tried again at the next run, and keeps none of the others back.
    """
    looked_up = 0
    for request in requests.to_look_up(at=at):
        try:
            identity.look_up(request, at=at)
        except Exception:
            logger.exception("request.not_looked_up", extra={"request": str(request.pk)})
        else:
            looked_up += 1
    return looked_up
