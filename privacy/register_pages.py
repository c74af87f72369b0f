"""What the pages of the registers show: timelines and printed sheets."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any

from django.db import models
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from accounts.enums import StaffAction
from accounts.models import Approval, StaffDeed
from invoices import pdf
from smartinvoicing import clock
from smartinvoicing.templatetags import formats


def timeline(row: models.Model) -> Sequence[dict[str, Any]]:
    """What people of ours did about this row, the newest first; ids, no names."""
    deeds = StaffDeed.objects.filter(object_type=row._meta.model_name, object_id=str(row.pk))
    return [
        {
            "at": deed.at,
            "said": StaffAction(deed.action).label,
            "why": deed.why,
            "who": deed.who,
        }
        for deed in _with_approvals(row, deeds)
    ]


def _with_approvals(row: models.Model, deeds: models.QuerySet[StaffDeed]) -> list[StaffDeed]:
    """Beside its own: that a second person was asked, and what they said."""
    asked = Approval.objects.filter(object_type=row._meta.model_name, object_id=str(row.pk))
    keys = [str(each.pk) for each in asked]
    of_approvals = StaffDeed.objects.filter(object_type="approval", object_id__in=keys)
    return list((deeds | of_approvals).order_by("-at", "-id"))


def sheet(
    model: type[models.Model], names: Sequence[str], rows: Iterable[models.Model], *, at: datetime
) -> bytes:
    """The register on paper, as it is now.

    Raises: PdfUnavailable when the machine lacks Pango.
    """
    printed = [[_cell(row, name) for name in names] for row in rows]
    facts = [
        _("SmartInvoicing, register of accountability"),
        _("As of %s") % formats.karachi_time(at),
        _("%d entries") % len(printed),
    ]
    heads = [_head(model, name) for name in names]
    title = str(capfirst(model._meta.verbose_name_plural or ""))
    return pdf.render_register(title, facts, heads, printed)


def _head(model: type[models.Model], name: str) -> str:
    return str(capfirst(getattr(model._meta.get_field(name), "verbose_name", name)))


def _cell(row: models.Model, name: str) -> str:
    """As the desk shows it; a person by their id."""
    field = row._meta.get_field(name)
    if isinstance(field, models.ForeignKey):
        key = getattr(row, field.attname)
        return f"staff:{key}" if key else ""
    shown = getattr(row, f"get_{name}_display", None)
    return _plain(shown() if shown else getattr(row, name))


def _plain(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, datetime):
        return str(formats.karachi_date(clock.karachi_date(value)))
    if isinstance(value, date):
        return str(formats.karachi_date(value))
    if isinstance(value, list):
        return ", ".join(str(each) for each in value)
    return str(value)
