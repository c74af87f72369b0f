from __future__ import annotations

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"
    verbose_name = "Accounts"

    def ready(self) -> None:
        from accounts import selectors  # noqa: PLC0415 -- its models are there now
        from smartinvoicing import hosts  # noqa: PLC0415 -- likewise

        hosts.ask_before_optional(selectors.allows_optional_helpers)
