"""`lay_registers`: what the registers hold from the first day on."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from privacy.services import laying
from smartinvoicing import clock


class Command(BaseCommand):
    help = "Lay what the settings name into the registers. Again: brings them up to date."

    def handle(self, *args: Any, **options: Any) -> None:
        for name in laying.lay(at=clock.now()):
            self.stdout.write(f"laid: {name}")
