"""What the pages of closings and of signing keys show, as plain values for their templates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any, Final

from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.access import Actor
from accounts.enums import Environment, Permission
from accounts.models import LegalEntity
from invoices import closing_sums, periods
from invoices.enums import State
from invoices.models import Closing, Invoice, SignatureRound, SigningKey
from invoices.models.closings import ClosingKind
from invoices.periods import Month
from invoices.services import closing
from invoices.states import look_of
from smartinvoicing.templatetags.formats import karachi_date, karachi_month, karachi_time

Row = dict[str, Any]

_NAMED: Final = 20  # documents that keep a month open, by name
_ORDER: Final = {ClosingKind.MONTH: 0, ClosingKind.WEEK: 1, ClosingKind.DAY: 2}
_DAY: Final = timedelta(days=1)
_COMMANDS: Final = """\
jq -j .content signature.json > content
jq -r .signature signature.json | base64 -d > mark
jq -r .public_key_pem key.json > key.pem
openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in content -sigfile mark"""


def address(name: str, *, month: Month, environment: str) -> str:
    query = urlencode({"month": f"{month.first:%Y-%m}", "environment": environment})
    return f"{reverse(name)}?{query}"


def context(
    entity: LegalEntity, environment: str, month: Month, *, actor: Actor, today: date
) -> Row:
    """The page of one month: where it stands, and the closings that end in it."""
    made = list(
        Closing.objects.filter(
            legal_entity=entity,
            environment=environment,
            ends_on__range=(month.first, month.last),
        )
    )
    edges = closing.edges(entity, environment)
    here: Row = {"month": month, "environment": environment}
    return {
        "month": karachi_month(month.first),
        "environment": Environment(environment).label,
        "tabs": _other_environment(entity, environment, month),
        "standing": _standing(entity, environment, month, made, today=today) if edges else None,
        "rows": rows_of(made),
        "chain": _chain(edges, here) if edges else None,
        "export_url": address("invoices:closings_export", **here) if made else "",
        "pager": _pager(month, edges, environment, today=today),
        "may_write": actor.may(Permission.WRITE_DRAFTS),
    }


def _other_environment(entity: LegalEntity, shown: str, month: Month) -> list[Row]:
    """Closings of tests and of real sales are never mixed."""
    if entity.environment == Environment.SANDBOX and shown == Environment.SANDBOX:
        return []
    return [
        {
            "label": each.label,
            "url": address("invoices:closings", month=month, environment=each),
            "current": each == shown,
        }
        for each in (Environment.PRODUCTION, Environment.SANDBOX)
    ]


def _pager(
    month: Month, edges: closing.Edges | None, environment: str, *, today: date
) -> dict[str, str]:
    """The months before and after, as far as there is something in them."""
    before, after = periods.month_before(month), periods.month_of(month.last + _DAY)
    first = edges.first_on if edges else today
    return {
        "older": address("invoices:closings", month=before, environment=environment)
        if before.last >= first
        else "",
        "newer": address("invoices:closings", month=after, environment=environment)
        if after.first <= today
        else "",
    }


# --- one month --------------------------------------------------------------------------------


def _standing(
    entity: LegalEntity,
    environment: str,
    month: Month,
    made: Iterable[Closing],
    *,
    today: date,
) -> Row:
    """Whether the month is closed; if it should be and is not, what keeps it open."""
    closed = [each for each in made if each.kind == ClosingKind.MONTH]
    if closed:
        return _closed(closed)
    blocking = closing.blocking(entity, environment, month.first, month.last)
    count = blocking.count()
    documents = [_blocking(each) for each in blocking[:_NAMED]]
    found: Row = {"documents": documents, "more": max(0, count - _NAMED)}
    if month.last >= today:
        sentence = _("This month runs until %(day)s.") % {"day": karachi_date(month.last)}
        if count:
            sentence += " " + ngettext(
                "One document has to be settled with FBR before it can be closed.",
                "%(n)d documents have to be settled with FBR before it can be closed.",
                count,
            ) % {"n": count}
        return found | {"tone": "wait", "icon": "clock", "title": _("Open"), "text": sentence}
    if count:
        return found | {
            "tone": "attention",
            "icon": "alert",
            "title": _("This month cannot be closed yet"),
            "text": ngettext(
                "FBR has not settled one of its documents. As soon as it is, the month closes by"
                " itself.",
                "FBR has not settled %(n)d of its documents. As soon as they are, the month closes"
                " by itself.",
                count,
            )
            % {"n": count},
        }
    return found | {
        "tone": "wait",
        "icon": "clock",
        "title": _("About to be closed"),
        "text": _("It has ended. Its closing is made within minutes."),
    }


def _closed(closed: Sequence[Closing]) -> Row:
    when = karachi_time(min(each.made_at for each in closed))
    later = len(closed) - 1
    text = _("Closed on %(when)s.") % {"when": when}
    if later:
        text += " " + ngettext(
            "What was settled later stands in one later entry.",
            "What was settled later stands in %(n)d later entries.",
            later,
        ) % {"n": later}
    return {
        "tone": "ok",
        "icon": "lock",
        "title": _("This month is closed"),
        "text": text,
        "documents": [],
        "more": 0,
    }


def _blocking(invoice: Invoice) -> Row:
    return {
        "url": invoice.get_absolute_url(),
        "number": invoice.number,
        "date": invoice.invoice_date,
        "state": look_of(invoice.state),
    }


def rows_of(made: Iterable[Closing]) -> list[Row]:
    """The newest end first; a month above its weeks, a week above its days, later entries last."""
    ordered = sorted(
        made, key=lambda each: (-each.ends_on.toordinal(), _ORDER[ClosingKind(each.kind)], each.seq)
    )
    return [_row(each) for each in ordered]


def _row(each: Closing) -> Row:
    net = closing_sums.net(each.content["rows"])
    return {
        "name": _name(each),
        "kind": each.get_kind_display(),
        "is_long": each.kind != ClosingKind.DAY,
        "is_empty": not (each.documents or each.cancelled),
        "later": each.amends_id is not None,
        "seq": each.seq,
        "documents": each.documents,
        "cancelled": each.cancelled,
        "value": net.value,
        "tax": net.tax,
        "total": net.total,
        "others": _others(each.content["others"]),
        "made_at": each.made_at,
        "hash": each.hash[:16],
    }


def _name(each: Closing) -> str:
    if each.kind == ClosingKind.MONTH:
        return karachi_month(each.starts_on)
    if each.kind == ClosingKind.WEEK:
        first, last = karachi_date(each.starts_on), karachi_date(each.ends_on)
        return _("%(first)s to %(last)s") % {"first": first, "last": last}
    return karachi_date(each.starts_on)


def _others(counted: Row) -> str:
    """2 Queued, 1 Rejected."""
    return ", ".join(f"{counted[state]['count']} {State(state).label}" for state in sorted(counted))


def _chain(edges: closing.Edges, here: Row) -> Row:
    return {
        "facts": [
            {"name": _("Closings"), "value": edges.count},
            {"name": _("First day"), "value": karachi_date(edges.first_on)},
            {"name": _("Last one made"), "value": karachi_time(edges.last_made_at)},
            {"name": _("Its hash"), "value": edges.last_hash[:16], "code": True},
        ],
        "verify_url": address("invoices:closings_verify", **here),
    }


# --- signatures -------------------------------------------------------------------------------


def keys_context(keys: Sequence[SigningKey], this: SignatureRound | None, *, actor: Actor) -> Row:
    """The keys of a business, how its signatures fared, and who may make another key."""
    may_rotate = actor.may(Permission.MANAGE_BUSINESS) and bool(keys)
    return {
        "keys": [_key(key) for key in keys],
        "round": _round(this) if this is not None else None,
        "commands": _COMMANDS,
        "actions": [{"label": _("New key"), "icon": "key", "dialog": "rotate"}]
        if may_rotate
        else [],
        "dialogs": [_rotation()] if may_rotate else [],
    }


def _rotation() -> Row:
    return {
        "id": "rotate",
        "title": _("Make a new key?"),
        "url": reverse("invoices:signing_keys_rotate"),
        "confirm": _("Make a new key"),
        "cancel": _("Keep this one"),
        "kind": "primary",
        "tone": "attention",
        "icon": "key",
        "sentences": [
            _("From now on documents are signed with the new key."),
            _(
                "The private half of the old one is destroyed. Its public half stays: what it"
                " signed can be checked for ever."
            ),
        ],
    }


def _key(key: SigningKey) -> Row:
    is_current = key.sealed is not None
    return {
        "key_id": key.key_id,
        "made_at": key.made_at,
        "tone": "ok" if is_current else "neutral",
        "label": _("Signs now") if is_current else _("Checks only"),
        "url": reverse("signing-key", args=[key.key_id]),
    }


def _round(this: SignatureRound) -> Row:
    broken = len(this.broken)
    if broken:
        text = ngettext(
            "One document is not what was signed. Look into the audit trail.",
            "%(n)d documents are not what was signed. Look into the audit trail.",
            broken,
        ) % {"n": broken}
        return {
            "tone": "danger",
            "icon": "alert",
            "title": _("A signature does not fit"),
            "text": text,
        }
    if this.ended_at is None:
        text = _("Today's check is under way: %(n)d documents so far.") % {"n": this.checked}
        return {"tone": "wait", "icon": "clock", "title": _("Being checked"), "text": text}
    text = ngettext(
        "One document was checked on %(when)s.",
        "%(n)d documents were checked on %(when)s.",
        this.checked,
    ) % {"n": this.checked, "when": karachi_time(this.ended_at)}
    return {"tone": "ok", "icon": "check-circle", "title": _("All signatures fit"), "text": text}
