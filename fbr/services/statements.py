"""Lists that FBR's portal gives out: kept as they came, and laid beside what is uncertain.

Source: reliability contract, 5.2; Sales Tax Rules 2006, rule 150R(5) (Annex-C from e-invoices).
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date, datetime
from pathlib import PurePath
from typing import Any, Final
from uuid import UUID

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Count
from django.utils.translation import gettext as _

from accounts import audit, tenancy, texts
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity
from fbr import doubts, matching, statement_reader
from fbr.matching import Facts, Match
from fbr.models import Statement, StatementRow
from fbr.services.proving import problem
from fbr.statement_reader import ListRow, Sheet
from invoices.enums import State
from invoices.models import Invoice, InvoiceLine
from smartinvoicing.errors import RuleViolation
from smartinvoicing.money import ZERO

MOST_SHOWN: Final = 200  # bad rows that are kept with the list
_LONGEST_NAME: Final = 200
_AT_ONCE: Final = 2_000


@transaction.atomic
def upload(
    *,
    file: UploadedFile[Any] | None,
    entity: LegalEntity,
    covers_from: date | None,
    covers_until: date | None,
    actor: Actor,
    at: datetime,
) -> Statement:
    """Read a list and keep it; what cannot be read in it is told row by row, the rest counts.

    covers_from, covers_until: the period that was asked for in IRIS. Without them a document that
        is missing in the list proves nothing.

    Raises: NotAllowed; RuleViolation naming the field.
    """
    allow(actor, Permission.SETTLE)
    _refuse_period(covers_from, covers_until)
    raw, sheet = _read(file)
    name = file.name or "" if file is not None else ""
    with ExitStack() as undo:
        path = _keep(raw)
        undo.callback(default_storage.delete, path)
        statement = Statement(
            tenant_id=entity.tenant_id,
            legal_entity=entity,
            environment=entity.environment,
            name=texts.clean(PurePath(name).name)[:_LONGEST_NAME] or _("List"),
            path=path,
            sha256=hashlib.sha256(raw).hexdigest(),
            uploaded_at=at,
            uploaded_by=actor.name,
            covers_from=covers_from,
            covers_until=covers_until,
            read=len(sheet.rows),
            problems=[asdict(each) for each in sheet.problems[:MOST_SHOWN]],
        )
        statement.save(force_insert=True)
        rows = [_row(statement, each) for each in sheet.rows]
        StatementRow.objects.bulk_create(rows, batch_size=_AT_ONCE)
        _record(statement, sheet, actor, at)
        undo.pop_all()
    return statement


def _read(file: UploadedFile[Any] | None) -> tuple[bytes, Sheet]:
    """Raises: RuleViolation about the field `file`."""
    if file is None:
        words = _("There is no file.")
        fix = _("Download the list from IRIS, as CSV or Excel, and choose it here.")
        raise RuleViolation.of([problem("file", "missing", words, fix)])
    raw = file.read(statement_reader.LARGEST + 1)
    try:
        return raw, statement_reader.read(raw)
    except statement_reader.Unreadable as why:
        fix = _("Give the list as IRIS saved it: CSV or XLSX, with its heading.")
        raise RuleViolation.of([problem("file", "unreadable", str(why), fix)]) from why


def _refuse_period(covers_from: date | None, covers_until: date | None) -> None:
    if (covers_from is None) != (covers_until is None):
        words = _("Only one end of the period is given.")
        fix = _("Give both days, or none.")
        raise RuleViolation.of([problem("covers_from", "half", words, fix)])
    if covers_from is not None and covers_until is not None and covers_until < covers_from:
        words = _("The period ends before it begins.")
        raise RuleViolation.of([problem("covers_until", "order", words, _("Swap the two days."))])


def _keep(raw: bytes) -> str:
    """Under a name of ours, outside the web root, beside no other business's files."""
    kind = "xlsx" if raw.startswith(b"PK") else "csv"
    folder = f"lists/{tenancy.current_tenant_id()}"
    return default_storage.save(f"{folder}/{secrets.token_hex(16)}.{kind}", ContentFile(raw))


def _row(statement: Statement, row: ListRow) -> StatementRow:
    return StatementRow(
        tenant_id=statement.tenant_id,
        statement=statement,
        row=row.row,
        number=row.number,
        fbr_number=row.fbr_number,
        seller_ntn_cnic=row.seller,
        buyer_ntn_cnic=row.buyer,
        buyer_name=row.buyer_name,
        dated_on=row.dated_on,
        value=row.value,
        tax=row.tax,
        lines=row.lines,
    )


def _record(statement: Statement, sheet: Sheet, actor: Actor, at: datetime) -> None:
    audit.record(
        actor,
        AuditAction.LIST_UPLOADED,
        statement,
        at=at,
        sha256=statement.sha256,
        read=len(sheet.rows),
        bad=len(sheet.problems),
    )


# --- beside our documents ---------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A row of a list that may be a document of ours, and how well it fits."""

    row: StatementRow
    match: Match


@dataclass(frozen=True, kw_only=True)
class Beside:
    """An uncertain document, and the rows of one list that may be it, the best first."""

    invoice: Invoice
    candidates: list[Candidate]


def beside(statement: Statement, *, most: int) -> list[Beside]:
    """Every uncertain document beside the rows of `statement` that may be it."""
    uncertain = Invoice.objects.filter(
        state=State.UNCERTAIN,
        environment=statement.environment,
        legal_entity_id=statement.legal_entity_id,
    ).order_by("state_at", "id")[:most]
    return _laid(list(uncertain), [statement])


def candidates_of(invoice: Invoice) -> list[Candidate]:
    """The rows of the newest lists that may be `invoice`, the best first."""
    newest = Statement.objects.filter(
        environment=invoice.environment,
        legal_entity_id=invoice.legal_entity_id,
        uploaded_at__gte=invoice.state_at,
    ).order_by("-uploaded_at", "-id")[:3]
    found = _laid([invoice], list(newest))
    return found[0].candidates if found else []


def lists_without(invoice: Invoice) -> list[Statement]:
    """Lists that cover the day, are late enough to show the send, and do not hold the document."""
    sure_from = doubts.sure_from(invoice)
    late = [each for each in doubts.covering(invoice) if each.uploaded_at >= sure_from][:3]
    return [each for each in late if not _laid([invoice], [each])[0].candidates]


def _laid(invoices: list[Invoice], statements: Iterable[Statement]) -> list[Beside]:
    if not invoices:
        return []
    entity = invoices[0].legal_entity
    listed = {row.pk: row for row in _free_rows(statements)}
    facts = {pk: facts_of_row(row, entity) for pk, row in listed.items()}
    near, lines = matching.Rows(facts), _lines_of(invoices)
    found = []
    for invoice in invoices:
        ours = facts_of(invoice, lines.get(invoice.pk, 0))
        matches = matching.candidates(ours, near.near(ours))
        best = [Candidate(row=listed[match.row_id], match=match) for match in matches]
        found.append(Beside(invoice=invoice, candidates=best))
    return found


def _free_rows(statements: Iterable[Statement]) -> list[StatementRow]:
    """Rows whose number no document of ours has, each number once, of the newest list."""
    seen: dict[str, StatementRow] = {}
    for statement in statements:
        rows = StatementRow.objects.filter(statement=statement).order_by("row")
        for row in rows:
            seen.setdefault(row.fbr_number, row)
        taken = Invoice.objects.filter(
            environment=statement.environment,
            fbr_number__in=rows.values("fbr_number"),
        )
        for number in taken.values_list("fbr_number", flat=True):
            seen.pop(number, None)
    return list(seen.values())


def _lines_of(invoices: Iterable[Invoice]) -> dict[UUID, int]:
    rows = InvoiceLine.objects.filter(invoice_id__in=[invoice.pk for invoice in invoices])
    counts = rows.values("invoice_id").annotate(count=Count("id")).order_by()
    return {row["invoice_id"]: row["count"] for row in counts}


def facts_of(invoice: Invoice, lines: int) -> Facts:
    return Facts(
        number=invoice.number,
        seller=invoice.seller_ntn_cnic,
        buyer=invoice.buyer_ntn_cnic,
        buyer_name=invoice.buyer_name,
        dated_on=invoice.invoice_date,
        value=invoice.value,
        tax=invoice.sales_tax,
        lines=lines or None,
    )


def facts_of_row(row: StatementRow, entity: LegalEntity) -> Facts:
    is_strn = bool(entity.strn) and row.seller_ntn_cnic == entity.strn
    return Facts(
        number=row.number,
        seller="" if is_strn else row.seller_ntn_cnic,
        buyer=row.buyer_ntn_cnic,
        buyer_name=row.buyer_name,
        dated_on=row.dated_on,
        value=row.value,
        tax=row.tax,
        lines=row.lines,
    )


def differences(invoice: Invoice, row: StatementRow) -> dict[str, tuple[object, object]]:
    """Ours and theirs, by the name of what may differ."""
    return {
        "number": (invoice.number, row.number),
        "buyer": (
            invoice.buyer_ntn_cnic or invoice.buyer_name,
            row.buyer_ntn_cnic or row.buyer_name,
        ),
        "date": (invoice.invoice_date, row.dated_on),
        "value": (invoice.value, row.value),
        "tax": (invoice.sales_tax or ZERO, row.tax),
    }
