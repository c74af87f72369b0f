"""Mail."""

from __future__ import annotations

import logging
import sys
from collections.abc import Sequence

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends import smtp
from django.core.mail.backends.base import BaseEmailBackend

from smartinvoicing.http import refuse_unless_armed, refuse_unless_known

logger = logging.getLogger(__name__)


class SmtpBackend(smtp.EmailBackend):
    """Over the mail server, unless this installation is a copy: then no line is opened."""

    def open(self) -> bool | None:
        """Raises: NotArmed, HostRefused; the mail stays with whoever keeps it."""
        refuse_unless_armed()
        refuse_unless_known(self.host)
        return super().open()


class LogBackend(BaseEmailBackend):
    """Without a mail server: says that a mail would have gone; development shows it whole."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        for message in email_messages:
            logger.warning("mail.no_server", extra={"subject": message.subject})
            if settings.ENVIRONMENT == "development":
                sys.stderr.write(f"--- mail: {message.subject}\n{message.body}\n---\n")
        return len(email_messages)
