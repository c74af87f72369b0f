"""Documents that FBR has under two numbers: an incident, and what takes the second one back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, NoticeKind, Permission
from accounts.services import notices
from fbr import doubts, proofs
from fbr.models import IncidentKind
from fbr.models.evidence import EvidenceKind
from fbr.services import incidents
from fbr.services.proving import LONGEST_NOTE, copy_it, evidence_row, locked, problem
from invoices.enums import REPORTED
from invoices.models import Invoice
from smartinvoicing.errors import RuleViolation
from smartinvoicing.pg import rows

# From the first sight of it: the page counts from FBR's own time, where that is known.
CANCEL_WITHIN: Final = timedelta(hours=72)


def report_double(invoice: Invoice, *, actor: Actor, at: datetime) -> None:
    """An incident, where FBR has the document under a second number."""
    if invoice.state in REPORTED and doubts.second_numbers(invoice):
        open_double(invoice, _("FBR has it under two numbers."), actor, at)


def open_double(invoice: Invoice, why: str, actor: Actor, at: datetime) -> None:
    incidents.open_incident(
        kind=IncidentKind.DOUBLE_REPORTED,
        key=str(invoice.pk),
        at=at,
        actor=actor,
        invoice_ids=[invoice.pk],
        why=why,
    )
    notices.post(
        NoticeKind.DOUBLE_REPORTED,
        invoice,
        at=at,
        due_at=at + CANCEL_WITHIN,
        number=invoice.number,
    )


@transaction.atomic
def undo_double(
    *,
    invoice: Invoice,
    number: str,
    reference: str,
    proof: UploadedFile[Any] | None,
    actor: Actor,
    at: datetime,
) -> None:
    """The second number was cancelled in IRIS: with its reference, and a picture of it.

    Raises: NotAllowed; RuleViolation naming what is missing.
    """
    allow(actor, Permission.CANCEL)
    reference = texts.clean(reference)[:LONGEST_NOTE]
    found = locked(invoice, *REPORTED)
    if number not in {row.fbr_number for row in doubts.second_numbers(found)}:
        raise RuleViolation(_("FBR is not known to have it under this number."))
    problems = []
    if not reference:
        words = _("The reference of the cancellation is missing.")
        problems.append(problem("reference", "missing", words, copy_it()))
    if proof is None:
        fix = _("Take a screenshot of what IRIS shows.")
        problems.append(problem("proof", "missing", _("There is no proof."), fix))
    if problems or proof is None:
        raise RuleViolation.of(problems)
    row = evidence_row(found, EvidenceKind.UNDONE, by=actor, at=at)
    row.fbr_number, row.note = number, reference
    with proofs.stored(proof, at=at) as kept:
        row.proof_path, row.proof_sha256 = kept.path, kept.sha256
        row.proof_type = kept.media_type
        rows.insert(row)
    audit.record(actor, AuditAction.EVIDENCE_ADDED, found, at=at, kind=str(row.kind))
    if not doubts.second_numbers(found):
        notices.clear(NoticeKind.DOUBLE_REPORTED, found, at=at)
