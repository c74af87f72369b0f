"""`disarm`: nothing leaves this database any more, until somebody arms it again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandParser

from smartinvoicing import arming, clock
from smartinvoicing.pg.owner import OwnersCommand


class Command(OwnersCommand):
    help = "Let nothing leave this database. Needs DATABASE_OWNER_URL."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who and why are kept for good."""
        parser.add_argument("--by", required=True, help="the person who answers for it")
        parser.add_argument("--why", required=True, help="why it falls silent")

    def handle(self, *args: Any, **options: Any) -> None:
        """Disarm; what is under way is finished."""
        arming.disarm(by=options["by"], why=options["why"], at=clock.now())
        self.stdout.write("Disarmed: nothing leaves any more.")
