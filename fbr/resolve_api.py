"""The API that settles uncertain documents: what a program found at FBR, or did not find."""

from __future__ import annotations

from datetime import datetime
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
from fbr import api, api_schema
from fbr.services import claiming, resolving
from fbr.services.resolving import Found
from invoices import intake
from invoices import selectors as invoice_selectors
from invoices.models import Invoice
from invoices.representation import instant
from smartinvoicing import clock
from smartinvoicing.api import Malformed, body_of
from smartinvoicing.errors import Problem, RuleViolation

_KEYS: Final = frozenset({"found", "fbr_number", "dated", "proof", "why"})


class InvoiceResolve(APIView):
    """What happened to an uncertain document."""

    scopes = {"POST": Permission.SETTLE}

    @extend_schema(
        operation_id="invoices_resolve",
        request=api_schema.ResolveIn,
        responses={
            200: api_schema.InvoiceOut,
            202: api_schema.InvoiceClaimed,
            409: api_schema.Refusal,
            422: api_schema.Refusal,
        },
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """Found: accepted at once. Not found: 202, a person in the portal must agree first."""
        raw = bytes(request._request.body)  # noqa: SLF001 -- DRF keeps the bytes nowhere else
        if not raw:
            raise Malformed
        key, body, at = api.key_of(request), body_of(request), clock.now()
        # The same key and body on another document is another deed.
        asked = f"{request.path}\n".encode() + raw
        with entered(request) as actor:
            invoice = invoice_selectors.invoice(invoice_id)
            replay = idempotency.begin(key, asked) if key else None
            if replay is not None:
                return Response(replay.answer, status=200)
            status, answer = _settled(invoice, body, actor, at)
            if key:
                idempotency.remember(key, asked, status=status, answer=answer, at=at)
        return Response(answer, status=status)


def _settled(
    invoice: Invoice, body: dict[str, Any], actor: Actor, at: datetime
) -> tuple[int, dict[str, Any]]:
    problems: list[Problem] = []
    reader = intake.Reader(body, problems)
    reader.only(_KEYS)
    was_found = body.get("found")
    if not isinstance(was_found, bool):
        reader.note(
            "found",
            "not_boolean",
            _("This must be true or false."),
            _("Send true with FBR's number, or false with where you looked."),
        )
    found = Found(
        number=reader.text("fbr_number"), dated=reader.text("dated"), note=reader.text("proof")
    )
    why = reader.text("why")
    if problems:
        raise RuleViolation.of(problems)
    if was_found:
        resolving.settle_found(invoice=invoice, found=found, proof=None, actor=actor, at=at)
        return 200, _shown(invoice)
    claim = claiming.claim_missing(invoice=invoice, why=why, actor=actor, at=at)
    said = {
        "verdict": str(claim.verdict),
        "made_at": instant(claim.made_at),
        "not_before": instant(claim.ripe_at),
    }
    return 202, _shown(invoice) | {"claim": said}


def _shown(invoice: Invoice) -> dict[str, Any]:
    fresh = invoice_selectors.invoice(invoice.pk)
    return api.shown(fresh, invoice_selectors.lines_of(fresh))
