"""What this floor refuses to start with."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error

from privacy import support_hours


def hours_can_be_read(**kwargs: Any) -> list[CheckMessage]:
    """A clock runs by them, and a public page says them."""
    try:
        support_hours.read(settings.SUPPORT_HOURS)
    except ValueError as wrong:
        return [Error(f"SUPPORT_HOURS: {wrong}.", id="privacy.E001")]
    return []
