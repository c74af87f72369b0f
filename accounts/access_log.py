"""Notes each request in the access log, once it was answered."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

from axes.helpers import get_client_ip_address
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse

from accounts.api_auth import KeyHolder
from accounts.models import AccessLog, User
from smartinvoicing import clock

logger = logging.getLogger(__name__)

UNLOGGED: Final = ("/healthz", "/readyz", "/static/", "/metrics")
_NOWHERE: Final = "-"  # no address of ours


class AccessLogMiddleware:
    """One row a request: who, whose business, which route, which object, with what answer.

    It stands where sessions are known and before whatever may refuse. The row is written after
    the view's transaction, whatever became of it, in one round trip that waits for no disk. A
    log that cannot be written is told to the operators and holds no answer back.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(UNLOGGED):
            return self.get_response(request)
        before = _person_of(request)  # who signs out is nobody afterwards
        response = self.get_response(request)
        entry = entry_of(request, response.status_code, before)
        try:
            _write(entry)
        except Error as error:
            logger.error(  # noqa: TRY400 -- a trace would tell the values
                "access_log.not_written", extra={"failure": type(error).__name__}
            )
        return response


def _write(entry: AccessLog) -> None:
    """As a transaction of its own, in one round trip; the table knows no tenant's wall."""
    with connection.cursor() as cursor:
        cursor.execute(_INSERT, [getattr(entry, field.attname) for field in _FIELDS])


_FIELDS: Final = AccessLog._meta.concrete_fields
# In the order of the fields of the model; a test inserts every one of them.
_INSERT: Final = (
    "SELECT set_config('synchronous_commit', 'off', true);"
    " INSERT INTO accounts_accesslog (id, at, user_id, tenant_id, key_id, method, route,"
    " object_id, status, address, agent)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
)


def entry_of(request: HttpRequest, status: int, before: UUID | None = None) -> AccessLog:
    """What is noted of one request; before: who was signed in when it came."""
    match = request.resolver_match
    user: Any = getattr(request, "user", None)
    holder = user if isinstance(user, KeyHolder) else None
    membership = getattr(request, "membership", None)
    return AccessLog(
        at=clock.now(),
        user_id=None if holder else (_person_of(request) or before),
        tenant_id=holder.tenant_id if holder else getattr(membership, "tenant_id", None),
        key_id=_key_of(holder),
        method=(request.method or "")[:8],
        route=(match.view_name if match else _NOWHERE)[:80],
        object_id=_object_of(match.kwargs if match else {}),
        status=status,
        address=get_client_ip_address(request),
        agent=request.headers.get("User-Agent", "")[:200].replace("\0", ""),
    )


def _person_of(request: HttpRequest) -> UUID | None:
    user: Any = getattr(request, "user", None)
    return user.pk if isinstance(user, User) else None


def _key_of(holder: KeyHolder | None) -> UUID | None:
    return UUID(holder.actor.name.removeprefix("key:")) if holder else None


def _object_of(named: dict[str, Any]) -> UUID | None:
    """The innermost id of the address."""
    ids = [value for value in named.values() if isinstance(value, UUID)]
    return ids[-1] if ids else None
