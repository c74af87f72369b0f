"""Is the process in this container well? The health checks of docker-compose.yml ask here.

python -m deploy.healthy web [PORT PATH]    the page answers; /healthz at 8000 if no other is named
python -m deploy.healthy worker NAME        the Celery worker of that name answers the broker
python -m deploy.healthy heartbeat NAME     NAME wrote its sign of life less than SILENT_S ago

Exit code 0 for yes; otherwise 1 and a line of why.
"""

from __future__ import annotations

import http.client
import os
import socket
import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Final

import django

PATIENCE_S: Final = 3
SILENT_S: Final = 180  # longer than the longest send of a dispatcher that is alone


class Unwell(Exception):
    """Why the answer is no."""


def web(port: str = "8000", path: str = "/healthz") -> None:
    """Raises: Unwell, unless that page of this machine says 200."""
    host = os.environ.get("ALLOWED_HOSTS", "").partition(",")[0].strip() or "127.0.0.1"
    line = http.client.HTTPConnection("127.0.0.1", int(port), timeout=PATIENCE_S)
    try:
        line.request("GET", path, headers={"Host": host})
        status = line.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        raise Unwell(f"no answer: {type(error).__name__}") from error
    finally:
        line.close()
    if status != http.HTTPStatus.OK:
        raise Unwell(f"{path} says {status}")


def worker(name: str) -> None:
    """Raises: Unwell, unless the worker of this machine answers a ping over the broker."""
    django.setup()
    from smartinvoicing.celery import app  # noqa: PLC0415 -- only a worker's check needs it

    node = f"{name}@{socket.gethostname()}"
    if not app.control.ping(destination=[node], timeout=PATIENCE_S, limit=1):
        raise Unwell(f"{node} does not answer")


def heartbeat(name: str) -> None:
    """Raises: Unwell, unless the row of `name` is young by the database's clock."""
    django.setup()
    from accounts.models import Heartbeat  # noqa: PLC0415 -- models need the set-up above
    from smartinvoicing import clock  # noqa: PLC0415 -- so does its database

    row = Heartbeat.objects.filter(name=name).first()
    if row is None:
        raise Unwell(f"{name} has never written")
    if (age := clock.database_now() - row.at) > timedelta(seconds=SILENT_S):
        raise Unwell(f"{name} is silent for {age.total_seconds():.0f} s")


CHECKS: Final[dict[str, Callable[..., None]]] = {
    "web": web,
    "worker": worker,
    "heartbeat": heartbeat,
}


def main(words: list[str]) -> int:
    if not words or words[0] not in CHECKS:
        sys.stderr.write(f"{__doc__}\n")
        return 2
    try:
        CHECKS[words[0]](*words[1:])
    except Unwell as why:
        sys.stderr.write(f"{why}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
