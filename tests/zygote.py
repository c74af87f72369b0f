"""Imports every library once, then forks a ready process for each line on standard input.

Run by `tests/workers.py`. It owns no thread and no connection, and reads no settings: each fork
takes its own environment first and loads Django after, so nothing of one test is in another.
"""

# ruff: noqa: PLC0415 -- what reads settings is imported after the fork

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any, Final

from smartinvoicing import processes

LIBRARIES: Final = (
    *("celery.bin.celery", "celery.bin.worker", "celery.apps.worker", "celery.worker.consumer"),
    *("celery.worker.worker", "celery.concurrency.thread", "celery.fixups.django"),
    *("kombu.transport.redis", "psycopg2.extras", "requests", "http.server"),
    *("django.core.management", "django.db.backends.postgresql.base", "django.db.models"),
    *("django.forms", "django.template", "django.urls", "django.contrib.admin", "django.test"),
    *("django.contrib.staticfiles", "django.core.mail", "whitenoise.storage", "csp"),
    *("cryptography.hazmat.primitives.ciphers.aead", "cryptography.hazmat.primitives.kdf.hkdf"),
    *("fido2.server", "fido2.webauthn", "yaml", "jsonschema", "uritemplate", "segno"),
    *("pypdf", "PIL.Image"),
)


def main() -> None:
    processes.die_with_parent(int(sys.argv[1]), signal.SIGKILL)
    for name in LIBRARIES:
        importlib.import_module(name)
    # Our own modules are compiled once a run, also where nothing may be written beside them.
    sys.pycache_prefix = str(Path(sys.argv[2]) / "compiled")
    sys.dont_write_bytecode = False
    gc.freeze()  # no fork has to look through it again
    children: dict[int, int | None] = {}
    for line in sys.stdin:
        question = json.loads(line)
        if question["do"] == "start":
            answer: Any = fork(question)
            children[answer] = None
        else:
            answer = poll(children, question["pid"])
        print(json.dumps(answer), flush=True)  # noqa: T201 -- the answer
    for pid, code in children.items():
        if code is None:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def poll(children: dict[int, int | None], pid: int) -> int | None:
    """The exit code, negative for a signal. Until it is asked for, the number stays taken."""
    if children[pid] is None:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            children[pid] = os.waitstatus_to_exitcode(status)
    return children[pid]


def fork(question: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        processes.die_with_parent(parent, signal.SIGKILL)
        become(question)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
        leave(code)
    except BaseException:  # a fork must never return into the loop above
        sys.excepthook(*sys.exc_info())
        leave(1)
    leave(0)
    return 0


def leave(code: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def become(question: dict[str, Any]) -> None:
    """A worker, a server or a command, with an environment and a log of its own."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    log = os.open(question["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(nothing, 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ.clear()
    os.environ.update(question["env"])
    first, *words = question["words"]
    if first == "celery-worker":
        from celery.signals import worker_ready

        from smartinvoicing.celery import app

        worker_ready.connect(lambda **kwargs: Path(question["ready"]).touch(), weak=False)
        app.worker_main(["worker", *words])
    elif first == "celery-beat":
        from smartinvoicing.celery import app

        app.start(["beat", *words])
    elif first == "gunicorn":
        from gunicorn.app.wsgiapp import WSGIApplication

        sys.argv = ["gunicorn", *words]
        WSGIApplication().run()
    else:
        from django.core.management import execute_from_command_line

        execute_from_command_line(["manage.py", first, *words])


if __name__ == "__main__":
    main()
