"""After a restore: everybody who was erased since is erased again, and a search proves it.

The ledger names nobody. Each person, customer and business of the restored database is asked of
it: is this one meant? As role owner, who may look across the businesses.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.db import transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.models import Invitation, Membership, OutgoingMail, Tenant, User
from invoices.models import Buyer
from privacy import scanning
from privacy.rules import model_of
from privacy.services import closing_engine, erasing, erasure_ledger, tombstones
from privacy.services.erasure_ledger import Entry
from privacy.services.person_tables import KEPT
from privacy.subjects import Subject, SubjectKind
from smartinvoicing import arming, opening
from smartinvoicing.models import Happening

ACTOR: Final = Actor.system("privacy.replay")
SHORTEST: Final = 6
WHY: Final = "replay of erasures"


@dataclass(frozen=True, kw_only=True)
class Replayed:
    """entries: in the ledger; found: subjects that were in the database again; hits: places where
    something of them is left, none when it may be opened.
    """

    entries: int
    found: int
    hits: tuple[str, ...]


def replay(*, by: str, at: datetime, cursor: Any, redis_url: str | None = None) -> Replayed:
    """Erase again, search, and open the database when nothing is found.

    cursor: of psycopg2, which sees all rows (privacy.scanning).
    Raises: LedgerBroken.
    """
    entries = list(erasure_ledger.entries())
    by_key = {(entry.subject_kind, entry.key): entry for entry in entries}
    meant = [
        (by_key[subject.kind, key], subject)
        for subject in _subjects()
        for key in erasure_ledger.keys_of(subject)
        if (subject.kind, key) in by_key
    ]
    meant.sort(key=lambda pair: pair[0].at)
    words = sorted({word for _entry, subject in meant for word in _words(subject)})
    for entry, subject in meant:
        _erase(entry, subject, at)
    folders = [Path(settings.MEDIA_ROOT)] if Path(settings.MEDIA_ROOT).is_dir() else []
    hits = scanning.scan(words, folders=folders, cursor=cursor, redis_url=redis_url)
    left = sorted({hit.place for hit in hits if not _may_stay(hit)})
    done = Replayed(entries=len(entries), found=len(meant), hits=tuple(left))
    if not left:
        facts = {"entries": done.entries, "found": done.found}
        arming.note(Happening.REPLAYED, by=by, at=at, facts=facts)
        opening.forget()
    return done


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


def _words(subject: Subject) -> list[str]:
    """What must not be found afterwards."""
    found: list[str] = [subject.address]
    if subject.kind is SubjectKind.USER and subject.user_id and subject.tenant_id is None:
        for user in User.objects.filter(pk=subject.user_id):
            found += [user.email, user.name]
    if subject.kind is SubjectKind.BUYER and subject.tenant_id and subject.buyer_id:
        with tenancy.in_tenant(subject.tenant_id), transaction.atomic():
            for buyer in Buyer.objects.filter(pk=subject.buyer_id):
                found += [buyer.name, buyer.ntn_cnic, buyer.email, buyer.phone, buyer.address]
    return [word for word in found if len(word) >= SHORTEST]


def _erase(entry: Entry, subject: Subject, at: datetime) -> None:
    if subject.kind is SubjectKind.TENANT:
        if subject.tenant_id is None or entry.begun_at is None:
            raise erasure_ledger.LedgerBroken(f"{entry.name} does not say when it began.")
        closing_engine.purge_again(subject.tenant_id, begun_at=entry.begun_at, at=at)
        return
    erasing.erase(subject, at=at, actor=ACTOR, is_again=True)


def _may_stay(hit: scanning.Hit) -> bool:
    """Whether it stands in a table that law, or a proof, keeps."""
    if hit.store != "database":
        return False
    privacy = getattr(model_of(hit.place), "Privacy", None)
    return privacy is not None and privacy.retention in KEPT
