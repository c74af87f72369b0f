"""The role `owner` for a while: for commands that a person runs, never in a process that serves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection

from smartinvoicing import checks
from smartinvoicing.pg import roles


@contextmanager
def as_owner() -> Iterator[None]:
    """Inside the block this process's connection is the owner's; after it, what it was."""
    served = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
    owner = settings.DATABASE_OWNER_URL
    connection.close()
    connection.settings_dict.update(USER=roles.user_of(owner), PASSWORD=roles.password_of(owner))
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(served)


class OwnersCommand(BaseCommand):
    """A command for the person who holds the owner's address: no process that serves can run it."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """The whole command as owner.

        Raises: CommandError without DATABASE_OWNER_URL.
        """
        if not settings.DATABASE_OWNER_URL:
            raise CommandError("Set DATABASE_OWNER_URL: this is the owner's to do, as migrate is.")
        with checks.migration_step(), as_owner():
            return super().execute(*args, **options)
