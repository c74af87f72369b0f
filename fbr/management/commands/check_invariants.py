"""`check_invariants`: what must be true at any moment, and what is not. Exit 1 with a finding."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from fbr.services import invariants


class Command(BaseCommand):
    help = "Compare states, work, attempts, numbers and guards of all businesses; repair nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object a line")
        parser.add_argument(
            "--without-trail", action="store_true", help="leave the audit trails to verify_audit"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run as `app`, in the web's or a worker's environment."""
        count = 0
        for finding in invariants.walk(with_trail=not options["without_trail"]):
            count += 1
            self.stdout.write(
                json.dumps(asdict(finding), default=str) if options["json"] else str(finding)
            )
        if count:
            raise CommandError(f"{count} findings.")
        if not options["json"]:
            self.stdout.write("Everything is as it must be.")
