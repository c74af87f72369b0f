"""`backup`: WAL away from the server each minute, the whole cluster each night, both sealed."""

from __future__ import annotations

import logging
import signal
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from smartinvoicing import arming, backups, clock, restoring
from smartinvoicing.errors import AppError
from smartinvoicing.models import Happening
from smartinvoicing.pg import roles

logger = logging.getLogger(__name__)

EVERY: Final = timedelta(hours=24)
REHEARSED: Final = timedelta(days=7)
LOOK_S: Final = 60


class Command(BaseCommand):
    help = "Make a backup, or take WAL away, or do both for ever. Needs BACKUP_DATABASE_URL."

    def add_arguments(self, parser: CommandParser) -> None:
        """What to do; by default one backup of all files."""
        parser.add_argument("--kind", choices=("base", "dump"), default="base")
        parser.add_argument("--wal", action="store_true", help="only take away what WAL_DIR holds")
        parser.add_argument(
            "--forever", action="store_true", help="WAL each minute, a backup a day"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises: CommandError; in a loop, a failure is told and the next look tries again."""
        if not (settings.BACKUP_DATABASE_URL or options["wal"]):
            raise CommandError("Set BACKUP_DATABASE_URL: a role that may copy the whole cluster.")
        try:
            backups.key()
            backups.places()
            if options["forever"]:
                self._forever(options["kind"])
            elif options["wal"]:
                self.stdout.write(f"{self._ship()} pieces of WAL")
            else:
                self._back_up(options["kind"], clock.now())
        except AppError as error:
            raise CommandError(error.message) from error

    def _forever(self, kind: str) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                self._look(kind, clock.now())
            except Exception:  # the loop outlives what breaks; the age of the backup tells
                logger.exception("backup.failed")
            stop.wait(LOOK_S)

    def _look(self, kind: str, at: datetime) -> None:
        """What is due by the history, not by the tick: after a pause each thing is done once."""
        self._ship()
        self._live()
        if self._is_due(Happening.BACKED_UP, EVERY, at):
            self._back_up(kind, at)
        if kind == "base" and self._is_rehearsal_due(at):
            call_command("restore_drill", stdout=self.stdout)

    def _is_due(self, kind: Happening, every: timedelta, at: datetime) -> bool:
        newest = arming.newest(kind)
        return newest is None or at - newest.at >= every

    def _is_rehearsal_due(self, at: datetime) -> bool:
        """A week after one that found nothing; one that failed is tried again after a day."""
        sound = arming.rehearsed()
        is_old = sound is None or at - sound.at >= REHEARSED
        return is_old and self._is_due(Happening.DRILLED, EVERY, at)

    def _live(self) -> None:
        """A sign of life, for the health check."""
        with roles.session(settings.BACKUP_DATABASE_URL) as cursor:
            cursor.execute(
                "INSERT INTO accounts_heartbeat (name, at) VALUES ('backup', now())"
                " ON CONFLICT (name) DO UPDATE SET at = now()"
            )

    def _ship(self) -> int:
        return backups.ship_wal(Path(settings.WAL_DIR)) if settings.WAL_DIR else 0

    def _back_up(self, kind: str, at: datetime) -> None:
        url = settings.BACKUP_DATABASE_URL
        manifest = backups.make(admin_url=url, kind=kind, at=at)
        backups.forget_old(at=at)
        facts = {
            "name": manifest.name,
            "took_s": manifest.took_s,
            "bytes": sum(part.size for part in manifest.parts.values()),
            "places": len(backups.places()),
        }
        restoring.note(url, Happening.BACKED_UP, by=roles.user_of(url), at=at, facts=facts)
        self.stdout.write(f"{manifest.name}: {facts['bytes']} bytes, {manifest.took_s} s")
