"""May we use this data for this purpose now? Asked when it is used, not when it was collected.

The ledger holds each answer; the last one counts. Silence is no answer, and no answer is a no.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts import consent_words, traces
from accounts.enums import Purpose
from accounts.models import (
    ConsentChannel,
    ConsentEvent,
    ConsentState,
    ConsentText,
    Suppression,
    SuppressionReason,
)
from smartinvoicing.errors import StateConflict

BY_MAIL: Final = frozenset({Purpose.MARKETING_EMAIL, Purpose.RESEARCH})
OF_BROWSER: Final = frozenset({Purpose.ANALYTICS, Purpose.PREFERENCES})
LASTS: Final = timedelta(days=182)  # the choice of a browser; then it is asked again


@dataclass(frozen=True, kw_only=True)
class How:
    """The circumstances of an answer. address: of the browser on the net; only its front is kept.

    evidence: no personal value: the page, the list of cookies that was shown.
    """

    channel: ConsentChannel
    language: str = "en"
    address: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Who:
    """Whose answer it is: a user, a random number of a browser, an address by its key."""

    user_id: UUID | None = None
    visitor: str = ""
    address_key: str = ""


# --- writing ----------------------------------------------------------------------------------


@transaction.atomic
def ask(purpose: Purpose, *, who: Who, how: How, at: datetime) -> ConsentEvent:
    """Note that somebody was asked by mail; it is a yes only when they answer."""
    return _write(purpose, ConsentState.ASKED, who, how, at)


@transaction.atomic
def give(
    purpose: Purpose, *, who: Who, how: How, at: datetime, answers: ConsentEvent | None = None
) -> ConsentEvent:
    """Note a yes. What kept mail from this address ends with it.

    answers: the question that was mailed. Raises: StateConflict when it was answered before.
    """
    try:
        with transaction.atomic():
            event = _write(purpose, ConsentState.GIVEN, who, how, at, answers=answers)
    except IntegrityError as error:
        if answers is None:
            raise
        raise StateConflict(_("This link was used already.")) from error
    if who.address_key:
        Suppression.objects.filter(
            address_key=who.address_key, purpose__in=(purpose, ""), lifted_at=None
        ).update(lifted_at=at)
    return event


@transaction.atomic
def withdraw(purpose: Purpose, *, who: Who, how: How, at: datetime) -> ConsentEvent:
    """Note a no. It counts from the next question on; mail that waits does not leave."""
    state = ConsentState.WITHDRAWN if _had(purpose, who) else ConsentState.REFUSED
    if purpose in BY_MAIL:
        for key in _addresses_of(purpose, who):
            _suppress(key, purpose, SuppressionReason.WITHDREW, at)
    return _write(purpose, state, who, how, at)


@transaction.atomic
def suppress(address: str, *, why: SuppressionReason, at: datetime) -> None:
    """Never again mail that rests on consent, even when the address itself is forgotten."""
    _suppress(traces.key_of(address), "", why, at)


def _had(purpose: Purpose, who: Who) -> bool:
    """Whether there is a yes, or the half of one, by any name of this subject."""
    names = (
        Who(user_id=who.user_id),
        Who(visitor=who.visitor),
        Who(address_key=who.address_key),
    )
    states = {state_of(purpose, who=name) for name in names}
    return not states.isdisjoint({ConsentState.GIVEN, ConsentState.ASKED})


def _suppress(key: str, purpose: str, why: SuppressionReason, at: datetime) -> None:
    row = Suppression(address_key=key, purpose=purpose, why=why, since=at)
    Suppression.objects.bulk_create([row], ignore_conflicts=True)


def _addresses_of(purpose: Purpose, who: Who) -> set[str]:
    """Each address that this subject ever said yes with."""
    keys = {who.address_key}
    if who.user_id is not None:
        given = ConsentEvent.objects.filter(user_id=who.user_id, purpose=purpose)
        keys.update(given.values_list("address_key", flat=True))
    return keys - {""}


def _write(
    purpose: Purpose,
    state: ConsentState,
    who: Who,
    how: How,
    at: datetime,
    *,
    answers: ConsentEvent | None = None,
) -> ConsentEvent:
    body = consent_words.text_of(purpose, how.language)
    text = ConsentText(
        hash=consent_words.hash_of(body),
        purpose=purpose,
        language=how.language,
        body=body,
        first_at=at,
    )
    ConsentText.objects.bulk_create([text], ignore_conflicts=True)
    event = ConsentEvent(
        at=at,
        user_id=who.user_id,
        visitor=who.visitor,
        address_key=who.address_key,
        purpose=purpose,
        state=state,
        text_hash=text.hash,
        language=how.language,
        channel=how.channel,
        ip_prefix=traces.prefix_of(how.address),
        answers=answers.pk if answers else None,
        evidence=dict(how.evidence),
    )
    event.save(force_insert=True)
    return event


# --- asking -----------------------------------------------------------------------------------


def last(purpose: Purpose, *, who: Who) -> ConsentEvent | None:
    """The last answer of exactly this subject: all that `who` names must fit."""
    named = Q()
    if who.user_id is not None:
        named &= Q(user_id=who.user_id)
    if who.visitor:
        named &= Q(visitor=who.visitor)
    if who.address_key:
        named &= Q(address_key=who.address_key)
    if not named:
        return None
    return ConsentEvent.objects.filter(named, purpose=purpose).order_by("-id").first()


def state_of(purpose: Purpose, *, who: Who) -> ConsentState | None:
    """How it stands; None where nobody was ever asked."""
    event = last(purpose, who=who)
    return ConsentState(event.state) if event else None


def may_use(
    purpose: Purpose, *, at: datetime, user_id: UUID | None = None, visitor: str = ""
) -> bool:
    """Whether this person, or this browser, agreed and did not take it back.

    The answer of a browser lasts half a year.
    """
    event = last(purpose, who=Who(user_id=user_id, visitor=visitor))
    return event is not None and _is_yes(event, of_browser=bool(visitor), at=at)


def agreeing(purpose: Purpose, *, visitors: Collection[str], at: datetime) -> set[str]:
    """Which of these browsers may be used: `may_use` of many in one question."""
    answers = ConsentEvent.objects.filter(purpose=purpose, visitor__in=visitors)
    newest = answers.order_by("visitor", "-id").distinct("visitor")
    return {event.visitor for event in newest if _is_yes(event, of_browser=True, at=at)}


def _is_yes(event: ConsentEvent, *, of_browser: bool, at: datetime) -> bool:
    return event.state == ConsentState.GIVEN and (not of_browser or event.at + LASTS > at)


def may_mail(purpose: Purpose, *, address: str, user_id: UUID | None) -> bool:
    """Whether this address agreed to mail of this purpose, and has not withdrawn it since."""
    if purpose not in BY_MAIL or is_suppressed(purpose, address=address):
        return False
    agreed = any(
        state_of(purpose, who=Who(address_key=key)) == ConsentState.GIVEN
        for key in traces.keys_of(address)
    )
    if user_id is None or not agreed:
        return agreed
    return state_of(purpose, who=Who(user_id=user_id)) == ConsentState.GIVEN


def is_suppressed(purpose: Purpose, *, address: str) -> bool:
    return Suppression.objects.filter(
        address_key__in=traces.keys_of(address), purpose__in=(purpose, ""), lifted_at=None
    ).exists()
