"""A backup becomes a server again, to the minute, in a folder of its own; then it is examined.

What comes up is another timeline or another place, so it is not armed: it sends nothing until a
person has quarantined, looked and armed it.
"""

from __future__ import annotations

import json
import os
import shutil
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import IO, Any, Final

import psycopg2

from smartinvoicing import devserver, sealing
from smartinvoicing.backups import (
    BASE,
    DUMP,
    MEDIA,
    BackupFault,
    Manifest,
    key,
    program,
    sha256_of,
    without_password,
)
from smartinvoicing.devserver import CannotStart
from smartinvoicing.pg import databases, roles

RECOVERY_S: Final = 3600
# A recovery refuses to run with less room than the server had that wrote the WAL.
_ROOMY: Final = {
    "archive_mode": "off",
    "wal_level": "replica",
    "max_wal_senders": "20",
    "max_connections": "1000",
    "max_worker_processes": "32",
    "max_prepared_transactions": "100",
    "max_locks_per_transaction": "256",
}
_OWN: Final = "# written by the restore\n"


class Restored(devserver.Postgres):
    """The server of a restored cluster. Until it has a password of ours, one socket serves us."""

    def __init__(self, folder: Path, *, throw_away: bool = False) -> None:
        super().__init__(folder, throw_away=throw_away)
        # A socket's path is short, and nobody else looks into this folder.
        self.socket = Path(tempfile.mkdtemp(prefix="si-restore-"))
        (self.socket / "hba").write_text(
            "local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )

    def settings(self) -> dict[str, str]:
        """As always, and a door for us alone."""
        door = {
            "unix_socket_directories": str(self.socket),
            "hba_file": str(self.socket / "hba"),
        }
        return super().settings() | door | _ROOMY

    def _lay(self) -> None:
        self._secret("password")
        self._end_leftover()

    def answers(self) -> bool:
        """Whether the recovery has come to its end."""
        try:
            with roles.session(self.inner_url()) as cursor:
                cursor.execute("SELECT NOT pg_is_in_recovery()")
                return bool(cursor.fetchone()[0])
        except psycopg2.OperationalError:
            return False

    def inner_url(self, database: str = "postgres") -> str:
        """The superuser's address by the socket."""
        return f"postgresql:///{database}?host={self.socket}&port={self.port}&user=postgres"

    def take_over(self) -> None:
        """Give the superuser the password of this folder."""
        with roles.session(self.inner_url()) as cursor:
            roles.set_password(cursor, "postgres", self._secret("password"))

    def stop(self) -> None:
        super().stop()
        shutil.rmtree(self.socket, ignore_errors=True)


# --- laying -----------------------------------------------------------------------------------


def lay(backup: Path, manifest: Manifest, into: Path, *, until: datetime | None) -> None:
    """Make `into` the folder of a cluster that will recover to `until`, or as far as WAL goes.

    Raises: BackupFault; CannotOpen.
    """
    if into.exists() and any(into.iterdir()):
        raise BackupFault(f"{into} is not empty.")
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    check(backup, manifest)
    data, wal = into / "data", into / "wal"
    unpack(backup / f"{BASE}.sealed", data, name=f"{manifest.name}/{BASE}")
    unpack(backup / f"{MEDIA}.sealed", into, name=f"{manifest.name}/{MEDIA}")
    wal.mkdir(mode=0o700)
    for path in sorted((backup.parent / "wal").glob("*.sealed")):
        if path.stem[8:24] >= manifest.first_wal[8:24] or path.stem.endswith(".history"):
            with (wal / path.stem).open("xb") as file:
                sealing.unseal(path, file.write, key=key(), name=f"wal/{path.stem}")
    wanted = {
        "restore_command": f'test -f "{wal}"/%f && cp "{wal}"/%f %p',
        "recovery_target_action": "promote",
    }
    if until is not None:
        wanted["recovery_target_time"] = until.isoformat()
    lines = "".join(f"{name} = '{value}'\n" for name, value in wanted.items())
    with (data / "postgresql.auto.conf").open("a") as file:
        file.write(_OWN + lines)
    (data / "recovery.signal").touch()


def check(backup: Path, manifest: Manifest) -> None:
    """Raises: BackupFault when a part is missing or not what it was."""
    for name, part in manifest.parts.items():
        path = backup / f"{name}.sealed"
        if not path.is_file() or sha256_of(path) != part.sha256:
            raise BackupFault(f"{path} is missing or was changed.")


def unpack(source: Path, target: Path, *, name: str) -> None:
    """Unseal a tar and lay it under `target`, ours and nobody else's to read.

    Raises: CannotOpen; BackupFault for a name that leads elsewhere.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    reading, writing = os.pipe()
    failed: list[BaseException] = []
    thread = threading.Thread(target=_feed, args=(source, name, writing, failed))
    thread.start()
    try:
        with open(reading, "rb") as pipe, tarfile.open(fileobj=pipe, mode="r|") as tar:  # noqa: PTH123 -- a handle
            for member in tar:
                _extract(tar, member, target)
            while pipe.read(1024 * 1024):  # to its end: the last piece proves the whole
                pass
    except tarfile.ReadError as error:
        if not failed:
            raise BackupFault(f"{source} holds no archive.") from error
    finally:
        thread.join()
    if failed:
        raise failed[0]


def _feed(source: Path, name: str, writing: int, failed: list[BaseException]) -> None:
    with open(writing, "wb") as pipe:
        try:
            sealing.unseal(source, pipe.write, key=key(), name=name)
        except Exception as error:
            failed.append(error)


def _extract(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isfile() or member.isdir()):
        raise BackupFault(f"{member.name} has no place in a backup.")
    member.uid, member.gid, member.uname, member.gname = os.geteuid(), os.getegid(), "", ""
    member.mode = 0o700 if member.isdir() else 0o600
    tar.extract(member, target)


def start(
    into: Path, *, password: str, throw_away: bool = False, output: IO[bytes] | None = None
) -> Restored:
    """The server of a folder that `lay` made, recovered and open.

    password: of its superuser; the one of the server that was backed up, so that all stays as it
              was for whoever serves from it.
    Raises: CannotStart when the recovery does not come to its end.
    """
    server = Restored(into, throw_away=throw_away)
    handle = os.open(into / "password", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as file:
        file.write(password)
    try:
        server.start(output)
        _wait(server.answers, server)
        server.take_over()
    except BaseException:
        server.stop()
        raise
    forget_recovery(into)
    return server


def _wait(is_so: Callable[[], bool], server: Restored) -> None:
    until = time.monotonic() + RECOVERY_S
    while not is_so():
        if server.process is None or server.process.poll() is not None:
            raise CannotStart("The recovery failed; the server's own lines say why.")
        if time.monotonic() > until:
            raise CannotStart(f"The recovery takes longer than {RECOVERY_S} s.")
        time.sleep(0.05)


def forget_recovery(into: Path) -> None:
    """The recovery is over: its WAL and its settings go, and the server is one like any other."""
    conf = into / "data" / "postgresql.auto.conf"
    conf.write_text(conf.read_text().partition(_OWN)[0])
    shutil.rmtree(into / "wal", ignore_errors=True)


# --- a dump -----------------------------------------------------------------------------------


def read_back(backup: Path, manifest: Manifest, admin_url: str) -> None:
    """Read a dump back into the database of `admin_url`, which must be new, and disarm it.

    Raises: BackupFault; RolesMissing.
    """
    check(backup, manifest)
    databases.prepare(admin_url)
    with roles.session(admin_url) as cursor:
        cursor.execute("SELECT to_regclass('smartinvoicing_installation')")
        if cursor.fetchone()[0] is not None:
            raise BackupFault("That database is not new.")
    words = ["--exit-on-error", "-d", without_password(admin_url)]
    with program("pg_restore", *words, url=admin_url) as process:
        if process.stdin is None:
            raise BackupFault("No input.")
        sealing.unseal(
            backup / f"{DUMP}.sealed",
            process.stdin.write,
            key=key(),
            name=f"{manifest.name}/{DUMP}",
        )
        process.stdin.close()
    with roles.session(admin_url) as cursor:
        cursor.execute("UPDATE smartinvoicing_installation SET armed_at = NULL, armed_by = ''")


def note(admin_url: str, kind: str, *, by: str, at: datetime, facts: dict[str, Any]) -> None:
    """One line of the history, in a database that is not this process's own."""
    with roles.session(admin_url) as cursor:
        cursor.execute(
            'INSERT INTO smartinvoicing_installationevent (at, kind, "by", why, timeline, place,'
            " facts) VALUES (%s, %s, %s, '', current_timeline(), current_place(), %s)",
            [at, kind, by, json.dumps(facts, default=str)],
        )
