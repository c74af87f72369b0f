"""Keys of programs: made, shown once, revoked."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from typing import Final

from django.core.cache import caches
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import access, audit, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import ApiKey
from accounts.secret_hash import hash_of
from smartinvoicing.errors import NotAllowed, Problem, RuleViolation, StateConflict
from smartinvoicing.ids import uuid7

MARK: Final = "si_"  # scanners of leaked secrets look for it
MOST_DAYS: Final = 365
LONGEST_NAME: Final = 80
_RANDOM_BYTES: Final = 32
_SHOWN: Final = 11  # the mark and eight characters: enough to tell two keys apart


@transaction.atomic
def make(
    *, name: str, scopes: Collection[str], days: int, actor: Actor, at: datetime
) -> tuple[ApiKey, str]:
    """Make a key of the current tenant. Its text is returned this once and stored nowhere.

    Raises: NotAllowed, also for whoever is not a person; RuleViolation naming each field.
    """
    allow(actor, Permission.MANAGE_KEYS)
    if actor.user_id is None:
        raise NotAllowed(_("Only a person can make a key."))
    name = texts.tidy(name)
    problems = list(_problems_of(name, scopes, days, actor))
    if problems:
        raise RuleViolation.of(problems)
    text = MARK + secrets.token_urlsafe(_RANDOM_BYTES)
    key = ApiKey(
        id=uuid7(),
        name=name,
        prefix=text[:_SHOWN],
        key_hash=hash_of(text),
        scopes=sorted(set(scopes)),
        made_by_id=actor.user_id,
        made_at=at,
        expires_at=at + timedelta(days=days),
    )
    key.save(force_insert=True)
    audit.record(actor, AuditAction.KEY_MADE, key, at=at, scopes=key.scopes, days=days)
    return key, text


@transaction.atomic
def revoke(*, key: ApiKey, actor: Actor, at: datetime) -> ApiKey:
    """End a key. Programs that hold it are refused within thirty seconds.

    Raises: NotAllowed; StateConflict when it was revoked before.
    """
    allow(actor, Permission.MANAGE_KEYS)
    if not ApiKey.objects.filter(pk=key.pk, revoked_at=None).update(revoked_at=at):
        raise StateConflict(_("This key was revoked before."))
    key.refresh_from_db()
    audit.record(actor, AuditAction.KEY_REVOKED, key, at=at)
    # This process forgets it at once; the others when their copy is thirty seconds old.
    transaction.on_commit(lambda: caches["keys"].delete(key.key_hash))
    return key


def _problems_of(name: str, scopes: Collection[str], days: int, actor: Actor) -> Iterator[Problem]:
    if not name or len(name) > LONGEST_NAME or not texts.is_plain(name):
        yield Problem(
            code="name",
            field="name",
            message=_("The key has no name, or one with signs that no name has."),
            fix=_("Name the program that will use it, in up to 80 characters."),
        )
    if not scopes:
        yield Problem(
            code="no_scope",
            field="scopes",
            message=_("The key may do nothing."),
            fix=_("Choose at least one thing that the program may do."),
        )
    if any(scope not in access.SCOPES or scope not in actor.permissions for scope in scopes):
        yield Problem(
            code="scope",
            field="scopes",
            message=_("A key cannot be given this."),
            fix=_("Choose from the list."),
        )
    if not 1 <= days <= MOST_DAYS:
        yield Problem(
            code="days",
            field="days",
            message=_("A key works for a day at least and a year at most."),
            fix=_("Choose a day within the coming year; make a new key before it ends."),
        )
