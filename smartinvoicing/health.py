"""Alive, and ready with its parts."""

from __future__ import annotations

import logging
from typing import Final

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse

from smartinvoicing import opening

logger = logging.getLogger(__name__)

WATCHDOG_SILENT_MIN: Final = 15


def alive(request: HttpRequest) -> JsonResponse:
    """This process answers. It asks nobody."""
    return JsonResponse({"status": "alive"})


@transaction.non_atomic_requests
def ready(request: HttpRequest) -> JsonResponse:
    """Whether requests can be served, and how each part does.

    Without the broker we are still ready: the dispatcher reports by itself.
    """
    parts = {"database": _database(), "broker": broker()}
    if parts["database"] == "ok":
        parts["watchdog"] = _watchdog()
        parts["erasures"] = "ok" if opening.is_open() else "not replayed"
    is_ready = parts["database"] == "ok" and parts["erasures"] == "ok"
    return JsonResponse(
        {"status": "ready" if is_ready else "not ready", "parts": parts},
        status=200 if is_ready else 503,
    )


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError as error:
        logger.warning("health.database", extra={"failure": type(error).__name__})
        return "away"
    return "ok"


def _watchdog() -> str:
    """`silent` when it gave no sign of life for fifteen minutes: then nobody looks at the rest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT 1 FROM accounts_heartbeat"
            " WHERE name = 'watchdog' AND at > now() - make_interval(mins => %s))",
            [WATCHDOG_SILENT_MIN],
        )
        return "ok" if cursor.fetchone()[0] else "silent"


def broker() -> str:
    """`ok`, or `away` when the doorbell does not ring."""
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        client.ping()
    except redis.RedisError as error:
        logger.warning("health.broker", extra={"failure": type(error).__name__})
        return "away"
    finally:
        client.close()
    return "ok"
