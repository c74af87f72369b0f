"""A valid draft becomes a numbered document that changes no more; called inside fbr's issue."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from accounts.models import LegalEntity
from invoices import numbers
from invoices.enums import EDITABLE, State
from invoices.models import Invoice, InvoiceLine
from invoices.services import drafts
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
    assessment = drafts.assess(drafts.content_of(invoice, lines), entity, at=at)
    if assessment.problems:
        raise RuleViolation.of(
            list(assessment.problems), "The invoice cannot be issued yet. Mend what is listed."
        )
    frozen: dict[str, object] = {f"seller_{name}": getattr(entity, name) for name in _SELLER}
    frozen["problems"] = []
    if not invoice.number:
        frozen |= numbers.take_next(invoice, entity, year=clock.karachi_date(at).year)
    return frozen
