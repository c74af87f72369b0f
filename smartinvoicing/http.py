"""The only maker of connections to the world outside.

`open_line` is FBR's: it connects first, so that *not sent* can be proven. `open_session` is for
everything that may be asked twice. Neither follows redirects, retries, or takes a proxy from the
environment.
"""

from __future__ import annotations

import http.client
import ssl
from functools import cache
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from smartinvoicing import arming, hosts
from smartinvoicing.errors import AppError

ANSWER_LIMIT: Final = 1_000_000


class LineDown(AppError):
    """No connection: nothing of ours has left this machine."""

    code = "line_down"
    http_status = 503


class NotArmed(LineDown):
    """A copy or a restored database does not speak: nothing of ours has left this machine."""

    code = "not_armed"


def refuse_unless_armed() -> None:
    """Before any line to the world is opened.

    Raises: NotArmed.
    """
    if not arming.is_armed():
        raise NotArmed(
            "This installation is not armed: it is a copy, or it was restored. Nothing leaves it "
            "until the person who runs it has checked it and armed it.",
            failure="NotArmed",
        )


class HostRefused(LineDown):
    """Nobody whom the register of processors knows: nothing of ours has left this machine."""

    code = "host_refused"


def refuse_unless_known(host: str) -> None:
    """Before any line to this machine is opened.

    Raises: HostRefused.
    """
    if not hosts.may_reach(host):
        raise HostRefused(
            "This host stands in no setting and in no register of processors.",
            failure="HostRefused",
        )


def open_line(base_url: str, *, timeout_s: float) -> http.client.HTTPConnection:
    """A connected line to the host of `base_url`: name, route and TLS are proven, nothing sent.

    The line never reconnects by itself: `http.client` would quietly send again.

    Raises: LineDown, with the kind of failure in details["failure"]; NotArmed; HostRefused.
    """
    refuse_unless_armed()
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    refuse_unless_known(host)
    if parts.scheme == "https":
        line: http.client.HTTPConnection = http.client.HTTPSConnection(
            host, parts.port, timeout=timeout_s, context=_trust()
        )
    else:
        line = http.client.HTTPConnection(host, parts.port, timeout=timeout_s)
    try:
        line.connect()
    except OSError as error:
        line.close()
        raise LineDown("No connection to FBR.", failure=type(error).__name__) from error
    line.auto_open = 0
    return line


@cache
def _trust() -> ssl.SSLContext:
    """Read once: whom the machine trusts takes longer to read than a call to FBR."""
    return ssl.create_default_context()


def path_at(base_url: str, path: str) -> str:
    """What to ask the host of `base_url` for: its own prefix, if it has one, and `path`."""
    return urlsplit(base_url).path.rstrip("/") + path


class _Bounded(requests.Session):
    """A session whose every request has a time limit, a host that is known and no redirect."""

    def __init__(self, timeout_s: tuple[float, float]) -> None:
        super().__init__()
        self.trust_env = False
        self._timeout_s = timeout_s
        self.mount("https://", HTTPAdapter(max_retries=0))
        self.mount("http://", HTTPAdapter(max_retries=0))

    def request(self, *args: Any, **kwargs: Any) -> requests.Response:
        kwargs.setdefault("timeout", self._timeout_s)
        kwargs["allow_redirects"] = False
        return super().request(*args, **kwargs)

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Raises: HostRefused."""
        refuse_unless_known(urlsplit(request.url or "").hostname or "")
        return super().send(request, **kwargs)


def open_session(*, connect_s: float, read_s: float) -> requests.Session:
    """For lists and lookups: what may be asked twice without harm.

    A request raises HostRefused where its host is nobody's.
    Raises: NotArmed.
    """
    refuse_unless_armed()
    return _Bounded((connect_s, read_s))
