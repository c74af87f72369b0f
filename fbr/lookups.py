"""Calls to FBR that may be asked twice: lists and the register. They judge nothing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any, Final

from django.conf import settings

from fbr.outcomes import Evidence
from fbr.reference_lists import LIST_LIMIT
from smartinvoicing.http import LineDown, open_session

_CHUNK: Final = 512  # bytes between two looks at the clock
TOO_SLOW: Final = "total deadline"


def get(path: str, params: Mapping[str, str], *, token: str, within_s: float) -> Evidence:
    """Ask a list once. within_s: wall clock for all of it."""
    return _call("GET", path, token=token, within_s=within_s, params=dict(params))


def ask(path: str, body: Mapping[str, str], *, token: str, within_s: float) -> Evidence:
    """Ask the register: by POST, and by GET with the same body where FBR refuses that (405).

    Source: PRAL DI API v1.12, 5.11 and 5.12, which print GET; clients that work send POST.
    """
    raw = json.dumps(dict(body)).encode()
    began = time.monotonic()
    found = _call("POST", path, token=token, within_s=within_s, data=raw)
    if found.status != 405:
        return found
    left = within_s - (time.monotonic() - began)
    return _call("GET", path, token=token, within_s=left, data=raw)


def _call(method: str, path: str, *, token: str, within_s: float, **request: Any) -> Evidence:
    began = time.monotonic()
    url = f"{str(settings.FBR_DI_URL).rstrip('/')}{path}"
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    read_s = max(within_s, 0.1)
    connect_s = min(float(settings.FBR_CONNECT_TIMEOUT_S), read_s)
    try:
        with (
            open_session(connect_s=connect_s, read_s=read_s) as session,
            session.request(method, url, headers=headers, stream=True, **request) as answer,
        ):
            body, failure = bytearray(), ""
            for chunk in answer.iter_content(_CHUNK):
                body += chunk
                if time.monotonic() - began > within_s:
                    failure = TOO_SLOW
                if failure or len(body) > LIST_LIMIT:
                    break
            return Evidence(
                sent=True,
                status=answer.status_code,
                body=bytes(body),
                failure=failure,
                took_ms=_since(began),
            )
    except LineDown as error:
        failure = str(error.details["failure"])
        return Evidence(sent=False, failure=failure, took_ms=_since(began))
    except OSError as error:  # whatever the line does: `requests` has its errors below OSError
        return Evidence(sent=True, failure=type(error).__name__, took_ms=_since(began))


def _since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
