"""What the pages of people, keys and the audit trail show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts import notice_words, selectors
from accounts.access import Actor
from accounts.bells import BELLS, TONES
from accounts.enums import (
    Activity,
    AuditAction,
    Environment,
    NoticeKind,
    Permission,
    Role,
    Sector,
)
from accounts.models import (
    ApiKey,
    AuditEvent,
    Invitation,
    LegalEntity,
    Membership,
    Notice,
    User,
)

Row = dict[str, Any]

# Models of higher floors and their pages are strings: a page that is not there gives no link.
_WORDS: Final = {
    "tenant": gettext_lazy("Business"),
    "legalentity": gettext_lazy("Business"),
    "membership": gettext_lazy("Person"),
    "invitation": gettext_lazy("Invitation"),
    "apikey": gettext_lazy("API key"),
    "buyer": gettext_lazy("Customer"),
    "product": gettext_lazy("Product"),
    "invoice": gettext_lazy("Invoice"),
    "credential": gettext_lazy("FBR token"),
    "golive": gettext_lazy("Way to production"),
    "scenariorun": gettext_lazy("Sandbox scenario"),
    "incident": gettext_lazy("Incident"),
    "offlinespell": gettext_lazy("Documents issued offline"),
    "statement": gettext_lazy("List from FBR"),
    "subjectrequest": gettext_lazy("Request of a customer"),
    "supportwindow": gettext_lazy("Our staff"),
    "breakglass": gettext_lazy("Our staff"),
}
_PAGES: Final = {
    "invoice": "invoices:detail",
    "buyer": "invoices:buyer",
    "product": "invoices:product",
    "statement": "fbr:statement",
    "subjectrequest": "privacy:business_request",
}


# --- people -----------------------------------------------------------------------------------


def people(me: User) -> tuple[list[Row], list[Row]]:
    """Rows of the people of this tenant, and the question behind each Remove."""
    members = list(selectors.members())
    safe = _with_second_factor(member.user_id for member in members)
    rows = [_person(member, me, has_factor=member.user_id in safe) for member in members]
    return rows, [_removal(member) for member in members]


def _with_second_factor(user_ids: Iterable[UUID]) -> set[UUID]:
    strong = Authenticator.objects.filter(user_id__in=list(user_ids)).exclude(
        type=Authenticator.Type.RECOVERY_CODES
    )
    return set(strong.values_list("user_id", flat=True))


def _person(member: Membership, me: User, *, has_factor: bool) -> Row:
    return {
        "name": member.user.get_short_name(),
        "email": member.user.email,
        "role": Role(member.role).label,
        "since": member.since,
        "seen": member.user.last_login,
        "you": member.user_id == me.pk,
        "factor": factor_badge(on=has_factor),
        "actions": [
            {
                "label": _("Role"),
                "url": reverse("accounts:role", args=[member.pk]),
                "kind": "small",
            },
            {"label": _("Remove"), "dialog": f"remove-{member.pk}", "kind": "small danger"},
        ],
    }


def factor_badge(*, on: bool) -> Row:
    if on:
        return {"tone": "ok", "icon": "check-circle", "label": _("On")}
    return {"tone": "attention", "icon": "alert", "label": _("Off")}


def _removal(member: Membership) -> Row:
    name = member.user.get_short_name()
    return {
        "id": f"remove-{member.pk}",
        "title": _("Remove %(name)s?") % {"name": name},
        "url": reverse("accounts:remove", args=[member.pk]),
        "confirm": _("Remove"),
        "kind": "danger",
        "tone": "danger",
        "icon": "alert",
        "sentences": [
            _("With the next click they see nothing of this business any more."),
            _("What they did stays in the audit trail. API keys they made go on working."),
        ],
    }


def waiting() -> list[Row]:
    """Rows of the invitations that nobody took yet."""
    return [_invited(each) for each in selectors.invitations().select_related("invited_by")]


def _invited(invitation: Invitation) -> Row:
    return {
        "email": invitation.email,
        "role": Role(invitation.role).label,
        "by": invitation.invited_by.get_short_name(),
        "until": invitation.expires_at,
        "actions": [
            {
                "label": _("Withdraw"),
                "url": reverse("accounts:withdraw", args=[invitation.pk]),
                "post": True,
                "kind": "small",
            }
        ],
    }


# --- keys -------------------------------------------------------------------------------------


def keys(at: datetime) -> tuple[list[Row], list[Row]]:
    """Rows of the keys of this tenant, and the question behind each Revoke."""
    found = list(selectors.api_keys().select_related("made_by"))
    working = [key for key in found if key.revoked_at is None and key.expires_at > at]
    return [_key(key, at) for key in found], [_revocation(key) for key in working]


def _key(key: ApiKey, at: datetime) -> Row:
    state = _key_state(key, at)
    works = state["tone"] == "ok"
    return {
        "name": key.name,
        "prefix": key.prefix,
        "scopes": [Permission(scope).label for scope in key.scopes],
        "by": key.made_by.get_short_name(),
        "made": key.made_at,
        "until": key.expires_at,
        "used": None,
        "state": state,
        "actions": [{"label": _("Revoke"), "dialog": f"revoke-{key.pk}", "kind": "small danger"}]
        if works
        else [],
    }


def _key_state(key: ApiKey, at: datetime) -> Row:
    if key.revoked_at is not None:
        return {"tone": "neutral", "icon": "ban", "label": _("Revoked")}
    if key.expires_at <= at:
        return {"tone": "neutral", "icon": "clock", "label": _("Expired")}
    return {"tone": "ok", "icon": "check-circle", "label": _("Works")}


def _revocation(key: ApiKey) -> Row:
    return {
        "id": f"revoke-{key.pk}",
        "title": _("Revoke %(name)s?") % {"name": key.name},
        "url": reverse("accounts:revoke_key", args=[key.pk]),
        "confirm": _("Revoke"),
        "kind": "danger",
        "tone": "danger",
        "icon": "alert",
        "sentences": [
            _("The program that uses it is refused within a minute. A key cannot be revived.")
        ],
    }


# --- the taxpayer -----------------------------------------------------------------------------


def environment_of(entity: LegalEntity) -> Row:
    """Which of FBR's two worlds the taxpayer is in."""
    if entity.environment == Environment.PRODUCTION:
        return {
            "tone": "ok",
            "icon": "check-circle",
            "label": _("Production"),
            "sentence": _("Invoices go to FBR and count for tax."),
        }
    return {
        "tone": "attention",
        "icon": "flask",
        "label": _("Sandbox"),
        "sentence": _("Invoices go to FBR's test system and do not count for tax."),
    }


def facts_for_iris(entity: LegalEntity) -> list[Row]:
    """What IRIS asks for a token, to copy. Source: `fbr/regime.md`, 6."""
    return [
        {"name": _("Registration number"), "value": entity.ntn_cnic, "code": True},
        {"name": _("Business nature"), "value": Activity(entity.activity).label},
        {"name": _("Sector"), "value": Sector(entity.sector).label},
        {"name": _("Software type"), "value": _("Cloud")},
    ]


# --- the audit trail --------------------------------------------------------------------------


def deeds(events: list[AuditEvent]) -> list[Row]:
    """Rows of the audit trail, with names where the ids are still known."""
    names = selectors.names_of(event.actor for event in events)
    return [
        {
            "at": event.at,
            "who": names.get(event.actor, event.actor),
            "what": _label(event.action),
            "about": _WORDS.get(event.object_type, event.object_type),
            "url": _page_of(event),
            "details": "; ".join(f"{name}: {_said(said)}" for name, said in event.details.items()),
        }
        for event in events
    ]


def _label(action: str) -> str:
    return str(AuditAction(action).label) if action in AuditAction.values else action


def _said(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _page_of(event: AuditEvent) -> str:
    try:
        return reverse(_PAGES[event.object_type], args=[event.object_id])
    except (KeyError, NoReverseMatch):
        return ""


# --- the bell ---------------------------------------------------------------------------------

_URGENCY: Final = {
    "danger": gettext_lazy("Now"),
    "attention": gettext_lazy("Soon"),
    "wait": gettext_lazy("Good to know"),
}


def bell(ringing: int) -> Row:
    """The bell in the head of each page: how many matters are open."""
    if not ringing:
        return {"count": 0, "label": _("Nothing needs you")}
    label = ngettext("%(n)s matter needs somebody", "%(n)s matters need somebody", ringing)
    return {"count": ringing, "label": label % {"n": ringing}}


def notices(rows: Iterable[Notice], actor: Actor) -> list[Row]:
    """Groups by urgency, each with its matters; a button only where this person may do it."""
    found: dict[str, list[Row]] = {tone: [] for tone in TONES}
    for row in rows:
        words = notice_words.said(row)
        if not actor.may(BELLS[NoticeKind(row.kind)].may):
            words["url"] = ""
        found[words["tone"]].append(words)
    return [
        {"title": _URGENCY[tone], "tone": tone, "notices": matters}
        for tone, matters in found.items()
        if matters
    ]
