"""The mailbox: each mail once, by its Message-ID; what answers by itself is left alone.

What names a right becomes a request, and so does whatever was written to the address for it alone;
the rest is a question to our support, or goes on with the one that it answers.
Only the words are read. What is attached is dropped unread: we ask nobody for documents.
"""

from __future__ import annotations

import hashlib
import imaplib
import logging
import mailbox
import re
import ssl
from collections.abc import Callable, Iterator
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils.translation import gettext as _

from accounts.access import Actor
from privacy.models import (
    RequestChannel,
    RequestType,
    SubjectRequest,
    Ticket,
    TicketChannel,
    TicketMessage,
)
from privacy.services import desk, requests, tickets
from privacy.services.request_words import Said
from privacy.services.ticket_words import Asked
from smartinvoicing import arming
from smartinvoicing.errors import RuleViolation

logger = logging.getLogger(__name__)

MOST: Final = 50  # of one run
LONGEST: Final = 5_000  # characters that are kept
SUBJECT: Final = 200
LARGEST: Final = 2_000_000  # bytes that are read
PERSON: Final = Actor(name="person:mail", permissions=frozenset())
_TIMEOUT_S: Final = 20
_OURS: Final = re.compile(r"^<?(mail|notice)-.*@smartinvoicing>?$")
_PORT: Final = 993
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

    Raises: OperationalError, InterfaceError while the database is away: what is unread stays so.
    """
    if not arming.is_armed():
        return 0
    made = 0
    for raw, done in _letters():
        try:
            made += take_in(raw, at=at) is not None
        except (InterfaceError, OperationalError):
            raise
        except Exception as error:
            _leave_to_somebody(raw, error, at=at)
        done()
    return made


def _leave_to_somebody(raw: bytes, error: Exception, *, at: datetime) -> None:
    """It may be somebody's request all the same, and it keeps none of the others back."""
    key = _hashed(raw)
    logger.error("mailbox.unreadable", extra={"mail": key, "failure": type(error).__name__})
    title = _("A mail in our mailbox could not be read: read it there")
    desk.open_task("mail_unread", key, title=title, at=at)


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
    keys = [_hashed(each.encode()) for each in re.findall(r"<[^<>\s]{1,250}>", named)[:MOST]]
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


# --- where it lies ----------------------------------------------------------------------------


def _letters() -> Iterator[tuple[bytes, Callable[[], object]]]:
    """Each unread mail, and what marks it as read once it is taken in."""
    if settings.PRIVACY_MAILDIR:
        yield from _of_maildir(Path(settings.PRIVACY_MAILDIR))
    elif settings.PRIVACY_IMAP_URL:
        yield from _of_imap(settings.PRIVACY_IMAP_URL)


def _of_maildir(folder: Path) -> Iterator[tuple[bytes, Callable[[], object]]]:
    box = mailbox.Maildir(folder, create=False)
    for key in list(box.keys())[:1000]:
        letter = box.get_message(key)
        if "S" in letter.get_flags():
            continue
        with box.get_file(key) as file:
            raw = file.read(LARGEST)

        def seen(key: str = key, letter: mailbox.MaildirMessage = letter) -> None:
            letter.set_subdir("cur")
            letter.add_flag("S")
            box[key] = letter

        yield raw, seen


def _of_imap(address: str) -> Iterator[tuple[bytes, Callable[[], object]]]:
    """Over TLS only. What cannot be reached is tried again at the next run."""
    parts = urlsplit(address)
    try:
        with imaplib.IMAP4_SSL(
            parts.hostname or "",
            parts.port or _PORT,
            ssl_context=ssl.create_default_context(),
            timeout=_TIMEOUT_S,
        ) as line:
            line.login(unquote(parts.username or ""), unquote(parts.password or ""))
            line.select(unquote(parts.path.strip("/")) or "INBOX")
            _status, found = line.search(None, "UNSEEN")
            for number in found[0].split()[:MOST]:
                _status, parts_of = line.fetch(number, f"(BODY.PEEK[]<0.{LARGEST}>)")
                raw = next((part[1] for part in parts_of if isinstance(part, tuple)), b"")
                yield raw, partial(line.store, number, "+FLAGS", "\\Seen")
    except (OSError, imaplib.IMAP4.error) as error:
        logger.warning("mailbox.away", extra={"failure": type(error).__name__})
