"""`replay_erasures`: erase again, in a restored database, whoever was erased since its backup."""

from __future__ import annotations

from typing import Any

import psycopg2
from django.conf import settings
from django.core.management.base import CommandError, CommandParser

from privacy import scanning
from privacy.services import replaying
from smartinvoicing import clock
from smartinvoicing.errors import AppError
from smartinvoicing.pg.owner import OwnersCommand


class Command(OwnersCommand):
    help = "Erase again whoever was erased since this backup, search, and open the database."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who answers for it is kept for good."""
        parser.add_argument("--by", required=True, help="the person who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Nobody is let in while the search still finds somebody."""
        line = psycopg2.connect(settings.DATABASE_OWNER_URL, connect_timeout=5)
        try:
            line.set_session(readonly=True, autocommit=True)
            with line.cursor() as cursor:
                done = replaying.replay(by=options["by"], at=clock.now(), cursor=cursor)
        except (AppError, scanning.BlindScan) as error:
            raise CommandError(str(error)) from error
        finally:
            line.close()
        self.stdout.write(f"{done.entries} in the ledger, {done.found} of them were here again")
        if done.hits:
            places = ", ".join(done.hits)
            raise CommandError(f"Not opened: something of them is left in {places}.")
        self.stdout.write("Open.")
