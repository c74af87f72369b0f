"""The API of corrections: a debit note on an accepted invoice, issued at once where wanted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import idempotency
from accounts.access import Actor
from accounts.api_auth import entered
from accounts.enums import Permission
from fbr import api, api_schema, selectors, tasks
from fbr.services import issuing
from invoices import intake, representation
from invoices import selectors as invoice_selectors
from invoices.content import MOST_LINES
from invoices.enums import NoteDirection, State
from invoices.models import Invoice
from invoices.remains import Wanted
from invoices.services import notes
from smartinvoicing import clock
from smartinvoicing.api import Malformed, body_of
from smartinvoicing.errors import Problem, RuleViolation

_KEYS: Final = frozenset({"reason", "direction", "lines", "issue"})
_LINE_KEYS: Final = frozenset({"position", "quantity", "value"})


class InvoiceDebitNote(APIView):
    """A note on one document."""

    scopes = {"POST": Permission.WRITE_DRAFTS}

    @extend_schema(
        operation_id="invoices_debit_note",
        request=api_schema.DebitNoteIn,
        responses={
            201: api_schema.InvoiceOut,
            200: api_schema.InvoiceOut,
            409: api_schema.Refusal,
            422: api_schema.Refusal,
        },
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """Write a note over the lines named, or all that is left, and issue it if wanted."""
        raw = bytes(request._request.body)  # noqa: SLF001 -- DRF keeps the bytes nowhere else
        if not raw:
            raise Malformed
        key, body, at = api.key_of(request), body_of(request), clock.now()
        # The same key and body on another invoice is another note.
        asked = f"{request.path}\n".encode() + raw
        with entered(request) as actor:
            original = invoice_selectors.invoice(invoice_id)
            replay = idempotency.begin(key, asked) if key else None
            if replay is not None:
                return Response(replay.answer, status=200)
            answer = _create(body, original, actor)
            if key:
                idempotency.remember(key, asked, status=201, answer=answer, at=at)
        if answer["state"] == State.QUEUED and not answer["hold"]:
            tasks.ring()
        return Response(answer, status=201)


def _create(body: dict[str, Any], original: Invoice, actor: Actor) -> dict[str, Any]:
    at = clock.now()
    wants_issue = api.wants_issue_in(body)
    problems: list[Problem] = []
    asked = _read(body, problems)
    if problems:
        raise RuleViolation.of(problems)
    invoice, lines = notes.debit_note(original=original, **asked, actor=actor, at=at)
    if not wants_issue:
        return api.shown(invoice, lines)
    work = issuing.issue(invoice=invoice, lines=lines, actor=actor, at=at)
    return representation.invoice(invoice, lines, hold=selectors.hold_of(work))


def _read(body: Mapping[str, Any], problems: list[Problem]) -> dict[str, Any]:
    """Reason, direction and lines, as the service wants them."""
    reader = intake.Reader(body, problems)
    reader.only(_KEYS)
    return {
        "reason": reader.text("reason"),
        "direction": reader.word("direction", NoteDirection.values, NoteDirection.DECREASE),
        "lines": _lines(body.get("lines"), problems),
    }


def _lines(given: Any, problems: list[Problem]) -> list[Wanted] | None:
    """None where nothing was named: all that is left."""
    if given is None:
        return None
    is_list = isinstance(given, list) and all(isinstance(row, dict) for row in given)
    if not is_list or not 0 < len(given) <= MOST_LINES:
        problems.append(
            Problem(
                code="not_list",
                field="lines",
                message=_("This must be a list of lines of the invoice."),
                fix=_("Send [{“position”: 1}], or leave it out for all that is left."),
            )
        )
        return None
    return [_line(row, number, problems) for number, row in enumerate(given, start=1)]


def _line(given: Mapping[str, Any], number: int, problems: list[Problem]) -> Wanted:
    reader = intake.Reader(given, problems, line=number)
    reader.only(_LINE_KEYS)
    position = given.get("position")
    if not isinstance(position, int) or isinstance(position, bool):
        reader.note(
            "position",
            "not_position",
            _("This must be the number of a line of the invoice."),
            _("Write its position as we show it, counted from 1."),
        )
        position = 0
    return Wanted(
        position=position,
        quantity=reader.number("quantity", places=4, default=None),
        value=reader.number("value", places=2, default=None),
    )
