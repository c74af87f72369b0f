"""`migrate`, as the role `owner`: the only command that has its address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.commands import migrate
from django.db import connection

from smartinvoicing.pg import roles


class Command(migrate.Command):
    help = migrate.Command.help

    def handle(self, *args: Any, **options: Any) -> str | None:
        """Migrate as owner where DATABASE_OWNER_URL is set, then be app again."""
        if not settings.DATABASE_OWNER_URL or options.get("check_unapplied"):
            return super().handle(*args, **options)
        served = {name: connection.settings_dict[name] for name in ("USER", "PASSWORD")}
        owner = settings.DATABASE_OWNER_URL
        connection.close()
        connection.settings_dict.update(
            USER=roles.user_of(owner), PASSWORD=roles.password_of(owner)
        )
        try:
            return super().handle(*args, **options)
        finally:
            connection.close()
            connection.settings_dict.update(served)
