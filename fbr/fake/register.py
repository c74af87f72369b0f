"""FBR's register of taxpayers, and the tokens that it gave out."""

import json
import re
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

SANDBOX: Final = "sandbox"
PRODUCTION: Final = "production"
ENVIRONMENTS: Final = (SANDBOX, PRODUCTION)

_REGISTER: Final = Path(__file__).parent / "data" / "register.json"
_NUMBER: Final = re.compile(r"[0-9A-Z]{7}|[0-9]{13}")
_BEARER: Final = re.compile(r"Bearer +([^\s]+)", re.IGNORECASE)


class BadEntry(ValueError):
    """A token or a taxpayer that cannot be entered in the register."""


@dataclass(frozen=True, kw_only=True)
class Holder:
    """To whom a token belongs: one seller in one environment."""

    seller: str
    environment: str


DEVELOPMENT_TOKENS: Final = {
    "demo-sandbox-token-0000-7000007": Holder(seller="7000007", environment=SANDBOX),
    "demo-production-token-0000-7000007": Holder(seller="7000007", environment=PRODUCTION),
}


def is_number(text: str) -> bool:
    """Whether a text has the form of a 7-character NTN or a 13-digit CNIC."""
    return _NUMBER.fullmatch(text) is not None


def bearer_of(header: str | None) -> str | None:
    """The token in an Authorization header; None when it is absent or malformed."""
    found = _BEARER.fullmatch((header or "").strip())
    return found[1] if found else None


class Register:
    """Who holds which token, and who is registered for sales tax.

    A number nobody has entered is whatever the invoice says it is, unless `strict`:
    then it is not registered.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self._lock = threading.Lock()
        self._strict = strict
        self._holders = dict(DEVELOPMENT_TOKENS)
        known = json.loads(_REGISTER.read_text(encoding="utf-8"))
        self._registered = dict.fromkeys(known["registered"], True)
        self._registered.update(dict.fromkeys(known["unregistered"], False))
        self._registered.update({holder.seller: True for holder in self._holders.values()})

    def holder(self, token: str) -> Holder | None:
        """To whom the token belongs; None when FBR never gave it out."""
        with self._lock:
            return self._holders.get(token)

    def is_registered(self, number: str) -> bool | None:
        """Whether a number is registered for sales tax; None when the register is silent."""
        with self._lock:
            return self._registered.get(number, False if self._strict else None)

    def add_tokens(self, entries: object) -> int:
        """Enter a list of {"token", "seller", "environment"}: all of them or none.

        Raises: BadEntry, saying which one is wrong.
        """
        holders = dict(_token_entry(entry) for entry in _listed(entries))
        with self._lock:
            self._holders.update(holders)
            self._registered.update({holder.seller: True for holder in holders.values()})
        return len(holders)

    def add_taxpayers(self, entries: object) -> int:
        """Enter a list of {"number", "registered"}: all of them or none.

        Raises: BadEntry, saying which one is wrong.
        """
        known = dict(_taxpayer_entry(entry) for entry in _listed(entries))
        with self._lock:
            self._registered.update(known)
        return len(known)


def _listed(entries: object) -> Iterable[dict[str, object]]:
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise BadEntry("Send a JSON list of objects.")
    return entries


def _token_entry(entry: dict[str, object]) -> tuple[str, Holder]:
    match entry:
        case {"token": str(token), "seller": str(seller), "environment": str(environment)}:
            pass
        case _:
            raise BadEntry(f'{entry}: an entry is {{"token", "seller", "environment"}}, all texts.')
    if bearer_of(f"Bearer {token}") != token:
        raise BadEntry(f"{entry}: a token is one word.")
    if not is_number(seller):
        raise BadEntry(f"{entry}: a seller is a 7-character NTN or a 13-digit CNIC.")
    if environment not in ENVIRONMENTS:
        raise BadEntry(f"{entry}: an environment is one of {', '.join(ENVIRONMENTS)}.")
    return token, Holder(seller=seller, environment=environment)


def _taxpayer_entry(entry: dict[str, object]) -> tuple[str, bool]:
    match entry:
        case {"number": str(number), "registered": bool(registered)} if is_number(number):
            return number, registered
    raise BadEntry(f'{entry}: an entry is {{"number": NTN or CNIC, "registered": true or false}}.')
