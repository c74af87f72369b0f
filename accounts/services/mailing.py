"""Mail that leaves once: a row in the transaction of its cause, then a task that carries it.

The row is the outbox. A claim for five minutes, then the mail, then the note that it went; what a
crash left between the two is mailed again under the same message id.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import datetime, timedelta
from smtplib import (
    SMTPDataError,
    SMTPNotSupportedError,
    SMTPRecipientsRefused,
    SMTPSenderRefused,
)
from typing import Any, Final
from uuid import UUID

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import transaction
from django.template import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils import translation

from accounts import consents
from accounts.enums import Purpose
from accounts.models import MailState, OutgoingMail
from smartinvoicing import arming
from smartinvoicing.celery import tell
from smartinvoicing.checks import MAIL_CLAIM_S

logger = logging.getLogger(__name__)

CLAIM: Final = timedelta(seconds=MAIL_CLAIM_S)
KEPT: Final = timedelta(days=3)  # without a mail server for longer, it is given up
MOST: Final = 50
# What a server says of one mail; all else says that there is no server.
OF_THE_MAIL: Final = (SMTPDataError, SMTPNotSupportedError, SMTPSenderRefused)


class ServerAway(Exception):
    """Nobody takes mail just now."""


def post(
    *,
    key: str,
    to: str,
    template: str,
    context: Mapping[str, Any],
    at: datetime,
    user_id: UUID | None = None,
    tenant_id: UUID | None = None,
    purpose: Purpose | None = None,
    language: str = "en",
    send_after: datetime | None = None,
) -> None:
    """Have one mail sent after the commit; a second call with the same `key` changes nothing.

    template: prefix of `<template>.subject.txt`, `<template>.txt` and, where there is one, `.html`.
    context:  JSON values only; gone from the database as soon as the mail has left. Where it holds
              `reply_to`, answers go to that address.
    purpose:  the consent without which it does not leave, asked again at that moment.
    """
    mail = OutgoingMail(
        key=key,
        to=to,
        user_id=user_id,
        tenant_id=tenant_id,
        purpose=purpose or "",
        template=template,
        language=language,
        context=dict(context),
        made_at=at,
        send_after=send_after or at,
    )
    OutgoingMail.objects.bulk_create([mail], ignore_conflicts=True)
    transaction.on_commit(lambda: tell("accounts.deliver_mail"))


def deliver_due(*, at: datetime) -> int:
    """Carry what is due, oldest first; how many mails left. A copy of the database sends none.

    One that cannot be written or is not taken waits for its next try, and keeps none back.
    """
    if not arming.is_armed():
        return 0
    sent = 0
    while claimed := _claimed(at):
        for mail in claimed:
            try:
                state = _carry(mail)
            except ServerAway:
                _wait(mail, at)
                return sent  # the others would wait for the same server
            if state is None:
                _wait(mail, at)
            else:
                _end(mail, state, at)
            sent += state == MailState.SENT
    return sent


def _claimed(at: datetime) -> list[OutgoingMail]:
    with transaction.atomic():
        due = list(
            OutgoingMail.objects.select_for_update(skip_locked=True)
            .filter(state=MailState.WAITING, send_after__lte=at)
            .order_by("send_after", "id")[:MOST]
        )
        ids = [mail.pk for mail in due]
        OutgoingMail.objects.filter(pk__in=ids).update(send_after=at + CLAIM)
    return due


def _carry(mail: OutgoingMail) -> MailState | None:
    """What became of it; None when it cannot be written, or is not taken as it is.

    Raises: ServerAway when the mail server cannot be spoken to.
    """
    if mail.purpose and not consents.may_mail(
        Purpose(mail.purpose), address=mail.to, user_id=mail.user_id
    ):
        return MailState.DROPPED
    try:
        with get_connection() as line:
            line.send_messages([_letter(mail)])
    except SMTPRecipientsRefused:
        return MailState.REFUSED
    except OF_THE_MAIL as error:
        logger.warning("mail.not_taken", extra={"failure": type(error).__name__})
        return None
    except OSError as error:  # all that smtplib raises else is one of these
        logger.warning("mail.not_sent", extra={"failure": type(error).__name__})
        raise ServerAway from error
    except Exception:  # its words or its address: whatever it is, the others go
        logger.exception("mail.not_written", extra={"mail": str(mail.pk)})
        return None
    return MailState.SENT


def _letter(mail: OutgoingMail) -> EmailMultiAlternatives:
    with translation.override(mail.language):
        subject = render_to_string(f"{mail.template}.subject.txt", mail.context)
        letter = EmailMultiAlternatives(
            subject=" ".join(subject.split()),
            body=render_to_string(f"{mail.template}.txt", mail.context),
            to=[mail.to],
            reply_to=[mail.context["reply_to"]] if mail.context.get("reply_to") else None,
            headers={"Message-ID": f"<mail-{mail.pk}@smartinvoicing>", **_way_out(mail)},
        )
        try:
            page = render_to_string(f"{mail.template}.html", mail.context)
        except TemplateDoesNotExist:
            return letter
    letter.attach_alternative(page, "text/html")
    return letter


def _way_out(mail: OutgoingMail) -> dict[str, str]:
    """One click ends it (RFC 8058), for all that rests on consent."""
    address = mail.context.get("unsubscribe_url", "")
    if not address:
        return {}
    return {
        "List-Unsubscribe": f"<{address}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


def _wait(mail: OutgoingMail, at: datetime) -> None:
    tries = mail.tries + 1
    if at - mail.made_at > KEPT:
        _end(mail, MailState.GIVEN_UP, at)
        return
    wait = timedelta(minutes=min(5 * tries, 60))
    OutgoingMail.objects.filter(pk=mail.pk, state=MailState.WAITING).update(
        tries=tries, send_after=at + wait
    )


def _end(mail: OutgoingMail, state: MailState, at: datetime) -> None:
    OutgoingMail.objects.filter(pk=mail.pk, state=MailState.WAITING).update(
        state=state, done_at=at, context={}, tries=mail.tries + 1
    )
