"""`restore_drill`: the newest backup in a throw-away server, examined; how long it took is kept."""

from __future__ import annotations

import logging
import tempfile
import time
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from smartinvoicing import backups, clock, examining, restoring
from smartinvoicing.backups import BackupFault, Manifest
from smartinvoicing.devserver import CannotStart
from smartinvoicing.errors import AppError
from smartinvoicing.models import Happening
from smartinvoicing.pg import roles

logger = logging.getLogger(__name__)


class Command(BaseCommand):
    help = "Rehearse a restore of the newest backup. Needs BACKUP_DATABASE_URL."

    def handle(self, *args: Any, **options: Any) -> None:
        """Lay, recover, examine, throw away; a line of history says how it went."""
        at = clock.now()
        facts: dict[str, Any] = {}
        try:
            source = backups.newest()
            manifest = backups.read_manifest(source)
            facts["name"] = manifest.name
            faults = self._rehearse(source, manifest, at, facts)
        except (AppError, CannotStart) as error:
            faults = [str(error)]
        except Exception as error:  # whatever it is, nothing was restored: the history must say so
            logger.exception("restore_drill.broke")
            faults = [type(error).__name__]
        facts["faults"] = faults
        url = settings.BACKUP_DATABASE_URL
        restoring.note(url, Happening.DRILLED, by=roles.user_of(url), at=at, facts=facts)
        for name, value in facts.items():
            self.stdout.write(f"{name}: {value}")
        if faults:
            logger.error("restore_drill.failed", extra={"faults": len(faults)})
            raise CommandError("The newest backup is not what it should be.")

    def _rehearse(
        self, source: Path, manifest: Manifest, at: datetime, facts: dict[str, Any]
    ) -> list[str]:
        if manifest.kind != "base":
            raise BackupFault("A rehearsal needs a backup of all files.")
        began = time.monotonic()
        # Beside the backups, where there is room for a cluster.
        with tempfile.TemporaryDirectory(prefix="drill-", dir=source.parent) as above:
            into = Path(above) / "cluster"
            restoring.lay(source, manifest, into, until=None)
            facts["laid_s"] = round(time.monotonic() - began, 1)
            password = roles.password_of(settings.BACKUP_DATABASE_URL)
            server = restoring.start(into, password=password, throw_away=True)
            try:
                facts["recovered_s"] = round(time.monotonic() - began, 1)
                url = server.url(manifest.database)
                facts["lost_s"] = self._lost_s(url, at)
                return examining.faults(url, manifest, media=into / "media")
            finally:
                facts["took_s"] = round(time.monotonic() - began, 1)
                server.stop()

    def _lost_s(self, url: str, at: datetime) -> float | None:
        """How much of the newest work the backup and its WAL do not hold: a process of ours says
        that it lives twice a minute."""
        with roles.session(url) as cursor:
            cursor.execute("SELECT max(at) FROM accounts_heartbeat")
            (last,) = cursor.fetchone()
        return round((at - last).total_seconds(), 1) if last else None
