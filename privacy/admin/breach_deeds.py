"""The buttons of the incident room: each a page that asks, and one service behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.desk import Deed
from accounts.enums import Desk
from accounts.models import User
from privacy import breach_forms, breach_letters
from privacy.models import BreachCase, BreachNotice
from privacy.services import breach_ends, breach_notices, breaches
from privacy.services.breaches import Facts

Given = dict[str, Any]

# --- what the buttons do ----------------------------------------------------------------------


def _opened(by: User, row: Any, given: Given, at: datetime) -> str:
    tenants = given.pop("tenants")
    given["data_classes"] = tuple(given["data_classes"])
    case = breaches.open_case(given=Facts(**given), by=by, at=at, tenant_ids=tenants)
    return _("%(reference)s is open; the clocks run.") % {
        "reference": breach_letters.reference_of(case)
    }


def _acknowledged(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breaches.acknowledge(case=row, by=by, at=at)
    return _("It is in your hands.")


def _revised(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    why = given.pop("why")
    breaches.revise(case=row, to=given, why=why, by=by, at=at)
    return _("Written down as a new revision.")


def _graded(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breaches.grade(case=row, severity=given["severity"], why=given["severity_why"], by=by, at=at)
    return _("Its severity is written down.")


def _decided(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breaches.decide(case=row, **given, by=by, at=at)
    return _("The decision is written down.")


def _ticked(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    step = row.steps.get(pk=given["step"])
    breaches.tick(step=step, note=given["note"], by=by, at=at)
    return _("Ticked.")


def _added(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    fresh = breaches.add_tenants(case=row, tenant_ids=given["tenants"], by=by, at=at)
    return _("%(n)d businesses added.") % {"n": len(fresh)}


def _sent(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    letter = row.letters.get(pk=given["letter"])
    sent = breach_notices.send(
        letter=letter, by=by, at=at, recipient=given["recipient"], proof=given["proof"]
    )
    return _("Sent; %(n)d notices are on their way.") % {"n": sent.notices.count()}


def _in_phases(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breach_notices.send_incomplete(case=row, **given, by=by, at=at)
    return _("What is known was sent; more follows.")


def _told_elsewhere(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    notice = BreachNotice.objects.get(pk=given["notice"], letter__case=row)
    breach_notices.told_elsewhere(notice=notice, note=given["note"], by=by, at=at)
    return _("Written down.")


def _asked_earlier(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breaches.ask_earlier(case=row, **given, by=by, at=at)
    return _("A second person has to agree; then move it.")


def _moved(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breaches.move_aware_at(case=row, **given, by=by, at=at)
    return _("Moved; all clocks run from there.")


def _signed(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breach_ends.sign(case=row, by=by, at=at)
    return _("Signed.")


def _closed(by: User, row: BreachCase, given: Given, at: datetime) -> str:
    breach_ends.close(case=row, by=by, at=at)
    return _("Closed. It stays in the register.")


def _deed(
    name: str,
    label: Any,
    words: Any,
    do: Callable[[User, Any, Given, datetime], str],
    form: type[forms.Form] = breach_forms.CaseForm,
    *,
    desk: Desk = Desk.WORK_BREACHES,
    fits: Callable[[BreachCase], bool] = lambda case: True,
) -> Deed:
    """A deed on an open case."""
    return Deed(
        name=name,
        label=label,
        words=words,
        desk=desk,
        do=do,
        form=form,
        fits=lambda user, row: row.closed_at is None and fits(row),
    )


OPEN: Final = Deed(
    name="open",
    label=gettext_lazy("Open a breach"),
    words=gettext_lazy("One form starts the 72 hours, and FBR's 24 where invoicing is affected."),
    desk=Desk.WORK_BREACHES,
    do=_opened,
    form=breach_forms.OpenForm,
    on_row=False,
)
DEEDS: Final = (
    _deed(
        "acknowledge",
        gettext_lazy("Take in hand"),
        gettext_lazy("The owner is paged each half hour until somebody does."),
        _acknowledged,
        fits=lambda case: case.acknowledged_at is None,
    ),
    _deed(
        "revise",
        gettext_lazy("Write facts anew"),
        gettext_lazy("What they were stays in the revision. A signature falls with it."),
        _revised,
        breach_forms.ReviseForm,
    ),
    _deed(
        "businesses",
        gettext_lazy("Add businesses"),
        gettext_lazy("Each gets FBR's clock where invoicing is affected."),
        _added,
        breach_forms.TenantsForm,
    ),
    _deed(
        "tick",
        gettext_lazy("Tick evidence or secrets"),
        gettext_lazy("Only what is really done."),
        _ticked,
        breach_forms.StepForm,
    ),
    _deed(
        "grade",
        gettext_lazy("Grade"),
        gettext_lazy("Who must be told follows from the severity."),
        _graded,
        breach_forms.GradeForm,
    ),
    _deed(
        "decide",
        gettext_lazy("Decide who is told"),
        gettext_lazy("One audience at a time, each with its reason; the newest counts."),
        _decided,
        breach_forms.DecideForm,
        desk=Desk.SIGN_BREACHES,
    ),
    _deed(
        "send",
        gettext_lazy("Send a letter"),
        gettext_lazy("To businesses and persons it goes by itself, a measure a minute."),
        _sent,
        breach_forms.SendForm,
        desk=Desk.SIGN_BREACHES,
        fits=lambda case: case.letters.filter(sent_at=None).exists(),
    ),
    _deed(
        "phases",
        gettext_lazy("Send incomplete in phases"),
        gettext_lazy("What is known goes now and says that more follows."),
        _in_phases,
        breach_forms.PhasesForm,
        desk=Desk.SIGN_BREACHES,
    ),
    _deed(
        "elsewhere",
        gettext_lazy("Told in another way"),
        gettext_lazy("Whose mail came back was told by telephone, by post or in person."),
        _told_elsewhere,
        breach_forms.ElsewhereForm,
        fits=lambda case: breach_notices.came_back(case).exists(),
    ),
    _deed(
        "earlier",
        gettext_lazy("Ask: we knew earlier"),
        gettext_lazy("A second person has to agree. It never moves later."),
        _asked_earlier,
        breach_forms.EarlierForm,
    ),
    _deed(
        "move",
        gettext_lazy("Move to the agreed time"),
        gettext_lazy("Exactly what the second person agreed to."),
        _moved,
        breach_forms.EarlierForm,
    ),
    _deed(
        "sign",
        gettext_lazy("Sign"),
        gettext_lazy("The privacy officer stands by the case as it is now."),
        _signed,
        desk=Desk.SIGN_BREACHES,
        fits=lambda case: case.signed_at is None,
    ),
    _deed(
        "close",
        gettext_lazy("Close"),
        gettext_lazy("It changes no more and stays for seven years."),
        _closed,
        fits=lambda case: case.signed_at is not None,
    ),
)
