"""What a person says of themselves."""

from __future__ import annotations

from django.utils.translation import gettext as _

from accounts import texts
from accounts.models import User
from smartinvoicing.errors import Problem, RuleViolation


def checked_name(name: str) -> str:
    """A person's name as it is stored.

    Raises: RuleViolation.
    """
    stored = texts.tidy(name)
    if not stored or not texts.is_plain(stored):
        raise RuleViolation.of(
            [
                Problem(
                    code="name",
                    field="name",
                    message=_("The name is missing or has signs that no name has."),
                    fix=_("Type your name in letters."),
                )
            ]
        )
    return stored


def rename(*, user: User, name: str) -> User:
    """Give the person another name; it belongs to no tenant, so no audit trail holds it.

    Raises: RuleViolation.
    """
    user.name = checked_name(name)
    user.save(update_fields=["name"])
    return user
