"""Whether a restored database is what the backup's manifest says, and opens with our keys."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management import get_commands
from psycopg2 import sql

from smartinvoicing import backups, crypto
from smartinvoicing.backups import Manifest
from smartinvoicing.errors import AppError
from smartinvoicing.pg import roles
from smartinvoicing.provision import ROOT

SAMPLE: Final = 20
# Rows that are only ever added to: fewer than the backup counted means that some are lost.
_KEPT: Final = (
    *("invoices_invoiceevent", "fbr_attempt", "fbr_outbox", "accounts_auditevent"),
    *("invoices_series", "accounts_tenant"),
)
# Each prints what it finds, and ends with an error when it found anything. The anchors outside know
# of what came after the moment restored to: the trails are compared with the manifest instead.
_EXAMINERS: Final = (("check_invariants",), ("verify_audit", "--anchors", "{empty}"))
_FOREIGN_KEYS: Final = """
    SELECT k.conname::text, k.convalidated, c.relname::text, p.relname::text,
           array_agg(m.attname::text ORDER BY u.place), array_agg(t.attname::text ORDER BY u.place)
    FROM pg_constraint k
    JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid
    CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY u(mine, theirs, place)
    JOIN pg_attribute m ON m.attrelid = k.conrelid AND m.attnum = u.mine
    JOIN pg_attribute t ON t.attrelid = k.confrelid AND t.attnum = u.theirs
    WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace
    GROUP BY k.oid, k.conname, k.convalidated, c.relname, p.relname
"""


def faults(admin_url: str, manifest: Manifest, *, media: Path) -> list[str]:
    """What is wrong with the database of `admin_url`, a superuser's; empty when it is well."""
    with roles.session(admin_url) as cursor:
        found = [
            *_arming(cursor),
            *_counts(cursor, manifest),
            *_triggers(cursor, manifest),
            *_chains(cursor, manifest),
            *_keys(cursor),
            *_tokens(cursor),
            *_copies(cursor, media),
        ]
    return found + _examined(admin_url)


def _arming(cursor: Any) -> Iterator[str]:
    cursor.execute("SELECT installation_is_armed(%s)", [settings.INSTANCE_ID])
    if cursor.fetchone()[0]:
        yield "it is armed: it would send what waits in it"


def _counts(cursor: Any, manifest: Manifest) -> Iterator[str]:
    found = backups.counts(cursor)
    for table in manifest.counts:
        if table not in found:
            yield f"the table {table} is missing"
    for table in _KEPT:
        if found.get(table, 0) < manifest.counts.get(table, 0):
            yield f"{table}: {found.get(table, 0)} rows of {manifest.counts[table]}"


def _triggers(cursor: Any, manifest: Manifest) -> Iterator[str]:
    found = {tuple(row) for row in backups.triggers(cursor)}
    for table, name in manifest.triggers:
        if (table, name) not in found:
            yield f"the trigger {name} of {table} is missing or off"


def _chains(cursor: Any, manifest: Manifest) -> Iterator[str]:
    """Each audit chain holds the link that was its head when the backup began."""
    for tenant_id, seq, head in manifest.heads:
        cursor.execute(
            "SELECT 1 FROM accounts_auditlink"
            " WHERE tenant_id = %s AND seq = %s AND hash::text = %s",
            [tenant_id, seq, head],
        )
        if cursor.fetchone() is None:
            yield f"the audit trail of {tenant_id} lacks its link {seq}"


def _keys(cursor: Any) -> Iterator[str]:
    """Each foreign key is asked anew: what files bring back, no constraint has looked at."""
    cursor.execute(_FOREIGN_KEYS)
    for name, is_valid, child, parent, mine, theirs in cursor.fetchall():
        if not is_valid:
            yield f"the foreign key {name} was never checked"
        pairs = zip(mine, theirs, strict=True)
        same = [
            sql.SQL("p.{} = c.{}").format(sql.Identifier(b), sql.Identifier(a)) for a, b in pairs
        ]
        given = [sql.SQL("c.{} IS NOT NULL").format(sql.Identifier(a)) for a in mine]
        cursor.execute(
            sql.SQL(
                "SELECT count(*) FROM {} c WHERE {} AND NOT EXISTS (SELECT 1 FROM {} p WHERE {})"
            ).format(
                sql.Identifier(child),
                sql.SQL(" AND ").join(given),
                sql.Identifier(parent),
                sql.SQL(" AND ").join(same),
            )
        )
        if lost := cursor.fetchone()[0]:
            yield f"{name}: {lost} rows of {child} lead nowhere"


def _tokens(cursor: Any) -> Iterator[str]:
    """The canary: some sealed tokens open with the keys of this environment."""
    cursor.execute(
        "SELECT id::text, tenant_id::text, token_sealed FROM fbr_credential"
        " ORDER BY stored_at DESC LIMIT %s",
        [SAMPLE],
    )
    for row_id, tenant_id, sealed in cursor.fetchall():
        try:
            crypto.unseal(
                bytes(sealed), tenant_id=tenant_id, place=f"fbr_credential/{row_id}/token"
            )
        except AppError as error:
            yield f"a token does not open: {error.message}"


def _copies(cursor: Any, media: Path) -> Iterator[str]:
    """Some rendered copies are what their hash says."""
    cursor.execute(
        "SELECT file, sha256 FROM invoices_invoicepdf ORDER BY rendered_at DESC LIMIT %s", [SAMPLE]
    )
    for name, sha256 in cursor.fetchall():
        path = media / name
        if not path.is_file():
            yield f"the copy {Path(name).name} is missing"
        elif hashlib.sha256(path.read_bytes()).hexdigest() != sha256:
            yield f"the copy {Path(name).name} was changed"


def _examined(admin_url: str) -> list[str]:
    """What our own commands find in it, each in a process whose database it is."""
    served = settings.DATABASES["default"]
    app_url = roles.with_user(admin_url, roles.APP, served["PASSWORD"])
    env = {**os.environ, "DATABASE_URL": app_url}
    if settings.DATABASE_OWNER_URL:
        owner = settings.DATABASE_OWNER_URL
        env["DATABASE_OWNER_URL"] = roles.with_user(
            admin_url, roles.OWNER, roles.password_of(owner)
        )
    known, found = get_commands(), []
    with tempfile.TemporaryDirectory() as empty:
        for name, *words in _EXAMINERS:
            if name not in known:
                continue
            done = subprocess.run(  # noqa: S603 -- our own words
                [sys.executable, "manage.py", name, *(word.format(empty=empty) for word in words)],
                cwd=ROOT,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            if done.returncode:
                found.append(f"{name}: {(done.stdout + done.stderr).strip()[-500:]}")
    return found
