"""May people be let in? Not into a restored database, until the erasures were done again in it."""

from __future__ import annotations

from typing import Final

from django.db import connection

from smartinvoicing.known import Known


def is_open() -> bool:
    """Whether people may be let in; an answer counts for two seconds.

    A database that cannot be asked shows nobody anything: then the request fails by itself.
    """
    return _known()


def forget() -> None:
    """Ask anew next time."""
    _known.forget()


def ask() -> bool:
    """Whether this database stands where it was armed, or its erasures were replayed here."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT erasures_are_replayed()")
        return bool(cursor.fetchone()[0])


_known: Final = Known("opening", ask, doubt=True)
