"""`give_role`: the first roles of our people, by whoever runs the service."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.enums import StaffRole
from accounts.services import seats
from smartinvoicing import clock
from smartinvoicing.errors import AppError


class Command(BaseCommand):
    help = "Give somebody a role at the desk, until two people can do it there."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email")
        parser.add_argument("role", choices=StaffRole.values)
        parser.add_argument("--why", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            seat = seats.give_in_shell(
                email=options["email"],
                role=StaffRole(options["role"]),
                why=options["why"],
                at=clock.now(),
            )
        except AppError as refused:
            raise CommandError(refused.message) from refused
        self.stdout.write(f"{options['email']} sits as {StaffRole(seat.role).label} now.")
