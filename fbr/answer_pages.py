"""What the page of a document says once FBR has answered late that it has it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from accounts.access import Actor
from accounts.enums import Permission
from fbr import doubts
from fbr.models import Evidence
from invoices.enums import State
from invoices.models import Invoice
from invoices.states import Look

Row = dict[str, Any]


def card(invoice: Invoice, answer: Evidence, actor: Actor) -> Row:
    """Beside a document that waits to go again, or whose later send FBR refused."""
    number = {"number": answer.fbr_number}
    words = _("FBR answered late: it has this document, as %(number)s. It is not sent again.")
    sentences, action = [words % number], None
    if doubts.said_yes_to_this(invoice) is not None:
        action = _action(_("Take FBR's number"), "fbr:settle_answer", invoice)
    else:
        sentences += [
            _("FBR has it as it was before it was changed here; you find below what was sent."),
            _("Write it so again and issue it: it takes FBR's number. Correct it by a note then."),
        ]
        if invoice.state == State.QUEUED:
            action = _action(_("Open it for correction"), "fbr:reopen", invoice)
    return {
        "title": _("FBR has it already"),
        "icon": "copy",
        "tone": "danger",
        "sentences": sentences,
        "actions": [action] if action and actor.may(Permission.SETTLE) else [],
    }


def look_at(invoice: Invoice, look: Look) -> Look:
    """The same, but where FBR has what it refused later nobody reads that it has nothing."""
    if invoice.state != State.REJECTED or doubts.said_yes(invoice) is None:
        return look
    sentence = _("FBR refused a later send of it, and has it already. See below what to do.")
    return replace(look, sentence=sentence)


def _action(label: str, name: str, invoice: Invoice) -> Row:
    url = reverse(name, args=[invoice.pk])
    return {"label": label, "url": url, "post": True, "kind": "primary"}
