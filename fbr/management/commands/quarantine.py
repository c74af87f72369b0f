"""`quarantine`: after a restore or a failover, before anybody arms the database."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.models import Tenant
from fbr.services import quarantine
from fbr.services.quarantine import SetAside
from smartinvoicing import arming, clock
from smartinvoicing.models import Happening
from smartinvoicing.pg.owner import OwnersCommand


class Command(OwnersCommand):
    help = (
        "Set aside, in every business, what the lost database may have reported already, and "
        "suspend numbers until FBR's lists are uploaded. Needs DATABASE_OWNER_URL."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """The lost time: by default from the last thing known here until now."""
        parser.add_argument("--by", required=True, help="the person who answers for it")
        parser.add_argument("--lost-from", type=clock.instant, help="the moment restored to")
        parser.add_argument(
            "--lost-until", type=clock.instant, help="when the old database stood still"
        )
        parser.add_argument("--again", action="store_true", help="also where it was done already")

    def handle(self, *args: Any, **options: Any) -> None:
        """All businesses, then one line of history. Broken off, it may be run again."""
        at = clock.now()
        with tenancy.across_tenants(why="fbr.quarantine"), transaction.atomic():
            now = arming.standing()
            lost_from = options["lost_from"] or quarantine.last_known() or now.armed_at or at
            tenants = list(Tenant.objects.order_by("id").values_list("pk", flat=True))
        if not (now.needs_quarantine or options["again"]):
            raise CommandError("This database stands where it was armed: nothing was lost here.")
        lost_until = max(options["lost_until"] or at, lost_from)
        actor = Actor.system("fbr.quarantine")
        total = SetAside()
        for tenant_id in tenants:
            with tenancy.in_tenant(tenant_id), transaction.atomic():
                total += quarantine.begin(
                    lost_from=lost_from, lost_until=lost_until, actor=actor, at=at
                )
        facts = {"lost_from": lost_from, "lost_until": lost_until, **vars(total)}
        arming.note(Happening.QUARANTINED, by=options["by"], at=at, facts=facts)
        for name, value in facts.items():
            self.stdout.write(f"{name}: {value}")
