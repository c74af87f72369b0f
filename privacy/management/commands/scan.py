"""`scan`: does a value stand anywhere, in whatever writing? It needs PURGE_DATABASE_URL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from privacy import scanning


class Command(BaseCommand):
    help = "Look for values in every row, file and key; fails where one is found"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--token-file", type=Path, required=True, help="one value a line; no argument shows it"
        )
        parser.add_argument(
            "--folder", type=Path, action="append", default=[], help="more files, such as logs"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        tokens = options["token_file"].read_text().splitlines()
        if not any(token.strip() for token in tokens):
            raise CommandError("The file names no value.")
        with scanning.sight() as cursor:
            hits = scanning.scan(tokens, folders=[*folders(), *options["folder"]], cursor=cursor)
        for line in scanning.summary(hits):
            self.stdout.write(line)
        if hits:
            raise CommandError(f"{len(hits)} found.")
        self.stdout.write("Nothing found.")


def folders() -> list[Path]:
    """Where this installation keeps files, and the list of its backups."""
    named = (settings.MEDIA_ROOT, settings.SPOOL_DIR, settings.BACKUP_DIR)
    return [Path(folder) for folder in (*named, settings.AUDIT_ANCHOR_DIR) if folder]
