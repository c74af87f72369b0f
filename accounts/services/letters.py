"""The mail of the bell: what rings in a business goes to those who can do something about it.

The notice is the outbox. A claim for five minutes, then the mail, then the note that it went: a
second run finds nothing, and what a crash left between claim and note is mailed again, under the
same message id. After three days without a mail server the bell alone is left.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from smtplib import SMTPException, SMTPRecipientsRefused
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import connection, transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import notice_words, tenancy
from accounts.access import MAY
from accounts.bells import BELLS, MAILED
from accounts.enums import NoticeKind, Role
from accounts.models import Membership, Notice, Tenant
from smartinvoicing import arming

logger = logging.getLogger(__name__)

CLAIM: Final = timedelta(minutes=5)
MOST: Final = 500  # notices of one run
SHOWN: Final = 20  # in one mail; the page has them all


def mail_due(*, at: datetime) -> int:
    """Mail what rang and was not mailed yet, oldest first; how many mails left.

    What rang of one kind in one business goes in one mail. The first mail that cannot leave ends
    the run: the others would wait for the same server.
    """
    if not arming.is_armed():
        return 0
    sent = 0
    for tenant_id, pairs in groupby(_waiting(at), key=lambda pair: pair[0]):
        with tenancy.in_tenant(tenant_id):
            for claimed in _claimed([notice_id for _tenant, notice_id in pairs], at):
                letters = _letters(claimed)
                if not _send(letters):
                    return sent
                with transaction.atomic():
                    ids = [notice.pk for notice in claimed]
                    Notice.objects.filter(pk__in=ids, mailed_at=None).update(mailed_at=at)
                sent += len(letters)
    return sent


def _waiting(at: datetime) -> list[tuple[UUID, UUID]]:
    with (
        tenancy.across_tenants(why="accounts.mail"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SELECT tenant_id, id FROM accounts_notices_to_mail(%s, %s)", [at, MOST])
        return sorted(cursor.fetchall(), key=lambda pair: pair[0])


def _claimed(ids: Sequence[UUID], at: datetime) -> list[list[Notice]]:
    """Those of `ids` that nobody else is mailing, now ours for a while, by kind."""
    with transaction.atomic():
        free = Notice.objects.select_for_update(of=("self",), skip_locked=True).filter(
            pk__in=ids, mailed_at=None, cleared_at=None, mail_after__lte=at
        )
        mine = sorted(free.order_by("id"), key=lambda notice: notice.kind)
        Notice.objects.filter(pk__in=[notice.pk for notice in mine]).update(mail_after=at + CLAIM)
    return [list(group) for _kind, group in groupby(mine, key=lambda notice: notice.kind)]


@transaction.atomic
def _letters(notices: Sequence[Notice]) -> list[EmailMultiAlternatives]:
    """One mail a person: nobody reads there who else was told."""
    kind = NoticeKind(notices[0].kind)
    business = Tenant.objects.get(pk=notices[0].tenant_id).name
    told = [notice_words.said(notice) for notice in notices[:SHOWN]]
    context = {
        "title": kind.label,
        "business": business,
        "advice": BELLS[kind].advice,
        "notices": [{**each, "url": settings.PUBLIC_URL + each["url"]} for each in told],
        "more": len(notices) - len(told),
        "url": settings.PUBLIC_URL + reverse("accounts:notices"),
    }
    subject = _("%(what)s: %(business)s") % {"what": kind.label, "business": business}
    return [_letter(subject, context, notices[0], member) for member in _told(kind)]


def _letter(
    subject: str, context: dict[str, Any], notice: Notice, member: Membership
) -> EmailMultiAlternatives:
    mark = f"{notice.pk}.{notice.step or 0}.{member.pk}"  # the same if it has to go again
    letter = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string("accounts/mail/notice.txt", context),
        to=[member.user.email],
        headers={"Message-ID": f"<notice-{mark}@smartinvoicing>"},
    )
    letter.attach_alternative(render_to_string("accounts/mail/notice.html", context), "text/html")
    return letter


def _told(kind: NoticeKind) -> list[Membership]:
    """Who is mailed: those whose role can do something about this."""
    roles = [role for role in MAILED if BELLS[kind].may in MAY[Role(role)]]
    rows = Membership.objects.filter(role__in=roles, user__is_active=True)
    return list(rows.select_related("user").order_by("since", "id"))


def _send(letters: Sequence[EmailMultiAlternatives]) -> bool:
    """Whether they left, over one line to the server. An address that it refuses is no fault."""
    try:
        with get_connection() as line:
            for letter in letters:
                try:
                    line.send_messages([letter])
                except SMTPRecipientsRefused:
                    logger.warning(
                        "notice.refused", extra={"letter": letter.extra_headers["Message-ID"]}
                    )
    except (OSError, SMTPException) as error:
        logger.warning("notice.not_mailed", extra={"failure": type(error).__name__})
        return False
    return True
