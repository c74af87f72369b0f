"""Exports: what we hold about a person, or everything of a business, as one archive.

Asked for, put together by a task, fetched three times at most within seven days, then gone. First
each document gets its printed copy, which stays: a run that was killed has lost nothing of that.
Then the archive is written in one go.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import IO, Any, Final
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import transaction
from django.db.models import F, Q

from accounts import selectors, tenancy
from accounts.enums import Role
from accounts.models import ConsentEvent, User
from invoices.models import Buyer
from invoices.services import printing
from privacy.models import ExportFile, ExportState, SubjectRequest
from privacy.services import (
    export_archive,
    export_documents,
    export_rows,
    export_words,
    request_words,
    requests,
)
from privacy.services.export_archive import Archive
from privacy.services.export_rows import PIECE, Source, Whose
from privacy.subjects import Subject, SubjectKind
from smartinvoicing import clock
from smartinvoicing.celery import tell
from smartinvoicing.crashpoint import crashpoint
from smartinvoicing.errors import NotFound, StateConflict

logger = logging.getLogger(__name__)

DAYS: Final = timedelta(days=7)
DOWNLOADS: Final = 3
LEASE: Final = timedelta(minutes=10)
TRIES: Final = 3  # without getting any further
TASK: Final = "privacy.build_exports"
DOCUMENTS: Final = "documents"

Stop = Callable[[], bool]


# --- asking -----------------------------------------------------------------------------------


def build_export(of: SubjectRequest | User, *, at: datetime) -> ExportFile:
    """Have the archive of this request, or of this user, put together."""
    if isinstance(of, User):
        return ask(Subject(SubjectKind.USER, user_id=of.pk), asked_by=of.pk, at=at)
    return ask(requests.subject_of(of), asked_by=of.user_id, at=at, request=of)


def build_tenant_export(
    tenant_id: UUID, *, at: datetime, asked_by: UUID | None = None, categories: Sequence[str] = ()
) -> ExportFile:
    """Have everything of a business put together, or the parts named (`parts_of_business`)."""
    subject = Subject(SubjectKind.TENANT, tenant_id=tenant_id)
    return ask(subject, asked_by=asked_by, at=at, categories=categories)


@transaction.atomic
def ask(
    subject: Subject,
    *,
    asked_by: UUID | None,
    at: datetime,
    request: SubjectRequest | None = None,
    categories: Sequence[str] = (),
) -> ExportFile:
    """One at a time of each subject: asked again before it is ready, it is the same one."""
    under_way = ExportFile.objects.filter(
        subject_kind=subject.kind,
        user_id=subject.user_id,
        tenant_id=subject.tenant_id,
        buyer_id=subject.buyer_id,
        request=request,
        state__in=[ExportState.WAITING, ExportState.BUILDING],
    ).first()
    if under_way is not None:
        return under_way
    export = ExportFile(
        request=request,
        subject_kind=subject.kind,
        user_id=subject.user_id,
        tenant_id=subject.tenant_id,
        buyer_id=subject.buyer_id,
        asked_by=asked_by,
        categories=list(categories),
        asked_at=at,
    )
    export.save(force_insert=True)
    transaction.on_commit(lambda: tell(TASK))
    return export


def parts_of_business() -> list[str]:
    """Names of the parts that a business may choose from: apps of its tables, and documents."""
    names = {_part(source) for source in export_rows.sources(SubjectKind.TENANT)}
    return [*sorted(names), DOCUMENTS]


def _part(source: Source) -> str:
    return source.model._meta.app_label


# --- building ---------------------------------------------------------------------------------


def claim(*, at: datetime) -> ExportFile | None:
    """The oldest that waits, or that somebody left lying: ours for a while, under a new name."""
    with transaction.atomic():
        free = (
            ExportFile.objects.select_for_update(skip_locked=True, of=("self",))
            .filter(
                Q(state=ExportState.WAITING) | Q(state=ExportState.BUILDING, lease_until__lte=at)
            )
            .order_by("asked_at")
            .first()
        )
        if free is None:
            return None
        before = free.name
        free.tries += 1
        free.state = ExportState.FAILED if free.tries > TRIES else ExportState.BUILDING
        free.lease_until = at + LEASE
        free.name = f"{free.pk.hex}-{secrets.token_hex(4)}.sealed"
        free.save(update_fields=["tries", "state", "lease_until", "name"])
    if before:
        export_archive.remove(before)  # a piece, of whoever began it
    return free


def run(export: ExportFile, *, at: datetime, is_over: Stop = lambda: False) -> None:
    """Put one archive together. Outside a transaction: it may take long, and holds none.

    Where `is_over` before all is printed, it waits again and goes on from there.
    """
    whose = _whose(export)
    if not _print(export, whose, at, is_over):
        ExportFile.objects.filter(
            pk=export.pk, state=ExportState.BUILDING, name=export.name
        ).update(state=ExportState.WAITING, lease_until=None)
        export.refresh_from_db()
        return
    with export_archive.writing(export.name) as archive:
        _fill(archive, export, whose, at)
    ExportFile.objects.filter(pk=export.pk, state=ExportState.BUILDING, name=export.name).update(
        state=ExportState.READY,
        ready_at=at,
        expires_at=at + DAYS,
        size=archive.size,
        sha256=archive.sha256,
        done=F("total"),
    )
    export.refresh_from_db()


def _fill(archive: Archive, export: ExportFile, whose: Whose, at: datetime) -> None:
    for source in _tables(export):
        rows = _beating(export_rows.rows_of(source, whose), export)
        said = export_words.of_table(source)
        archive.add_rows(source.name, rows, piece=PIECE, **said)
        _alive(export, 1)
    for name, words, told in _own_words(whose):
        archive.add_rows(name, _beating(words, export), piece=PIECE, **told)
    if _with_documents(export):
        for some in export_documents.pieces(whose):
            for tenant_id, invoice_id in some:
                export_documents.add(archive, tenant_id, invoice_id, at)
            _alive(export, len(some))
    crashpoint("export.written")
    archive.add("README.txt", export_words.readme("en").encode())
    archive.add("README.ur.txt", export_words.readme("ur").encode())
    archive.add("manifest.json", export_words.manifest(whose.subject, archive.files, at))


def _tables(export: ExportFile) -> list[Source]:
    found = export_rows.sources(SubjectKind(export.subject_kind))
    wanted = export.categories
    return [source for source in found if not wanted or _part(source) in wanted]


def _alive(export: ExportFile, steps: int = 0, **also: Any) -> None:
    """Further on, and the lease with it. Raises: StateConflict when another worker took over."""
    held = ExportFile.objects.filter(
        pk=export.pk, state=ExportState.BUILDING, name=export.name
    ).update(done=F("done") + steps, lease_until=clock.database_now() + LEASE, **also)
    if not held:
        raise StateConflict("Another worker builds this export.")


def _beating(rows: Iterable[dict[str, Any]], export: ExportFile) -> Iterator[dict[str, Any]]:
    """The same rows, with a sign of life after each piece of them."""
    for place, row in enumerate(rows, start=1):
        yield row
        if place % PIECE == 0:
            _alive(export)


# --- documents --------------------------------------------------------------------------------


def _print(export: ExportFile, whose: Whose, at: datetime, is_over: Stop) -> bool:
    """Print what has no kept copy yet; whether none is left. Getting further, its tries are new."""
    total = export_documents.count(whose) if _with_documents(export) else 0
    left = export_documents.count(whose, unkept=True) if total else 0
    whole = len(_tables(export)) + 2 * total  # each is printed, and each is put into the archive
    ExportFile.objects.filter(pk=export.pk).update(total=whole, done=total - left)
    for some in export_documents.pieces(whose, unkept=True) if left else ():
        if is_over():
            return False
        for tenant_id, invoice_id in some:
            with tenancy.in_tenant(tenant_id):
                printing.render_and_keep(invoice_id=invoice_id, at=at)
        _alive(export, len(some), tries=0)
        crashpoint("export.printed")
    return True


def _with_documents(export: ExportFile) -> bool:
    return not export.categories or DOCUMENTS in export.categories


def _own_words(
    whose: Whose,
) -> Iterator[tuple[str, Iterable[dict[str, Any]], Mapping[str, Any]]]:
    """What lies sealed in the tables: the person's own requests, and from where they worked."""
    subject = whose.subject
    if subject.kind in {SubjectKind.TENANT, SubjectKind.BUYER}:
        return
    yield "your-requests", export_words.requests_of(subject), export_words.OF_REQUESTS
    yield "your-tickets", export_words.tickets_of(whose), export_words.OF_TICKETS
    if subject.kind == SubjectKind.USER:
        addresses = export_words.addresses_of(whose)
        yield "your-network-addresses", addresses, export_words.OF_REQUESTS


# --- whose ------------------------------------------------------------------------------------


def _whose(export: ExportFile) -> Whose:
    """Of whom it was asked for: what its request has become since does not count."""
    kind = SubjectKind(export.subject_kind)
    by_address = export.request if kind in {SubjectKind.LEAD, SubjectKind.INVITEE} else None
    subject = Subject(
        kind,
        user_id=export.user_id,
        tenant_id=export.tenant_id,
        buyer_id=export.buyer_id,
        address=request_words.said(by_address).address if by_address else "",
    )
    if subject.kind == SubjectKind.USER and subject.user_id is not None:
        return _of_user(subject, subject.user_id)
    if subject.kind == SubjectKind.BUYER:
        return _of_buyer(subject)
    tenants = ((subject.tenant_id, False),) if subject.tenant_id else ()
    return Whose(subject, _written(subject.address), tenants)


def _of_user(subject: Subject, user_id: UUID) -> Whose:
    proved = EmailAddress.objects.filter(user_id=user_id, verified=True)
    addresses = set(proved.values_list("email", flat=True))
    addresses.update(User.objects.filter(pk=user_id).values_list("email", flat=True))
    browsers = ConsentEvent.objects.filter(user_id=user_id).exclude(visitor="")
    return Whose(
        subject,
        frozenset(each for address in addresses for each in _written(address)),
        tuple((each.tenant_id, each.role == Role.OWNER) for each in _places(user_id, subject)),
        visitors=frozenset(browsers.values_list("visitor", flat=True)),
    )


def _places(user_id: UUID, subject: Subject) -> list[Any]:
    rows = selectors.memberships_of(user_id)
    return [each for each in rows if subject.tenant_id in (None, each.tenant_id)]


def _of_buyer(subject: Subject) -> Whose:
    if subject.tenant_id is None or subject.buyer_id is None:
        raise NotFound("There is no such customer.")
    with transaction.atomic(), tenancy.in_tenant(subject.tenant_id):
        known = Buyer.objects.filter(pk=subject.buyer_id).values_list("ntn_cnic", flat=True)
        numbers = frozenset(number for number in known if number)
    return Whose(subject, tenants=((subject.tenant_id, False),), numbers=numbers)


def _written(address: str) -> frozenset[str]:
    return frozenset({address.strip().lower()} - {""})


# --- fetching ---------------------------------------------------------------------------------


def fetch(export: ExportFile, *, at: datetime) -> IO[bytes]:
    """The archive, for the first, second or third time; after that it is removed.

    Raises: NotFound when it is not ready, has gone or was fetched three times.
    """
    with transaction.atomic():
        counted = ExportFile.objects.filter(
            pk=export.pk, state=ExportState.READY, expires_at__gt=at, downloads__lt=DOWNLOADS
        ).update(downloads=F("downloads") + 1)
    if not counted:
        raise NotFound("This export is not here any more. Ask for a new one.")
    export.refresh_from_db()
    content = export_archive.open_plain(export.name)
    if export.downloads >= DOWNLOADS:
        transaction.on_commit(partial(_forget, export))
    return content


def forget_old(*, at: datetime) -> int:
    """Remove what is too old, was fetched often enough, or was never finished; how many."""
    over = ExportFile.objects.filter(
        Q(state=ExportState.READY, expires_at__lte=at)
        | Q(state=ExportState.READY, downloads__gte=DOWNLOADS)
        | Q(state__in=[ExportState.GONE, ExportState.FAILED]) & ~Q(name="")
    )
    gone = sum(_forget(export) for export in over)
    named = ExportFile.objects.exclude(name="").values_list("name", flat=True)
    for name in list(export_archive.strays(set(named), older_than=at - LEASE)):
        gone += export_archive.remove(name)
    return gone


def missing(*, at: datetime) -> list[str]:
    """Archives that may still be fetched, and are not there."""
    ready = ExportFile.objects.filter(state=ExportState.READY, expires_at__gt=at)
    names = ready.order_by("name").values_list("name", flat=True)
    lost = [name for name in names if not export_archive.path_of(name).exists()]
    # Asked again: one that was fetched for the last time meanwhile is gone by right.
    still = ready.filter(name__in=lost).order_by("name").values_list("name", flat=True)
    return [f"{export_archive.FOLDER}/{name}" for name in still]


def forget_of(request: SubjectRequest) -> None:
    """It is about somebody else: what was asked for before is handed out to nobody."""
    open_states = [ExportState.WAITING, ExportState.BUILDING, ExportState.READY]
    ExportFile.objects.filter(request=request, state__in=open_states).update(state=ExportState.GONE)


def drop_piece(export: ExportFile) -> None:
    """What a run that failed wrote; never an archive that can be fetched."""
    if not ExportFile.objects.filter(name=export.name, state=ExportState.READY).exists():
        export_archive.remove(export.name)


def _forget(export: ExportFile) -> bool:
    """First the row says so, then the file goes, then its name, once nothing is left."""
    ExportFile.objects.filter(pk=export.pk, state=ExportState.READY).update(state=ExportState.GONE)
    if not export_archive.remove(export.name):
        logger.error("export.not_removed", extra={"export": str(export.pk)})
        return False
    ExportFile.objects.filter(pk=export.pk).exclude(state=ExportState.READY).update(name="")
    return True
