"""The entry of one breach in the register, to be printed: a letter to whom it may concern."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from invoices.letters import Letter
from privacy import breach_letters
from privacy.models import Audience, BreachCase
from privacy.services import breach_steps
from smartinvoicing import clock
from smartinvoicing.templatetags import formats


def sheet(case: BreachCase, facts: Sequence[tuple[str, Any]], *, at: datetime) -> Letter:
    """What the register holds of one case, decisions and letters with it.

    facts: names and values as the room shows them.
    """
    return Letter(
        sender=("SmartInvoicing", _("Register of breaches")),
        recipient=(),
        day=formats.karachi_date(clock.karachi_date(at)),
        subject=_("Breach %(reference)s: %(title)s")
        % {"reference": breach_letters.reference_of(case), "title": case.title},
        opening="",
        paragraphs=(
            _("Entry of the register at revision %(n)d.") % {"n": case.revision},
            *_decisions(case),
            *_letters(case),
            *_end(case),
        ),
        facts=tuple((str(name), str(value)) for name, value in facts),
    )


def _decisions(case: BreachCase) -> list[str]:
    found = breach_steps.decisions_of(case)
    return [
        _("%(who)s: %(what)s, %(when)s. %(why)s")
        % {
            "who": audience.label,
            "what": _("to be told") if decision.tells else _("not to be told"),
            "when": formats.karachi_time(decision.at),
            "why": decision.why,
        }
        for audience in Audience
        if (decision := found.get(audience)) is not None
    ]


def _letters(case: BreachCase) -> list[str]:
    sent = case.letters.exclude(sent_at=None).order_by("sent_at")
    return [
        _("Letter to %(who)s sent %(when)s, %(count)d deliveries, SHA-256 %(digest)s.")
        % {
            "who": letter.get_audience_display(),
            "when": formats.karachi_time(letter.sent_at),
            "count": letter.notices.count(),
            "digest": letter.body_sha256,
        }
        for letter in sent
    ]


def _end(case: BreachCase) -> list[str]:
    if case.closed_at is None:
        return [_("The case is open.")]
    return [
        _("Signed by the privacy officer %(signed)s, closed %(closed)s.")
        % {
            "signed": formats.karachi_time(case.signed_at),
            "closed": formats.karachi_time(case.closed_at),
        }
    ]
