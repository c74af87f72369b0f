"""Which rows are a person's or a business's, and what of each they get. Nothing is listed by hand.

The data map says which fields are handed out; here the keys of the tables say whose a row is. A
person is found as `user`, `user_id`, by an address, or as `user:<id>` where it says who did
something; a customer by the keys that lead to their master or their documents. Who else stands in
a row is masked: a colleague by that word, our people by their role, another's address by a letter.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from types import MappingProxyType
from typing import Any, Final
from uuid import UUID

from django.db import models, transaction
from django.db.models import Q

from accounts import tenancy, traces
from accounts.models import Tenant, User
from accounts.tenancy import TenantModel
from privacy import inventory
from privacy.inventory import FieldEntry
from privacy.subjects import Subject, SubjectKind
from smartinvoicing.classified import Category, Retention

PIECE: Final = 2_000  # rows at a time
# Whose fields a person gets with a row that is theirs.
_OF_PERSON: Final = frozenset({"user", "owner", "invitee", "recipient", "visitor", "requester"})
_PLAIN: Final = (models.DateField, models.BooleanField, models.IntegerField, models.DecimalField)
_DEEP: Final = 3  # keys from a row to the customer
_NUMBERS: Final = frozenset({"buyer_ntn_cnic", "ntn_cnic"})
OTHER: Final = "another person"
STAFF: Final = "our staff"
YOU: Final = "you"

_ITS_FILE: Final = "a business's own file about many customers"
# What the data map hands out and no key leads to: each with where a person gets it instead.
ELSEWHERE: Final[Mapping[tuple[str, str], str]] = MappingProxyType(
    {
        ("account.EmailConfirmation", "email_address"): "points at an address that is given",
        ("accounts.AuditPrivate", "facts"): "given as your-network-addresses",
        ("accounts.IdempotencyKey", "answer"): "answers repeated to a program, gone in a day",
        **{("fbr.Statement", name): _ITS_FILE for name in ("name", "path", "problems")},
        ("privacy.Closure", "sealed"): "reasons of a closure, opened for the owner on its page",
        ("privacy.RequestEvent", "sealed"): "your-requests",
        ("privacy.SubjectRequest", "sealed"): "your-requests",
        **{(f"privacy.{row}", "sealed"): "your-tickets" for row in ("Ticket", "TicketMessage")},
    }
)


def elsewhere(entry: FieldEntry) -> str:
    """Where a person gets a field that no key of theirs leads to; "" for one that is lost.

    The documents of a business are many, and many people's: its own export has them.
    """
    if entry.subject == "owner" and entry.retention == Retention.TAX:
        return "in the export of the business"
    return ELSEWHERE.get((entry.model, entry.field), "")


@dataclass(frozen=True)
class Whose:
    """Everything by which one subject is found. tenants: (id, whether they own the business).

    numbers: tax numbers of a customer; visitors: of browsers in which they answered as themselves.
    """

    subject: Subject
    addresses: frozenset[str] = frozenset()
    tenants: tuple[tuple[UUID, bool], ...] = ()
    numbers: frozenset[str] = frozenset()
    visitors: frozenset[str] = frozenset()

    def known_as(self, name: str, *, is_address: bool) -> frozenset[str] | None:
        """The texts by which a column of this name finds them; None where it is a key."""
        if is_address:
            return self.addresses
        if name == "address_key":
            return frozenset(key for each in self.addresses for key in traces.keys_of(each))
        if name in _NUMBERS:
            return self.numbers
        return self.visitors if name == "visitor" else None

    @property
    def actor(self) -> str:
        return f"user:{self.subject.user_id}"


@dataclass(frozen=True)
class Source:
    """One table as it belongs to one kind of subject.

    keys:  names of fields by which a row is theirs; deeds: by which it says that they did it.
    gives: what of it is handed out, and beside it what says when and how.
    """

    model: type[models.Model]
    entries: tuple[FieldEntry, ...]
    keys: tuple[str, ...] = ()
    deeds: tuple[str, ...] = ()
    beside: tuple[str, ...] = ()
    is_owners: bool = False

    @property
    def name(self) -> str:
        return self.model._meta.label_lower.replace(".", "-")

    @property
    def is_walled(self) -> bool:
        return _is_walled(self.model)


def _is_walled(model: type[models.Model]) -> bool:
    return issubclass(model, TenantModel) or model is Tenant


# --- which tables -----------------------------------------------------------------------------


@cache
def sources(kind: SubjectKind) -> tuple[Source, ...]:
    """Every table that can hold something of such a subject, by the data map."""
    found = (_source(model, kind) for model in inventory.mapped_models())
    return tuple(source for source in found if source is not None)


def _source(model: type[models.Model], kind: SubjectKind) -> Source | None:
    entries = tuple(each for each in inventory.fields() if each.model == model._meta.label)
    if kind == SubjectKind.TENANT:
        return _of_tenant(model, entries)
    given = tuple(each for each in entries if each.is_exported and _readable(model, each))
    if kind == SubjectKind.BUYER:
        mine = tuple(each for each in given if each.subject == "buyer")
        keys = (*_paths_to_buyer(model), *_numbers(model)) if mine else ()
        named = (*_beside(model, entries), *_names_of(model))
        return Source(model, mine, keys=keys, beside=named) if keys else None
    mine = tuple(each for each in given if each.subject in _OF_PERSON)
    if not mine:
        return None
    if model is Tenant or {each.subject for each in mine} == {"owner"}:
        is_kept = mine[0].retention == Retention.TAX
        if is_kept or kind != SubjectKind.USER or not _is_walled(model):
            return None
        return Source(model, mine, beside=_beside(model, entries), is_owners=True)
    keys, deeds = _keys_of_person(model, entries), _deeds(model, entries)
    if kind != SubjectKind.USER:
        keys = tuple(key for key in keys if key == "address_key" or _is_address(model, key))
        deeds = ()
    return Source(model, mine, keys, deeds, _beside(model, entries)) if keys or deeds else None


def _of_tenant(model: type[models.Model], entries: tuple[FieldEntry, ...]) -> Source | None:
    """All that stands inside the wall, but no secret."""
    if not _is_walled(model):
        return None
    given = tuple(
        each
        for each in entries
        if each.category is not Category.CREDENTIAL and each.column and _readable(model, each)
    )
    return Source(model, given)


def _readable(model: type[models.Model], entry: FieldEntry) -> bool:
    """Sealed words say nothing to anybody: they are handed out by who can open them."""
    is_binary = isinstance(model._meta.get_field(entry.field), models.BinaryField)
    is_sealed = is_binary and ("sealed" in entry.field or entry.category is None)
    return bool(entry.column) and not is_sealed


def _numbers(model: type[models.Model]) -> tuple[str, ...]:
    """Tax numbers under which a customer stands in rows without a key to their master."""
    names = {column.name for column in model._meta.concrete_fields}
    if model._meta.label == "invoices.Buyer":
        return ()
    return tuple(sorted(names & _NUMBERS))


def _beside(model: type[models.Model], entries: tuple[FieldEntry, ...]) -> tuple[str, ...]:
    """What is of nobody and still says what the row means: days, instants, choices, numbers."""
    plain = [each for each in entries if each.category is None and each.column]
    columns = [model._meta.get_field(each.field) for each in plain]
    return tuple(
        column.name
        for column in columns
        if isinstance(column, _PLAIN) or getattr(column, "choices", None)
    )


def _names_of(model: type[models.Model]) -> tuple[str, ...]:
    """By what a customer knows a document."""
    names = {column.name for column in model._meta.concrete_fields}
    return tuple(sorted(names & {"number", "fbr_number"}))


def _keys_of_person(model: type[models.Model], entries: tuple[FieldEntry, ...]) -> tuple[str, ...]:
    if model is User:
        return ("pk",)
    names = {each.field for each in entries}
    keys = [name for name in ("user", "user_id", "address_key", "visitor") if name in names]
    addresses = [each.field for each in entries if _is_address(model, each.field)]
    return (*keys, *(name for name in addresses if model._meta.get_field(name).concrete))


def _is_address(model: type[models.Model], name: str) -> bool:
    if name == "pk" or name not in {column.name for column in model._meta.concrete_fields}:
        return False
    column = model._meta.get_field(name)
    known = isinstance(column, models.EmailField) or name in {"to", "username"}
    return known and isinstance(column, models.CharField)


def _deeds(model: type[models.Model], entries: tuple[FieldEntry, ...]) -> tuple[str, ...]:
    """Fields that say who did something: a key to a user by another name, or the words of one."""
    found = []
    for each in entries:
        if each.category is not Category.IDENTITY or each.field in {"user", "user_id"}:
            continue
        column = model._meta.get_field(each.field)
        if _points_at(column, User) or (
            isinstance(column, models.CharField) and each.field.endswith(_DEED_ENDS)
        ):
            found.append(each.field)
    return tuple(found)


_DEED_ENDS: Final = ("actor", "by", "who")


def _points_at(column: Any, model: type[models.Model]) -> bool:
    return bool(column.is_relation and column.related_model is model)


@cache
def _paths_to_buyer(model: type[models.Model], deep: int = _DEEP) -> tuple[str, ...]:
    """How the keys of a row lead to a customer, as Django writes it: `invoice__buyer`."""
    if model._meta.label == "invoices.Buyer":
        return ("pk",)
    found: list[str] = []
    for column in model._meta.concrete_fields:
        if not column.is_relation or deep == 0 or column.related_model is model:
            continue
        if column.related_model is None or isinstance(column.related_model, str):
            continue
        if column.related_model._meta.label == "invoices.Buyer":
            found.append(column.name)
        elif issubclass(column.related_model, TenantModel):
            inner = _paths_to_buyer(column.related_model, deep - 1)
            found += [f"{column.name}__{path}" for path in inner]
    return tuple(found)


# --- which rows -------------------------------------------------------------------------------


def rows_of(source: Source, whose: Whose) -> Iterator[dict[str, Any]]:
    """Each row of theirs, as plain values."""
    for tenant_id, is_owner in _scopes(source, whose):
        if source.is_owners and not is_owner:
            continue
        for piece in _pieces(source, whose, tenant_id):
            yield from (_row(source, row, whose) for row in piece)


def _scopes(source: Source, whose: Whose) -> tuple[tuple[UUID | None, bool], ...]:
    if not source.is_walled:
        return ((None, False),)
    return whose.tenants


def _pieces(source: Source, whose: Whose, tenant_id: UUID | None) -> Iterator[list[models.Model]]:
    """By key, a piece at a time, each in a transaction of its own."""
    last: Any = None
    while True:
        with transaction.atomic(), _entered(tenant_id):
            rows = source.model._default_manager.filter(  # noqa: SLF001 -- Django's own
                _which(source, whose)
            ).order_by("pk")
            if last is not None:
                rows = rows.filter(pk__gt=last)
            piece = list(rows.distinct()[:PIECE])
        if piece:
            last = piece[-1].pk
            yield piece
        if len(piece) < PIECE:
            return


def _entered(tenant_id: UUID | None) -> Any:
    return tenancy.in_tenant(tenant_id) if tenant_id else transaction.atomic()


def _which(source: Source, whose: Whose) -> Q:
    kind = whose.subject.kind
    if kind == SubjectKind.TENANT or source.is_owners:
        return Q()
    if kind == SubjectKind.BUYER:
        keys = [_key(source.model, path, whose.subject.buyer_id, whose) for path in source.keys]
    else:
        keys = [
            *(_key(source.model, name, whose.subject.user_id, whose) for name in source.keys),
            *(_deed(source.model, name, whose) for name in source.deeds),
        ]
    return reduce(or_, keys)


def _key(model: type[models.Model], name: str, key: UUID | None, whose: Whose) -> Q:
    texts = whose.known_as(name, is_address=_is_address(model, name))
    return Q(**{name: key}) if texts is None else Q(**{f"{name}__in": sorted(texts)})


def _deed(model: type[models.Model], name: str, whose: Whose) -> Q:
    is_key = _points_at(model._meta.get_field(name), User)
    return Q(**{name: whose.subject.user_id if is_key else whose.actor})


# --- what of a row ----------------------------------------------------------------------------


def _row(source: Source, row: models.Model, whose: Whose) -> dict[str, Any]:
    if whose.subject.kind == SubjectKind.TENANT:
        return {
            each.field: plain(_masked_staff(getattr(row, _attname(row, each.field))))
            for each in source.entries
        }
    is_mine = (
        source.is_owners or whose.subject.kind == SubjectKind.BUYER or _is_mine(source, row, whose)
    )
    said = {name: plain(getattr(row, name)) for name in source.beside}
    for each in source.entries:
        value = getattr(row, _attname(row, each.field))
        said[each.field] = _value(each, value, source, whose, is_mine=is_mine)
    return said


def _attname(row: models.Model, name: str) -> str:
    column: Any = row._meta.get_field(name)
    return str(column.attname)


def _is_mine(source: Source, row: models.Model, whose: Whose) -> bool:
    """Found as the person it is about, or as the only one who did anything to it."""
    for name in source.keys:
        value = row.pk if name == "pk" else getattr(row, _attname(row, name))
        texts = whose.known_as(name, is_address=_is_address(source.model, name))
        if texts is None:
            if value == whose.subject.user_id:
                return True
        elif str(value).strip().lower() in texts:
            return True
    if source.keys:
        return False
    nobody = (None, "", whose.subject.user_id, whose.actor)
    return all(getattr(row, _attname(row, name)) in nobody for name in source.deeds)


def _value(entry: FieldEntry, value: Any, source: Source, whose: Whose, *, is_mine: bool) -> Any:
    if value in (None, "", [], {}) or whose.subject.kind == SubjectKind.BUYER:
        return plain(value)
    if entry.field in source.deeds:
        mine = value in (whose.subject.user_id, whose.actor)
        return YOU if mine else _masked_person(value)
    if entry.field in source.keys and not _is_address(source.model, entry.field):
        return YOU if value == whose.subject.user_id else OTHER
    if is_mine:
        return plain(value)
    return masked(str(value))


def _masked_person(value: Any) -> str:
    return STAFF if str(value).startswith("staff:") else OTHER


def _masked_staff(value: Any) -> Any:
    """Our people by their role, in what a business gets."""
    return STAFF if isinstance(value, str) and value.startswith("staff:") else value


def masked(text: str) -> str:
    """a…@…: so much that whoever knows them recognises them, and nobody else."""
    return f"{text[:1]}…@…" if "@" in text else OTHER


def plain(value: Any) -> Any:
    """As JSON and a table can hold it."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    if isinstance(value, memoryview | bytes):
        return bytes(value).decode(errors="replace")
    return value
