"""The vocabulary of the script: what may go wrong with a request.

A script is a JSON list of rules. A request takes the first rule that matches it; a rule is used
up after `count` requests; a request that no rule matches is served as FBR would. Every rule may
have, besides the name of its `fault`:

    count        how many requests it is for (1); null: every one until the script is changed
    path         "post" (the default: record a DI invoice or a POS bill), "di" or "pos" (one of
                 the two; "pos" is the default of the faults whose name begins so), "validate",
                 "reference", "any", or a path that begins with a slash
    seller       only requests whose token belongs to this registration number
    environment  only "sandbox" or only "production"
    chance       the share of the matching requests that it hits, 0 to 1 (1); drawn by the seed
    after_ms     wait so long before the answer, or before what stands in its place (0)

A document that FBR's rules refuse is never recorded, whatever the fault. Those below that record
do so before anything else, so the ledger is complete before the client can notice. A fault of one
service leaves the answers of the other as they are.

Served as usual, and recorded:

    ok             nothing happens; lets so many requests through
    slow           after_ms (5000)
    latency_ramp   from_ms (0) to to_ms (3000), step_ms (100) longer each time
    drip           the answer in pieces: piece_bytes (16), every_ms (50)
    big_body       an answer of `bytes` (2 GiB) that does not end; streamed
    numeric_status accepted, with status codes and line numbers (POS: the code) as JSON numbers;
                   form: "int" or "float"
    pos_text_code  accepted, with the code as a text
    pos_bare_integer  accepted, with a number of 20 digits as a bare JSON integer

Recorded, and the answer lost:

    accept_then_silence  no answer; the line stays open until the client closes it or for_ms
                         (600000) have passed
    accept_then_reset    TCP reset instead of an answer
    accept_then_close    the line is closed instead of an answer

Not recorded, and no answer:

    silence        like accept_then_silence
    reset_before   TCP reset; at: "body" (all of it read), "headers" (body unread) or "accept"
                   (nothing read)
    tls_abort      the line is closed as soon as it is open: all that plain HTTP can show of a
                   broken TLS handshake

At accept nothing is known of the request, so `tls_abort` and `reset_before` at accept wait until
they are the first rule left, and have no path, seller or environment.

An answer that misleads; recorded unless `recorded` is false:

    html_200, empty_200, not_an_object
    half_json            the first half of the answer; transfer: true breaks the HTTP message too
    blank_number, null_number
    repeated_number      the number of the recording before this one (the ledger has its own)
    missing_lines        the last line is left out of invoiceStatuses (DI only)
    number_and_refusal   a number, and line `line` (1; 0: the header) refused with `code` (0104);
                         POS: a number under code 102
    pos_not_available    code 100, and "Not Available" for a number
    pos_echoed_usin      code 100, and the bill's own USIN for a number
    pos_errors           `Errors` in another shape: "text", "list" (the default), "values"
                         ({"$values": []}), "null" or "missing"; on an accepted bill empty,
                         unless filled: true

An error; recorded only if `recorded` is true:

    500, 502, 503, 504   an HTML page
    gateway_fault        `code`: one of 900800, 900802, 900803, 900804, 900901, 900902, 900908,
                         303001, 101503, 101504, 101505; `status`: another HTTP status than its
                         usual one; xml: true
    pos_refusal          refused with the POS code `code` (102; known: 101, 102, 104, 112, 400,
                         401, 402, and any other); shape: that of `Errors`

An error, never recorded:

    invalid              refused with `code` (0052) at `line` (0: the header); outer: "00" or
                         "01"; statuses (of a header): "null", "missing" or "empty";
                         POS: refused with code 102
    400, 413, 415        a status report
    401, 403             fault 900901, fault 900908
    404, 405             a status report
    429                  fault 900802; retry_after ("5"; "" leaves the header out)
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

ACCEPT: Final = "accept"
HEADERS: Final = "headers"
POS_BARE_INTEGER: Final = "pos_bare_integer"

Params = Mapping[str, Any]

EVERY: Final[Params] = {"after_ms": 0}
_FOR_LONG: Final[Params] = {"for_ms": 600_000}
_MAY: Final[Params] = {"recorded": True}
_MAY_NOT: Final[Params] = {"recorded": False}
_FIXED: Final[Params] = {}

# Fault -> (does FBR record?, parameters with their defaults, which also give their types).
VOCABULARY: Final[Mapping[str, tuple[bool, Params]]] = {
    "ok": (True, _FIXED),
    "slow": (True, {"after_ms": 5000}),
    "latency_ramp": (True, {"from_ms": 0, "step_ms": 100, "to_ms": 3000}),
    "drip": (True, {"piece_bytes": 16, "every_ms": 50}),
    "big_body": (True, {"bytes": 2 * 1024**3}),
    "numeric_status": (True, {"form": "int"}),
    "accept_then_silence": (True, _FOR_LONG),
    "accept_then_reset": (True, _FIXED),
    "accept_then_close": (True, _FIXED),
    "silence": (False, _FOR_LONG),
    "reset_before": (False, {"at": "body"}),
    "tls_abort": (False, _FIXED),
    "html_200": (True, _MAY),
    "empty_200": (True, _MAY),
    "not_an_object": (True, _MAY),
    "half_json": (True, {**_MAY, "transfer": False}),
    "blank_number": (True, _MAY),
    "null_number": (True, _MAY),
    "repeated_number": (True, _MAY),
    "missing_lines": (True, _MAY),
    "number_and_refusal": (True, {**_MAY, "code": "0104", "line": 1}),
    "pos_text_code": (True, _FIXED),
    POS_BARE_INTEGER: (True, _FIXED),
    "pos_not_available": (True, _MAY),
    "pos_echoed_usin": (True, _MAY),
    "pos_errors": (True, {**_MAY, "shape": "list", "filled": False}),
    "pos_refusal": (False, {**_MAY_NOT, "code": 102, "shape": "text"}),
    "500": (False, _MAY_NOT),
    "502": (False, _MAY_NOT),
    "503": (False, _MAY_NOT),
    "504": (False, _MAY_NOT),
    "gateway_fault": (False, {**_MAY_NOT, "code": 0, "status": 0, "xml": False}),
    "invalid": (False, {"code": "0052", "line": 0, "outer": "00", "statuses": "null"}),
    "400": (False, _FIXED),
    "401": (False, _FIXED),
    "403": (False, _FIXED),
    "404": (False, _FIXED),
    "405": (False, _FIXED),
    "413": (False, _FIXED),
    "415": (False, _FIXED),
    "429": (False, {"retry_after": "5"}),
}


@dataclass(frozen=True, kw_only=True)
class Play:
    """One use of a rule: the fault, its parameters, and the how-many-eth use it is."""

    fault: str
    params: Params
    turn: int = 0

    @property
    def records(self) -> bool:
        """Whether FBR records an invoice that its rules accept."""
        return bool(self.params.get("recorded", VOCABULARY[self.fault][0]))

    @property
    def is_at_accept(self) -> bool:
        return self.fault == "tls_abort" or self.params.get("at") == ACCEPT

    @property
    def is_before_body(self) -> bool:
        return self.params.get("at") == HEADERS

    @property
    def wait_s(self) -> float:
        """How long to wait before the answer."""
        wait_ms = self.params["after_ms"]
        if self.fault == "latency_ramp":
            first, last = self.params["from_ms"], self.params["to_ms"]
            wait_ms += min(first + self.turn * self.params["step_ms"], last)
        return float(wait_ms) / 1000
