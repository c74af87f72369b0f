"""`replay_erasures`: erase again, in a restored database, whoever was erased since its backup."""

from __future__ import annotations

from typing import Any

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
        parser.add_argument(
            "--nobody-was-erased",
            action="store_true",
            help="no person was ever erased and no account closed, so there is no ledger",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Nobody is let in while the search still finds somebody."""
        try:
            done = replaying.replay(
                by=options["by"], at=clock.now(), may_be_empty=options["nobody_was_erased"]
            )
        except (AppError, scanning.BlindScan) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{done.entries} in the ledger, {done.found} of them were here again, "
            f"{done.kept} of these are kept by a hold or an open matter"
        )
        if done.left:
            places = ", ".join(done.left)
            raise CommandError(
                f"Not opened, and nothing was changed: something of them is left in {places}."
            )
        self.stdout.write("Open.")
