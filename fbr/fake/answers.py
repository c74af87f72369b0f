"""What FBR and its gateway write back, before any fault touches it.

Source: PRAL DI API v1.12, section 4 (sample responses) and section 6 (HTTP status); the fault
envelope and the status reports are those of the WSO2 gateway in front of it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from fbr.fake.refusals import Refusal

JSON: Final = "application/json; charset=utf-8"
HTML: Final = "text/html; charset=utf-8"
XML: Final = "application/xml; charset=utf-8"
LINE_ERRORS: Final = "00"

Document = dict[str, Any]


class Manner(Enum):
    """How a reply goes over the socket."""

    SEND = auto()
    CUT = auto()
    DRIP = auto()
    FLOOD = auto()
    SILENCE = auto()
    RESET = auto()
    CLOSE = auto()


@dataclass(frozen=True, kw_only=True)
class Reply:
    """An answer ready for the socket; without a status nothing is sent at all."""

    status: int | None
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    manner: Manner = Manner.SEND
    # What the manners need: bytes at a time and pause of a drip, length of a flood or of the
    # whole answer where it is cut, longest silence.
    piece: int = 1
    pause_s: float = 0.0
    length: int = 0


@dataclass(frozen=True, kw_only=True)
class GatewayFault:
    """A fault of the gateway: its usual HTTP status and its words."""

    status: int
    message: str
    description: str


_THROTTLED: Final = GatewayFault(
    status=429,
    message="Message throttled out",
    description="You have exceeded your quota. You can access the API again later.",
)
GATEWAY_FAULTS: Final = {
    900901: GatewayFault(
        status=401,
        message="Invalid Credentials",
        description="Make sure that the access token is right and not expired.",
    ),
    900902: GatewayFault(
        status=401,
        message="Missing Credentials",
        description="Send the header Authorization: Bearer ACCESS_TOKEN.",
    ),
    900908: GatewayFault(
        status=403,
        message="Resource forbidden",
        description="The token is not subscribed to this API.",
    ),
    900800: _THROTTLED,
    900802: _THROTTLED,
    900803: _THROTTLED,
    900804: _THROTTLED,
    303001: GatewayFault(
        status=503,
        message="Runtime Error",
        description="Currently, the address endpoint is suspended.",
    ),
    101503: GatewayFault(
        status=503,
        message="Runtime Error",
        description="Error connecting to the back end.",
    ),
    101504: GatewayFault(
        status=504,
        message="Runtime Error",
        description="Send timeout: the back end did not answer in time.",
    ),
    101505: GatewayFault(
        status=500,
        message="Runtime Error",
        description="The back end closed the connection.",
    ),
}
REASONS: Final = {
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    411: "Length Required",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def as_json(value: object) -> bytes:
    """A value as the bytes of a JSON answer."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def reply(value: object, *, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status=status, body=as_json(value))


def report(status: int, detail: str = "") -> Reply:
    """The gateway's own status report, for what never reached the invoicing service."""
    reason = REASONS[status]
    words = {"code": str(status), "type": "Status report", "message": reason}
    return reply(words | {"description": detail or reason}, status=status)


def html(status: int) -> Reply:
    """An error page in HTML, whatever the status."""
    reason = REASONS.get(status, "Maintenance")
    page = f"<html><head><title>{reason}</title></head><body><h1>{reason}</h1></body></html>"
    return Reply(status=status, body=page.encode(), content_type=HTML)


def fault(code: int, *, status: int | None = None, in_xml: bool = False) -> Reply:
    """A fault in the gateway's envelope, as JSON or as old nodes write it."""
    known = GATEWAY_FAULTS[code]
    status = status or known.status
    if in_xml:
        inner = (
            f"<am:code>{code}</am:code><am:message>{known.message}</am:message>"
            f"<am:description>{known.description}</am:description>"
        )
        page = f'<am:fault xmlns:am="http://wso2.org/apimanager">{inner}</am:fault>'
        return Reply(status=status, body=page.encode(), content_type=XML)
    words = {"code": code, "message": known.message, "description": known.description}
    return reply({"fault": words}, status=status)


def accepted(*, number: str, dated: str, lines: int) -> Document:
    """The invoice was recorded."""
    return {"invoiceNumber": number, "dated": dated} | _valid(
        [_passed(line) | {"invoiceNo": f"{number}-{line}"} for line in range(1, lines + 1)]
    )


def valid(*, dated: str, lines: int) -> Document:
    """The invoice would be recorded; a dry run gives no number."""
    statuses = [_passed(line) | {"errorCode": None} for line in range(1, lines + 1)]
    for status in statuses:
        del status["invoiceNo"]
    return {"dated": dated} | _valid(statuses)


def refused(refusal: Refusal, *, dated: str) -> Document:
    """The invoice as a whole was refused."""
    return {
        "dated": dated,
        "validationResponse": {
            "statusCode": "01",
            "status": "Invalid",
            "errorCode": refusal.code,
            "error": refusal.message,
            "invoiceStatuses": None,
        },
    }


def refused_lines(
    lines: Sequence[Refusal | None], *, dated: str, outer: str = LINE_ERRORS
) -> Document:
    """Some lines were refused; the outer code is "00", or "01" as seen live in 2026."""
    return {
        "dated": dated,
        "validationResponse": {
            "statusCode": outer,
            "status": "invalid",
            "error": "",
            "invoiceStatuses": [
                _failed(number, refusal) if refusal else _passed(number)
                for number, refusal in enumerate(lines, start=1)
            ],
        },
    }


def _valid(statuses: list[Document]) -> Document:
    return {
        "validationResponse": {
            "statusCode": "00",
            "status": "Valid",
            "error": "",
            "invoiceStatuses": statuses,
        }
    }


def _passed(line: int) -> Document:
    return {
        "itemSNo": str(line),
        "statusCode": "00",
        "status": "Valid",
        "invoiceNo": None,
        "errorCode": "",
        "error": "",
    }


def _failed(line: int, refusal: Refusal) -> Document:
    return {
        "itemSNo": str(line),
        "statusCode": "01",
        "status": "Invalid",
        "invoiceNo": None,
        "errorCode": refusal.code,
        "error": refusal.message,
    }
