"""What each kind of notice says and asks for, where it leads, and whom it is mailed to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from django.utils.translation import gettext_lazy as _

from accounts.enums import NoticeKind, Permission, Role

TONES: Final = ("danger", "attention", "wait")  # the most urgent first
MAILED: Final = frozenset({Role.OWNER, Role.ADMIN, Role.ACCOUNTANT})
INVOICE: Final = "invoice"
INVOICE_PAGE: Final = "invoices:detail"


@dataclass(frozen=True, kw_only=True)
class Bell:
    """One kind. page: where what is no document has its page; takes_id: that page is its own.

    may: who can do something about it, so who is mailed and gets the button.
    """

    tone: str
    icon: str
    advice: Any
    page: str = INVOICE_PAGE
    takes_id: bool = False
    may: Permission = Permission.VIEW


BELLS: Final[Mapping[str, Bell]] = MappingProxyType(
    {
        NoticeKind.UNCERTAIN: Bell(
            tone="danger",
            icon="question",
            advice=_(
                "Look in IRIS whether it is there and say so on its page. Do not issue it again."
            ),
        ),
        NoticeKind.CLAIM_WAITS: Bell(
            tone="attention",
            icon="people",
            advice=_(
                "Somebody looked in IRIS and it was not there. A second person has to look too."
            ),
            may=Permission.SETTLE,
        ),
        NoticeKind.DUPLICATE_SUSPECT: Bell(
            tone="attention",
            icon="copy",
            advice=_("Another document says the same. Let it go with a reason, or void it."),
        ),
        NoticeKind.DOUBLE_REPORTED: Bell(
            tone="danger",
            icon="copy",
            advice=_("FBR holds it twice. Cancel one of them in IRIS before the window closes."),
            may=Permission.CANCEL,
        ),
        NoticeKind.REJECTED: Bell(
            tone="attention",
            icon="x-circle",
            advice=_("Correct what FBR names and issue it again; it keeps its number."),
        ),
        NoticeKind.CREDENTIAL_HELD: Bell(
            tone="danger",
            icon="key",
            advice=_(
                "Its documents wait. Test the token or store a new one; then they go by themselves."
            ),
            page="fbr:tokens",
            may=Permission.MANAGE_BUSINESS,
        ),
        NoticeKind.TOKEN_ENDS: Bell(
            tone="attention",
            icon="key",
            advice=_("Have a new one made in IRIS and store it before the last day."),
            page="fbr:tokens",
            may=Permission.MANAGE_BUSINESS,
        ),
        NoticeKind.OUTAGE: Bell(
            tone="wait",
            icon="pulse",
            advice=_(
                "Go on issuing: what you issue is printed as provisional and sent by itself later."
            ),
            page="fbr:light",
        ),
        NoticeKind.WAITS_LONG: Bell(
            tone="attention",
            icon="clock",
            advice=_("Nothing holds it back and still it was not sent. We look at it too."),
            page="invoices:list",
        ),
        NoticeKind.DEADLINE_NEAR: Bell(
            tone="danger",
            icon="clock",
            advice=_("FBR's line is back, and law gives 24 hours from then to report."),
            page="fbr:incidents",
        ),
        NoticeKind.DEADLINE_PASSED: Bell(
            tone="danger",
            icon="alert",
            advice=_("It is still sent. Tell FBR of the incident that kept it back."),
            page="fbr:incidents",
        ),
        NoticeKind.INCIDENT_DUE: Bell(
            tone="danger",
            icon="alert",
            advice=_("Send the letter to FBR and note when you did."),
            page="fbr:incident",
            takes_id=True,
        ),
        NoticeKind.CANCEL_WINDOW: Bell(
            tone="attention",
            icon="clock",
            advice=_("Finish it in IRIS and bring the proof here before the window closes."),
            may=Permission.CANCEL,
        ),
        NoticeKind.SIGNATURE_BROKEN: Bell(
            tone="danger",
            icon="shield",
            advice=_("Somebody may have changed it behind our back. Do not send it; tell us."),
        ),
        NoticeKind.CLOSING_LATE: Bell(
            tone="attention",
            icon="calendar",
            advice=_("Settle what is open in that time; then it closes by itself."),
            page="invoices:closings",
        ),
        NoticeKind.QUARANTINED: Bell(
            tone="danger",
            icon="pause",
            advice=_(
                "They may be at FBR already. Bring the list from IRIS; nothing is sent before."
            ),
            page="fbr:restored",
        ),
        NoticeKind.STAFF_LOOKED: Bell(
            tone="attention",
            icon="eye",
            advice=_("See who looked, at what and why. Write to us if it should not have been."),
            page="accounts:staff_access",
        ),
        NoticeKind.RIGHTS_REQUEST: Bell(
            tone="danger",
            icon="person",
            advice=_("You decide, for it is your customer. Answer before the day it is due."),
            page="privacy:business_request",
            takes_id=True,
            may=Permission.MANAGE_BUSINESS,
        ),
        NoticeKind.CLOSURE: Bell(
            tone="danger",
            icon="lock",
            advice=_("Fetch what you want to keep. Until day 30 the account can be opened again."),
            page="privacy:closure",
            may=Permission.MANAGE_BUSINESS,
        ),
        NoticeKind.BREACH: Bell(
            tone="danger",
            icon="shield",
            advice=_("Read what happened, what of yours it touched and what to do now."),
            page="privacy:breach_letter",
            takes_id=True,
            may=Permission.MANAGE_BUSINESS,
        ),
        NoticeKind.POLICY: Bell(
            tone="wait",
            icon="invoice",
            advice=_("Read what changes and from when. You may decline and take your data along."),
            page="privacy:policies",
        ),
    }
)
