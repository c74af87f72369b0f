"""System checks: unsafe or half-set configuration does not start."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import pairwise
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register, run_checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

_migrating: ContextVar[bool] = ContextVar("migrating", default=False)


@contextmanager
def migration_step() -> Iterator[None]:
    """Inside the block this process is the one that may hold the owner's address."""
    token = _migrating.set(True)
    try:
        yield
    finally:
        _migrating.reset(token)


@register(Tags.security)
def lease_arithmetic(**kwargs: Any) -> list[CheckMessage]:
    """Total deadline < soft limit < hard limit < lease < visibility (reliability contract, 3)."""
    ladder = [
        ("FBR_CONNECT_TIMEOUT_S", settings.FBR_CONNECT_TIMEOUT_S),
        ("FBR_TOTAL_TIMEOUT_S", settings.FBR_TOTAL_TIMEOUT_S),
        ("TASK_SOFT_LIMIT_S", settings.CELERY_TASK_SOFT_TIME_LIMIT),
        ("TASK_HARD_LIMIT_S", settings.CELERY_TASK_TIME_LIMIT),
        ("FBR_LEASE_S", settings.FBR_LEASE_S),
        ("the visibility timeout", settings.CELERY_BROKER_TRANSPORT_OPTIONS["visibility_timeout"]),
    ]
    return [
        Error(f"{low} ({a} s) must be below {high} ({b} s).", id="smartinvoicing.E001")
        for (low, a), (high, b) in pairwise(ladder)
        if a >= b
    ]


MAIL_CLAIM_S: Final = 300  # for so long a mail is one worker's


@register(Tags.security)
def mail_is_claimed_long_enough(**kwargs: Any) -> list[CheckMessage]:
    """Whoever claimed a mail is through, or killed, before another may take it: it leaves once."""
    limit = settings.CELERY_TASK_TIME_LIMIT
    if limit < MAIL_CLAIM_S:
        return []
    wrong = f"TASK_HARD_LIMIT_S ({limit} s) must be below {MAIL_CLAIM_S} s, or mail leaves twice."
    return [Error(wrong, id="smartinvoicing.E027")]


@register(Tags.security)
def cancel_call_is_written(**kwargs: Any) -> list[CheckMessage]:
    """FBR publishes no call that cancels: whoever switches it on says what it sends."""
    if not settings.FBR_CANCEL_API:
        return []
    try:
        body = json.loads(settings.FBR_CANCEL_BODY)
    except ValueError:
        body = None
    if isinstance(body, dict) and "{fbr_number}" in settings.FBR_CANCEL_BODY:
        return []
    wrong = "FBR_CANCEL_BODY must be a JSON object with {fbr_number} in one of its texts."
    return [Error(wrong, id="smartinvoicing.E016")]


# What is promised: gone everywhere by this day; and a margin for a backup that runs late.
PROMISED_DAYS: Final = 90
MARGIN_DAYS: Final = 5
LAW_YEARS: Final = 6  # Sales Tax Act 1990, s. 24; Income Tax Ordinance 2001, s. 174(3)


@register(Tags.security)
def closed_accounts_are_gone_in_time(**kwargs: Any) -> list[CheckMessage]:
    """The last backup that holds a closed account ends before the promised day."""
    days = settings.CLOSURE_PURGE_DAY + settings.BACKUP_KEPT_DAYS + MARGIN_DAYS
    if days <= PROMISED_DAYS:
        return []
    wrong = (
        f"CLOSURE_PURGE_DAY + BACKUP_KEPT_DAYS + {MARGIN_DAYS} is {days}:"
        f" a closed account must be gone by day {PROMISED_DAYS}."
    )
    return [Error(wrong, id="smartinvoicing.E024")]


@register(Tags.security)
def tax_records_are_kept(**kwargs: Any) -> list[CheckMessage]:
    """No setting goes below what law wants."""
    if settings.TAX_KEPT_YEARS >= LAW_YEARS:
        return []
    wrong = f"TAX_KEPT_YEARS must be {LAW_YEARS} at least: law keeps tax records that long."
    return [Error(wrong, id="smartinvoicing.E025")]


@register(Tags.security)
def production_is_safe(**kwargs: Any) -> list[CheckMessage]:
    """What only development may leave open."""
    if not settings.PRODUCTION:
        return []
    database = settings.DATABASES["default"]
    wrong = {
        "E002": len(settings.SECRET_KEY) < 50 and "SECRET_KEY is shorter than 50 characters.",
        "E003": not settings.ALLOWED_HOSTS and "ALLOWED_HOSTS names no host.",
        "E004": "*" in settings.ALLOWED_HOSTS and "ALLOWED_HOSTS must name hosts, not '*'.",
        "E005": settings.FBR_DI_URL != settings.FBR_OFFICIAL_DI_URL
        and "FBR_DI_URL must be FBR's own host in production.",
        "E006": not settings.PUBLIC_URL.startswith("https://") and "PUBLIC_URL must be https.",
        "E007": database["USER"] in {"owner", "postgres", "purge"}
        and "DATABASE_URL must be the role app's, never the owner's or a superuser's.",
        "E008": database["OPTIONS"].get("sslmode") != "verify-full"
        and "DATABASE_URL needs sslmode=verify-full.",
        "E009": not _proves_itself(settings.REDIS_URL)
        and "REDIS_URL must be rediss://…?ssl_cert_reqs=required.",
        "E010": not settings.EMAIL_HOST and "SMTP_HOST is not set: nobody could sign up.",
        "E011": settings.DATABASE_OWNER_URL
        and not _migrating.get()
        and "DATABASE_OWNER_URL is for the migration step only; this process must not hold it.",
        "E013": settings.FBR_POS_SANDBOX_URL != settings.FBR_OFFICIAL_POS_SANDBOX_URL
        and "FBR_POS_SANDBOX_URL must be FBR's own host in production.",
        "E014": settings.FBR_POS_PRODUCTION_URL != settings.FBR_OFFICIAL_POS_PRODUCTION_URL
        and "FBR_POS_PRODUCTION_URL must be FBR's own host in production.",
        "E015": len(settings.INSTANCE_ID) < 20
        and "INSTANCE_ID is shorter than 20 characters: no copy could be told from this one.",
        "E017": not settings.AUDIT_ANCHOR_DIR
        and "AUDIT_ANCHOR_DIR is not set: a rewritten audit trail would show nothing.",
        "E018": settings.AUDIT_SIGNING_KEY is None
        and "AUDIT_SIGNING_KEY is not set: nobody could trust the files of the audit trail.",
        "E030": not settings.ERASURE_LEDGER_DIR
        and "ERASURE_LEDGER_DIR is not set: a restored backup would bring erased people back.",
        "E020": not settings.NTP_HOST
        and "NTP_HOST is not set: nobody would see our clock run away.",
        "E021": not settings.OPERATOR_EMAILS
        and "OPERATOR_EMAILS names nobody: an alert would reach no one.",
        "E022": 0 < len(settings.METRICS_TOKEN) < 20
        and "METRICS_TOKEN is shorter than 20 characters.",
    }
    return [Error(text, id=f"smartinvoicing.{code}") for code, text in wrong.items() if text]


def _proves_itself(redis_url: str) -> bool:
    """Without the last word Kombu looks at no certificate."""
    parts = urlsplit(redis_url)
    return parts.scheme == "rediss" and parse_qs(parts.query).get("ssl_cert_reqs") == ["required"]


def refuse_unsafe(**kwargs: Any) -> None:
    """For processes that Django itself does not check: web, workers, beat.

    Raises: ImproperlyConfigured with all that is wrong.
    """
    wrong = [message for message in run_checks(tags=[Tags.security]) if message.is_serious()]
    if wrong:
        raise ImproperlyConfigured("\n".join(str(message) for message in wrong))


@register(Tags.database)
def tables_keep_what_settings_say(**kwargs: Any) -> list[CheckMessage]:
    """The guard of the tax tables goes by a row of its own."""
    if not kwargs.get("databases"):
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('privacy_taxretention')")
        row = cursor.fetchone()
        if not (row and row[0]):
            return []  # before the first migration
        cursor.execute("SELECT years FROM privacy_taxretention")
        row = cursor.fetchone()
    if row and row[0] == settings.TAX_KEPT_YEARS:
        return []
    wrong = "TAX_KEPT_YEARS is not what the database keeps; as owner: UPDATE privacy_taxretention."
    return [Error(wrong, id="smartinvoicing.E026")]


@register(Tags.database)
def role_is_bound(**kwargs: Any) -> list[CheckMessage]:
    """The role that serves requests must be under the row policies."""
    if not kwargs.get("databases") or connection.settings_dict["USER"] == "owner":
        return []
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user")
        row = cursor.fetchone()
    if row and row[0]:
        return [Error("DATABASE_URL's role is above the row policies.", id="smartinvoicing.E012")]
    return []
