"""The receipt of a request, as a letter: what was asked, when, what became of each class."""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from invoices.letters import Letter
from privacy.models import RequestState, RequestType, SubjectRequest
from privacy.services import erasure_words
from smartinvoicing.templatetags.formats import karachi_date, karachi_time


def receipt_of(request: SubjectRequest) -> Letter:
    """It names nobody: whoever has the number knows whose it is."""
    ended = request.closed_at
    rows = erasure_words.told(request.receipt.get("rows", []))
    return Letter(
        sender=(settings.SOFTWARE, settings.PRIVACY_EMAIL),
        recipient=(_("Whoever asked under %(number)s") % {"number": request.reference},),
        day=karachi_date(ended or request.received_at),
        subject=_("Receipt: %(type)s") % {"type": RequestType(request.type).label},
        opening=_("This is what became of the request."),
        facts=(
            (_("Number"), request.reference),
            (_("Came in"), karachi_time(request.received_at)),
            (_("Identity proved"), karachi_time(request.proved_at)),
            (_("State"), str(RequestState(request.state).label)),
            (_("Ended"), karachi_time(ended)),
            *(((_("SHA-256"), request.receipt["sha256"]),) if "sha256" in request.receipt else ()),
        ),
        paragraphs=tuple(_line(row) for row in rows) or (_("No records were changed."),),
        signed_by=(settings.SOFTWARE,),
    )


def _line(row: dict[str, object]) -> str:
    said = _("%(what)s: %(count)s, %(deed)s") % row
    if row["until"]:
        said += _(", until %(until)s") % row
    return f"{said}. {row['basis']}".strip()
