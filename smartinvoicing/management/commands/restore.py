"""`restore`: a backup becomes a server or a database again, disarmed, and is examined."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from smartinvoicing import backups, clock, examining, restoring
from smartinvoicing.backups import BackupFault, Manifest
from smartinvoicing.devserver import CannotStart
from smartinvoicing.errors import AppError
from smartinvoicing.models import Happening
from smartinvoicing.pg import roles


class Command(BaseCommand):
    help = "Restore a backup into a new folder or a new database. It comes up disarmed."

    def add_arguments(self, parser: CommandParser) -> None:
        """From where, to which moment, into what."""
        parser.add_argument("--from", dest="source", type=Path, help="a backup; else the newest")
        parser.add_argument("--to", dest="until", type=clock.instant, help="2026-11-22 10:00+05:00")
        parser.add_argument(
            "--into", required=True, help="an empty folder, or a new database's URL"
        )
        parser.add_argument("--media", type=Path, help="with a URL: where rendered copies go")
        parser.add_argument("--by", default="restore", help="the person who answers for it")

    def handle(self, *args: Any, **options: Any) -> None:
        """Lay, recover, examine, write down. What is wrong is told, and ends with an error."""
        began = time.monotonic()
        if not settings.BACKUP_DATABASE_URL:
            raise CommandError("Set BACKUP_DATABASE_URL: the superuser keeps its password.")
        try:
            source = options["source"] or backups.newest()
            manifest = backups.read_manifest(source)
            into = options["into"]
            if "://" in into:
                found = self._dump(source, manifest, into, options["media"], options["by"])
            else:
                found = self._files(source, manifest, Path(into), options["until"], options["by"])
        except (AppError, CannotStart, roles.RolesMissing) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"{manifest.name}, {time.monotonic() - began:.1f} s, not armed")
        if found:
            raise CommandError("\n".join(found))

    def _dump(
        self, source: Path, manifest: Manifest, url: str, media: Path | None, by: str
    ) -> list[str]:
        if media is None:
            raise BackupFault("Say --media as well: a new folder for rendered copies.")
        restoring.read_back(source, manifest, url)
        restoring.unpack(
            source / f"{backups.MEDIA}.sealed", media, name=f"{manifest.name}/{backups.MEDIA}"
        )
        return self._examine(url, manifest, media / "media", None, by)

    def _files(
        self, source: Path, manifest: Manifest, into: Path, until: datetime | None, by: str
    ) -> list[str]:
        restoring.lay(source, manifest, into, until=until)
        password = roles.password_of(settings.BACKUP_DATABASE_URL)
        server = restoring.start(into, password=password)
        try:
            url = server.url(manifest.database)
            found = self._examine(url, manifest, into / "media", until, by)
        finally:
            server.stop()
        self.stdout.write(f"a cluster lies in {into / 'data'}, rendered copies in {into / 'media'}")
        return found

    def _examine(
        self, url: str, manifest: Manifest, media: Path, until: datetime | None, by: str
    ) -> list[str]:
        found = examining.faults(url, manifest, media=media)
        facts = {"from": manifest.name, "until": until or "the end", "faults": found}
        restoring.note(url, Happening.RESTORED, by=by, at=clock.now(), facts=facts)
        return found
