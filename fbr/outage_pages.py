"""What pages say while FBR is away, and until all that was issued meanwhile is reported."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.db import connection
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts import selectors as people
from accounts import tenancy
from fbr import deadlines
from fbr.deadlines import Stage
from fbr.models import OfflineSpell, Outage, Outbox
from fbr.services import outages, spells
from invoices.enums import REPORTED, Channel, State
from invoices.models import Invoice, Till
from smartinvoicing import clock
from smartinvoicing.templatetags.formats import duration, karachi_time

Row = dict[str, Any]

# How long a page still says that all is well again.
SAID_FOR: Final = timedelta(minutes=30)

_IS_ANYTHING: Final = """
    SELECT EXISTS (SELECT 1 FROM fbr_outage WHERE restored_at IS NULL)
        OR EXISTS (SELECT 1 FROM fbr_offlinespell
                   WHERE tenant_id = %s AND (drained_at IS NULL OR drained_at >= %s))
"""

_TONES: Final = {
    Stage.EARLY: "wait",
    Stage.HALF: "wait",
    Stage.LATE: "attention",
    Stage.LAST: "danger",
    Stage.OVER: "danger",
}


def tone_of(stage: Stage) -> str:
    """The tone of a clock that runs."""
    return _TONES[stage]


def hours_and_minutes(left: timedelta) -> str:
    """3 h 20 min, rounded down: nobody is promised more than there is."""
    minutes = max(0, left // timedelta(minutes=1))
    about = {"hours": minutes // 60, "minutes": minutes % 60}
    return _("%(hours)d h %(minutes)d min") % about if about["hours"] else _("%d min") % minutes


def running(deadline: datetime, *, at: datetime) -> Row:
    """A day of grace as a bar: {tone, label, until, done, total, is_over}, in minutes."""
    stage = deadlines.stage_at(deadline, at=at)
    left = deadline - at
    whole = deadlines.A_DAY // timedelta(minutes=1)
    gone = min(whole, max(0, whole - left // timedelta(minutes=1)))
    label = (
        _("Overdue by %(time)s") % {"time": hours_and_minutes(-left)}
        if stage == Stage.OVER
        else _("%(time)s left") % {"time": hours_and_minutes(left)}
    )
    return {
        "tone": tone_of(stage),
        "label": label,
        "until": karachi_time(deadline),
        "done": gone,
        "total": whole,
        "is_over": stage == Stage.OVER,
    }


# --- every page -------------------------------------------------------------------------------


def banner(*, at: datetime) -> Row | None:
    """What stands above every page of a business while FBR is away, and until all has gone.

    Costs one question while all is well.
    """
    with connection.cursor() as cursor:
        cursor.execute(_IS_ANYTHING, [tenancy.current_tenant_id(), at - SAID_FOR])
        row = cursor.fetchone()
    if not (row and row[0]):
        return None
    entity = people.legal_entities().only("environment").first()
    if entity is None:
        return None
    environment = entity.environment
    outage = away(environment)
    if outage is not None:
        return {
            "tone": "attention",
            "icon": "plug",
            "title": _("FBR is not answering since %(time)s.") % {"time": _since(outage, at)},
            "text": _(
                "Go on issuing: documents are numbered, print as provisional and are reported by"
                " themselves."
            ),
            "progress": None,
        }
    spell = _latest_spell(environment, at)
    return _of_spell(spell, at) if spell else None


def away(environment: str) -> Outage | None:
    """The outage that this business feels now, on the channels that it uses."""
    used = [Channel.DI]
    if Till.objects.filter(environment=environment, retired_at=None).exists():
        used.append(Channel.POS)
    lasting = Outage.objects.filter(environment=environment, channel__in=used, restored_at=None)
    for outage in lasting.order_by("began_at"):
        if outages.is_away(outage.environment, outage.channel):
            return outage
    return None


def _since(outage: Outage, at: datetime) -> str:
    """14:05 today; with the day before that."""
    began_at = clock.karachi(outage.began_at)
    is_today = clock.karachi_date(outage.began_at) == clock.karachi_date(at)
    return f"{began_at:%H:%M}" if is_today else karachi_time(outage.began_at)


def _latest_spell(environment: str, at: datetime) -> OfflineSpell | None:
    """One that still drains, else one that has just drained."""
    found = OfflineSpell.objects.filter(
        outage__environment=environment, outage__restored_at__isnull=False
    ).select_related("outage")
    draining = found.filter(drained_at=None).order_by("deadline").first()
    return draining or found.filter(drained_at__gte=at - SAID_FOR).order_by("-drained_at").first()


def _of_spell(spell: OfflineSpell, at: datetime) -> Row:
    restored_at = spell.outage.restored_at
    if spell.drained_at is not None and restored_at is not None:
        return _drained(spell, spell.drained_at - restored_at)
    text = _("FBR answers again. What was issued offline is being reported.")
    tone = "wait"
    if spell.deadline is not None:
        text = _("FBR answers again. What was issued offline must be there until %(until)s.") % {
            "until": karachi_time(spell.deadline)
        }
        tone = tone_of(deadlines.stage_at(spell.deadline, at=at))
    return {
        "tone": tone,
        "icon": "turning",
        "title": _("Reporting what was issued offline."),
        "text": f"{text} {_refused(spell)}".strip(),
        "progress": progress(spell, at=at),
    }


def _drained(spell: OfflineSpell, took: timedelta) -> Row:
    about = {"n": spell.reported, "took": duration(took)}
    text = ngettext(
        "%(n)d document that was issued offline was reported within %(took)s.",
        "%(n)d documents that were issued offline were reported within %(took)s.",
        spell.reported,
    )
    return {
        "tone": "ok",
        "icon": "check-circle",
        "title": _("FBR answers again."),
        "text": text % about,
        "progress": None,
    }


def _refused(spell: OfflineSpell) -> str:
    if not spell.refused:
        return ""
    text = ngettext(
        "FBR refused %(n)d: correct it and issue it again.",
        "FBR refused %(n)d: correct them and issue them again.",
        spell.refused,
    )
    return text % {"n": spell.refused}


def progress(spell: OfflineSpell, *, at: datetime) -> Row:
    """For ui/progress.html: how many of those issued offline FBR has, and how long it takes."""
    done = spell.reported
    took = None
    if spell.outage.restored_at is not None:
        took = deadlines.time_left(
            left=max(0, spell.documents - done - spell.refused),
            done=done,
            restored_at=spell.outage.restored_at,
            at=at,
        )
    return {
        "label": _("Issued offline, now at FBR"),
        "done": done,
        "total": spell.documents,
        "left": _("about %(time)s left") % {"time": duration(took)} if took else "",
    }


# --- the light on the dashboard ---------------------------------------------------------------


def light(*, at: datetime) -> Row | None:
    """The light while FBR is away or what was issued meanwhile drains; None otherwise."""
    said = banner(at=at)
    if said is None:
        return None
    waiting = spells.waiting_now()
    sentence = said["text"]
    if waiting:
        text = ngettext(
            "%(n)d document issued offline waits.", "%(n)d documents issued offline wait.", waiting
        )
        sentence = f"{sentence} {text % {'n': waiting}}"
    return {
        "tone": said["tone"],
        "label": said["title"],
        "sentence": sentence,
        "progress": said["progress"],
    }


# --- one document -----------------------------------------------------------------------------


def offline(invoice: Invoice, *, at: datetime) -> Row | None:
    """The mark and the clock of a document that was issued offline; None for any other."""
    if not invoice.issued_offline:
        return None
    works = Outbox.objects.filter(invoice=invoice).defer("body").order_by("version")
    first, last = works.first(), works.last()
    if first is None or last is None:
        return None
    about = {"issued": karachi_time(first.made_at)}
    shown: Row = {
        "url": "",
        "tone": "neutral",
        "title": _("Issued offline on %(issued)s") % about,
        "text": "",
        "clock": None,
    }
    if invoice.state in REPORTED and invoice.accepted_at is not None:
        return shown | _arrived(invoice.accepted_at, last.deadline)
    if invoice.state not in spells.OWED:
        return shown
    shown["url"] = reverse("fbr:offline", args=[invoice.pk])
    is_refused = invoice.state == State.REJECTED
    deadline = outages.deadline_of(invoice) if is_refused else last.deadline
    if deadline is None:
        text = _("FBR must have it within 24 hours of answering again. It goes by itself.")
        return shown | {"tone": "wait", "text": text}
    clock_row = running(deadline, at=at)
    return shown | {"tone": clock_row["tone"], "text": _waits(invoice), "clock": clock_row}


def _arrived(accepted_at: datetime, deadline: datetime | None) -> Row:
    text = _("Reported on %(at)s.") % {"at": karachi_time(accepted_at)}
    if deadline is None or accepted_at <= deadline:
        return {"tone": "ok", "text": text}
    late = _("The 24 hours had ended at %(at)s.") % {"at": karachi_time(deadline)}
    return {"tone": "attention", "text": f"{text} {late}"}


def _waits(invoice: Invoice) -> str:
    if invoice.state == State.UNCERTAIN:
        return _("FBR answers again. Settle first whether FBR has it; the clock runs meanwhile.")
    if invoice.state == State.REJECTED:
        return _("FBR refused it. Correct it and issue it again; the clock runs meanwhile.")
    return _("FBR answers again. It goes by itself; see below what it waits for.")
