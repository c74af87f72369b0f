"""`note_training`: the first training, by whoever runs the service."""

from __future__ import annotations

from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Course
from accounts.services import trainings
from smartinvoicing import clock
from smartinvoicing.errors import AppError


class Command(BaseCommand):
    help = "Write down a training, until somebody else keeps the registers at the desk."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("course", choices=Course.values)
        parser.add_argument("--of", dest="version", required=True, help="version of the course")
        parser.add_argument("--score", type=int, required=True)
        parser.add_argument("--on", type=date.fromisoformat, required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        taken = trainings.Taken(
            course=Course(options["course"]),
            version=options["version"],
            score=options["score"],
            taken_on=options["on"],
        )
        try:
            line = trainings.write_down_in_shell(
                email=options["email"], taken=taken, at=clock.now()
            )
        except AppError as refused:
            raise CommandError(refused.message) from refused
        self.stdout.write(f"counts until {line.expires_on}")
