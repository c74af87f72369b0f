"""`migrate`, as the role `owner`: the only command that has its address."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import CommandParser
from django.core.management.commands import migrate
from django.db import connection

from smartinvoicing import checks
from smartinvoicing.pg import databases, roles


class Command(migrate.Command):
    help = migrate.Command.help

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--publish",
            action="store_true",
            help="then lay the registers and publish the texts that were never published",
        )

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Roles and rights before the checks and the first table: they reach new tables only."""
        done = self._execute(*args, **options)
        if options.get("publish"):
            call_command("lay_registers", stdout=self.stdout)
            call_command("publish_policies", stdout=self.stdout)
        return done

    def _execute(self, *args: Any, **options: Any) -> str | None:
        owner = settings.DATABASE_OWNER_URL
        if not owner or options.get("check_unapplied"):
            return super().execute(*args, **options)
        password = connection.settings_dict["PASSWORD"]
        databases.prepare_as_owner(owner, roles.with_user(owner, roles.APP, password))
        with checks.migration_step():
            done = super().execute(*args, **options)
        with roles.session(owner) as cursor:
            databases.guard_history(cursor)  # the table is there now
        return done

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
