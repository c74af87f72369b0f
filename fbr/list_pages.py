"""What the pages of FBR's lists and of its register show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import selectors as people
from accounts.access import Actor
from accounts.enums import Permission
from fbr.models import BuyerCheckRun
from fbr.services import buyer_checks
from invoices.enums import BuyerKind, ListName, Registration, TaxpayerStanding
from invoices.models import Buyer, BuyerCheck, ReferenceRun, ReferenceSync
from smartinvoicing.templatetags.formats import duration, karachi_date, karachi_time, ntn_in_part

Row = dict[str, Any]
Reading = tuple[str, ReferenceSync | None, ReferenceSync | None]  # a list, its last, its last good

OLD: Final = timedelta(days=7)
_MACHINE: Final = "SmartInvoicing"
_IN_WORDS: Final = 3  # rows of a diff that are named


# --- the lists ----------------------------------------------------------------------------------


def list_rows(readings: Iterable[Reading], *, at: datetime) -> list[Row]:
    """Each list: how old what we know is, and what the last reading brought."""
    return [_list_row(name, last, good, at=at) for name, last, good in readings]


def _list_row(
    name: str, last: ReferenceSync | None, good: ReferenceSync | None, *, at: datetime
) -> Row:
    return {
        "title": ListName(name).label,
        "rows": good.rows if good else None,
        "read": karachi_time(good.at) if good else "",
        "age": _age(good, at=at),
        "diff": _in_words(good.diff) if good else [],
        "failure": last.failure if last is not None else "",
        "tried": karachi_time(last.at) if last is not None and last.failure else "",
    }


def _age(good: ReferenceSync | None, *, at: datetime) -> Row:
    if good is None:
        return {"tone": "attention", "icon": "alert", "label": _("Never read from FBR")}
    if at - good.at > OLD:
        label = _("%(age)s old") % {"age": duration(at - good.at)}
        return {"tone": "attention", "icon": "clock", "label": label}
    if at - good.at < timedelta(days=1):
        return {"tone": "ok", "icon": "check-circle", "label": _("Today's")}
    label = _("%(age)s old") % {"age": duration(at - good.at)}
    return {"tone": "ok", "icon": "check-circle", "label": label}


def _in_words(diff: Row) -> list[str]:
    """5 added: Bale; Drum…"""
    counts = {kind: diff.get(f"{kind}_count", 0) for kind in ("added", "removed", "changed")}
    words = {
        "added": ngettext("%(n)d added", "%(n)d added", counts["added"]),
        "removed": ngettext("%(n)d gone", "%(n)d gone", counts["removed"]),
        "changed": ngettext("%(n)d changed", "%(n)d changed", counts["changed"]),
    }
    found = []
    for kind, count in counts.items():
        if count:
            named = [_short(each) for each in diff.get(kind, [])[:_IN_WORDS]]
            more = "…" if count > len(named) else ""
            found.append(f"{words[kind] % {'n': count}}: {'; '.join(named)}{more}")
    if diff.get("failed"):
        parts = {"n": diff["failed"], "why": diff.get("why", "")}
        found.append(_("%(n)d parts were kept as they were: %(why)s") % parts)
    return found


def _short(text: str) -> str:
    return text if len(text) <= 60 else f"{text[:60].rstrip()}…"


def alert(rows: Iterable[Row]) -> Row | None:
    """Said above the lists when one of them is old."""
    old = [row["title"] for row in rows if row["age"]["tone"] == "attention"]
    if not old:
        return None
    text = ngettext(
        "%(n)d list was not read from FBR for a week or more. Invoices go on with what is known.",
        "%(n)d lists were not read from FBR for a week or more. Invoices go on with what is known.",
        len(old),
    )
    return {"title": _("Some lists are old"), "text": text % {"n": len(old)}}


def old_lists(readings: Iterable[Reading], *, at: datetime) -> Row | None:
    """The same in one line, for the dashboard; nothing before the first reading of any list."""
    told = list(readings)
    if not any(last for _name, last, _good in told):
        return None
    found = alert(list_rows(told, at=at))
    return found and found | {"url": reverse("fbr:lists")}


def progress_of(run: ReferenceRun | None) -> Row | None:
    """A refresh that is under way."""
    if run is None or run.ended_at is not None:
        return None
    name = run.plan[min(run.done, len(run.plan) - 1)][0]
    return {
        "label": _("Reading: %(list)s") % {"list": ListName(name).label},
        "done": run.done,
        "total": len(run.plan),
    }


# --- the register -------------------------------------------------------------------------------


def check_row(check: BuyerCheck) -> Row:
    """What the register said, as words with a tone."""
    registered = check.registration == Registration.REGISTERED
    unknown = check.registration == Registration.UNKNOWN
    active = check.standing == TaxpayerStanding.ACTIVE
    if unknown:
        look = {"tone": "neutral", "icon": "question", "label": _("No clear word")}
    elif registered and active:
        look = {"tone": "ok", "icon": "check-circle", "label": _("Registered, active")}
    elif registered:
        look = {"tone": "attention", "icon": "alert", "label": _("Registered, not active")}
    else:
        look = {"tone": "wait", "icon": "info", "label": _("Not registered")}
    return look | {"said": check.answer, "at": karachi_time(check.checked_at)}


def difference(buyer: Buyer | None, check: BuyerCheck | None, actor: Actor) -> Row | None:
    """The banner where FBR and the master disagree, with the button that ends it."""
    if buyer is None or check is None or not buyer_checks.differs(buyer, check):
        return None
    words = {
        "fbr": Registration(check.registration).label,
        "ours": BuyerKind(buyer.registration_type).label,
        "name": buyer.name,
    }
    may_write = actor.may(Permission.WRITE_CATALOGUE)
    return {
        "title": _("FBR's register says something else"),
        "text": _("%(name)s is kept here as: %(ours)s. FBR says: %(fbr)s.") % words,
        "action": _("Put FBR's word here: %(fbr)s") % words,
        "url": reverse("fbr:take_over", args=[buyer.pk]) if may_write else "",
    }


def history(checks: Iterable[BuyerCheck]) -> list[Row]:
    """Every answer that was kept, newest first."""
    found = list(checks)
    names = people.names_of(check.said_by for check in found)
    return [check_row(check) | {"by": names.get(check.said_by, _MACHINE)} for check in found]


def walk_row(run: BuyerCheckRun | None) -> Row | None:
    """The last walk over all customers."""
    if run is None:
        return None
    by = people.names_of([run.asked_by]).get(run.asked_by, _MACHINE)
    facts = [
        {"name": _("Begun"), "value": karachi_time(run.asked_at)},
        {"name": _("By"), "value": by},
        {"name": _("Customers asked about"), "value": f"{run.done} / {run.total}"},
        {"name": _("FBR differs from our list"), "value": str(run.differing)},
        {"name": _("No answer"), "value": str(run.unanswered)},
    ]
    return {
        "open": run.ended_at is None,
        "label": _("Asking FBR's register"),
        "done": min(run.done, run.total),
        "total": run.total,
        "left": _left(run),
        "facts": facts,
        "why": run.why,
    }


def _left(run: BuyerCheckRun) -> str:
    """How long a walk still takes, in words."""
    missing = max(run.total - run.done, 0)
    wait = timedelta(seconds=missing / buyer_checks.PER_S)
    return _("about %(time)s left") % {"time": duration(wait)} if missing else ""


def differing_row(buyer: Buyer) -> Row:
    return {
        "url": buyer.get_absolute_url(),
        "name": buyer.name,
        "number": ntn_in_part(buyer.ntn_cnic),
        "ours": BuyerKind(buyer.registration_type).label,
        "fbr": Registration(buyer.register_says).label,
        "standing": TaxpayerStanding(buyer.standing).label,
        "at": karachi_date(buyer.checked_at),
        "take_over": reverse("fbr:take_over", args=[buyer.pk]),
    }
