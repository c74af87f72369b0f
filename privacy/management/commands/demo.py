"""`demo`: lay the demo tenant once, and say how to enter it."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import policies as held
from accounts.models import User
from privacy import demo
from privacy.services import policies
from smartinvoicing import clock, env


class Command(BaseCommand):
    help = "Lay the demo tenant (development and test only) and print its sign-ins."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
        parser.add_argument(
            "--release-holds", action="store_true", help="lift the holds of its FBR tokens"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo is not for production.")
        known = demo.known_secrets()
        policies.publish_first(at=clock.now())
        demo.lay(known, at=clock.now())
        held.accept_what_holds(User.objects.get(email=known.email), at=clock.now())
        if options["release_holds"]:
            demo.release_holds(known, at=clock.now())
        shown = {
            "url": settings.PUBLIC_URL,
            "tenant": known.tenant,
            "email": known.email,
            "password": known.password,
            "api_key": known.api_key,
            "staff_email": known.staff_email,
            "staff_password": known.staff_password,
            "totp_secret": None,
            "staff_totp_secret": known.staff_totp_secret,
            "fake_fbr_url": env.text("FAKE_FBR_URL", ""),
        }
        if options["json"]:
            self.stdout.write(json.dumps(shown))
            return
        second = {
            "second_staff_email": known.second_staff_email,
            "second_staff_password": known.second_staff_password,
            "second_staff_totp_secret": known.second_staff_totp_secret,
        }
        for name, value in (shown | second).items():
            self.stdout.write(f"{name:24} {value if value is not None else '-'}")
