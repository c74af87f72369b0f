"""After a restore: everybody who was erased since is erased again, and a search proves it.

The ledger names nobody. Each person, customer and business of the restored database is asked of
it: is this one meant? As role owner, who may look across the businesses, and in one transaction:
while something of them is left, nothing is changed, and the next run finds all of it again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from django.conf import settings
from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.models import Invitation, Membership, OutgoingMail, Tenant, User
from invoices.models import Buyer
from privacy.models import Erasure, ErasureState
from privacy.services import (
    closing_engine,
    closing_search,
    erasing,
    erasure_ledger,
    leftovers,
    person_tables,
    tenant_purge,
    tombstones,
)
from privacy.services.erasure_ledger import Entry, LedgerBroken
from privacy.services.erasure_plans import tenants_of
from privacy.services.leftovers import Sought, words_of
from privacy.subjects import Subject, SubjectKind
from smartinvoicing import arming, opening
from smartinvoicing.models import Happening

ACTOR: Final = Actor.system("privacy.replay")
WHY: Final = "replay of erasures"


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """entries: in the ledger; found: of these, who was in the database again; kept: of these, whom
    a hold or an open matter keeps; left: where something is left, none when it was opened.
    """

    entries: int
    found: int
    kept: int
    left: tuple[str, ...]


def replay(
    *, by: str, at: datetime, may_be_empty: bool = False, redis_url: str | None = None
) -> Replayed:
    """Erase again, search, and open the database when nothing is found; else change nothing.

    may_be_empty: somebody says that nobody was ever erased, so that no ledger is missed.
    Raises: LedgerBroken; BlindScan.
    """
    entries = _entries(may_be_empty=may_be_empty)
    with transaction.atomic():
        meant = _meant(entries)
        sought = [(entry, subject, list(_sought(subject))) for entry, subject in meant]
        gone = [(subject, words) for entry, subject, words in sought if _erase(entry, subject, at)]
        left = [*_in_tables(subject for subject, _words in gone)]
        left += _by_word([each for _subject, words in gone for each in words], redis_url)
        done = Replayed(
            entries=len(entries),
            found=len(meant),
            kept=len(meant) - len(gone),
            left=tuple(left),
        )
        if left:
            transaction.set_rollback(True)
        else:
            facts = {"entries": done.entries, "found": done.found, "kept": done.kept}
            arming.note(Happening.REPLAYED, by=by, at=at, facts=facts)
    opening.forget()
    return done


def _entries(*, may_be_empty: bool) -> list[Entry]:
    """All files. Whatever the database knows of must be among them, or some were lost."""
    entries = list(erasure_ledger.entries())
    ended = Erasure.objects.filter(state__in=[ErasureState.HELD, ErasureState.DONE])
    lost = set(ended.values_list("pk", flat=True)).difference(entry.id for entry in entries)
    if lost:
        raise LedgerBroken(
            f"{len(lost)} erasures of this database are not in {erasure_ledger.folder()}: "
            "this is not the whole ledger."
        )
    if not entries and not may_be_empty:
        raise LedgerBroken(
            f"There is no ledger in {erasure_ledger.folder()}. Put it there; only where nobody was "
            "ever erased, say so: --nobody-was-erased."
        )
    return entries


def _meant(entries: Iterable[Entry]) -> list[tuple[Entry, Subject]]:
    """Who is here again. Businesses last: their people have entries of their own.

    What was erased before the backup is not asked again: who came back since is a new one.
    """
    over = set(Erasure.objects.filter(state=ErasureState.DONE).values_list("pk", flat=True))
    by_key = {(entry.subject_kind, entry.key): entry for entry in entries if entry.id not in over}
    meant = [
        (by_key[subject.kind, key], subject)
        for subject in _subjects()
        for key in erasure_ledger.keys_of(subject)
        if (subject.kind, key) in by_key
    ]
    return sorted(meant, key=lambda pair: (pair[1].kind is SubjectKind.TENANT, pair[0].at))


def _subjects() -> Iterator[Subject]:
    """Everybody whom the ledger could mean and who is not gone already."""
    for user in User.objects.order_by("id").iterator():
        if not tombstones.is_tombstone(user):
            yield Subject(SubjectKind.USER, user_id=user.pk)
            yield Subject(SubjectKind.LEAD, address=user.email)
    for address in OutgoingMail.objects.order_by().values_list("to", flat=True).distinct():
        yield Subject(SubjectKind.LEAD, address=address)
        yield Subject(SubjectKind.INVITEE, address=address)
    with tenancy.across_tenants(why=WHY), transaction.atomic():
        tenants = list(Tenant.objects.order_by("id").values_list("pk", flat=True))
        buyers = list(Buyer.objects.exclude(name="").values_list("tenant_id", "pk"))
        seats = list(Invitation.objects.values_list("tenant_id", "email"))
        members = list(Membership.objects.values_list("tenant_id", "user_id"))
    for tenant_id in tenants:
        yield Subject(SubjectKind.TENANT, tenant_id=tenant_id)
    for tenant_id, buyer_id in buyers:
        yield Subject(SubjectKind.BUYER, tenant_id=tenant_id, buyer_id=buyer_id)
    for tenant_id, address in seats:
        yield Subject(SubjectKind.INVITEE, address=address)
        yield Subject(SubjectKind.INVITEE, address=address, tenant_id=tenant_id)
    for tenant_id, user_id in members:
        yield Subject(SubjectKind.USER, user_id=user_id, tenant_id=tenant_id)


def _sought(subject: Subject) -> Iterator[Sought]:
    """What must not be found afterwards, and where."""
    if subject.kind is SubjectKind.USER:
        yield from _of_person(subject)
    elif subject.kind is SubjectKind.BUYER:
        yield from _of_buyer(subject)
    elif subject.kind is SubjectKind.TENANT and subject.tenant_id:
        yield from closing_search.sought(
            subject.tenant_id, closing_search.words_of(subject.tenant_id)
        )
    elif not User.objects.filter(email__iexact=subject.address).exists():
        yield Sought(words=words_of([subject.address]), anywhere=True)


def _of_person(subject: Subject) -> Iterator[Sought]:
    """A business where they worked may have them as a customer too: that is its own matter."""
    if subject.user_id is None or subject.tenant_id is not None:
        return  # they left one business, and are here otherwise
    for user in User.objects.filter(pk=subject.user_id):
        yield Sought(
            words=words_of(person_tables.addresses_of(user)),
            tenant_ids=frozenset(tenants_of(subject)),
            anywhere=True,
            but=frozenset({"buyer"}),
        )


def _of_buyer(subject: Subject) -> Iterator[Sought]:
    """What no other customer of the same business has."""
    if subject.tenant_id is None or subject.buyer_id is None:
        return
    with tenancy.in_tenant(subject.tenant_id), transaction.atomic():
        for buyer in Buyer.objects.filter(pk=subject.buyer_id):
            others = Buyer.objects.exclude(pk=buyer.pk)
            alone = [
                word
                for name, word in (("email", buyer.email), ("phone", buyer.phone))
                if not others.filter(**{name: word}).exists()
            ]
            yield Sought(
                words=words_of([buyer.ntn_cnic, *alone]),
                tenant_ids=frozenset({subject.tenant_id}),
            )


def _erase(entry: Entry, subject: Subject, at: datetime) -> bool:
    """Whether it is gone: what a hold keeps goes when that is lifted, by itself."""
    if subject.kind is not SubjectKind.TENANT:
        return not erasing.erase(subject, at=at, actor=ACTOR, again=entry).is_stopped
    if subject.tenant_id is None or entry.begun_at is None:
        raise LedgerBroken(f"{entry.name} does not say when it began.")
    return closing_engine.purge_again(subject.tenant_id, entry=entry, at=at)


def _in_tables(subjects: Iterable[Subject]) -> Iterator[str]:
    for subject in subjects:
        if subject.kind is SubjectKind.TENANT and subject.tenant_id:
            found = tenant_purge.left(subject.tenant_id)
            yield from (f"{table} ({count})" for table, count in found.items())


def _by_word(sought: list[Sought], redis_url: str | None) -> list[str]:
    """The search, on this very connection: what is not committed yet is seen by no other."""
    folder = Path(settings.MEDIA_ROOT)
    folders = [folder] if folder.is_dir() else []
    with connection.connection.cursor() as cursor:
        return leftovers.left(sought, folders=folders, cursor=cursor, redis_url=redis_url)
