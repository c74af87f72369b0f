from __future__ import annotations

from django.apps import AppConfig
from django.core.checks import register

from privacy import checks


class PrivacyConfig(AppConfig):
    name = "privacy"
    verbose_name = "Privacy"

    def ready(self) -> None:
        register(checks.hours_can_be_read)
