"""Alive, and ready with its parts."""

from __future__ import annotations

import logging

import redis
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, JsonResponse

logger = logging.getLogger(__name__)


def alive(request: HttpRequest) -> JsonResponse:
    """This process answers. It asks nobody."""
    return JsonResponse({"status": "alive"})


@transaction.non_atomic_requests
def ready(request: HttpRequest) -> JsonResponse:
    """Whether requests can be served, and how each part does.

    Without the broker we are still ready: the dispatcher reports by itself.
    """
    parts = {"database": _database(), "broker": _broker()}
    is_ready = parts["database"] == "ok"
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


def _broker() -> str:
    client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=1, socket_timeout=1)
    try:
        client.ping()
    except redis.RedisError as error:
        logger.warning("health.broker", extra={"failure": type(error).__name__})
        return "away"
    finally:
        client.close()
    return "ok"
