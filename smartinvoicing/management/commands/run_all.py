"""`run_all`: the whole product on this machine. `manage.py` starts it before Django is loaded."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from smartinvoicing.run_all import run_all


class Command(BaseCommand):
    help = "Start everything here, in the foreground: what `make run` does after the set-up."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        sys.exit(run_all())
