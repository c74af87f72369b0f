"""`arm`: a person says that this database may speak to FBR, to mail servers and to customers."""

from __future__ import annotations

from typing import Any, Final

from django.core.management.base import CommandError, CommandParser

from smartinvoicing import arming, clock
from smartinvoicing.errors import StateConflict
from smartinvoicing.models import Happening
from smartinvoicing.pg.owner import OwnersCommand

QUESTIONS: Final = (
    "No other installation with this INSTANCE_ID runs, and none can start.",
    "The old database, if there is one, takes no more commits.",
    "`manage.py check_invariants` and `manage.py verify_audit` found nothing.",
)


class Command(OwnersCommand):
    help = "Let this database speak to the world. Needs DATABASE_OWNER_URL."

    def add_arguments(self, parser: CommandParser) -> None:
        """Who and why are kept for good."""
        parser.add_argument("--by", required=True, help="the person who answers for it")
        parser.add_argument("--why", required=True, help="why it may speak")
        parser.add_argument("--yes", action="store_true", help="every statement below is true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Show how it stands, ask what must be true, arm."""
        now = arming.standing()
        self.stdout.write(
            f"timeline {now.timeline}, place {now.place}: "
            f"{'armed' if now.is_armed else 'not armed'}, "
            f"{'where it was' if now.is_same_place else 'restored, copied or failed over'}"
        )
        if now.is_quarantined:
            self.stdout.write(f"quarantined: {self._quarantined()}")
        if not options["yes"] and not all(map(self._is_true, QUESTIONS)):
            raise CommandError("Nothing was changed: each statement has to be true.")
        try:
            arming.arm(by=options["by"], why=options["why"], at=clock.now())
        except StateConflict as refused:
            raise CommandError(refused.message) from refused
        self.stdout.write("Armed.")

    def _quarantined(self) -> str:
        event = arming.newest(Happening.QUARANTINED)
        facts = event.facts if event else {}
        return ", ".join(f"{name} {value}" for name, value in sorted(facts.items()))

    def _is_true(self, statement: str) -> bool:
        return input(f"{statement} (yes/no) ").strip().lower() == "yes"
