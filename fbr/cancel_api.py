"""The API that takes documents back: ask for a cancellation, give a number up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import idempotency
from accounts.access import Actor
from accounts.api_auth import entered
from accounts.enums import Permission
from fbr import api, api_schema, tasks
from fbr.models.cancelling import Way
from fbr.services import cancelling, voiding
from invoices import intake
from invoices import selectors as invoice_selectors
from invoices.models import Invoice
from smartinvoicing import clock
from smartinvoicing.api import Malformed, body_of
from smartinvoicing.errors import Problem, RuleViolation

# What a deed leaves to do once its transaction is through.
After = Callable[[], None]
Deed = Callable[[Invoice, str, Actor, datetime], After]

_KEY: Final = OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)


class InvoiceCancel(APIView):
    """A cancellation of one document."""

    scopes = {"POST": Permission.CANCEL}

    @extend_schema(
        operation_id="invoices_cancel",
        request=api_schema.ReasonIn,
        responses={
            202: api_schema.InvoiceOut,
            200: api_schema.InvoiceOut,
            409: api_schema.Refusal,
            422: api_schema.Refusal,
        },
        parameters=[_KEY],
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """Ask for it within 72 hours; a person confirms from IRIS, in the portal."""
        return _answered(request, invoice_id, _cancel, status=202)


class InvoiceVoid(APIView):
    """The end of a number under which nothing was reported."""

    scopes = {"POST": Permission.SETTLE}

    @extend_schema(
        operation_id="invoices_void",
        request=api_schema.ReasonIn,
        responses={200: api_schema.InvoiceOut, 409: api_schema.Refusal, 422: api_schema.Refusal},
        parameters=[_KEY],
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """Give the number of a refused, or a queued and never sent, document up."""
        return _answered(request, invoice_id, _void, status=200)


def _cancel(invoice: Invoice, reason: str, actor: Actor, at: datetime) -> After:
    asked = cancelling.ask(invoice=invoice, reason=reason, actor=actor, at=at)

    def ring() -> None:
        if asked.way == Way.API:
            tasks.ring_cancel(asked.tenant_id, asked.pk)

    return ring


def _void(invoice: Invoice, reason: str, actor: Actor, at: datetime) -> After:
    voiding.void(invoice=invoice, reason=reason, actor=actor, at=at)
    return lambda: None


def _answered(request: Request, invoice_id: UUID, deed: Deed, *, status: int) -> Response:
    """The deed with the reason of the body, once for each key; the document as it then is."""
    raw = bytes(request._request.body)  # noqa: SLF001 -- DRF keeps the bytes nowhere else
    if not raw:
        raise Malformed
    key, body, at = api.key_of(request), body_of(request), clock.now()
    # The same key and body at another address is another deed.
    asked = f"{request.path}\n".encode() + raw
    with entered(request) as actor:
        invoice = invoice_selectors.invoice(invoice_id)
        replay = idempotency.begin(key, asked) if key else None
        if replay is not None:
            return Response(replay.answer, status=200)
        after = deed(invoice, _reason(body), actor, at)
        answer = api.shown(invoice, invoice_selectors.lines_of(invoice))
        if key:
            idempotency.remember(key, asked, status=status, answer=answer, at=at)
    after()
    return Response(answer, status=status)


def _reason(body: dict[str, Any]) -> str:
    """Raises: RuleViolation for anything but a text of the right length."""
    problems: list[Problem] = []
    reader = intake.Reader(body, problems)
    reader.only(frozenset({"reason"}))
    reason = reader.text("reason")
    if problems:
        raise RuleViolation.of(problems)
    return reason
