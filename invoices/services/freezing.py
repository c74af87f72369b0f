"""A valid draft becomes a numbered document that changes no more; called inside fbr's issue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from accounts.models import LegalEntity
from invoices import numbers
from invoices.enums import EDITABLE, State
from invoices.fingerprints import fingerprint_of
from invoices.models import Invoice, InvoiceLine
from invoices.services import drafts
from invoices.services.assessing import assess
from invoices.standing import standing_of
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation, StateConflict

_SELLER: Final = ("name", "ntn_cnic", "strn", "province", "address", "software_no")


def freeze(
    invoice: Invoice, lines: Sequence[InvoiceLine], entity: LegalEntity, *, at: datetime
) -> dict[str, object]:
    """The fields that freeze `invoice`: number (kept when it has one), seller, no problems.

    Raises: RuleViolation with details["problems"]; StateConflict when it may not be issued.
    """
    if invoice.state not in EDITABLE:
        raise StateConflict(f"An invoice that is {State(invoice.state).label} was issued already.")
    if invoice.environment != entity.environment:
        raise StateConflict(
            "This draft was written for FBR's other environment. Copy it into a new draft."
        )
    content = drafts.content_of(invoice, lines)
    standing = standing_of(content, apart_from=invoice.pk, for_issue=True)
    assessment = assess(content, entity, at=at, standing=standing)
    if assessment.problems:
        raise RuleViolation.of(
            list(assessment.problems), "The invoice cannot be issued yet. Mend what is listed."
        )
    frozen: dict[str, object] = {**seller_of(entity), "problems": []}
    frozen["fingerprint"] = fingerprint_of(invoice, lines, seller_ntn_cnic=entity.ntn_cnic)
    if standing.original is not None:
        frozen["original_fbr_number"] = standing.original.invoice.fbr_number
    if not invoice.number:
        frozen |= numbers.take_next(invoice, entity, year=clock.karachi_date(at).year)
    return frozen


def seller_of(entity: LegalEntity) -> dict[str, str]:
    """The seller as a document names it, from the business as it stands now."""
    return {f"seller_{name}": getattr(entity, name) for name in _SELLER}
