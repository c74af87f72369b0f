"""`datamap`: write the record of processing, or say what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import connection
from django.template.loader import render_to_string

from privacy import inventory
from privacy.services import datamap
from smartinvoicing import clock

FORMATS: Final = ("csv", "pdf", "html", "json")


class Command(BaseCommand):
    help = "Write the data map, or check it: all fields, all tables, nothing where it should not be"

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=FORMATS, default="csv")
        parser.add_argument("--out", type=Path, help="a file; without it, standard output")
        parser.add_argument("--check", action="store_true", help="write nothing; fail on a fault")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["check"]:
            self._check()
            return
        if options["format"] == "pdf" and options["out"] is None:
            raise CommandError("A PDF needs a file: --out FILE.")
        content = written(options["format"])
        if options["out"] is not None:
            options["out"].write_bytes(content)
        else:
            self.stdout.write(content.decode(), ending="")

    def _check(self) -> None:
        """Unclassified is raised by itself, with the name of the field."""
        known = len(inventory.fields())
        faults = [
            *(f"on no map: {table}" for table in sorted(_tables() - inventory.tables())),
            *(f"holds what it should not: {fault}" for fault in datamap.faults()),
        ]
        if faults:
            raise CommandError("\n".join(faults))
        self.stdout.write(f"{known} fields, {len(inventory.stores())} stores: all on the map")


def written(form: str) -> bytes:
    """The whole map in one of the formats."""
    if form == "pdf":
        return datamap.as_pdf(at=clock.now())
    if form == "html":
        known = {"columns": datamap.columns(), "lines": datamap.table()}
        return render_to_string("privacy/datamap.html", known).encode()
    text = datamap.as_json() if form == "json" else datamap.as_csv()
    return text.encode()


def _tables() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind IN ('r', 'p', 'm', 'v', 'f')"
            " AND NOT c.relispartition AND c.relnamespace = 'public'::regnamespace"
        )
        return {name for (name,) in cursor.fetchall()}
