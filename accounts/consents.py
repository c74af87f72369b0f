"""May we use this data for this purpose now? Asked when it is used, not when it was collected."""

from __future__ import annotations

from uuid import UUID

from accounts.enums import Purpose


def may_mail(purpose: Purpose, *, address: str, user_id: UUID | None) -> bool:
    """Whether this address agreed to mail of this purpose, and has not withdrawn it since."""
    return False
