"""Mail that rests on consent: asked for twice, ended by one click, sent to nobody else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import consent_words, consents, traces
from accounts.consents import How, Who
from accounts.enums import Purpose
from accounts.models import ConsentEvent, ConsentState
from accounts.services import mailing
from smartinvoicing.errors import NotAllowed, NotFound, StateConflict

LINK_LASTS: Final = timedelta(days=3)
ASKED_AGAIN: Final = timedelta(hours=1)  # not sooner: a form must not flood a stranger's mailbox
_CONFIRM: Final = "privacy.marketing.confirm"
_STOP: Final = "privacy.marketing.stop"


@transaction.atomic
def ask(
    purpose: Purpose, *, address: str, how: How, at: datetime, user_id: UUID | None = None
) -> bool:
    """First half of a yes: a link goes to the address, and only who opens it agrees.

    Returns whether a mail was posted; none is while the one before is young.
    """
    who = Who(user_id=user_id, address_key=traces.key_of(address))
    before = consents.last(purpose, who=Who(address_key=who.address_key))
    if before and before.state == ConsentState.ASKED and before.at + ASKED_AGAIN > at:
        return False
    asked = consents.ask(purpose, who=who, how=how, at=at)
    secret = signing.dumps(asked.pk, salt=_CONFIRM)
    mailing.post(
        key=f"consent:{asked.pk}",
        to=address,
        user_id=user_id,
        template="privacy/mail/confirm_mail",
        context={
            "title": str(consent_words.WORDS[purpose].title),
            "asked": str(consent_words.WORDS[purpose].asked),
            "url": settings.PUBLIC_URL + reverse("privacy:confirm_mail", args=[secret]),
        },
        language=how.language,
        at=at,
    )
    return True


def question(secret: str, *, at: datetime) -> ConsentEvent:
    """What a link from a mail asks.

    Raises: NotFound when it is none of ours; StateConflict when it is too old, was used, or the
            person has said something else since.
    """
    pk = _read(secret, _CONFIRM)
    asked = ConsentEvent.objects.filter(pk=pk, state=ConsentState.ASKED).first()
    if asked is None:
        raise NotFound(_("This link is not one of ours."))
    now = consents.last(Purpose(asked.purpose), who=Who(address_key=asked.address_key))
    if asked.at + LINK_LASTS <= at or now is None or now.pk != asked.pk:
        raise StateConflict(_("This link was used already, or is too old. Nothing has changed."))
    return asked


def confirm(secret: str, *, how: How, at: datetime) -> ConsentEvent:
    """Second half of a yes. A link counts once. Raises: as `question`."""
    asked = question(secret, at=at)
    who = Who(user_id=asked.user_id, address_key=asked.address_key)
    return consents.give(Purpose(asked.purpose), who=who, how=how, at=at, answers=asked)


def stop_url(purpose: Purpose, *, address: str, user_id: UUID | None) -> str:
    """The link that ends this mail for this address. It tells no address and does not age."""
    told = [purpose.value, traces.key_of(address), str(user_id or "")]
    secret = signing.dumps(told, salt=_STOP)
    return settings.PUBLIC_URL + reverse("privacy:stop_mail", args=[secret])


def stopped_by(secret: str) -> tuple[Purpose, Who]:
    """What a link ends, and for whom. Raises: NotFound when it is none of ours."""
    purpose, key, user_id = _read(secret, _STOP)
    return Purpose(purpose), Who(user_id=UUID(user_id) if user_id else None, address_key=key)


def stop(secret: str, *, how: How, at: datetime) -> Purpose:
    """End it; a second click changes nothing. Raises: NotFound."""
    purpose, who = stopped_by(secret)
    now = consents.state_of(purpose, who=Who(address_key=who.address_key))
    if now is not None and now != ConsentState.WITHDRAWN:
        consents.withdraw(purpose, who=who, how=how, at=at)
    return purpose


def send(
    purpose: Purpose,
    *,
    key: str,
    template: str,
    context: Mapping[str, Any],
    address: str,
    user_id: UUID | None,
    at: datetime,
    language: str = "en",
) -> None:
    """Post one mail that rests on consent; the consent is asked again when it leaves.

    Raises: NotAllowed for an address that did not agree.
    """
    if not consents.may_mail(purpose, address=address, user_id=user_id):
        raise NotAllowed(_("This address did not agree to mail of this kind."))
    way_out = {"unsubscribe_url": stop_url(purpose, address=address, user_id=user_id)}
    mailing.post(
        key=key,
        to=address,
        user_id=user_id,
        template=template,
        context={**context, **way_out},
        purpose=purpose,
        language=language,
        at=at,
    )


def _read(secret: str, salt: str) -> Any:
    try:
        return signing.loads(secret, salt=salt)
    except signing.BadSignature as error:
        raise NotFound(_("This link is not one of ours.")) from error
