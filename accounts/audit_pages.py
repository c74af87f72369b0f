"""What the page of the audit trail says of a check, as plain values for its template."""

from __future__ import annotations

from typing import Any, Final

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.enums import AuditFault
from accounts.models import AuditCheck
from accounts.services.verifying import Report
from smartinvoicing.templatetags.formats import karachi_time

SHOWN: Final = 5  # faults that are named
_HASH: Final = 12  # characters of a hash that people compare


def verdict(report: Report, known: AuditCheck, *, tenant_id: str) -> dict[str, Any]:
    """The answer in words: of the walk just done, and of what was found at night."""
    faults = [_fault(fault.what, fault.seq) for fault in report.faults]
    faults += [
        _fault(AuditFault(found["what"]), found["seq"])
        for found in known.findings
        if found["tenant"] == tenant_id
    ]
    if faults:
        return _broken(list(dict.fromkeys(faults)))
    return {
        "tone": "ok",
        "icon": "shield",
        "title": _("Nothing was changed"),
        "text": " ".join([_walked(report), *_outside(known)]),
    }


def _walked(report: Report) -> str:
    if not report.entries:
        return _("There is no entry yet.")
    counted = ngettext("%(n)s entry was checked,", "%(n)s entries were checked,", report.entries)
    end = _("up to number %(seq)s with the mark %(hash)s.")
    return f"{counted} {end}" % {
        "n": report.entries,
        "seq": report.seq,
        "hash": report.hash[:_HASH],
    }


def _outside(known: AuditCheck) -> list[str]:
    said = []
    if known.anchored_at:
        words = _("The end of the trail was last laid down outside the database on %(at)s.")
        said.append(words % {"at": karachi_time(known.anchored_at)})
    if known.checked_at and known.is_right:
        words = _("All trails were last compared with that on %(at)s.")
        said.append(words % {"at": karachi_time(known.checked_at)})
    return said


def _fault(what: AuditFault, seq: int | None) -> str:
    if seq is None:
        return _("An entry %(what)s.") % {"what": what.label}
    return _("Entry %(seq)s %(what)s.") % {"seq": seq, "what": what.label}


def _broken(faults: list[str]) -> dict[str, Any]:
    return {
        "tone": "danger",
        "icon": "alert",
        "title": _("The trail was changed"),
        "text": " ".join(
            [
                *faults[:SHOWN],
                *([_("There is more.")] if len(faults) > SHOWN else []),
                _("Leave everything as it is and call us: this has to be looked into."),
            ]
        ),
    }
