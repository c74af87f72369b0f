"""A PostgreSQL of one test's own, with a copy of the tests' database: to kill, copy and restore."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings

from smartinvoicing import backups, devserver
from smartinvoicing.pg import databases, roles
from tests.chaos.rig import wait_until

NAME = "shop"


class OwnServer:
    """A throw-away cluster that archives its WAL; its database is armed."""

    def __init__(self, laid: Any) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="si-own-"))
        self.wal = self.folder / "wal"
        self.wal.mkdir()
        self.server = devserver.Postgres(
            self.folder / "postgres", throw_away=True, archive=self.wal
        )
        self.server.folder.mkdir(mode=0o700)
        # The superuser's password is the rig's, so those of the roles are too.
        (self.server.folder / "password").write_text(roles.password_of(laid.admin_url))
        self.start_again()
        databases.prepare(self.admin)
        with laid.turn():
            copy(roles.with_database(laid.admin_url, laid.copy), self.admin)
        arm(self.admin)

    @property
    def admin(self) -> str:
        """The superuser's address of the database."""
        return self.server.url(NAME)

    def start_again(self) -> None:
        with (self.folder / "postgres.log").open("ab") as log:
            self.server.start(log)
        self.server.wait()

    def kill(self) -> None:
        """As a power cut would."""
        self.server.kill()

    def stop(self) -> None:
        self.server.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def url(self, name: str = NAME) -> str:
        return self.server.url(name)

    def here(self, name: str = NAME) -> tuple[str, str]:
        """Timeline and place."""
        with roles.session(self.url(name)) as cursor:
            cursor.execute("SELECT current_timeline(), current_place()")
            timeline, place = cursor.fetchone()
        return timeline, place

    def is_armed(self, name: str = NAME) -> bool:
        return is_armed(self.url(name))

    def read_back(self, name: str) -> None:
        """A dump of it, read into another database of the same server."""
        databases.ensure_database(self.admin, name)
        copy(self.admin, self.url(name))

    def copy_of(self, name: str) -> None:
        """The server's own copy of it."""
        databases.copy_database(self.admin, NAME, name)

    def finish_wal(self) -> None:
        """Wait until all that was written is in the archive."""
        with roles.session(self.admin) as cursor:
            cursor.execute("SELECT pg_logical_emit_message(false, 'test', 'something to switch')")
            cursor.execute("SELECT pg_walfile_name(pg_switch_wal())")
            (name,) = cursor.fetchone()
        wait_until((self.wal / name).exists, what="WAL is archived")


def copy(source: str, target: str) -> None:
    """All that is in the database `source`, into the empty one at `target`."""
    with backups.program(
        "pg_dump", "-Fc", "-Z0", backups.without_password(source), url=source
    ) as dump:
        assert dump.stdout
        words = ["--exit-on-error", "-d", backups.without_password(target)]
        with backups.program("pg_restore", *words, url=target) as restore:
            assert restore.stdin
            shutil.copyfileobj(dump.stdout, restore.stdin)
            restore.stdin.close()


def arm(admin_url: str) -> None:
    """As `manage.py arm`, without asking."""
    secret = hashlib.sha256(settings.INSTANCE_ID.encode()).hexdigest()
    with roles.session(admin_url) as cursor:
        cursor.execute(
            "UPDATE smartinvoicing_installation SET instance_sha256 = %s, armed_at = now(),"
            " timeline = current_timeline(), place = current_place()",
            [secret],
        )


def is_armed(admin_url: str) -> bool:
    with roles.session(admin_url) as cursor:
        cursor.execute("SELECT installation_is_armed(%s)", [settings.INSTANCE_ID])
        return bool(cursor.fetchone()[0])


def served(passwords_of: str, server_url: str) -> dict[str, str]:
    """The addresses of a process that serves from a restored server: roles and their passwords
    are those of the server that was backed up, where the superuser's was `passwords_of`."""
    known = roles.derive(passwords_of)

    def there(url: str) -> str:
        return roles.with_user(server_url, roles.user_of(url), roles.password_of(url))

    return {"DATABASE_URL": there(known.app), "DATABASE_OWNER_URL": there(known.owner)}
