"""The API of documents: write, issue, read, follow. It stands here because it may issue."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final
from uuid import UUID

from django.http import HttpResponseBase
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts import idempotency
from accounts.access import Actor
from accounts.api_auth import entered
from accounts.enums import Permission
from fbr import api_schema, selectors, tasks
from fbr.outcomes import Hold
from fbr.services import duplicates, issuing
from invoices import intake, representation
from invoices import selectors as invoice_selectors
from invoices.enums import Paper, State
from invoices.models import Invoice, InvoiceLine
from invoices.services import assessing, drafts, printing
from smartinvoicing import clock
from smartinvoicing.api import Malformed, body_of
from smartinvoicing.celery import tell
from smartinvoicing.errors import Problem, RuleViolation

_LOOK_AGAIN_S: Final = 1
_LONGEST_KEY: Final = 200


def shown(invoice: Invoice, lines: list[InvoiceLine]) -> dict[str, Any]:
    """A document with its lines, what holds it and, of a draft, what to look at twice."""
    hold = selectors.holds([invoice]).get(invoice.pk)
    return representation.invoice(invoice, lines, hold=hold, warnings=_warnings(invoice, lines))


def _warnings(invoice: Invoice, lines: list[InvoiceLine]) -> tuple[Problem, ...]:
    if invoice.state != State.DRAFT:
        return ()
    content = drafts.content_of(invoice, lines)
    return assessing.assess(content, invoice.legal_entity, at=clock.now()).warnings


def _merged(old: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What was typed before, under what is typed now; a new buyer replaces the old id."""
    kept = {
        name: value for name, value in old.items() if name != "buyer_id" or "buyer" not in given
    }
    if "buyer_id" in given and "buyer" not in given:
        kept.pop("buyer", None)
    return {**kept, **given}


def key_of(request: Request) -> str:
    """Raises: RuleViolation for one too long to be told from others."""
    key = request.headers.get("Idempotency-Key", "")
    if len(key) > _LONGEST_KEY:
        raise RuleViolation(f"An Idempotency-Key has at most {_LONGEST_KEY} characters.")
    return key


def wants_issue_in(body: dict[str, Any]) -> bool:
    wanted = body.get("issue", False)
    if not isinstance(wanted, bool):
        problem = Problem(
            code="not_boolean",
            field="issue",
            message=_("This must be true or false."),
            fix=_("Write it without quotes."),
        )
        raise RuleViolation.of([problem])
    return wanted


def _filter(request: Request) -> invoice_selectors.InvoiceFilter:
    """What the query string narrows the list to.

    Raises: RuleViolation naming the parameter.
    """
    problems: list[Problem] = []
    reader = intake.Reader(request.query_params.dict(), problems)
    wanted = invoice_selectors.InvoiceFilter(
        state=reader.word("state", State.values, ""),
        since=reader.optional_day("from"),
        until=reader.optional_day("to"),
        buyer_id=reader.ident("buyer"),
        text=reader.text("q"),
    )
    if problems:
        raise RuleViolation.of(problems)
    return wanted


def _size(request: Request) -> int:
    given = request.query_params.get("limit", "")
    return max(1, int(given)) if given.isdecimal() and len(given) < 5 else invoice_selectors.PAGE


def _next(request: Request, cursor: str) -> str | None:
    """The address of the page that follows."""
    if not cursor:
        return None
    query = request.query_params.copy()
    query["cursor"] = cursor
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")


class Invoices(APIView):
    """The list, and a new document."""

    scopes = {"GET": Permission.VIEW, "POST": Permission.WRITE_DRAFTS}

    @extend_schema(
        operation_id="invoices_list",
        parameters=api_schema.LIST_PARAMETERS,
        responses=api_schema.InvoicePage,
    )
    def get(self, request: Request) -> Response:
        """Documents, newest first."""
        wanted = _filter(request)
        with entered(request):
            page = invoice_selectors.invoice_page(
                wanted, cursor=request.query_params.get("cursor", ""), size=_size(request)
            )
            holds = selectors.holds(page.rows)
        rows = [representation.invoice_row(row, hold=holds.get(row.pk)) for row in page.rows]
        return Response({"results": rows, "next": _next(request, page.next)})

    @extend_schema(
        operation_id="invoices_create",
        request=api_schema.InvoiceIn,
        responses={201: api_schema.InvoiceOut, 200: api_schema.InvoiceOut, 422: api_schema.Refusal},
        parameters=[OpenApiParameter("Idempotency-Key", OpenApiTypes.STR, OpenApiParameter.HEADER)],
    )
    def post(self, request: Request) -> Response:
        """Write a document, and issue it where the body says so."""
        raw = bytes(request._request.body)  # noqa: SLF001 -- DRF keeps the bytes nowhere else
        if not raw:
            raise Malformed  # DRF takes nothing at all for an empty object
        key = key_of(request)
        body, at = body_of(request), clock.now()
        with drafts.reference_once(), entered(request) as actor:
            replay = idempotency.begin(key, raw) if key else None
            if replay is not None:
                return Response(replay.answer, status=200)
            answer = self._create(body, actor)
            if key:
                idempotency.remember(key, raw, status=201, answer=answer, at=at)
        if answer["state"] == State.QUEUED and not answer["hold"]:
            tasks.ring()
        return Response(answer, status=201)

    def _create(self, body: dict[str, Any], actor: Actor) -> dict[str, Any]:
        at = clock.now()
        wants_issue = wants_issue_in(body)
        content, problems = intake.read(body, today=clock.karachi_date(at))
        entity = invoice_selectors.default_entity()
        if problems:
            raise RuleViolation.of(
                list(assessing.judge(content, problems, entity, at=at).problems)
                if wants_issue
                else problems
            )
        invoice, lines = drafts.create(content=content, entity=entity, actor=actor, at=at)
        hold = None
        if wants_issue:
            work = issuing.issue(invoice=invoice, lines=lines, entity=entity, actor=actor, at=at)
            hold = selectors.hold_of(work)
        warnings = _warnings(invoice, lines)
        return representation.invoice(invoice, lines, hold=hold, warnings=warnings)


class InvoiceDetail(APIView):
    """One document."""

    scopes = {
        "GET": Permission.VIEW,
        "PATCH": Permission.WRITE_DRAFTS,
        "DELETE": Permission.WRITE_DRAFTS,
    }

    @extend_schema(operation_id="invoices_read", responses=api_schema.InvoiceOut)
    def get(self, request: Request, invoice_id: UUID) -> Response:
        with entered(request):
            invoice = invoice_selectors.invoice(invoice_id)
            return Response(shown(invoice, invoice_selectors.lines_of(invoice)))

    @extend_schema(
        operation_id="invoices_change",
        request=api_schema.InvoiceIn,
        responses={200: api_schema.InvoiceOut, 409: api_schema.Refusal, 422: api_schema.Refusal},
    )
    def patch(self, request: Request, invoice_id: UUID) -> Response:
        """Change a draft or a rejected document; what is left out stays."""
        at = clock.now()
        with drafts.reference_once(), entered(request) as actor:
            invoice = invoice_selectors.invoice(invoice_id)
            kept = invoice_selectors.lines_of(invoice)
            old = representation.typed(invoice, kept, invoice_selectors.advances_of(invoice, kept))
            content, problems = intake.read(
                _merged(old, body_of(request)), today=clock.karachi_date(at)
            )
            if problems:
                raise RuleViolation.of(problems)
            lines = drafts.change(
                invoice=invoice,
                content=content,
                actor=actor,
                at=at,
                seen_version=invoice.version,
            )
            return Response(shown(invoice, lines))

    @extend_schema(operation_id="invoices_delete", responses={204: None, 409: api_schema.Refusal})
    def delete(self, request: Request, invoice_id: UUID) -> Response:
        """Delete a draft."""
        with entered(request) as actor:
            invoice = invoice_selectors.invoice(invoice_id)
            drafts.delete(invoice=invoice, actor=actor, at=clock.now())
        return Response(status=204)


class InvoiceIssue(APIView):
    """Number it, freeze it, queue it."""

    scopes = {"POST": Permission.ISSUE_INVOICE}

    @extend_schema(
        operation_id="invoices_issue",
        request=api_schema.IssueIn,
        responses={202: api_schema.InvoiceOut, 409: api_schema.Refusal, 422: api_schema.Refusal},
    )
    def post(self, request: Request, invoice_id: UUID) -> Response:
        """A look-alike that is held goes on with a reason, `duplicate_reason`."""
        reason = _duplicate_reason(request)
        with entered(request) as actor:
            invoice = invoice_selectors.invoice(invoice_id)
            lines = invoice_selectors.lines_of(invoice)
            is_held = reason is not None and invoice.state == State.QUEUED
            if not is_held:
                work = issuing.issue(invoice=invoice, actor=actor, at=clock.now())
                is_held = work.hold_reason == Hold.DUPLICATE_SUSPECT
            if is_held and reason is not None:
                duplicates.release_duplicate(
                    invoice=invoice, reason=reason, actor=actor, at=clock.now()
                )
            hold = selectors.holds([invoice]).get(invoice.pk)
            answer = representation.invoice(invoice, lines, hold=hold)
        tasks.ring()
        return Response(answer, status=202)


def _duplicate_reason(request: Request) -> str | None:
    """Why it is another sale; None where the body, which is optional here, does not say."""
    is_json = (request.content_type or "").startswith("application/json")
    problems: list[Problem] = []
    reader = intake.Reader(body_of(request) if is_json else {}, problems)
    reader.only(frozenset({"duplicate_reason"}))
    reason = reader.text("duplicate_reason") if "duplicate_reason" in reader.given else None
    if problems:
        raise RuleViolation.of(problems)
    return reason


class PaperNegotiation(DefaultContentNegotiation):
    """Here `?format=` names the paper, not the encoding of the answer."""

    def filter_renderers(
        self,
        renderers: Iterable[BaseRenderer],
        format: str,  # noqa: A002 -- the base's name
    ) -> list[BaseRenderer]:
        return list(renderers)


class InvoicePdfView(APIView):
    """The printed copy."""

    scopes = {"GET": Permission.VIEW}
    content_negotiation_class = PaperNegotiation

    @extend_schema(
        operation_id="invoices_pdf",
        parameters=[OpenApiParameter("format", OpenApiTypes.STR, enum=Paper.values)],
        responses={(200, "application/pdf"): OpenApiTypes.BINARY, 202: api_schema.Rendering},
    )
    def get(self, request: Request, invoice_id: UUID) -> HttpResponseBase:
        """The PDF; 202 with Retry-After until a worker has rendered it."""
        with entered(request):
            invoice = invoice_selectors.invoice(invoice_id)
            paper = printing.paper_of(invoice, request.query_params.get("format", ""))
            kept = printing.kept(invoice, paper)
        if kept is None:
            tell(
                "invoices.print",
                tenant_id=str(invoice.tenant_id),
                invoice_id=str(invoice.pk),
                paper=str(paper),
            )
            answer = Response({"state": "rendering"}, status=202)
            answer["Retry-After"] = str(_LOOK_AGAIN_S)
            return answer
        return printing.download(kept, invoice)


class InvoiceAttempts(APIView):
    """What was sent, when, and what came back."""

    scopes = {"GET": Permission.VIEW}

    @extend_schema(operation_id="invoices_attempts", responses=api_schema.AttemptPage)
    def get(self, request: Request, invoice_id: UUID) -> Response:
        with entered(request):
            invoice = invoice_selectors.invoice(invoice_id)
            rows = [api_schema.attempt(row) for row in selectors.attempts_of(invoice)]
        return Response({"results": rows, "next": None})


class InvoiceEvents(APIView):
    """Each change of state."""

    scopes = {"GET": Permission.VIEW}

    @extend_schema(operation_id="invoices_events", responses=api_schema.EventPage)
    def get(self, request: Request, invoice_id: UUID) -> Response:
        with entered(request):
            invoice = invoice_selectors.invoice(invoice_id)
            rows = [representation.event(row) for row in invoice.events.all()]
        return Response({"results": rows, "next": None})
