"""Everything of a business as one sealed archive, beside zipfile and AES over the same bytes.

`python -m bench export`; BENCH_DOCUMENTS sets how many documents it has. Each has its printed
copy already: how long one takes to print is the figure `pdf_ms`.
"""

from __future__ import annotations

import json
import os
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Final
from uuid import UUID

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from accounts import tenancy
from bench import bulk, data, rig
from invoices.services import printing
from privacy.models import ExportFile, ExportState
from privacy.services import export_archive, exporting
from smartinvoicing import clock, sealing

DOCUMENTS: Final = int(os.environ.get("BENCH_DOCUMENTS", "5000"))
MB: Final = 1_000_000


def measure(admin: str, key: str, tenant_id: UUID) -> None:
    """Megabytes a second of what lies in the archive, read, written and sealed."""
    business, owner, _seller = data.lay_tenant(601)
    _fill(admin, business)
    at = clock.now()
    exporting.build_tenant_export(business, at=at, asked_by=owner.pk)
    export = exporting.claim(at=at)
    if export is None:
        raise RuntimeError("nothing was asked for")
    began = time.perf_counter()
    exporting.run(export, at=at)
    took = time.perf_counter() - began
    content = _content(export)
    size = sum(map(len, content.values())) / MB
    rate, bare = size / took, size / _bare(content)
    rig.line(
        "export_mb_per_s",
        rate,
        "MB/s",
        f"bare zipfile and AES-GCM of the same bytes, {bare:.1f} MB/s;"
        f" {DOCUMENTS:,} documents, {len(content):,} files, {size:.0f} MB in {took:.0f} s",
        rate / bare,
    )


def _fill(admin: str, tenant_id: UUID) -> None:
    invoice = data.lay_accepted(tenant_id)
    with tenancy.in_tenant(tenant_id):
        copy = printing.render_and_keep(invoice_id=invoice.pk, at=data.AT)
    with bulk.unguarded(admin) as cursor:
        bulk.documents(cursor, invoice.pk, DOCUMENTS - 1)
        bulk.files(cursor, copy.pk, DOCUMENTS - 1)


def _content(export: ExportFile) -> dict[str, bytes]:
    """What whoever fetches it finds in it, which is what its manifest says."""
    with export_archive.open_plain(export.name) as plain, zipfile.ZipFile(plain) as archive:
        content = {name: archive.read(name) for name in archive.namelist()}
    listed = {each["name"] for each in json.loads(content["manifest.json"])["files"]}
    printed = sum(name.startswith("documents/") for name in listed)
    if export.state != ExportState.READY or listed | {"manifest.json"} != content.keys():
        raise RuntimeError(f"{export.state}: {len(listed)} files of {len(content)}")
    if printed != DOCUMENTS:
        raise RuntimeError(f"{printed} documents of {DOCUMENTS}")
    return content


def _bare(content: dict[str, bytes]) -> float:
    """The same files into a ZIP, the ZIP sealed in the same pieces; to the disk, durably."""
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        plain, sealed = Path(folder) / "plain", Path(folder) / "sealed"
        with zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, each in content.items():
                archive.writestr(name, each)
        cipher = AESGCM(AESGCM.generate_key(256))
        with plain.open("rb") as source, sealed.open("wb") as target:
            number = 0
            while piece := source.read(sealing.PIECE):
                target.write(cipher.encrypt(number.to_bytes(12, "big"), piece, None))
                number += 1
            target.flush()
            os.fsync(target.fileno())
        return time.perf_counter() - began
