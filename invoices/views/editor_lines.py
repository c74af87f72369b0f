"""The lines of the editor, as values for their templates.

A long document is drawn light: the particulars of its lines stand in hidden fields until somebody
opens one, so that two hundred lines are still a page that one can type in.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final
from zlib import crc32

from django.urls import reverse

from invoices import amounts, editing, line_fields, line_words, pages
from invoices.editing import Row, Sheet
from invoices.forms import LineForm, ParticularsForm, mark
from invoices.judging import Judgement, told
from invoices.views import editor_problems

Context = dict[str, Any]

FULL_UP_TO: Final = 20  # lines; a longer document is drawn light
_PARTICULARS: Final = tuple(ParticularsForm.base_fields)
# What every kind of supply asks for: it stays folded while it holds the usual.
_USUAL: Final = frozenset(
    {"sale_type", "rate", "further_tax", "extra_tax", "withheld", "drawn_for"}
)


def lines_of(
    sheet: Sheet,
    judgement: Judgement,
    *,
    all_of_them: bool,
    opened: Collection[int],
) -> list[Context]:
    """All rows. opened: places of those that somebody wants to see whole."""
    is_long = len(sheet.rows) > FULL_UP_TO
    return [
        _line(
            row,
            judgement,
            all_of_them=all_of_them,
            is_light=is_long and row.place not in opened,
            is_open=row.place in opened,
        )
        for row in sheet.rows
    ]


def alone(text: editing.Texts, *, place: int, number: int) -> Context:
    """One row that was filled in; its sums follow with the next preview."""
    row = Row(place=place, number=number, line=0, text=text)
    line = _line(row, None, all_of_them=False, is_light=False, is_open=False)
    line["form"].fields["quantity"].widget.attrs["autofocus"] = True
    return {"line": line, "urls": urls()}


def blank(text: editing.Texts) -> Context:
    """The pattern of a new row; the browser puts its place where the mark is."""
    form = LineForm(text, place="__prefix__")
    return {
        "form": form,
        "prefix": form.prefix,
        "number": "",
        "problems": [],
        "detail": detail(text, place="__prefix__"),
    }


def urls() -> dict[str, str]:
    return {"line": reverse("invoices:line")}


def _line(
    row: Row,
    judgement: Judgement | None,
    *,
    all_of_them: bool,
    is_light: bool,
    is_open: bool,
) -> Context:
    faults = list(told(judgement.at(row), all_of_them=all_of_them)) if judgement else []
    form = LineForm(row.text, place=row.place)
    wrong = {fault.field for fault in faults}
    mark(form, wrong, said_in=f"{row.prefix}-problems")
    return sums(row, judgement, all_of_them=all_of_them) | {
        "form": form,
        "detail": detail(
            row.text, place=row.place, wrong=wrong, is_light=is_light, is_open=is_open
        ),
    }


def detail(
    text: editing.Texts,
    *,
    place: int | str,
    wrong: Collection[str] = (),
    is_light: bool = False,
    is_open: bool = False,
) -> Context:
    """The particulars of a row: what its kind of supply asks for in sight, the rest folded.

    is_light: only kept in hidden fields, unless something in them is wrong.
    """
    prefix = f"{editing.PREFIX}-{place}"
    summary = ", ".join(filter(None, [pages.sale_type_of(text["sale_type"]), text["rate"]]))
    found: Context = {"prefix": prefix, "summary": summary, "open": is_open}
    wrong_here = set(wrong) & set(_PARTICULARS)
    if is_light and not wrong_here:
        kept = [(f"{prefix}-{name}", text[name]) for name in _PARTICULARS if text[name]]
        return found | {"light": True, "kept": kept}
    form = ParticularsForm(text, place=place)
    mark(form, wrong_here, said_in=f"{prefix}-problems")
    shown = line_fields.shown_for(text, known=_PARTICULARS, wrong=wrong_here)
    is_unusual = bool(set(shown.plain) - _USUAL) or any(
        text[name] for name in ("further_tax", "extra_tax", "withheld")
    )
    return found | {
        "form": form,
        "open": is_open or is_unusual or shown.excise_open or bool(wrong_here),
        "memory": form["drawn_for"],
        "sale_type": form["sale_type"],
        "plain": [form[name] for name in shown.plain if name != "sale_type"],
        "folded": [form[name] for name in shown.folded],
        "excise": [form[name] for name in shown.excise],
        "excise_open": shown.excise_open,
    }


def unit(text: editing.Texts, *, place: int) -> Context:
    """The unit of a row alone, after its HS code was chosen."""
    form = LineForm(text, place=place)
    return {"prefix": form.prefix, "unit": form["unit"], "touch": True}


def sums(row: Row, judgement: Judgement | None, *, all_of_them: bool) -> Context:
    """What the server worked out for a row, and what it has to say about it.

    mark: tells this from any other working-out, so that a page is not told what it shows already.
    """
    empty: Context = {"value": None, "tax": None, "total": None, "notes": [], "problems": []}
    found = {"prefix": row.prefix, "number": row.number, "mark": "", **empty}
    if judgement is None:
        return found
    faults = told(judgement.at(row), all_of_them=all_of_them)
    problems = [editor_problems.shown(fault) for fault in faults]
    problems += [
        editor_problems.shown(fault, tone=editor_problems.LOOK_TWICE)
        for fault in judgement.warned_at(row)
    ]
    found |= {"problems": problems, **_amounts(row, judgement)}
    return found | {"mark": f"{crc32(repr(found).encode()):x}"}


def _amounts(row: Row, judgement: Judgement) -> Context:
    taxes = judgement.of(row)
    if taxes is None:
        return {}
    notes = line_words.notes_of(
        taxes, sale_type=row.text["sale_type"], advance=judgement.advances[row.line - 1]
    )
    return {
        "value": taxes.value,
        "tax": amounts.tax_of(taxes),
        "total": taxes.total,
        "notes": notes if taxes.value else [],
    }
