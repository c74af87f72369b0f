"""The states of a request: which may follow which, and the one door through which they change."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.db import transaction
from django.utils.translation import gettext as _

from accounts.access import Actor
from privacy.models import (
    ENDED,
    IdentityProof,
    ProofOutcome,
    RequestEvent,
    RequestType,
    SubjectRequest,
)
from privacy.models import RequestState as State
from privacy.services import alarms, desk, sealed_words
from smartinvoicing.errors import StateConflict

NEXT: Final[Mapping[State, frozenset[State]]] = MappingProxyType(
    {
        State.RECEIVED: frozenset({State.IDENTITY_PENDING, State.IN_PROGRESS}) | ENDED,
        # Never straight to DONE: nothing is handed out or done before somebody proved who they are.
        State.IDENTITY_PENDING: frozenset({State.IN_PROGRESS, State.REFUSED, State.WITHDRAWN}),
        # Back to the proof where it turns out to be about somebody else.
        State.IN_PROGRESS: frozenset(
            {State.WAITING_CONTROLLER, State.WAITING_SUBJECT, State.IDENTITY_PENDING}
        )
        | ENDED,
        State.WAITING_CONTROLLER: frozenset({State.IN_PROGRESS}) | ENDED,
        State.WAITING_SUBJECT: frozenset({State.IN_PROGRESS, State.IDENTITY_PENDING}) | ENDED,
        State.DONE: frozenset(),
        State.REFUSED: frozenset(),
        State.WITHDRAWN: frozenset(),
    }
)
KIND: Final = "request"  # of alarms and tasks
# What hands something out or destroys it: not before it is proved who asks.
NEEDS_PROOF: Final = frozenset(RequestType) - {RequestType.COMPLAINT}


@transaction.atomic
def transition(
    request: SubjectRequest,
    to: State,
    *,
    by: Actor,
    at: datetime,
    what: str,
    words: Mapping[str, object] | None = None,
    facts: Mapping[str, Any] | None = None,
    **also: Any,
) -> None:
    """Take `request` to `to`, set the columns in `also`, write the line of its history.

    Two may call this at once: one wins, the other gets StateConflict and must do nothing more.
    An end silences its alarms, settles its task, and drops what proved who the person is.
    """
    was = State(request.state)
    if to not in NEXT[was]:
        raise StateConflict(
            _("A request that is “%(was)s” cannot become “%(to)s”.")
            % {"was": was.label, "to": to.label}
        )
    if to in ENDED:
        also["closed_at"] = at
    found = SubjectRequest.objects.filter(pk=request.pk, state=was)
    if not found.update(state=to, state_at=at, **also):
        raise StateConflict(_("Somebody else worked on this request first. Look at it again."))
    request.refresh_from_db()
    note(request, what, by=by, at=at, words=words, facts=facts, was=was, became=to)
    if to in ENDED:
        _end(request, at)


def note(
    request: SubjectRequest,
    what: str,
    *,
    by: Actor,
    at: datetime,
    words: Mapping[str, object] | None = None,
    facts: Mapping[str, Any] | None = None,
    was: str = "",
    became: str = "",
) -> RequestEvent:
    """One line of the history. words: what may name people, sealed; facts: what names nobody."""
    event = RequestEvent(
        request=request,
        at=at,
        by=by.name,
        what=what,
        was=was,
        became=became,
        facts=dict(facts or {}),
    )
    if words:
        event.sealed = sealed_words.seal(event, words)
    event.save(force_insert=True)
    return event


def _end(request: SubjectRequest, at: datetime) -> None:
    alarms.silence(KIND, request.pk, at=at)
    desk.done(KIND, str(request.pk), at=at)
    IdentityProof.objects.filter(request=request, outcome=ProofOutcome.WAITING).update(
        outcome=ProofOutcome.EXPIRED, ended_at=at, code_hash=""
    )
