"""Documents in doubt, as tests need them, and the people who settle them."""

from __future__ import annotations

import struct
import zlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from django.core.files.uploadedfile import SimpleUploadedFile

from accounts.access import Actor
from accounts.enums import Role
from fbr.models import Attempt, Outbox
from fbr.models.work import Call, WorkState
from fbr.outcomes import Outcome, Reading
from fbr.services import claiming, resolving
from invoices import lifecycle
from invoices.enums import State
from invoices.services import drafts
from smartinvoicing import clock
from tests import factories
from tests.factories import SYSTEM

NUMBER = "7000007DI1795136541792"
DATED = "2026-11-20 12:00:05"
LONG_AGO = timedelta(hours=3)


def _chunk(name, data):
    body = name + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


# One black pixel.
PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0\0"))
    + _chunk(b"IEND", b"")
)


def person(tenant, role=Role.ACCOUNTANT):
    """A new member and what services know them as."""
    user = factories.make_member(tenant, role)
    return user, Actor.person(user.pk, role)


def make_uncertain(content=None, *, ended=LONG_AGO):
    """A document that was sent, and of which nobody knows; the send ended so long ago."""
    invoice = factories.make_issued(content)
    send(invoice, ended=ended)
    return invoice


def send(invoice, *, ended=LONG_AGO, outcome=Outcome.UNCERTAIN):
    """One more send of it, whose answer was lost; the attempt."""
    at = clock.database_now() - ended
    begin(invoice, started=at)
    attempt = Attempt.objects.filter(invoice=invoice).latest("started_at")
    Attempt.objects.filter(pk=attempt.pk).update(
        finished_at=at, outcome=outcome, why="the sending process was lost before an answer"
    )
    lifecycle.transition(invoice, State.UNCERTAIN, actor=SYSTEM, at=at)
    Outbox.objects.filter(invoice=invoice).exclude(state=WorkState.DONE).update(
        state=WorkState.STOPPED
    )
    resolving.entered(invoice, at=at)
    attempt.refresh_from_db()
    return attempt


def begin(invoice, *, started=None):
    """A worker has it in hand; the bytes may have left."""
    work = Outbox.objects.get(invoice=invoice, state=WorkState.WAITING)
    lifecycle.transition(invoice, State.SUBMITTING, actor=SYSTEM, at=started or datetime.now(UTC))
    Outbox.objects.filter(pk=work.pk).update(
        state=WorkState.SENDING, attempt_no=work.attempt_no + 1
    )
    attempt = Attempt(
        tenant_id=work.tenant_id,
        work=work,
        invoice=invoice,
        attempt_no=work.attempt_no + 1,
        body_sha256=work.body_sha256,
        worker="test",
        started_at=started or clock.database_now(),
    )
    attempt.save(force_insert=True)
    return attempt


def refused_at_the_second_send(doubted, people):
    """FBR has the first send, two people said no, and FBR refused the second; the first attempt."""
    old = Attempt.objects.get()
    claim = claiming.claim_missing(invoice=doubted, why="IRIS", actor=people[0], at=clock.now())
    claiming.confirm(claim=claim, actor=people[1], at=clock.now())
    doubted.refresh_from_db()
    begin(doubted, started=clock.database_now() - timedelta(hours=2))
    open_one = Attempt.objects.filter(finished_at=None)
    open_one.update(finished_at=clock.now(), outcome=Outcome.REJECTED)
    lifecycle.transition(doubted, State.REJECTED, actor=SYSTEM, at=clock.now())
    Outbox.objects.update(state=WorkState.DONE, done_at=clock.now())
    return old


def write(invoice, quantity):
    """Correct the quantity of what FBR refused."""
    content = factories.make_content(factories.make_line(quantity=Decimal(quantity)))
    drafts.change(
        invoice=invoice,
        content=content,
        actor=SYSTEM,
        at=clock.now(),
        seen_version=invoice.version,
    )


def answer_late(
    invoice, attempt, *, number=NUMBER, dated=DATED, outcome=Outcome.ACCEPTED, again=False
):
    """FBR's answer to `attempt` is found after all."""
    if not again:
        Attempt.objects.filter(pk=attempt.pk).update(
            call=Call.RECORD,
            answered_at=clock.now(),
            sent=True,
            http_status=200,
            answer=b"{}",
        )
    attempt.refresh_from_db()
    accepted = outcome == Outcome.ACCEPTED
    resolving.take_late_answer(
        work=Outbox.objects.select_related("invoice").get(pk=attempt.work_id),
        attempt=attempt,
        reading=Reading(
            outcome=outcome,
            why="",
            number=number if accepted else "",
            dated=dated if accepted else "",
        ),
        actor=SYSTEM,
        at=clock.now(),
    )
    invoice.refresh_from_db()


def picture(name="iris.png"):
    return SimpleUploadedFile(name, PNG, content_type="image/png")
