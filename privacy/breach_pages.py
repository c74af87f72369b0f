"""What the incident room shows, as plain values for its templates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from privacy import authorities, breach_clock, breach_grading, breach_letters
from privacy.breach_clock import Need, Step
from privacy.models import (
    Alarm,
    Audience,
    BreachAlert,
    BreachCase,
    BreachLetter,
    BreachScope,
    BreachStep,
    StepKind,
)
from privacy.services import breach_alerts, breach_notices, breach_steps, scope
from smartinvoicing.templatetags.formats import karachi_time

Row = dict[str, Any]


# --- the two clocks ---------------------------------------------------------------------------


def clocks(case: BreachCase, *, at: datetime) -> list[Row]:
    """The 72 hours; beside them FBR's 24 where invoicing is affected."""
    found = [
        _clock(
            _("Authority: 72 hours"),
            case,
            breach_clock.ends_at(case.aware_at),
            Audience.AUTHORITY,
            at=at,
        )
    ]
    if case.touches_invoicing:
        ends = breach_clock.fbr_ends_at(case.aware_at)
        found.append(_clock(_("FBR: 24 hours"), case, ends, Audience.FBR, at=at))
    return found


def _clock(
    label: str, case: BreachCase, ends: datetime, audience: Audience, *, at: datetime
) -> Row:
    whole = int((ends - case.aware_at).total_seconds() // 60)
    gone = max(0, min(whole, int((at - case.aware_at).total_seconds() // 60)))
    is_done = case.closed_at is not None or breach_steps.is_told(case, audience)
    is_over = breach_clock.is_over(ends, at=at)
    late = _told_late(case, audience, ends)
    if is_done and late:
        tone, text = "attention", _("Told %(time)s too late") % {"time": _span(late)}
    elif is_done:
        tone, text = "ok", _("Done")
    elif is_over:
        tone, text = "danger", _("Missed %(time)s ago") % {"time": _span(at - ends)}
    else:
        left = ends - at
        tone = "attention" if left > (ends - case.aware_at) / 4 else "danger"
        text = _("%(time)s left") % {"time": _span(left)}
    return {
        "label": label,
        "whole": whole,
        "gone": gone,
        "tone": tone,
        "text": text,
        "ends": f"{karachi_time(ends)} ({ends:%Y-%m-%d %H:%M} UTC)",
        "is_missed": is_over and not is_done,
    }


def _told_late(case: BreachCase, audience: Audience, ends: datetime) -> timedelta:
    """How long after its end the first letter was there; zero where it was in time, or never."""
    first = breach_steps.reached_at(case, audience)
    return max(timedelta(0), first - ends) if first else timedelta(0)


def _span(time: timedelta) -> str:
    """Hours and minutes, rounded down: what is left is never said to be more than it is."""
    minutes = int(time.total_seconds() // 60)
    return _("%(h)d h %(m)d min") % {"h": minutes // 60, "m": minutes % 60}


def state(case: BreachCase, *, at: datetime) -> Row:
    """In one word, for the list and the head of the room: {tone, label}."""
    if case.closed_at is not None:
        return {"tone": "ok", "label": _("Closed")}
    worst = [each for each in clocks(case, at=at) if each["tone"] == "danger"]
    told = breach_steps.is_told(case, Audience.AUTHORITY)
    first = (worst or clocks(case, at=at))[0]
    if told and not worst:
        return {"tone": "wait", "label": _("Told; not closed")}
    return {"tone": first["tone"], "label": first["text"]}


def next_step(case: BreachCase, *, at: datetime) -> Row | None:
    """The first step that is not done: {says, due, is_late}."""
    for step in breach_steps.steps_of(case):
        if step.need == Need.NOTHING or breach_steps.is_done(case, step.need):
            continue
        due = breach_clock.due_at(step, case.aware_at)
        return {"says": step.says, "due": due, "is_late": breach_clock.is_over(due, at=at)}
    return None


_DEEDS: Final = {
    Need.ACKNOWLEDGED: "acknowledge",
    Need.SCOPED: "scope",
    Need.GRADED: "grade",
    Need.DECIDED: "decide",
}


def _primary(case: BreachCase) -> str:
    """The one deed that comes next; letters wait for the decisions, the signature for letters."""
    for need, deed in _DEEDS.items():
        if not breach_steps.is_done(case, need):
            return deed
    if case.letters.filter(sent_at=None, by_machine=False).exists():
        return "send"
    return "sign" if case.signed_at is None else "close"


# --- the room ---------------------------------------------------------------------------------


def room(case: BreachCase, *, at: datetime) -> Row:
    """All of one case on one page."""
    own = case.alerts.order_by("at", "pk")
    return {
        "reference": breach_letters.reference_of(case),
        "state": state(case, at=at),
        "clocks": clocks(case, at=at),
        "next": next_step(case, at=at) if case.closed_at is None else None,
        "primary": _primary(case) if case.closed_at is None else "",
        "facts": facts(case),
        "steps": _steps(case, list(own), at=at),
        "evidence": _list(case, StepKind.EVIDENCE),
        "credentials": _list(case, StepKind.CREDENTIAL),
        "matrix": _matrix(case),
        "letters": [_letter(each) for each in case.letters.order_by("-written_at")],
        "scopes": [_frozen(each) for each in case.scopes.order_by("at")],
        "tenants": list(case.tenants.order_by("since")),
        "timeline": _timeline(case, list(own)),
        "authority": authorities.to_tell(at),
        "contact": settings.PRIVACY_EMAIL,
        "back": breach_notices.came_back(case).count(),
    }


def facts(case: BreachCase) -> list[tuple[str, Any]]:
    """Names and values, for the room and for the register's own sheet."""
    unknown = _("not known yet")
    nature = [
        (case.is_confidentiality, _("confidentiality")),
        (case.is_integrity, _("integrity")),
        (case.is_availability, _("availability")),
    ]
    return [
        (_("Happened"), karachi_time(case.occurred_at) if case.occurred_at else unknown),
        (_("Detected"), karachi_time(case.detected_at)),
        (_("We knew"), f"{karachi_time(case.aware_at)} ({case.aware_at:%Y-%m-%d %H:%M} UTC)"),
        (_("Written down"), karachi_time(case.created_at)),
        (_("Whose data"), case.get_hat_display()),
        (_("What was hurt"), ", ".join(word for is_so, word in nature if is_so)),
        (_("Kinds of data"), ", ".join(case.data_classes) or unknown),
        (_("Invoicing system"), _("affected") if case.touches_invoicing else _("not affected")),
        (_("Persons"), _range(case.subjects_low, case.subjects_high)),
        (_("Records"), _range(case.records_low, case.records_high)),
        (_("What happened"), case.what or unknown),
        (_("Likely harm"), case.likely_harm or unknown),
        (_("What was done about it"), case.measures or unknown),
        (_("Severity"), _severity(case) or unknown),
        (_("Root cause"), case.root_cause or unknown),
        (_("Lessons"), case.lessons or unknown),
        *([(_("Why the authority was told late"), case.late_reason)] if case.late_reason else []),
    ]


def _severity(case: BreachCase) -> str:
    return f"{case.get_severity_display()}: {case.severity_why}" if case.severity else ""


def _range(low: int, high: int | None) -> str:
    if high is None:
        return _("at least %(low)s") % {"low": low} if low else _("not known yet")
    return str(low) if low == high else f"{low} – {high}"  # noqa: RUF001 -- from, to


def _steps(case: BreachCase, alerts: list[BreachAlert], *, at: datetime) -> list[Row]:
    """Each step of the clock: when it is due, whether it is done, who was told and how late."""
    alarms = {each.step: each for each in Alarm.objects.filter(kind="breach", about=case.pk)}
    return [
        _step(case, step, alerts, alarms.get(step.name), at=at)
        for step in breach_steps.steps_of(case)
    ]


def _step(
    case: BreachCase, step: Step, alerts: list[BreachAlert], alarm: Alarm | None, *, at: datetime
) -> Row:
    due = breach_clock.due_at(step, case.aware_at)
    told = [each for each in alerts if each.step == step.name]
    is_done = step.need != Need.NOTHING and breach_steps.is_done(case, step.need)
    is_red = not is_done and step.need != Need.NOTHING and breach_clock.is_over(due, at=at)
    return {
        "hours": step.hours,
        "says": step.says,
        "due": due,
        "is_done": is_done,
        "is_red": is_red and case.closed_at is None,
        "told": len(told),
        "late": _late(max((each.late_s for each in told), default=0)),
        "again": alarm.sounds_at if alarm and told and alarm.silenced_at is None else None,
    }


def _late(late_s: int) -> str:
    if not breach_alerts.is_late(late_s):
        return ""
    return _("%(time)s late") % {"time": _span(timedelta(seconds=late_s))}


def _list(case: BreachCase, kind: StepKind) -> list[Row]:
    names = {**breach_grading.EVIDENCE, **breach_grading.CREDENTIALS}
    return [
        {"name": names[step.name], "done_at": step.done_at, "note": step.note}
        for step in BreachStep.objects.filter(case=case, kind=kind).order_by("pk")
    ]


def _matrix(case: BreachCase) -> list[Row]:
    """One row an audience: what the matrix asks, what was decided, what was sent."""
    decisions = breach_steps.decisions_of(case)
    duties = breach_grading.duties(
        case.severity, hat=case.hat, touches_invoicing=case.touches_invoicing
    )
    rows = []
    for audience, duty in duties.items():
        decision = decisions.get(audience)
        sent = case.letters.filter(audience=audience, sent_at__isnull=False).order_by("sent_at")
        rows.append(
            {
                "audience": audience.label,
                "must": duty.must,
                "rule": duty.why,
                "decision": decision,
                "sent": [each.sent_at for each in sent],
                "draft_url": reverse(
                    "admin:privacy_breachcase_letter", args=[case.pk, audience.value]
                ),
            }
        )
    return rows


def _letter(letter: BreachLetter) -> Row:
    states: dict[str, int] = {}
    for notice in letter.notices.all():
        label = str(notice.get_state_display())
        states[label] = states.get(label, 0) + 1
    return {
        "letter": letter,
        "delivery": ", ".join(f"{label}: {count}" for label, count in states.items()),
    }


def _frozen(frozen: BreachScope) -> Row:
    return {"scope": frozen, "is_whole": scope.is_whole(frozen)}


def _named(fields: Iterable[str]) -> str:
    """Facts as the register calls them."""
    meta = BreachCase._meta
    return ", ".join(sorted(str(meta.get_field(name).verbose_name) for name in fields))  # type: ignore[union-attr]  # columns only


def _timeline(case: BreachCase, alerts: list[BreachAlert]) -> list[Row]:
    """Everything that happened, in its order."""
    lines: list[Row] = []
    for change in case.revisions.all():
        fields = _named(change.after) if change.number > 1 else _("opened")
        said = _("Revision %(n)d: %(what)s") % {"n": change.number, "what": fields}
        lines.append({"at": change.at, "who": change.who, "said": said, "why": change.why})
    for decision in case.decisions.all():
        word = _("is told") if decision.tells else _("is not told")
        said = f"{decision.get_audience_display()}: {word}"
        lines.append({"at": decision.at, "who": decision.who, "said": said, "why": decision.why})
    for letter in case.letters.exclude(sent_at=None):
        said = _("Letter sent: %(who)s") % {"who": letter.get_audience_display()}
        lines.append({"at": letter.sent_at, "who": letter.sent_by, "said": said, "why": ""})
    for alert in alerts:
        people = len(alert.told)
        said = ngettext(
            "Alert of hour %(n)d: %(people)d person told",
            "Alert of hour %(n)d: %(people)d people told",
            people,
        ) % {"n": breach_clock.BY_NAME[alert.step].hours, "people": people}
        lines.append({"at": alert.at, "who": "", "said": said, "why": _late(alert.late_s)})
    return sorted(lines, key=lambda line: line["at"])
