"""The data map as a record of processing: rendered, approved in versions, watched for changes."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from io import StringIO
from typing import Any, Final

from django.db import transaction
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import staff
from accounts.enums import Desk, StaffAction
from accounts.models import User
from invoices import pdf
from privacy import inventory
from privacy import map_words as words
from privacy.inventory import FieldEntry
from privacy.models import DataMapVersion, Detection
from privacy.services import desk
from privacy.stores import Store
from smartinvoicing.classified import Hat, Recipient
from smartinvoicing.errors import StateConflict
from smartinvoicing.templatetags import formats

TASK: Final = "datamap"
_ALL: Final = "all"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of the record of processing, in the words of the language that is active."""

    hat: str
    subject: str
    place: str
    category: str
    purposes: str
    basis: str
    kept: str
    on_erase: str
    recipients: str
    exported: str
    mask: str


@dataclass(frozen=True, kw_only=True)
class AnnexRow:
    """One line of the public annex: no names of tables, nothing about how we are built."""

    subject: str
    data: str
    purposes: str
    basis: str
    kept: str
    on_erase: str
    recipients: str
    hat: str


# --- rendering -------------------------------------------------------------------------------


def lines(query: str = "") -> list[Line]:
    """The record, the controller's half first; with a `query` the lines that hold its words."""
    ordered = sorted(inventory.personal_fields(), key=lambda entry: (entry.hat, entry.subject))
    found = [*map(_line_of, ordered), *map(_line_of_store, inventory.stores())]
    wanted = query.casefold().split()
    return [line for line in found if all(word in _searched(line) for word in wanted)]


def columns() -> list[str]:
    """The heads of the columns of a `Line`."""
    return [
        *(_("Role"), _("About"), _("Place"), _("Kind of data"), _("Purposes"), _("Basis")),
        *(_("Kept"), _("On erasure"), _("Recipients"), _("In an export"), _("To others")),
    ]


def table(query: str = "") -> list[list[str]]:
    """The lines as cells, in the order of `columns`."""
    return [list(asdict(line).values()) for line in lines(query)]


def as_csv() -> str:
    out = StringIO()
    writer = csv.writer(out)
    writer.writerow(columns())
    writer.writerows(table())
    return out.getvalue()


def as_json() -> str:
    kept = inventory.rows()
    return json.dumps(
        {"digest": inventory.digest_of(kept), "rows": kept}, indent=1, ensure_ascii=False
    )


def as_pdf(*, at: datetime) -> bytes:
    """Both halves on paper.

    Raises: PdfUnavailable.
    """
    digest = inventory.digest_of(inventory.rows())
    return pdf.render_register(
        _("Record of processing"),
        [
            _("Made on %(time)s.") % {"time": formats.karachi_time(at)},
            _("Version %(digest)s.") % {"digest": digest[:12]},
        ],
        columns(),
        table(),
    )


def annex(language: str) -> list[AnnexRow]:
    """The map for the public, in one language: what we hold about whom, why, and how long."""
    with translation.override(language):
        groups: dict[tuple[Any, ...], list[FieldEntry]] = {}
        for entry in inventory.personal_fields():
            key = (entry.hat, entry.subject, entry.purposes, entry.basis, entry.retention)
            groups.setdefault((*key, entry.on_erase), []).append(entry)
        return [_annex_row(groups[key]) for key in sorted(groups)]


def _annex_row(group: Sequence[FieldEntry]) -> AnnexRow:
    first = group[0]
    categories = dict.fromkeys(str(entry.category) for entry in group)
    recipients = {to for entry in group for to in entry.recipients}
    return AnnexRow(
        subject=str(words.SUBJECTS[first.subject]),
        data=words.listed(words.CATEGORIES, categories),
        purposes=words.listed(words.USES, first.purposes),
        basis=str(words.BASES[first.basis]),
        kept=str(words.KEPT[first.retention]),
        on_erase=str(words.ENDS[first.on_erase]),
        recipients=words.listed(words.RECIPIENTS, [to for to in Recipient if to in recipients]),
        hat=str(words.HATS[first.hat]),
    )


def _line_of(entry: FieldEntry) -> Line:
    return Line(
        hat=str(words.HATS[entry.hat]),
        subject=str(words.SUBJECTS[entry.subject]),
        place=f"{entry.table}.{entry.column or entry.field}",
        category=str(words.CATEGORIES[entry.category or "none"]),
        purposes=words.listed(words.USES, entry.purposes),
        basis=str(words.BASES[entry.basis]),
        kept=str(words.KEPT[entry.retention]),
        on_erase=str(words.ENDS[entry.on_erase]),
        recipients=words.listed(words.RECIPIENTS, entry.recipients),
        exported=_("yes") if entry.is_exported else _("no"),
        mask=str(words.MASKS[entry.mask]),
    )


def _line_of_store(store: Store) -> Line:
    kept = str(words.KEPT[store.retention])
    if store.days:
        kept = ngettext("%(days)s day", "%(days)s days", store.days) % {"days": store.days}
    return Line(
        hat=str(words.HATS[Hat.CONTROLLER]),
        subject=words.listed(words.SUBJECTS, store.subjects),
        place=f"{_(store.name)} ({store.where})",
        category=_(store.holds),
        purposes="",
        basis=str(words.BASES[store.basis]),
        kept=kept,
        on_erase=str(words.ENDS[store.on_erase]),
        recipients=words.listed(words.RECIPIENTS, store.recipients),
        exported=_("no"),
        mask="",
    )


def _searched(line: Line) -> str:
    return " ".join(str(getattr(line, part.name)) for part in fields(line)).casefold()


# --- versions --------------------------------------------------------------------------------


def approved() -> DataMapVersion | None:
    """The version that stands."""
    return DataMapVersion.objects.order_by("-approved_at", "-id").first()


def changes() -> tuple[list[str], list[str], list[str]]:
    """What came, went and changed since the version that stands; all of it where there is none."""
    last = approved()
    return inventory.differences(last.rows if last else [], inventory.rows())


@transaction.atomic
def approve(*, digest: str, by: User, at: datetime) -> DataMapVersion:
    """The officer has read this map, and it is right.

    digest: of what was read.
    Raises: NotAllowed; StateConflict where the map is another by now, or stands already.
    """
    staff.allow(by, Desk.KEEP_REGISTERS)
    kept = inventory.rows()
    if inventory.digest_of(kept) != digest:
        raise StateConflict(_("The data map changed since you opened it. Read it again."))
    last = approved()
    if last is not None and last.digest == digest:
        raise StateConflict(_("This version is approved already."))
    version = DataMapVersion.objects.create(
        digest=digest, rows=kept, approved_at=at, approved_by=by
    )
    staff.record(by, StaffAction.PUBLISHED, version, at=at, digest=digest, rows=len(kept))
    desk.done(TASK, _ALL, at=at)
    return version


def compare(*, at: datetime) -> bool:
    """Whether the map is still the one that was approved; else somebody of ours has to read it."""
    last = approved()
    digest = inventory.digest_of(inventory.rows())
    if last is not None and last.digest == digest:
        desk.done(TASK, _ALL, at=at)
        return True
    came, went, changed = changes()
    desk.open_task(
        TASK,
        _ALL,
        title=_("The data map changed: read it and approve it"),
        at=at,
        url=reverse("admin:privacy_datamap"),
        digest=digest,
        came=len(came),
        went=len(went),
        changed=len(changed),
        names=", ".join([*came, *went, *changed][:20]),
    )
    return False


def faults() -> list[str]:
    """What the command's check refuses: fields that hold what they should not.

    A field that is on no map at all raises Unclassified long before.
    """
    return [
        f"{seen.table}.{seen.field}: {seen.kind}"
        for seen in Detection.objects.filter(cleared_at=None).order_by("table", "field", "kind")
    ]
