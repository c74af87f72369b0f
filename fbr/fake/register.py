"""FBR's register of taxpayers, and the tokens that it gave out."""

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

SANDBOX: Final = "sandbox"
PRODUCTION: Final = "production"
ENVIRONMENTS: Final = (SANDBOX, PRODUCTION)
DI: Final = "di"
POS: Final = "pos"

_REGISTER: Final = Path(__file__).parent / "data" / "register.json"
_NUMBER: Final = re.compile(r"[0-9A-Z]{7}|[0-9]{13}")
_BEARER: Final = re.compile(r"Bearer +([^\s]+)", re.IGNORECASE)
_POS_IDS: Final = range(100_000, 1_000_000)
_DEMO: Final = "7000007"


class BadEntry(ValueError):
    """A token or a taxpayer that cannot be entered in the register."""


@dataclass(frozen=True, kw_only=True)
class Till:
    """A POSID: whose it is, and whether it may post to the cloud or only from its shop."""

    seller: str
    cloud: bool = True


@dataclass(frozen=True, kw_only=True)
class Holder:
    """To whom a token belongs: one seller in one environment.

    A token of the POS service opens it for its tills only. FBR's sandbox token is one for all:
    when its tills are of several sellers, `seller` is blank.
    """

    seller: str
    environment: str
    tills: Mapping[int, Till] = field(default_factory=dict)

    @property
    def is_pos(self) -> bool:
        return bool(self.tills)

    def with_tills_of(self, other: "Holder | None") -> "Holder":
        """This holder, and the tills that the same token had before."""
        if not self.is_pos or other is None or not other.is_pos:
            return self
        if other.environment != self.environment:
            return self
        tills = {**other.tills, **self.tills}
        sellers = {till.seller for till in tills.values()}
        return replace(self, tills=tills, seller=self.seller if len(sellers) == 1 else "")


def _till_token(pos_id: int, environment: str) -> Holder:
    return Holder(seller=_DEMO, environment=environment, tills={pos_id: Till(seller=_DEMO)})


DEVELOPMENT_TOKENS: Final = {
    "demo-sandbox-token-0000-7000007": Holder(seller=_DEMO, environment=SANDBOX),
    "demo-production-token-0000-7000007": Holder(seller=_DEMO, environment=PRODUCTION),
    "demo-pos-sandbox-token-0000-817001": _till_token(817001, SANDBOX),
    "demo-pos-production-token-0000-917001": _till_token(917001, PRODUCTION),
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
        self.strict = strict
        self._holders = dict(DEVELOPMENT_TOKENS)
        known = json.loads(_REGISTER.read_text(encoding="utf-8"))
        self._registered = dict.fromkeys(known["registered"], True)
        self._registered.update(dict.fromkeys(known["unregistered"], False))
        self._registered.update({holder.seller: True for holder in self._holders.values()})
        self._inactive: set[str] = set()

    def holder(self, token: str) -> Holder | None:
        """To whom the token belongs; None when FBR never gave it out."""
        with self._lock:
            return self._holders.get(token)

    def is_registered(self, number: str) -> bool | None:
        """Whether a number is registered for sales tax; None when the register is silent."""
        with self._lock:
            return self._registered.get(number, False if self.strict else None)

    def is_active(self, number: str) -> bool:
        """Whether a number stands on the list of active taxpayers: registered, not suspended."""
        with self._lock:
            return self._registered.get(number, False) and number not in self._inactive

    def add_tokens(self, entries: object) -> int:
        """Enter a list of {"token", "seller", "environment"}: all of them or none.

        One of the POS service has also {"channel": "pos", "pos_id"} and may have {"cloud": false}.
        Raises: BadEntry, saying which one is wrong.
        """
        holders = [_token_entry(entry) for entry in _listed(entries)]
        with self._lock:
            for token, holder in holders:
                self._holders[token] = holder.with_tills_of(self._holders.get(token))
                self._registered[holder.seller] = True
        return len(holders)

    def add_taxpayers(self, entries: object) -> int:
        """Enter a list of {"number", "registered"}, each perhaps with "active": all or none.

        Raises: BadEntry, saying which one is wrong.
        """
        known = [_taxpayer_entry(entry) for entry in _listed(entries)]
        with self._lock:
            for number, is_registered, is_active in known:
                self._registered[number] = is_registered
                self._inactive.discard(number)
                if not is_active:
                    self._inactive.add(number)
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
    tills = _tills(entry, seller)
    return token, Holder(seller=seller, environment=environment, tills=tills)


def _tills(entry: dict[str, object], seller: str) -> dict[int, Till]:
    channel, pos_id = entry.get("channel", DI), entry.get("pos_id")
    if channel == DI and pos_id is None:
        return {}
    if channel != POS or type(pos_id) is not int or pos_id not in _POS_IDS:
        raise BadEntry(f'{entry}: of the POS service are "channel": "pos" and "pos_id", 6 digits.')
    cloud = entry.get("cloud", True)
    if not isinstance(cloud, bool):
        raise BadEntry(f"{entry}: cloud is true or false.")
    return {pos_id: Till(seller=seller, cloud=cloud)}


def _taxpayer_entry(entry: dict[str, object]) -> tuple[str, bool, bool]:
    match entry:
        case {"number": str(number), "registered": bool(registered)} if is_number(number):
            active = entry.get("active", registered)
            if isinstance(active, bool):
                return number, registered, active
    raise BadEntry(
        f'{entry}: an entry is {{"number": NTN or CNIC, "registered": true or false}}, '
        'and perhaps {"active": true or false}.'
    )
