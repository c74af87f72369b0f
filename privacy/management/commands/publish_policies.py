"""`publish_policies`: the first version of each text, on an installation that has none."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from privacy.services import policies
from smartinvoicing import clock


class Command(BaseCommand):
    help = (
        "Publish the first version of each text (privacy policy, terms and so on) that has none,"
        " made from the settings. What changes later is published by two people at the desk."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        at = clock.now()
        for version in policies.publish_first(at=at):
            self.stdout.write(f"published: {version}")
        for kind in policies.watch(at=at):
            self.stdout.write(f"differs from what is published: {kind}")
