"""DRF: who is behind an API key, what it may do, and whose tenant it enters."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from axes.helpers import get_client_ip_address
from django.core.cache import caches
from django.db import transaction
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from accounts import tenancy
from accounts.access import Actor, allow
from accounts.enums import Permission
from accounts.models import ApiKey
from accounts.secret_hash import hash_of
from smartinvoicing import clock

if TYPE_CHECKING:
    from rest_framework.views import APIView


@dataclass(frozen=True)
class KeyHolder:
    """What DRF calls the user: a program with a key."""

    actor: Actor
    tenant_id: UUID
    expires_at: datetime
    is_authenticated: bool = True


def _holder(key: str) -> KeyHolder | None:
    hashed = hash_of(key)
    holder: KeyHolder | None = caches["keys"].get(hashed)
    if holder is None:
        with tenancy.as_bearer(hashed), transaction.atomic():
            row = ApiKey.objects.filter(key_hash=hashed, revoked_at=None).first()
        if row is None:
            return None
        holder = KeyHolder(Actor.key(row.pk, row.scopes), row.tenant_id, row.expires_at)
        caches["keys"].set(hashed, holder)
    return holder if holder.expires_at > clock.now() else None


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer si_…`"""

    def authenticate(self, request: Request) -> tuple[KeyHolder, str] | None:
        word, _, key = request.headers.get("Authorization", "").partition(" ")
        if word.lower() != "bearer" or not key:
            return None
        holder = _holder(key.strip())
        if holder is None:
            raise AuthenticationFailed("This key is unknown, revoked or expired. Make a new one.")
        return holder, key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class HasScope(BasePermission):
    """The view says what it needs, per method: `scopes = {"GET": Permission.VIEW}`."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        if not isinstance(request.user, KeyHolder):
            return False
        method = "GET" if request.method == "HEAD" else request.method  # it runs the same view
        needed: Permission | None = getattr(view, "scopes", {}).get(method)
        if needed is None:
            return request.method == "OPTIONS"
        allow(request.user.actor, needed)
        return True


@contextmanager
def entered(request: Request) -> Iterator[Actor]:
    """The key's tenant and one transaction in it."""
    holder: Any = request.user
    with tenancy.in_tenant(holder.tenant_id), transaction.atomic():
        yield replace(holder.actor, address=get_client_ip_address(request) or "")


class KeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # registers itself
    """How the OpenAPI document names the key."""

    target_class = "accounts.api_auth.KeyAuthentication"
    name = "key"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
