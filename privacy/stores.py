"""What holds personal data outside the database, and how each thing in it comes to its end."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Final

from django.utils.translation import gettext_noop as _

from smartinvoicing.classified import OnErase, Recipient, Retention


@dataclass(frozen=True, kw_only=True)
class Store:
    """One place.

    where:   a setting that names it, or the words for a place that has none.
    holds:   what of a person may stand there.
    days:    after how many days a thing is gone by itself; 0 where something has to delete it.
    eraser:  what deletes it, by its dotted name: a function, or the storage;
             "" where only time does.
    expiry:  what makes `days` true: a setting, or the part of the program or the host.
    """

    name: str
    where: str
    holds: str
    subjects: tuple[str, ...]
    basis: str
    retention: Retention
    on_erase: OnErase
    days: int = 0
    eraser: str = ""
    expiry: str = ""
    recipients: tuple[Recipient, ...] = (Recipient.HOSTING,)

    def as_row(self) -> dict[str, Any]:
        """As JSON keeps it."""
        row = {part.name: getattr(self, part.name) for part in fields(self)}
        return row | {"subjects": list(self.subjects), "recipients": list(self.recipients)}


STORES: Final[tuple[Store, ...]] = (
    Store(
        name=_("Files of documents"),
        where="MEDIA_ROOT",
        holds=_("PDFs of invoices, statements of FBR, proofs of cancellations and incidents"),
        subjects=("buyer", "owner"),
        basis="law",
        retention=Retention.TAX,
        on_erase=OnErase.HOLD,
        eraser="django.core.files.storage.default_storage",
    ),
    Store(
        name=_("Exports of a person's data"),
        where="MEDIA_ROOT",
        holds=_("archives that a person asked for, sealed"),
        subjects=("user", "buyer"),
        basis="law",
        retention=Retention.TMP,
        on_erase=OnErase.DELETE,
        days=7,
        eraser="django.core.files.storage.default_storage",
        expiry="privacy.services.exporting",
    ),
    Store(
        name=_("Cache and queues"),
        where="REDIS_URL",
        holds=_("counters by address, who is editing what, ids of what is to be done"),
        subjects=("user", "visitor"),
        basis="contract",
        retention=Retention.TMP,
        on_erase=OnErase.DELETE,
        days=1,
        expiry="the life that each key is given when it is written",
    ),
    Store(
        name=_("Logs of the program"),
        where="standard output, kept by the host",
        holds=_(
            "ids of people and businesses, addresses of the network; what names a person is"
            " taken out before a line is written"
        ),
        subjects=("user", "visitor"),
        basis="legitimate interest",
        retention=Retention.LOG,
        on_erase=OnErase.DELETE,
        days=90,
        expiry="the rotation of the host's log files",
    ),
    Store(
        name=_("Mail provider"),
        where="EMAIL_HOST",
        holds=_("address, subject and text of what was sent, on its way"),
        subjects=("user", "invitee", "recipient"),
        basis="contract",
        retention=Retention.LOG,
        on_erase=OnErase.DELETE,
        days=30,
        expiry="the agreement with the provider",
        recipients=(Recipient.MAIL,),
    ),
    Store(
        name=_("Mailbox of privacy"),
        where="PRIVACY_IMAP_URL",
        holds=_(
            "mails to us, with what is attached, until their words are taken in; for thirty days"
            " what answers by itself; what no program could read, until somebody of ours has"
        ),
        subjects=("requester", "user"),
        basis="law",
        retention=Retention.TMP,
        on_erase=OnErase.DELETE,
        days=30,
        eraser="privacy.services.mailbox.read",
        expiry="privacy.services.letterbox",
        recipients=(Recipient.HOSTING, Recipient.MAIL),
    ),
    Store(
        name=_("Backups"),
        where="BACKUP_DIR",
        holds=_("all of the database and of the files, sealed"),
        subjects=("user", "owner", "buyer", "invitee", "visitor", "requester", "staff"),
        basis="legitimate interest",
        retention=Retention.TMP,
        on_erase=OnErase.DELETE,
        days=35,
        expiry="BACKUP_KEPT_DAYS",
    ),
    Store(
        name=_("Answers of FBR that the database could not take"),
        where="SPOOL_DIR",
        holds=_("what FBR said to one document, sealed, until the database is back"),
        subjects=("buyer", "owner"),
        basis="law",
        retention=Retention.TMP,
        on_erase=OnErase.DELETE,
        eraser="fbr.services.spool.forget",
    ),
    Store(
        name=_("Anchors of the audit trails"),
        where="AUDIT_ANCHOR_DIR",
        holds=_("ids of businesses and digests; no word about a person"),
        subjects=("none",),
        basis="law",
        retention=Retention.TAX,
        on_erase=OnErase.KEEP,
    ),
    Store(
        name=_("The browser of whoever uses it"),
        where="cookies",
        holds=_("the session, the mark against forged forms, what was chosen"),
        subjects=("user", "visitor"),
        basis="contract",
        retention=Retention.TMP,
        on_erase=OnErase.DELETE,
        days=183,
        expiry="the life of each cookie",
        recipients=(),
    ),
)
