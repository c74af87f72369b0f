"""The mailbox: each mail once, by its Message-ID; what answers by itself is left alone.

What names a right becomes a request, and so does whatever was written to the address for it alone;
the rest is a question to our support, or goes on with the one that it answers.
Only the words are read. What is attached is dropped unread: we ask nobody for documents. The mail
itself is deleted where it lay once its words are kept (`letterbox`).
"""

from __future__ import annotations

import hashlib
import logging
import re
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _

from accounts.access import Actor
from accounts.models import Heartbeat
from accounts.services import housekeeping
from privacy.models import (
    DeskTask,
    RequestChannel,
    RequestType,
    SubjectRequest,
    Ticket,
    TicketChannel,
    TicketMessage,
)
from privacy.services import desk, letterbox, requests, tickets
from privacy.services.letterbox import Letter
from privacy.services.request_words import Said
from privacy.services.ticket_words import Asked
from smartinvoicing import arming
from smartinvoicing.errors import RuleViolation

logger = logging.getLogger(__name__)

NAME: Final = "mailbox"  # of its heartbeat
SILENT: Final = timedelta(hours=1)
SILENT_TASK: Final = "mailbox_silent"
TORN_TASK: Final = "mail_unread"
NAMED: Final = 50  # mails that an answer names
LONGEST: Final = 5_000  # characters that are kept
SUBJECT: Final = 200
PERSON: Final = Actor(name="person:mail", permissions=frozenset())
_OURS: Final = re.compile(r"^<?(mail|notice)-.*@smartinvoicing>?$")
# The words by which people name their right, in the order in which they are looked for.
_WORDS: Final = (
    (RequestType.ERASURE, ("eras", "delet", "remove my", "حذف", "مٹا")),
    (RequestType.RECTIFICATION, ("correct", "rectif", "wrong", "درست")),
    (RequestType.PORTABILITY, ("portab", "transfer my data")),
    (RequestType.RESTRICTION, ("restrict", "set aside")),
    (RequestType.WITHDRAWAL, ("withdraw", "unsubscribe", "واپس")),
    (RequestType.OBJECTION, ("object", "اعتراض")),
    (RequestType.COMPLAINT, ("complain", "شکایت")),
    (RequestType.WHY, ("why do you", "کیوں")),
    (RequestType.ACCESS, ("you hold", "my data", "personal data", "about me", "ڈیٹا", "معلومات")),
)
# Whoever writes to our support of something wrong mostly means an invoice: of data that is theirs
# they say so.
_OF_THEMSELVES: Final = re.compile(
    r"\b(my (data|name|account|address|e-?mail|phone|cnic|information|details)|personal|about me"
    r"|privacy|consent|unsubscribe)\b|ڈیٹا|معلومات|میرا نام",
    re.IGNORECASE,
)
_ADDRESSED: Final = ("To", "Cc", "Delivered-To", "X-Original-To")


def read(*, at: datetime) -> int:
    """Take in what lies in the mailbox; how many it kept. A copy of us reads nothing.

    What is kept is deleted there after its commit: lost in between, it is known by its key.
    Raises: OperationalError, InterfaceError while the database is away: all stays as it lies.
    """
    if not arming.is_armed() or not letterbox.is_set_up():
        return 0
    made, torn = 0, set[str]()
    try:
        for letter in letterbox.letters(at=at):
            made += _deal_with(letter, torn, at=at)
    except letterbox.AWAY as error:
        _say_silent(error, at=at)
    else:
        _note_read(torn, at=at)
    return made


def is_fresh(*, at: datetime) -> bool:
    """Whether it was read to its end within the last hour."""
    return Heartbeat.objects.filter(name=NAME, at__gte=at - SILENT).exists()


def _say_silent(error: Exception, *, at: datetime) -> None:
    logger.warning("mailbox.away", extra={"failure": type(error).__name__})
    if not is_fresh(at=at):
        title = _("Our mailbox has not been read to its end for an hour: see the runbook")
        desk.open_task(SILENT_TASK, NAME, title=title, at=at, failure=type(error).__name__)


def _note_read(torn: set[str], *, at: datetime) -> None:
    """It was read to its end; a mail that is not there any more is nobody's task."""
    housekeeping.beat(NAME, at=at)
    desk.done(SILENT_TASK, NAME, at=at)
    waiting = DeskTask.objects.filter(kind=TORN_TASK, done_at=None)
    for key in waiting.values_list("key", flat=True):
        if key not in torn:
            desk.done(TORN_TASK, key, at=at)


def _deal_with(letter: Letter, torn: set[str], *, at: datetime) -> bool:
    """Whether it was kept. Deleted is only what the database has, or was set aside long ago."""
    key = _hashed(letter.raw)
    if letter.is_starred and _is_somebodys(key):
        torn.add(key)
        return False
    try:
        taken = take_in(letter.raw, at=at)
        is_kept = taken is not None or _is_kept(letter.raw)
    except (InterfaceError, OperationalError):
        raise
    except Exception as error:
        torn.add(key)
        _leave_to_somebody(key, error, at=at)
        letter.star()
        return False
    if is_kept or letter.is_old:
        letter.discard()
    else:
        letter.set_aside()
    return taken is not None


def _is_somebodys(key: str) -> bool:
    return DeskTask.objects.filter(kind=TORN_TASK, key=key, done_at=None).exists()


def _is_kept(raw: bytes) -> bool:
    letter = message_from_bytes(raw, policy=policy.default)
    return isinstance(letter, EmailMessage) and _is_known(_key_of(letter, raw))


def _leave_to_somebody(key: str, error: Exception, *, at: datetime) -> None:
    """It may be somebody's request all the same, and it keeps none of the others back."""
    logger.error("mailbox.unreadable", extra={"mail": key, "failure": type(error).__name__})
    title = _("A mail in our mailbox could not be read: read it there, then delete it there")
    desk.open_task(TORN_TASK, key, title=title, at=at)


def take_in(raw: bytes, *, at: datetime) -> SubjectRequest | Ticket | None:
    """One mail: a request, a question; None for what is known, or answers by itself."""
    letter = message_from_bytes(raw, policy=policy.default)
    sender = parseaddr(str(letter.get("From", "")))[1].strip().lower()
    if not isinstance(letter, EmailMessage) or _is_automatic(letter, sender):
        return None
    key = _key_of(letter, raw)
    if _is_known(key):
        return None
    try:
        with transaction.atomic():
            return _taken(letter, sender, key, at)
    except IntegrityError:
        if not _is_known(key):
            raise
        return None  # another reader of the same mailbox was first


def _is_known(key: str) -> bool:
    return (
        SubjectRequest.objects.filter(mail_key=key).exists()
        or TicketMessage.objects.filter(mail_key=key).exists()
    )


def _taken(
    letter: EmailMessage, sender: str, key: str, at: datetime
) -> SubjectRequest | Ticket | None:
    subject, text = str(letter.get("Subject", "")), _text_of(letter)
    going_on = _goes_on(letter, sender, at)
    if going_on is not None:
        return _heard(going_on, text, key, at)
    language = "ur" if re.search("[\u0600-\u06ff]", text) else "en"
    whole = f"{subject} {text}"
    if _is_question(letter, whole):
        name = parseaddr(str(letter.get("From", "")))[0]
        return tickets.receive(
            channel=TicketChannel.MAIL,
            asked=Asked(subject=subject[:SUBJECT], address=sender, name=name[:SUBJECT]),
            text=text[:LONGEST].strip(),
            by=PERSON,
            at=at,
            language=language,
            mail_key=key,
        )
    return requests.from_stranger(
        type=type_of(whole),
        channel=RequestChannel.MAILBOX,
        said=Said(address=sender, text=f"{subject}\n\n{text}"[:LONGEST].strip()),
        at=at,
        language=language,
        mail_key=key,
    )


def _heard(ticket: Ticket, text: str, key: str, at: datetime) -> Ticket | None:
    """Into the question that it answers; None where that person wrote too much today."""
    try:
        tickets.hear_person(ticket, text=text[:LONGEST].strip(), by=PERSON, at=at, mail_key=key)
    except RuleViolation:
        logger.warning("ticket.too_often", extra={"channel": str(TicketChannel.MAIL)})
        return None
    return ticket


def _goes_on(letter: EmailMessage, sender: str, at: datetime) -> Ticket | None:
    """The question that this mail answers, or that began with a mail which it names."""
    named = f"{letter.get('In-Reply-To', '')} {letter.get('References', '')}"
    keys = [_hashed(each.encode()) for each in re.findall(r"<[^<>\s]{1,250}>", named)[:NAMED]]
    if not keys:
        return None
    return tickets.answered_by_mail(named, mail_keys=keys, address=sender, at=at)


def _is_question(letter: EmailMessage, text: str) -> bool:
    """For our support, and not a person's right: by the address, then by the words.

    With one address for both only the words tell. In doubt it is a right: what was written to the
    address of privacy alone always is.
    """
    ours, support = settings.PRIVACY_EMAIL.lower(), settings.SUPPORT_EMAIL.lower()
    to = {address.lower() for _name, address in getaddresses(_named_in(letter))}
    right = right_named(text)
    if support in {"", ours} or {ours, support} <= to:
        return right is None
    if support not in to:
        return False
    return right is None or not _OF_THEMSELVES.search(text)


def _named_in(letter: EmailMessage) -> list[str]:
    return [str(each) for name in _ADDRESSED for each in letter.get_all(name, [])]


def right_named(text: str) -> RequestType | None:
    """The right that these words are about; None where they name none."""
    low = text.lower()
    return next((kind for kind, words in _WORDS if any(word in low for word in words)), None)


def type_of(text: str) -> RequestType:
    """What they seem to want; whoever names nothing gets to see their data."""
    return right_named(text) or RequestType.ACCESS


def _is_automatic(letter: EmailMessage, sender: str) -> bool:
    """Mail of a machine, or our own come back: an answer would be answered for ever. RFC 3834."""
    automatic = str(letter.get("Auto-Submitted", "no")).strip().lower()
    precedence = str(letter.get("Precedence", "")).strip().lower()
    return (
        not _is_address(sender)
        or sender in {settings.PRIVACY_EMAIL.lower(), settings.SUPPORT_EMAIL.lower()}
        or sender == parseaddr(settings.DEFAULT_FROM_EMAIL)[1].lower()
        or sender.partition("@")[0] in {"mailer-daemon", "postmaster", "no-reply", "noreply"}
        or not automatic.startswith("no")
        or precedence in {"bulk", "junk", "list", "auto_reply"}
        or any(name in letter for name in ("List-Id", "X-Autoreply", "X-Auto-Response-Suppress"))
        or str(letter.get("Return-Path", "")).strip() == "<>"
        or bool(_OURS.match(str(letter.get("Message-ID", "")).strip()))
    )


def _is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True


def _key_of(letter: EmailMessage, raw: bytes) -> str:
    """Of its Message-ID; of the whole mail where it has none."""
    name = str(letter.get("Message-ID", "")).strip()
    return _hashed(name.encode() if name else raw)


def _hashed(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()


def _text_of(letter: EmailMessage) -> str:
    """The plain words, or those of the page without its marks. No attachment is opened."""
    body = letter.get_body(preferencelist=("plain", "html"))
    if body is None:
        return ""
    try:
        text = str(body.get_content())
    except (LookupError, UnicodeError, KeyError):  # a character set that nobody knows
        payload = body.get_payload(decode=True)
        text = payload.decode("latin-1") if isinstance(payload, bytes) else ""
    if body.get_content_type() == "text/html":
        text = re.sub(r"<[^<>]{0,2000}>", " ", text)
    return "".join(sign for sign in text if sign.isprintable() or sign in "\n\t")
