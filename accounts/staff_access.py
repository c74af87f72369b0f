"""People of ours at their desk: a second factor, a short session, and a line for each look.

`/desk/<business>/…` is the only way to the rows of a business. Its pages run inside that business
and cannot write; who has no grant finds nothing there. The line is written before the answer
leaves, and where it cannot be written there is no answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from allauth.account.authentication import get_authentication_records
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, models
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import Resolver404, resolve
from django.utils.translation import gettext as _

from accounts import staff, tenancy
from accounts.enums import Desk
from accounts.guards import MemberRequest, to_factor
from accounts.models import Hat, StaffLook, User
from accounts.services import staff_access
from accounts.services.staff_access import Grant
from smartinvoicing import clock
from smartinvoicing.errors import ComeAgain
from smartinvoicing.pg import rows

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]

IDLE: Final = timedelta(minutes=15)
ABSOLUTE: Final = timedelta(hours=8)
_NOTED: Final = timedelta(seconds=30)  # how exactly a session knows when it was last used
_SINCE, _SEEN = "staff_since", "staff_seen"

DESK: Final = "/desk/"
GUARDED: Final = ("/admin/", DESK)  # a second factor is shown before either opens
_DOOR: Final = ("/admin/login/", "/admin/logout/")
_MFA: Final = "mfa"


@dataclass(kw_only=True)
class Look:
    """What a page says of what it showed; the middleware writes it down."""

    object_type: str = ""
    object_id: str = ""
    objects: list[str] = field(default_factory=list)
    fields: list[str] = field(default_factory=list)
    hat: Hat = Hat.PROCESSOR

    def at_one(self, row: models.Model) -> None:
        self.object_type, self.object_id = str(row._meta.model_name), str(row.pk)

    def at_many(self, object_type: str, shown: list[Any]) -> None:
        self.object_type, self.objects = object_type, [str(row.pk) for row in shown]


class DeskRequest(MemberRequest):
    """A request of ours inside one business that let us in."""

    grant: Grant
    look: Look


class StaffSessions:
    """Sessions of our people are short, and their desk opens to a second factor only."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        user = request.user
        if not isinstance(user, User) or not user.is_staff:
            return self.get_response(request)
        at = clock.now()
        if _is_over(request, at):
            logout(request)
            return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
        if request.path.startswith(GUARDED) and request.path not in _DOOR:
            missing = _missing_factor(request, user)
            if missing is not None:
                return missing
        return self.get_response(request)


def _is_over(request: HttpRequest, at: datetime) -> bool:
    """Whether this session has had its time; one that goes on is noted as used."""
    now = at.timestamp()
    since, seen = request.session.get(_SINCE), request.session.get(_SEEN)
    if since is None or seen is None:
        request.session[_SINCE] = request.session[_SEEN] = now
        return False
    if now - since >= ABSOLUTE.total_seconds() or now - seen >= IDLE.total_seconds():
        return True
    if now - seen >= _NOTED.total_seconds():
        request.session[_SEEN] = now
    return False


def _missing_factor(request: HttpRequest, user: User) -> HttpResponseBase | None:
    """Where to go first: to switching it on, or to showing it in this session."""
    if not is_mfa_enabled(user):
        return redirect("mfa_activate_totp")
    shown = get_authentication_records(request, user)
    if any(record["method"] == _MFA for record in shown):
        return None
    return to_factor(request)  # type: ignore[arg-type]  # it needs the person alone


class StaffAccess:
    """The door of a business for our people, and the line for each time that they went through."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path.startswith(DESK):
            return self.get_response(request)
        user = request.user
        if not isinstance(user, User):
            return redirect_to_login(request.get_full_path())
        at = clock.now()
        place = _place(request, user)
        tenant_id = place.get("tenant_id")
        if tenant_id is None:
            return self.get_response(request)
        grant = staff_access.grant_for(user, tenant_id, at=at, document_id=place.get("invoice_id"))
        if grant is None:
            logger.warning("staff.refused", extra={"actor": staff.name_of(user)})
            raise Http404
        return self._look(request, user, grant)

    def _look(self, request: HttpRequest, user: User, grant: Grant) -> HttpResponseBase:
        look = Look()
        request.grant, request.look = grant, look  # type: ignore[attr-defined]  # DeskRequest
        with read_only(), tenancy.in_tenant(grant.tenant_id):
            response = self.get_response(request)
        try:
            write(line_of(user, grant, look, request, response.status_code, at=clock.now()))
        except DatabaseError:
            logger.exception("staff.look_not_written", extra={"actor": staff.name_of(user)})
            return _unwritten(request)
        return response


def _place(request: HttpRequest, user: User) -> dict[str, Any]:
    """What of which business is asked for; nothing is there for whoever may never look.

    Raises: Http404; PermissionDenied without a training that holds.
    """
    deeds = staff.deeds_of(user)
    if deeds.isdisjoint({Desk.LOOK_AT_TENANTS, Desk.BREAK_GLASS}):
        raise Http404
    if not staff.is_trained(user, at=clock.now()):
        raise PermissionDenied
    try:
        return dict(resolve(request.path_info).kwargs)
    except Resolver404 as error:
        raise Http404 from error


@contextmanager
def read_only() -> Iterator[None]:
    """Transactions that begin in the block write nothing; the database sees to it."""
    _characteristics("READ ONLY")
    try:
        yield
    finally:
        try:
            _characteristics("READ WRITE")
        except DatabaseError:
            connection.close()  # a line that cannot be set right is not used again


def _characteristics(mode: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION {mode}")


def line_of(
    user: User, grant: Grant, look: Look, request: HttpRequest, result: int, *, at: datetime
) -> StaffLook:
    match = request.resolver_match
    return StaffLook(
        at=at,
        who=staff.name_of(user),
        role=grant.role,
        hat=look.hat,
        tenant_id=grant.tenant_id,
        page=(match.url_name if match else "") or "",
        object_type=look.object_type,
        object_id=look.object_id,
        objects_shown=look.objects,
        rows_shown=len(look.objects) or int(bool(look.object_id)),
        fields_revealed=look.fields,
        purpose=grant.purpose,
        window_id=grant.window_id,
        glass_id=grant.glass_id,
        method=str(request.method),
        result=result,
    )


def write(line: StaffLook) -> None:
    """The one writer of the lines."""
    rows.insert(line)


def _unwritten(request: HttpRequest) -> HttpResponse:
    error = ComeAgain(_("What you look at could not be written down, so it is not shown."))
    return render(request, "error.html", {"error": error}, status=error.http_status)
