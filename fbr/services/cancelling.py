"""Cancel a recorded document at FBR: asked here, done in IRIS, believed with proof only.

A request leads to CANCEL_REQUESTED, and from there nothing but what IRIS says leads on: to
CANCELLED with reference, time and file, or back to ACCEPTED with the reason of the refusal. No
time-out, no answer of a call and no passing of time does either.
Source: STGO 01 of 2026; reliability contract, 2 and R24.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import audit, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, NoticeKind, Permission
from accounts.services import notices
from fbr import cancel_adapter, proofs, selectors, windows
from fbr.models import Cancellation
from fbr.models.cancelling import Way
from fbr.windows import Window
from invoices import lifecycle
from invoices.enums import REPORTED, State
from invoices.models import Invoice
from smartinvoicing.errors import Problem, RuleViolation, StateConflict
from smartinvoicing.pg import rows

LONGEST_REASON: Final = 300
LONGEST_REFERENCE: Final = 60
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
OPEN: Final = MappingProxyType({"confirmed_at": None, "refused_at": None})

_MISSING: Final[Mapping[str, tuple[Any, Any]]] = {
    "reason": (
        gettext_lazy("It is not said why."),
        gettext_lazy(
            "Say in a few words what is wrong with the document: the law asks for a reason."
        ),
    ),
    "reference": (
        gettext_lazy("The reference is missing."),
        gettext_lazy("Copy it from the confirmation, as it stands there."),
    ),
    "why": (
        gettext_lazy("It is not said why it was refused."),
        gettext_lazy("Copy what IRIS says, or say that you took the request back."),
    ),
}


# --- what is known ----------------------------------------------------------------------------


def window_of(invoice: Invoice) -> Window | None:
    """Until when the seller may cancel alone; None for what FBR has not recorded."""
    if invoice.state not in REPORTED or invoice.accepted_at is None:
        return None
    is_said = windows.read_dated(invoice.fbr_dated) is not None
    sent = None if is_said else selectors.recorded_send(invoice)
    return windows.window_of(
        dated=invoice.fbr_dated,
        accepted_at=invoice.accepted_at,
        sent_at=sent.started_at if sent else None,
        ends_with_month=settings.FBR_CANCEL_ENDS_WITH_MONTH,
    )


def open_request(invoice: Invoice) -> Cancellation | None:
    """What was asked and is not settled."""
    return Cancellation.objects.filter(invoice=invoice, **OPEN).first()


def requests_of(invoice: Invoice) -> list[Cancellation]:
    """Every request, newest first."""
    return list(Cancellation.objects.filter(invoice=invoice).order_by("-asked_at", "-id"))


# --- asked ------------------------------------------------------------------------------------


@transaction.atomic
def ask(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Cancellation:
    """Within the window: the document is to be cancelled, by hand in IRIS or by a call.

    Raises: NotAllowed; RuleViolation without a reason or after the window; StateConflict.
    """
    allow(actor, Permission.CANCEL)
    window = _window_when_accepted(invoice)
    problems = list(_problems_of_text("reason", reason, most=LONGEST_REASON))
    if not window.is_open(at):
        problems.append(_window_is_over())
    if problems:
        raise RuleViolation.of(problems)
    has_call = cancel_adapter.line_for(invoice.channel) is not None
    request = Cancellation(
        tenant_id=invoice.tenant_id,
        invoice=invoice,
        way=Way.API if has_call else Way.IRIS,
        reason=texts.clean(reason),
        window_ends_at=window.ends_at,
        asked_at=at,
        asked_by=actor.name,
    )
    return _begin(request, actor=actor, at=at)


@transaction.atomic
def ask_with_approval(
    *,
    invoice: Invoice,
    reason: str,
    reference: str,
    approval: UploadedFile[Any] | None,
    actor: Actor,
    at: datetime,
) -> Cancellation:
    """With the Commissioner's approval, at any time: its reference and a copy of it are a must.

    Raises: NotAllowed; RuleViolation naming what is missing; StateConflict.
    """
    allow(actor, Permission.CANCEL)
    window = _window_when_accepted(invoice)
    problems = [
        *_problems_of_text("reason", reason, most=LONGEST_REASON),
        *_problems_of_text("reference", reference, most=LONGEST_REFERENCE),
        *_problems_of_file(approval),
    ]
    if problems or approval is None:
        raise RuleViolation.of(problems)
    with proofs.stored(approval, at=at) as proof:
        request = Cancellation(
            tenant_id=invoice.tenant_id,
            invoice=invoice,
            way=Way.COMMISSIONER,
            reason=texts.clean(reason),
            window_ends_at=window.ends_at,
            asked_at=at,
            asked_by=actor.name,
            approval_reference=texts.clean(reference),
            approval_path=proof.path,
            approval_sha256=proof.sha256,
            approval_type=proof.media_type,
        )
        return _begin(request, actor=actor, at=at)


def _begin(request: Cancellation, *, actor: Actor, at: datetime) -> Cancellation:
    invoice = request.invoice
    lifecycle.transition(invoice, State.CANCEL_REQUESTED, actor=actor, at=at, note=request.reason)
    rows.insert(request)
    audit.record(
        actor,
        AuditAction.CANCEL_ASKED,
        invoice,
        at=at,
        way=str(request.way),
        window_ends_at=request.window_ends_at.isoformat(),
    )
    warn(request, at=at)
    return request


def _window_when_accepted(invoice: Invoice) -> Window:
    window = window_of(invoice) if invoice.state == State.ACCEPTED else None
    if window is None:
        raise StateConflict(_("Only a document that FBR has accepted can be cancelled."))
    return window


# --- settled ----------------------------------------------------------------------------------


@transaction.atomic
def confirm(
    *,
    invoice: Invoice,
    reference: str,
    cancelled_at: datetime | None,
    proof: UploadedFile[Any] | None,
    actor: Actor,
    at: datetime,
) -> Cancellation:
    """IRIS says cancelled: with its reference, its time and a picture of it, and only so.

    Raises: NotAllowed; RuleViolation naming what is missing; StateConflict.
    """
    allow(actor, Permission.CANCEL)
    request = _asked(invoice)
    problems = [
        *_problems_of_text("reference", reference, most=LONGEST_REFERENCE),
        *_problems_of_time(cancelled_at, window_of(invoice), at=at),
        *_problems_of_file(proof),
    ]
    if problems or proof is None:
        raise RuleViolation.of(problems)
    with proofs.stored(proof, at=at) as kept:
        told = {
            "iris_reference": texts.clean(reference),
            "cancelled_at": cancelled_at,
            "proof_path": kept.path,
            "proof_sha256": kept.sha256,
            "proof_type": kept.media_type,
            "confirmed_at": at,
            "confirmed_by": actor.name,
        }
        _settle(request, told)
        lifecycle.transition(invoice, State.CANCELLED, actor=actor, at=at)
    audit.record(
        actor,
        AuditAction.CANCEL_CONFIRMED,
        invoice,
        at=at,
        reference=request.iris_reference,
        proof_sha256=kept.sha256,
    )
    notices.clear(NoticeKind.CANCEL_WINDOW, invoice, at=at)
    return request


@transaction.atomic
def refuse(*, invoice: Invoice, why: str, actor: Actor, at: datetime) -> Cancellation:
    """IRIS or the Commissioner refused, or the seller took it back: it is accepted as before.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict.
    """
    allow(actor, Permission.CANCEL)
    request = _asked(invoice)
    problems = list(_problems_of_text("why", why, most=LONGEST_REASON))
    if problems:
        raise RuleViolation.of(problems)
    words = texts.clean(why)
    _settle(request, {"refused_at": at, "refused_by": actor.name, "refused_why": words})
    lifecycle.transition(invoice, State.ACCEPTED, actor=actor, at=at, note=words)
    audit.record(actor, AuditAction.CANCEL_REFUSED, invoice, at=at, way=str(request.way))
    notices.clear(NoticeKind.CANCEL_WINDOW, invoice, at=at)
    return request


def _asked(invoice: Invoice) -> Cancellation:
    request = open_request(invoice) if invoice.state == State.CANCEL_REQUESTED else None
    if request is None:
        raise StateConflict(_("No cancellation of this document is open. Open it again."))
    return request


def _settle(request: Cancellation, told: Mapping[str, Any]) -> None:
    """The end of a request, once: whoever is slower gets StateConflict."""
    if not rows.update(Cancellation, where={"id": request.pk, **OPEN}, to=told):
        raise StateConflict(_("Somebody else settled this cancellation first. Open it again."))
    for name, value in told.items():
        setattr(request, name, value)


# --- warned -----------------------------------------------------------------------------------


def warn_again(*, request_id: UUID, at: datetime) -> None:
    """For the watch: nothing where it was settled meanwhile."""
    request = Cancellation.objects.select_related("invoice").filter(pk=request_id).first()
    if request is not None:
        warn(request, at=at)


def warn(request: Cancellation, *, at: datetime) -> None:
    """Ring 24, 6 and 1 hours before the window ends, and when it is over, until it is settled."""
    if not request.is_open or request.way == Way.COMMISSIONER:
        return
    window = Window(
        began_at=request.window_ends_at - windows.LENGTH, ends_at=request.window_ends_at
    )
    step = window.warning_due(at) if window.is_open(at) else 0
    if step is None:
        return
    notices.post(
        NoticeKind.CANCEL_WINDOW,
        request.invoice,
        at=at,
        due_at=request.window_ends_at,
        step=str(step),
        number=request.invoice.number,
        hours=str(window.hours_left(at)),
    )


# --- what was typed ---------------------------------------------------------------------------


def refuse_without_reason(reason: str) -> None:
    """Raises: RuleViolation about the field `reason`."""
    problems = _problems_of_text("reason", reason, most=LONGEST_REASON)
    if problems:
        raise RuleViolation.of(problems)


def _problems_of_text(field: str, text: str, *, most: int) -> list[Problem]:
    words = texts.clean(text)
    if not words:
        message, fix = _MISSING[field]
        return [Problem(code="required", field=field, message=str(message), fix=str(fix))]
    if len(words) > most:
        return [
            Problem(
                code="too_long",
                field=field,
                message=_("This has more than %(most)d characters.") % {"most": most},
                fix=_("Say it in fewer words."),
            )
        ]
    return []


def _problems_of_time(
    cancelled_at: datetime | None, window: Window | None, *, at: datetime
) -> list[Problem]:
    wrong = ""
    if cancelled_at is None:
        wrong = _("The time of the cancellation is missing, or cannot be read.")
    elif cancelled_at > at + _CLOCKS_DIFFER:
        wrong = _("This time has not come yet.")
    elif window is not None and cancelled_at < window.began_at.replace(second=0, microsecond=0):
        wrong = _("At this time FBR did not have the document yet.")
    fix = _("Type the date and time that IRIS shows for the cancellation, Pakistan time.")
    return [Problem(code="time", field="cancelled_at", message=wrong, fix=fix)] if wrong else []


def _problems_of_file(upload: UploadedFile[Any] | None) -> list[Problem]:
    if upload is not None and upload.size:
        return []
    return [
        Problem(
            code="required",
            field="proof",
            message=_("There is no proof yet."),
            fix=_("Add a screenshot of IRIS, a scan or the letter: PNG, JPEG or PDF, up to 5 MB."),
        )
    ]


def _window_is_over() -> Problem:
    return Problem(
        code="window_over",
        field="",
        message=_("The 72 hours in which the seller may cancel alone are over."),
        fix=_("Ask the Commissioner for approval; the letter is prepared for you."),
    )
