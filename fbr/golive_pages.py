"""What the pages on the way to production show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import selectors as people
from accounts.access import Actor
from accounts.enums import Activity, Environment, Permission, Sector
from accounts.models import LegalEntity, User
from fbr import token_pages
from fbr.models import Credential
from fbr.services import onboarding
from fbr.services.onboarding import BY_HAND, Mark, Progress, Step
from smartinvoicing.errors import Problem
from smartinvoicing.templatetags.formats import karachi_time

Row = dict[str, Any]

PRAL: Final = "PRAL"
MOST_IN_THE_FORM: Final = 3  # IRIS takes more by a spreadsheet only

_WHAT: Final[Mapping[str, Any]] = {
    Step.PROFILE: gettext_lazy(
        "Name, NTN or CNIC, province and address as FBR's register has them. Business activity and"
        " sector decide which scenarios the sandbox asks for."
    ),
    Step.IRIS: gettext_lazy(
        "Sign in to IRIS, open Digital Invoicing, then API Integration, and choose PRAL as the"
        " integrator: that costs nothing. Type these details there, then tick this step."
    ),
    Step.ADDRESSES: gettext_lazy(
        "IRIS asks from which addresses your invoices will come. Enter ours; PRAL approves them"
        " within about two working hours. Until then FBR lets nothing of yours in."
    ),
    Step.SANDBOX_TOKEN: gettext_lazy(
        "When the addresses are approved, IRIS shows a token for the sandbox, and shows it only"
        " once. Store it here and test it."
    ),
    Step.SCENARIOS: gettext_lazy(
        "FBR wants to see one sample invoice of each kind in its test system. We write and send"
        " them; what FBR refuses you can open and mend."
    ),
    Step.PRODUCTION_TOKEN: gettext_lazy(
        "After the last scenario IRIS makes the token for production by itself. Store it here and"
        " test it."
    ),
    Step.PRODUCTION: gettext_lazy(
        "From the switch on every invoice that you issue counts for tax."
    ),
    Step.FIRST_INVOICE: gettext_lazy(
        "Issue one of low value, and look at it in IRIS before you issue more."
    ),
}

# Where a step is done: URL name, the button's words, who may press it.
_WHERE: Final[Mapping[str, tuple[str, Any, Permission]]] = {
    Step.PROFILE: (
        "accounts:business",
        gettext_lazy("Complete the profile"),
        Permission.MANAGE_BUSINESS,
    ),
    Step.SANDBOX_TOKEN: (
        "fbr:tokens",
        gettext_lazy("Store and test the sandbox token"),
        Permission.MANAGE_BUSINESS,
    ),
    Step.SCENARIOS: ("fbr:scenarios", gettext_lazy("Run the scenarios"), Permission.VIEW),
    Step.PRODUCTION_TOKEN: (
        "fbr:tokens",
        gettext_lazy("Store and test the production token"),
        Permission.MANAGE_BUSINESS,
    ),
    Step.PRODUCTION: (
        "fbr:environment",
        gettext_lazy("Switch to production"),
        Permission.MANAGE_BUSINESS,
    ),
    Step.FIRST_INVOICE: (
        "invoices:new",
        gettext_lazy("Write the first invoice"),
        Permission.WRITE_DRAFTS,
    ),
}
_TICKS: Final[Mapping[str, Any]] = {
    Step.IRIS: gettext_lazy("I have typed them into IRIS"),
    Step.ADDRESSES: gettext_lazy("IRIS lists them as approved"),
}
_AGAIN: Final = gettext_lazy("Look at it")
_PARTS: Final[Mapping[str, str]] = {
    Step.IRIS: "fbr/_iris.html",
    Step.ADDRESSES: "fbr/_addresses.html",
}


# --- the steps --------------------------------------------------------------------------------


def steps(progress: Progress, actor: Actor) -> list[Row]:
    """The stepper: each step with its word, its sentence and its button."""
    names = people.names_of(mark.by for mark in progress.marks if mark.by)
    current = progress.next
    return [_step(mark, mark is current, actor, names) for mark in progress.marks]


def _step(mark: Mark, is_now: bool, actor: Actor, names: Mapping[str, str]) -> Row:
    tone, icon, word = _look_of(mark, is_now)
    return {
        "id": f"step-{mark.step.value}",
        "title": mark.step.label,
        "tone": tone,
        "icon": icon,
        "word": word,
        "is_now": is_now,
        "what": _WHAT[mark.step],
        "lack": mark.lack.message if mark.lack and is_now else "",
        "note": _ticked(mark, names),
        "part": _PARTS.get(mark.step, ""),
        "actions": [action] if (action := action_of(mark, actor)) else [],
    }


def _look_of(mark: Mark, is_now: bool) -> tuple[str, str, str]:
    if mark.is_done:
        return "ok", "check", _("Done")
    return ("accent", "arrow", _("Next")) if is_now else ("neutral", "minus", _("Later"))


def _ticked(mark: Mark, names: Mapping[str, str]) -> str:
    if mark.at is None:
        return ""
    about = {"name": names.get(mark.by, _("somebody")), "at": karachi_time(mark.at)}
    return _("Ticked by %(name)s on %(at)s.") % about


def action_of(mark: Mark, actor: Actor, *, kind: str = "") -> Row | None:
    """The button of a step, for those who may press it."""
    if mark.step in BY_HAND:
        return _tick_of(mark, actor, kind)
    url, label, permission = _WHERE[mark.step]
    if not actor.may(permission):
        return None
    return {"url": reverse(url), "label": _AGAIN if mark.is_done else label, "kind": kind}


def _tick_of(mark: Mark, actor: Actor, kind: str) -> Row | None:
    if not actor.may(Permission.MANAGE_BUSINESS):
        return None
    post = {"url": reverse("fbr:golive_tick"), "post": True, "value": mark.step.value}
    if mark.is_done:
        return {**post, "name": "untick", "label": _("Take the tick back"), "kind": "quiet small"}
    return {**post, "name": "tick", "label": _TICKS[mark.step], "icon": "check", "kind": kind}


def bar(progress: Progress) -> Row:
    """How far it is, for ui/progress.html."""
    return {
        "label": _("Steps to production"),
        "done": progress.done,
        "total": len(progress.marks),
    }


# --- what IRIS asks ---------------------------------------------------------------------------


def iris(entity: LegalEntity, progress: Progress, person: User) -> list[Row]:
    """The form of IRIS, field by field, in the words that IRIS expects. Source: regime, 6."""
    natures = onboarding.natures_of(entity, progress.golive)
    given = [
        (_("Registration number (NTN or CNIC)"), entity.ntn_cnic, ""),
        (_("Integrator"), PRAL, _("Licensed by FBR; it charges nothing.")),
        (_("Software or system provider"), settings.SOFTWARE, ""),
        (_("Software version"), settings.SOFTWARE_VERSION, ""),
        (_("Software type"), "Cloud", ""),
        (_("Contact person"), person.name, _("Whoever answers when PRAL calls.")),
        (_("E-mail of the contact"), person.email, ""),
        (
            _("Phone of the contact"),
            entity.phone,
            "" if entity.phone else _("The business profile has none yet."),
        ),
        (
            _("PRAL support account (CRM)"),
            "",
            _("Your own: open one at PRAL's support portal if you have none."),
        ),
        (_("Business nature"), ", ".join(Activity(each).value for each in natures), ""),
        (_("Sector"), Sector(entity.sector).value, ""),
        (_("Hosting company"), settings.HOSTING_COMPANY, _unset(settings.HOSTING_COMPANY)),
        (_("Hosting country"), settings.HOSTING_COUNTRY, _unset(settings.HOSTING_COUNTRY)),
    ]
    return [
        {"id": f"iris-{place}", "name": name, "value": value, "hint": hint}
        for place, (name, value, hint) in enumerate(given, start=1)
    ]


def _unset(value: str) -> str:
    return "" if value else _("Ask whoever runs this installation: it was not set here.")


def addresses() -> Row:
    """From where we call FBR; honest where nobody has said it."""
    ours = [
        {"id": f"address-{place}", "value": each}
        for place, each in enumerate(settings.EGRESS_ADDRESSES, start=1)
    ]
    return {
        "rows": ours,
        "many": len(ours) > MOST_IN_THE_FORM,
        "most": MOST_IN_THE_FORM,
        "all": ", ".join(settings.EGRESS_ADDRESSES),
    }


# --- on the first page ------------------------------------------------------------------------


def golive_card(progress: Progress, entity: LegalEntity, actor: Actor) -> Row | None:
    """The next step for the dashboard; None when the business is through."""
    mark = progress.next
    if mark is None or _is_over(progress, entity):
        return None
    return {
        "bar": bar(progress),
        "step": {
            "title": mark.step.label,
            "sentence": mark.lack.message if mark.lack else "",
            "action": action_of(mark, actor),
        },
        "url": reverse("fbr:golive"),
    }


def _is_over(progress: Progress, entity: LegalEntity) -> bool:
    """In production what came before does not matter any more."""
    first = next(mark for mark in progress.marks if mark.step == Step.FIRST_INVOICE)
    return entity.environment == Environment.PRODUCTION and first.is_done


def token_tasks(tokens: Sequence[Credential], actor: Actor, today: date) -> list[Row]:
    """Tokens that run out, for the red list (ui/tasks.html)."""
    may_manage = actor.may(Permission.MANAGE_BUSINESS)
    found = []
    for token in tokens:
        warning = token_pages.ending(token, today)
        if warning is None:
            continue
        url = token_pages.tills_url() if token.till_id else reverse("fbr:tokens")
        title = f"{warning['title']}: {token.till.name}" if token.till else warning["title"]
        found.append(
            {
                "tone": warning["tone"],
                "icon": warning["icon"],
                "title": title,
                "sentence": warning["text"],
                "url": url if may_manage else "",
                "action": _("Store a new one"),
            }
        )
    return found


# --- the switch -------------------------------------------------------------------------------


def missing(problems: Sequence[Problem]) -> list[Row]:
    """What stands before the switch, each with the way to it (ui/tasks.html)."""
    return [
        {
            "tone": "attention",
            "icon": "minus",
            "title": problem.message,
            "sentence": problem.fix,
            "url": f"{reverse('fbr:golive')}#step-{problem.code}",
            "action": _("Go there"),
        }
        for problem in problems
    ]


def question(to: Environment, drafts: int) -> Row:
    """What a switch means, said before it happens."""
    if to == Environment.PRODUCTION:
        sentences = [
            _("Every invoice that is issued from now on is reported to FBR and counts for tax."),
            _("An accepted one can be cancelled in IRIS only, within 72 hours."),
            _("Numbers begin anew: production has a run of its own."),
        ]
    else:
        sentences = [
            _("Invoices issued from now on go to FBR's test system. They do not count for tax."),
            _("What was issued in production and still waits is reported there all the same."),
        ]
    if drafts:
        left = ngettext(
            "%(n)d draft belongs to where you are now: to issue it afterwards, copy it.",
            "%(n)d drafts belong to where you are now: to issue one afterwards, copy it.",
            drafts,
        )
        sentences.append(left % {"n": drafts})
    is_production = to == Environment.PRODUCTION
    return {
        "id": "switch",
        "to": to.value,
        "title": _("Switch to production?") if is_production else _("Go back to the sandbox?"),
        "confirm": _("Switch to production") if is_production else _("Go back to the sandbox"),
        "tone": "attention",
        "icon": "alert",
        "sentences": sentences,
    }
