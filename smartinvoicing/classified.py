"""How a model says what is personal in it: `class Privacy` on every model, read by `privacy`.

    class Privacy:
        retention = Retention.ACC
        subject = "user"
        basis = "contract"
        personal = {"email": Category.CONTACT}
        plain = ("id", "date_joined")

Every concrete field stands in `personal` or in `plain`. The rest follows from these words; a model
whose case is another says so, for all its fields or, with a mapping, for some of them:

        subjects = {"seller_name": "owner"}   who else is meant by a field
        purposes = (Use.SECURITY,)
        on_erase = OnErase.TOMBSTONE          what erasing a person does to it
        export = {"problems": True}           whether a person gets it with their data
        recipients = {"email": (Recipient.HOSTING, Recipient.MAIL)}
        mask = {"name": Mask.SHOWN}           how whoever may not see it is shown it
        hat = Hat.CONTROLLER                  whose data it is: ours, or a business's
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final


class Category(StrEnum):
    IDENTITY = "identity"
    CONTACT = "contact"
    GOVERNMENT_ID = "government id"
    FINANCIAL = "financial"
    CREDENTIAL = "credential"
    TECHNICAL = "technical"
    CONTENT = "content"


class Retention(StrEnum):
    """Classes of the retention engine; clocks and lengths are its business."""

    TAX = "TAX"  # seven years after the tax period
    ACC = "ACC"  # while the account lives
    CRED = "CRED"  # destroyed at closure
    SEC = "SEC"  # thirteen months
    LOG = "LOG"
    TMP = "TMP"
    SUP = "SUP"  # two years after the matter was closed
    PRF = "PRF"  # proofs of consent and acceptance: kept, pseudonymised
    REG = "REG"  # registers of accountability: seven years
    STAFF = "STAFF"  # what our staff looked at: three years
    ANALYTICS = "ANALYTICS"  # fourteen months, or until consent is withdrawn
    REFERENCE = "REFERENCE"  # FBR's lists: nobody's data


class OnErase(StrEnum):
    """What becomes of a field when its person is erased or its account closed."""

    DELETE = "delete"
    TOMBSTONE = "tombstone"  # written over; the row stays, for others point at it
    HOLD = "hold"  # law wants it; it goes when its time has passed
    PSEUDONYMISE = "pseudonymise"  # stays as proof, without a way back to the person
    KEEP = "keep"


class Mask(StrEnum):
    """How a value is shown to somebody who may not see it."""

    SHOWN = "shown"
    PART = "part"  # its first or last characters
    HIDDEN = "hidden"
    NEVER = "never"  # to nobody at all


class Recipient(StrEnum):
    """Who gets it besides us."""

    HOSTING = "hosting"
    MAIL = "mail provider"
    FBR = "FBR"
    BUSINESS = "the business"  # the tenant whose data it is


class Hat(StrEnum):
    """Whether we decide why a thing is processed, or a business does."""

    CONTROLLER = "controller"
    PROCESSOR = "processor"


class Use(StrEnum):
    """What we need something for."""

    ACCOUNT = "account"
    INVOICING = "invoicing"
    REPORTING = "reporting"
    TAX_RECORD = "tax record"
    SECURITY = "security"
    OPERATION = "operation"
    MESSAGES = "messages"
    SUPPORT = "support"
    PROOF = "proof"
    ACCOUNTABILITY = "accountability"
    IMPROVEMENT = "improvement"
    REFERENCE = "reference"


SUBJECTS: Final = frozenset(
    {"user", "owner", "buyer", "invitee", "staff", "recipient", "visitor", "requester", "none"}
)
BASES: Final = frozenset(
    {"contract", "law", "consent", "legitimate interest", "tenant's instruction", "none"}
)
_USES: Final[Mapping[Retention, Use]] = {
    Retention.TAX: Use.TAX_RECORD,
    Retention.ACC: Use.ACCOUNT,
    Retention.CRED: Use.REPORTING,
    Retention.SEC: Use.SECURITY,
    Retention.LOG: Use.OPERATION,
    Retention.TMP: Use.ACCOUNT,
    Retention.SUP: Use.SUPPORT,
    Retention.PRF: Use.PROOF,
    Retention.REG: Use.ACCOUNTABILITY,
    Retention.STAFF: Use.ACCOUNTABILITY,
    Retention.ANALYTICS: Use.IMPROVEMENT,
    Retention.REFERENCE: Use.REFERENCE,
}
_ON_ERASE: Final[Mapping[Retention, OnErase]] = {
    Retention.TAX: OnErase.HOLD,
    Retention.PRF: OnErase.PSEUDONYMISE,
    Retention.STAFF: OnErase.PSEUDONYMISE,
    Retention.REG: OnErase.KEEP,
    Retention.REFERENCE: OnErase.KEEP,
}
_MASKS: Final[Mapping[Category | None, Mask]] = {
    None: Mask.SHOWN,
    Category.IDENTITY: Mask.PART,
    Category.CONTACT: Mask.PART,
    Category.GOVERNMENT_ID: Mask.PART,
    Category.CREDENTIAL: Mask.NEVER,
}
# A row of these goes or stays as a whole; of any other only what is personal is touched.
_WHOLE: Final = frozenset({OnErase.DELETE, OnErase.HOLD})
_DOERS: Final = frozenset({"actor", "by"})
_WHO_DOES: Final[Mapping[str, str]] = {
    "buyer": "user",
    "owner": "user",
    "invitee": "user",
    "requester": "staff",
}
_WORDS: Final = ("subjects", "purposes", "on_erase", "export", "recipients", "mask")


class Unclassified(Exception):
    """A field of which nobody has said what it is, or said it in words that we do not have."""


@dataclass(frozen=True, kw_only=True)
class Classified:
    """All that is known of one field. category: None where it says nothing about anybody."""

    category: Category | None
    subject: str
    purposes: tuple[Use, ...]
    basis: str
    retention: Retention
    on_erase: OnErase
    is_exported: bool
    recipients: tuple[Recipient, ...]
    mask: Mask
    hat: Hat


def read(privacy: Any, names: Iterable[str]) -> dict[str, Classified]:
    """What a `class Privacy` says of the fields `names`, which are all that the row has.

    Raises: Unclassified where the two do not fit, or a word is not one of ours.
    """
    fields = list(names)
    _refuse_gaps(privacy, fields)
    return {name: _of(privacy, name) for name in fields}


def _refuse_gaps(privacy: Any, fields: list[str]) -> None:
    if privacy is None:
        raise Unclassified("no class Privacy")
    said = [*privacy.personal, *privacy.plain]
    if sorted(said) != sorted(fields):
        raise Unclassified(", ".join(sorted(set(said) ^ set(fields))) or "said twice")
    for word in _WORDS:
        own = getattr(privacy, word, None)
        if isinstance(own, Mapping) and not own.keys() <= set(fields):
            raise Unclassified(f"{word}: {', '.join(sorted(own.keys() - set(fields)))}")
    subjects = {privacy.subject, *(getattr(privacy, "subjects", None) or {}).values()}
    if not subjects <= SUBJECTS or privacy.basis not in BASES:
        raise Unclassified(f"{', '.join(sorted(subjects))}; {privacy.basis}")


def _of(privacy: Any, name: str) -> Classified:
    category: Category | None = privacy.personal.get(name)
    subject = "none" if category is None else _subject(privacy, name)
    return Classified(
        category=category,
        subject=subject,
        purposes=_said(privacy, "purposes", name) or (_use(privacy),),
        basis=privacy.basis,
        retention=Retention(privacy.retention),
        on_erase=_on_erase(privacy, name, category),
        is_exported=_is_exported(privacy, name, category, subject),
        recipients=_recipients(privacy, name, category),
        mask=_said(privacy, "mask", name) or _MASKS.get(category, Mask.HIDDEN),
        hat=Hat(getattr(privacy, "hat", None) or _hat(privacy)),
    )


def _said(privacy: Any, word: str, name: str) -> Any:
    """The model's own word about a field; None where it leaves it to us."""
    own = getattr(privacy, word, None)
    return own.get(name) if isinstance(own, Mapping) else own


def _subject(privacy: Any, name: str) -> str:
    """Whom a field is about: what says who did something is not about whom it was done to."""
    own: str | None = _said(privacy, "subjects", name)
    if own is None and (name in _DOERS or name.endswith(("_by", "_person"))):
        return _WHO_DOES.get(privacy.subject, privacy.subject)
    return own or str(privacy.subject)


def _use(privacy: Any) -> Use:
    if privacy.retention == Retention.ACC and privacy.subject == "buyer":
        return Use.INVOICING
    return _USES[privacy.retention]


def _on_erase(privacy: Any, name: str, category: Category | None) -> OnErase:
    own = _said(privacy, "on_erase", name)
    of_row = own or _ON_ERASE.get(privacy.retention, OnErase.DELETE)
    if category is None and of_row not in _WHOLE:
        return OnErase.KEEP
    if category is Category.CREDENTIAL and of_row is not OnErase.HOLD:
        return OnErase.DELETE  # a secret is dropped, whatever else is written over
    return OnErase(of_row)


def _is_exported(privacy: Any, name: str, category: Category | None, subject: str) -> bool:
    """A person gets what is theirs; a secret is never handed out, nor what staff did."""
    if category is Category.CREDENTIAL:
        return False
    own = _said(privacy, "export", name)
    if own is not None:
        return bool(own)
    return category is not None and subject not in {"none", "staff"}


def _recipients(privacy: Any, name: str, category: Category | None) -> tuple[Recipient, ...]:
    if category is None:
        return ()
    own: tuple[Recipient, ...] | None = _said(privacy, "recipients", name)
    return own if own is not None else (Recipient.HOSTING,)


def _hat(privacy: Any) -> Hat:
    """A business's customers, and what it writes about them, are the business's affair."""
    return Hat.PROCESSOR if privacy.subject == "buyer" else Hat.CONTROLLER
