"""Uploaded proofs: judged by their bytes, cleaned of what rides along, kept out of the web."""

from __future__ import annotations

import io
import re

import pytest
from django.core.files.storage import default_storage
from PIL import Image

from accounts import tenancy
from fbr import pictures, proofs
from fbr.proofs import ProofChanged
from smartinvoicing.errors import RuleViolation
from tests.factories import AT
from tests.fbr.proof_cast import PDF, chunk, jpeg, png, segment, upload

SECRET = b"33.6844N 73.0479E"


def kept(proof):
    with default_storage.open(proof.path) as file:
        return file.read()


def code_of(refused):
    return refused.value.details["problems"][0]["code"]


@pytest.mark.parametrize(
    ("content", "media_type", "ending"),
    [(png(), "image/png", "png"), (jpeg(), "image/jpeg", "jpg"), (PDF, "application/pdf", "pdf")],
)
def test_a_proof_is_what_its_bytes_say_and_gets_a_name_of_ours(inside, content, media_type, ending):
    proof = proofs.store(upload(content, name="../../etc/passwd.html"), at=AT)

    assert proof.media_type == media_type
    assert re.fullmatch(rf"proofs/{inside.pk}/2026-11/[0-9a-f]{{32}}\.{ending}", proof.path)
    assert kept(proof) == content


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"<svg onload=alert(1)>", "proof_kind"),
        (b"<!doctype html>", "proof_kind"),
        (b"", "proof_kind"),
        (b"MZ" + PDF, "proof_kind"),
        (png()[:-4], "proof_damaged"),
        (png()[:40], "proof_damaged"),
        (jpeg()[:-2], "proof_damaged"),
        (b"\xff\xd8\xff", "proof_damaged"),
        (PDF[:-8], "proof_damaged"),
        (PDF.replace(b"/Type", b"/JavaScript"), "proof_damaged"),
        (PDF.replace(b"/Type", b"/EmbeddedFile"), "proof_damaged"),
        (png(width=50_000, height=50_000), "proof_damaged"),
        (jpeg(width=50_000, height=50_000), "proof_damaged"),
        (png() + bytes(proofs.LARGEST), "proof_too_large"),
    ],
)
def test_what_is_no_whole_picture_or_pdf_is_refused_and_not_kept(inside, content, code):
    with pytest.raises(RuleViolation) as refused:
        proofs.store(upload(content), at=AT)

    assert code_of(refused) == code
    assert not default_storage.exists(f"proofs/{inside.pk}")


def test_what_rides_along_with_a_picture_is_left_behind(inside):
    loaded_png = png(chunk(b"tEXt", SECRET), chunk(b"eXIf", SECRET)) + SECRET
    loaded_jpeg = jpeg(segment(0xE1, b"Exif\0\0" + SECRET), segment(0xFE, SECRET)) + SECRET

    assert kept(proofs.store(upload(loaded_png), at=AT)) == png()
    assert kept(proofs.store(upload(loaded_jpeg), at=AT)) == jpeg()


def test_a_real_photograph_loses_its_place_and_not_a_pixel():
    place = Image.Exif()
    place[0x010E] = SECRET.decode()
    taken = Image.new("RGB", (40, 30), (200, 30, 30))
    jpg, shot = io.BytesIO(), io.BytesIO()
    taken.save(jpg, "JPEG", exif=place)
    taken.save(shot, "PNG", exif=place)

    clean_jpg = pictures.clean_jpeg(jpg.getvalue())
    clean_png = pictures.clean_png(shot.getvalue())

    assert SECRET in jpg.getvalue()
    assert SECRET not in clean_jpg
    assert SECRET not in clean_png
    assert Image.open(io.BytesIO(clean_jpg)).tobytes() == Image.open(jpg).tobytes()
    assert Image.open(io.BytesIO(clean_png)).tobytes() == taken.tobytes()


def test_a_file_goes_again_when_its_row_was_not_written(inside):
    def fail():
        with proofs.stored(upload(), at=AT):
            raise ValueError("no row")

    with pytest.raises(ValueError, match="no row"):
        fail()

    assert default_storage.listdir(f"proofs/{inside.pk}/2026-11")[1] == []


def test_a_proof_comes_back_as_an_attachment_that_nothing_runs(inside):
    answer = proofs.response(proofs.store(upload(), at=AT), name="INV-1-cancelled")

    assert answer.content == png()
    assert answer["Content-Type"] == "image/png"
    assert answer["Content-Disposition"] == 'attachment; filename="INV-1-cancelled.png"'
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox"


def test_a_file_that_was_changed_is_not_handed_out(inside):
    proof = proofs.store(upload(), at=AT)
    with default_storage.open(proof.path, "wb") as file:
        file.write(png(width=2))

    with pytest.raises(ProofChanged):
        proofs.response(proof, name="x")


def test_without_a_tenant_nothing_is_kept():
    with pytest.raises(tenancy.NoTenant):
        proofs.store(upload(), at=AT)
