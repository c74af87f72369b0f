"""Who is counted when a sign-in fails."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest


def username(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str:
    """The e-mail address that was tried.

    Without this django-axes counts by address alone: one typist would lock a whole office.
    """
    given = credentials or {}
    posted = request.POST.get("login", "") if request is not None else ""
    return str(given.get("email") or given.get("username") or posted).strip().lower()
