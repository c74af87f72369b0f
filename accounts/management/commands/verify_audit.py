"""Check the audit trail: every chain, every anchor file, every signature."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from accounts.services import anchoring, audit_checks
from smartinvoicing import clock


class Command(BaseCommand):
    help = "Check that nothing was changed in, taken from or put into the audit trail."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--tenant", type=UUID, help="one business; else all of them")
        parser.add_argument("--anchors", type=Path, help="a folder with copies of the anchor files")

        parser.add_argument(
            "--accept",
            metavar="WHY",
            help="take the trails as they are now, after a restore that lost the newest entries",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Says what is wrong, a line each, and ends with 1 then."""
        if options["accept"]:
            anchoring.accept(why=options["accept"], at=clock.now())
        report = audit_checks.verify(
            at=clock.now(), tenant_id=options["tenant"], folder=options["anchors"]
        )
        for accepted in report.accepted:
            self.stdout.write(f"accepted in {accepted}")
        for fault in report.faults:
            self.stdout.write(str(fault))
        counts = f"{report.entries} entries, {report.anchors} anchor files"
        if not report.is_right:
            raise CommandError(f"{counts}: {len(report.faults)} faults", returncode=1)
        self.stdout.write(f"{counts}: nothing wrong")
