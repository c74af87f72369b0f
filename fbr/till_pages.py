"""What the pages of tills show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.enums import Environment
from accounts.models import LegalEntity
from fbr import carriers
from fbr.models import Credential
from fbr.pos import codes
from invoices.enums import Transport
from invoices.models import PosTerms, Till
from smartinvoicing.templatetags.formats import karachi_time, ntn

Row = dict[str, Any]


def row(till: Till, credential: Credential | None, waiting: int) -> Row:
    """One till in the list."""
    return {
        "url": reverse("fbr:till", args=[till.pk]),
        "name": till.name,
        "branch": till.branch,
        "pos_id": till.pos_id,
        "environment": Environment(till.environment).label,
        "transport": Transport(till.transport).label,
        "badge": badge(till, credential),
        "waiting": bills(waiting) if waiting else "",
    }


def bills(count: int) -> str:
    return ngettext("%(n)d bill waits", "%(n)d bills wait", count) % {"n": count}


def badge(till: Till, credential: Credential | None) -> Row:
    """How a till stands, in a word."""
    if till.retired_at is not None:
        return {"tone": "neutral", "icon": "ban", "label": _("Retired")}
    if not carriers.has(till.transport):
        return {"tone": "attention", "icon": "pause", "label": _("Waits for the shop")}
    if credential is None:
        return {"tone": "attention", "icon": "key", "label": _("No token yet")}
    if credential.held_at is not None:
        return {"tone": "danger", "icon": "pause", "label": _("On hold")}
    if credential.test_worked is False:
        return {"tone": "danger", "icon": "x-circle", "label": _("Token refused")}
    return {"tone": "ok", "icon": "check-circle", "label": _("Token stored")}


def facts(till: Till, credential: Credential | None, waiting: int) -> list[Row]:
    """What is known of a till beside its form."""
    found: list[Row] = [
        {"name": _("POSID"), "value": till.pos_id, "code": True},
        {"name": _("Registered in"), "value": Environment(till.environment).label},
    ]
    if waiting:
        found.append({"name": _("At FBR's door"), "value": bills(waiting)})
    if credential is not None:
        ending = f"…{credential.last_four}"
        found.append({"name": _("Token ends in"), "value": ending, "code": True})
        found.append({"name": _("Stored"), "value": karachi_time(credential.stored_at)})
    if credential is not None and credential.tested_at is not None:
        found.append({"name": _("Tested"), "value": karachi_time(credential.tested_at)})
        found.append({"name": _("FBR said"), "value": credential.test_said})
    return found


def hold(till: Till, credential: Credential | None) -> Row | None:
    """Why the bills of a till wait and what the owner does about it; None when they do not."""
    if not carriers.has(till.transport):
        return {
            "title": _("This till reports from the shop's own computer"),
            "text": _("Nothing takes its bills to FBR from there yet: they wait, none is lost."),
            "fix": _("If FBR registers the till as cloud based, change it below to our server."),
            "url": "",
        }
    if credential is None or credential.held_at is None:
        return None
    problem = codes.problem_of_hold(credential.held_why)
    since = _("Since %(at)s its bills wait; none is lost.")
    return {
        "title": problem.message,
        "text": since % {"at": karachi_time(credential.held_at)},
        "fix": problem.fix,
        "url": reverse("fbr:till_release", args=[till.pk]),
    }


def dialog(till: Till) -> Row:
    """The question before a till is retired."""
    return {
        "id": "retire",
        "title": _("Retire %(till)s?") % {"till": till.name},
        "url": reverse("fbr:till_retire", args=[till.pk]),
        "confirm": _("Retire it"),
        "kind": "danger",
        "tone": "danger",
        "icon": "ban",
        "sentences": [
            _("No new bill can be made at it. What was issued still goes to FBR."),
            _("It comes back when the same POSID is entered again."),
        ],
    }


def initial_of_terms(terms: PosTerms) -> Row:
    names = ("amounts", "service_fee", "bank_as", "credit_as", "usual_pct_code")
    return {name: str(getattr(terms, name)) for name in names}


def sheet(entity: LegalEntity, tills: Iterable[Till]) -> list[Row]:
    """What IRIS asks for when a business registers its tills, in its order; "" is for the pen.

    Source: POS reference, section 3 (POS Client Registration).
    """
    about = [
        (_("NTN or CNIC"), ntn(entity.ntn_cnic)),
        (_("STRN"), entity.strn),
        (_("Registered name"), entity.name),
        (_("Brand"), ""),
        (_("Products sold"), ""),
        (_("Register for"), _("Income Tax / Sales Tax (cross out one)")),
        (_("POS type"), _("Cloud Based")),
        (_("Software developed in-house"), _("No")),
        (_("Software registration number"), entity.software_no),
    ]
    contact = [(_("Name"), ""), (_("CNIC"), ""), (_("Phone"), ""), (_("E-mail"), "")]
    general = [(name, entity.phone if name == _("Phone") else value) for name, value in contact]
    parts = [
        {"title": _("The business"), "facts": about},
        {"title": _("General contact"), "facts": general},
        {"title": _("Technical contact"), "facts": contact},
    ]
    for address, here in _branches(tills).items():
        parts.append({"title": _("Branch"), "facts": _branch(*address)})
        parts += [{"title": _("Till"), "facts": _till(till)} for till in here]
    if len(parts) == 3:
        parts.append({"title": _("Branch"), "facts": _branch("", entity.address)})
        parts.append({"title": _("Till"), "facts": _till(None)})
    return parts


def _branches(tills: Iterable[Till]) -> dict[tuple[str, str], list[Till]]:
    found: dict[tuple[str, str], list[Till]] = {}
    for till in tills:
        found.setdefault((till.branch, till.address), []).append(till)
    return found


def _branch(name: str, address: str) -> list[tuple[str, str]]:
    empty = (_("City"), _("Sector"), _("Weekly off days"), _("Opening hours"))
    place = (_("Latitude"), _("Longitude"))
    return [
        (_("Name"), name),
        (_("Address"), address),
        *((name, "") for name in (*empty, *place)),
    ]


def _till(till: Till | None) -> list[tuple[str, str]]:
    return [
        (_("Own identification"), till.name if till else ""),
        (_("POSID"), str(till.pos_id) if till else ""),
        (_("Primary"), _("Yes / No (cross out one)")),
        (_("MAC address"), ""),
        (_("IP address"), ", ".join(settings.EGRESS_ADDRESSES) or _("Ask our support")),
    ]
