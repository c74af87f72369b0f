"""What one exchange with FBR left behind, and the five things it can mean. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _

NO_CODE: Final = "no_code"  # stands where FBR refused in words only


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is known of one POST.

    sent:    False only when it is proven that no byte of the request left.
    status:  HTTP status, None when no complete answer came.
    body:    the answer as received.
    failure: kind of failure (`timeout`, `ConnectionResetError`), "" when an answer came whole.
    took_ms: wall clock.
    """

    sent: bool
    status: int | None = None
    body: bytes = b""
    retry_after: str = ""
    failure: str = ""
    took_ms: int = 0


class Outcome(models.TextChoices):
    ACCEPTED = "accepted", _("Accepted")
    REJECTED = "rejected", _("Rejected")
    RETRYABLE = "retryable", _("Not recorded, will be sent again")
    AUTH = "auth", _("Token refused")
    UNCERTAIN = "uncertain", _("Uncertain")


class Hold(models.TextChoices):
    """Why a queued document waits. Holds are not states."""

    CREDENTIAL = "credential", _("FBR token missing or refused")
    BREAKER = "breaker", _("FBR is not answering")
    ENDPOINT = "endpoint", _("FBR's address is not answering as it should")
    TENANT_PAUSED = "tenant_paused", _("Reporting is paused")
    CLOCK = "clock", _("Waiting for FBR's calendar day")
    DISARMED = "disarmed", _("This installation is not armed")
    DUPLICATE_SUSPECT = "duplicate_suspect", _("Looks like a duplicate")
    TILL = "till", _("This till reports from the shop's own computer")


@dataclass(frozen=True, kw_only=True)
class CodeOnLine:
    """A code in FBR's answer: the line it stands at (None: the document) and FBR's own words."""

    code: str
    text: str
    line: int | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What an answer means."""

    outcome: Outcome
    why: str
    number: str = ""
    dated: str = ""
    codes: tuple[CodeOnLine, ...] = field(default=())
    not_before: datetime | None = None
    retry_after_s: int | None = None
    hold: Hold | None = None
    defect: bool = False
