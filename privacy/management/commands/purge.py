"""`manage.py purge`: go on with what is to be purged, until it is through."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from privacy.services import retention
from smartinvoicing import clock


class Command(BaseCommand):
    help = "Let go what has outlived its time: begun purges, and today's. Needs PURGE_DATABASE_URL."

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError while another purge is at work."""
        at = clock.now()
        for begun in retention.of_the_day(at=at):
            if not retention.run(begun, at=at):
                raise CommandError("Another purge is at work.")
            gone, planned = retention.progress(begun)
            self.stdout.write(f"{begun.plan.kind}: {gone} of {planned} rows")
