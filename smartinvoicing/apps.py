"""The ground as an app: commands, template tags, system checks."""

from __future__ import annotations

from django.apps import AppConfig


class SmartInvoicingConfig(AppConfig):
    name = "smartinvoicing"
    verbose_name = "Ground"

    def ready(self) -> None:
        from smartinvoicing import checks  # noqa: F401, PLC0415 -- registers the system checks
