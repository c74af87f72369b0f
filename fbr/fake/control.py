"""The fake's own addresses, for tests: they need no token, meet no fault, enter no ledger.

GET  /_ledger             {"requests": [...], "recorded": [...], "aborted": [...]}
GET  /_ledger?summary=1   the counts only
POST /_script             a list of rules, in place of the script; ?append=1 after it
GET  /_script             the rules that are left
POST /_latency            {"ms": 150}, before every answer
POST /_tokens             [{"token", "seller", "environment"}] for DI; for POS each with
                          "channel": "pos", "pos_id": 817001 and, for a till that may not post to
                          the cloud, "cloud": false. One POS token may be entered for many tills
POST /_register           [{"number", "registered": true or false}], sales tax registration;
                          "active": false as well for one who is registered but suspended
POST /_lists              a list of changes of FBR's lists, or {"restore": true}: the words are in
                          fbr.fake.list_changes
POST /_manners            {"pos_number": "letters", ...}: the words are in fbr.fake.manners
GET  /_manners            the manners now
POST /_reset              empties the ledger and the script; all the rest stays
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from fbr.fake import answers
from fbr.fake.answers import Reply
from fbr.fake.gateway import Gateway
from fbr.fake.list_changes import BadChange, changed
from fbr.fake.manners import BadManner
from fbr.fake.register import BadEntry
from fbr.fake.script import BadScript

PREFIX: Final = "/_"


class BadCall(ValueError):
    """A control call whose body says nothing usable."""


def control(gateway: Gateway, method: str, path: str, body: bytes) -> Reply:
    """Serve one control call; a mistake in it is a 400 that says what would be right."""
    path, _, query = path.partition("?")
    if (method, path) not in _CALLS:
        known = ", ".join(f"{verb} {name}" for verb, name in _CALLS)
        return answers.reply({"error": f"Known calls: {known}."}, status=404)
    try:
        found = _CALLS[method, path](gateway, query, _parsed(body))
    except (BadCall, BadChange, BadEntry, BadManner, BadScript) as error:
        return answers.reply({"error": str(error)}, status=400)
    return answers.reply(found)


def reset(gateway: Gateway) -> None:
    """Begin a new ledger without a script; tokens, register, manners and latency stay."""
    gateway.script.load([])
    gateway.ledger.clear()
    gateway.flights.clear()


def summary(gateway: Gateway) -> dict[str, Any]:
    """The counts of the ledger, and of the requests in hand."""
    return gateway.ledger.summary() | gateway.flights.summary()


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body) if body.strip() else None
    except ValueError as error:
        raise BadCall(f"The body is not JSON: {error}") from error


def _ledger(gateway: Gateway, query: str, _given: object) -> object:
    return summary(gateway) if query == "summary=1" else gateway.ledger.as_json()


def _load_script(gateway: Gateway, query: str, given: object) -> object:
    return {"rules": gateway.script.load(given, append=query == "append=1")}


def _left_of_script(gateway: Gateway, _query: str, _given: object) -> object:
    return gateway.script.left()


def _latency(gateway: Gateway, _query: str, given: object) -> object:
    match given:
        case {"ms": int(latency_ms)} if latency_ms >= 0:
            gateway.latency_s = latency_ms / 1000
            return given
    raise BadCall('Send {"ms": a whole number from 0}.')


def _tokens(gateway: Gateway, _query: str, given: object) -> object:
    return {"tokens": gateway.register.add_tokens(given)}


def _register(gateway: Gateway, _query: str, given: object) -> object:
    return {"taxpayers": gateway.register.add_taxpayers(given)}


def _lists(gateway: Gateway, _query: str, given: object) -> object:
    gateway.lists = changed(gateway.lists, given)
    return {}


def _behave(gateway: Gateway, _query: str, given: object) -> object:
    gateway.behave(gateway.manners.changed(given))
    return gateway.manners.as_json()


def _manners(gateway: Gateway, _query: str, _given: object) -> object:
    return gateway.manners.as_json()


def _reset(gateway: Gateway, _query: str, _given: object) -> object:
    reset(gateway)
    return {}


_CALLS: Final[Mapping[tuple[str, str], Callable[[Gateway, str, object], object]]] = {
    ("GET", "/_ledger"): _ledger,
    ("GET", "/_script"): _left_of_script,
    ("POST", "/_script"): _load_script,
    ("POST", "/_latency"): _latency,
    ("GET", "/_manners"): _manners,
    ("POST", "/_manners"): _behave,
    ("POST", "/_lists"): _lists,
    ("POST", "/_tokens"): _tokens,
    ("POST", "/_register"): _register,
    ("POST", "/_reset"): _reset,
}
