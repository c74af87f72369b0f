"""Files that prove what happened in IRIS: screenshots, scans, letters."""

from __future__ import annotations

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from accounts import tenancy
from fbr import pictures
from smartinvoicing.errors import Problem, RuleViolation

logger = logging.getLogger(__name__)

LARGEST: Final = 5 * 1024 * 1024
ACCEPTED: Final = ".png,.jpg,.jpeg,.pdf"  # for the attribute `accept`

_PDF: Final = b"%PDF-"
# What a letter does not need: it would act, or carry a second file.
_ACTS: Final = (b"/JavaScript", b"/Launch", b"/EmbeddedFile")
_SUFFIX: Final[Mapping[str, str]] = MappingProxyType(
    {"image/png": "png", "image/jpeg": "jpg", "application/pdf": "pdf"}
)


class ProofChanged(RuntimeError):
    """A kept file is not the one that was given: somebody must look."""


@dataclass(frozen=True, kw_only=True)
class Proof:
    """Where a file lies, and what it was when it came."""

    path: str
    sha256: str
    media_type: str


def store(upload: UploadedFile[Any], *, at: datetime) -> Proof:
    """Keep a file of the current tenant under a name of ours, after everything else has passed.

    Raises: RuleViolation about the field `proof`; NoTenant.
    """
    media_type, content = _read(upload)
    folder = f"proofs/{tenancy.current_tenant_id()}/{at:%Y-%m}"
    name = f"{folder}/{secrets.token_hex(16)}.{_SUFFIX[media_type]}"
    path = default_storage.save(name, ContentFile(content))
    return Proof(path=path, sha256=hashlib.sha256(content).hexdigest(), media_type=media_type)


@contextmanager
def stored(upload: UploadedFile[Any], *, at: datetime) -> Iterator[Proof]:
    """The same for a block that writes the row: the file goes again if the block fails."""
    proof = store(upload, at=at)
    with ExitStack() as undo:
        undo.callback(forget, proof)
        yield proof
        undo.pop_all()


def forget(proof: Proof) -> None:
    """Throw a file away whose row was not written after all."""
    default_storage.delete(proof.path)


def response(proof: Proof, *, name: str) -> HttpResponse:
    """The file as an attachment that no browser runs anything of. name: without its ending.

    Raises: ProofChanged; FileNotFoundError.
    """
    with default_storage.open(proof.path) as file:
        content: bytes = file.read()
    if hashlib.sha256(content).hexdigest() != proof.sha256:
        logger.error("proof.changed", extra={"path": proof.path})
        raise ProofChanged(f"The file {proof.path} is not the one that was given.")
    filename = f"{name}.{_SUFFIX[proof.media_type]}"
    return HttpResponse(
        content,
        content_type=proof.media_type,
        headers={
            "Content-Disposition": content_disposition_header(
                as_attachment=True, filename=filename
            ),
            "Content-Security-Policy": "sandbox",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _read(upload: UploadedFile[Any]) -> tuple[str, bytes]:
    """What it is by its own first bytes, and its cleaned content; its name says nothing."""
    raw = upload.read(LARGEST + 1)
    if len(raw) > LARGEST:
        raise _refused(
            "proof_too_large",
            _("The file is larger than 5 MB."),
            _("Save it smaller, or cut the screenshot to the part that matters."),
        )
    for media_type, (mark, cleaned) in _KINDS.items():
        if raw.startswith(mark):
            try:
                return media_type, cleaned(raw)
            except pictures.NoPicture as why:
                raise _refused(
                    "proof_damaged",
                    _("The file cannot be read (%(why)s).") % {"why": why},
                    _("Open it, save it again, and give the new file."),
                ) from why
    raise _refused(
        "proof_kind",
        _("This is neither a PNG or JPEG picture nor a PDF."),
        _("Take a screenshot, or print the page to a PDF."),
    )


def _refused(code: str, message: str, fix: str) -> RuleViolation:
    return RuleViolation.of([Problem(code=code, field="proof", message=message, fix=fix)])


def _plain_pdf(raw: bytes) -> bytes:
    if b"%%EOF" not in raw[-2048:]:
        raise pictures.NoPicture("it ends too early")
    if any(mark in raw for mark in _ACTS):
        raise pictures.NoPicture("it carries a program or a second file")
    return raw


_KINDS: Final[Mapping[str, tuple[bytes, Callable[[bytes], bytes]]]] = MappingProxyType(
    {
        "image/png": (pictures.PNG, pictures.clean_png),
        "image/jpeg": (pictures.JPEG, pictures.clean_jpeg),
        "application/pdf": (_PDF, _plain_pdf),
    }
)
