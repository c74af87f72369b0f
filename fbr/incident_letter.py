"""The report of a failure to FBR and the Commissioner, filled in from the register.

Source: Sales Tax Rules 2006, rule 150XA(c), (d): failures and inoperative equipment are reported
within 24 hours.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from django.utils.translation import gettext as _

from accounts.enums import Environment
from accounts.models import LegalEntity
from fbr.models import Incident, IncidentKind
from invoices.letters import Letter
from smartinvoicing import clock
from smartinvoicing.templatetags import formats

NAMED: Final = 200  # documents by their numbers; more of them only counted


def letter_of(
    incident: Incident, numbers: Sequence[str], count: int, entity: LegalEntity, *, at: datetime
) -> Letter:
    """What happened, since when, to which documents, and what we did.

    numbers: our numbers of the documents it touched, the first `NAMED` of them at most.
    """
    return Letter(
        sender=_sender(entity),
        recipient=(
            _("The Federal Board of Revenue, Digital Invoicing"),
            _("The Commissioner Inland Revenue"),
            _("Zone: ____________________"),
        ),
        day=formats.karachi_date(clock.karachi_date(at)),
        subject=_subject(incident),
        opening=_("Dear Sir or Madam,"),
        paragraphs=tuple(_paragraphs(incident, count)),
        facts=tuple(_facts(incident, numbers, count)),
        closing=_("Yours faithfully,"),
        signed_by=("______________________________", entity.name, _("Name and CNIC:")),
    )


def as_text(letter: Letter) -> str:
    """The same words to paste into a mail or a form."""
    facts = "\n".join(f"{name}: {value}" for name, value in letter.facts)
    parts = (
        "\n".join(letter.sender),
        letter.day,
        "\n".join(letter.recipient),
        letter.subject,
        letter.opening,
        letter.paragraphs[0],
        facts,
        *letter.paragraphs[1:],
        letter.closing,
        "\n".join(letter.signed_by),
    )
    return "\n\n".join(part for part in parts if part)


def _subject(incident: Incident) -> str:
    subject = _("Report of a failure under rule 150XA: %(kind)s") % {
        "kind": incident.get_kind_display()
    }
    if incident.environment == Environment.PRODUCTION:
        return subject
    return _("SANDBOX EXERCISE, not to be sent. %(subject)s") % {"subject": subject}


def _sender(entity: LegalEntity) -> tuple[str, ...]:
    place = f"{entity.address}, {entity.get_province_display()}"
    number = _("NTN or CNIC %(number)s") % {"number": formats.ntn(entity.ntn_cnic)}
    strn = f"{_('STRN')} {entity.strn}" if entity.strn else ""
    software = (
        _("Software registration %(number)s") % {"number": entity.software_no}
        if entity.software_no
        else ""
    )
    return tuple(filter(None, (entity.name, place, number, strn, software)))


def _paragraphs(incident: Incident, count: int) -> list[str]:
    found = [_("we report the following failure of our integrated invoicing, as the rules ask.")]
    found.append(_COURSES.get(IncidentKind(incident.kind), _own_words)())
    if incident.what:
        found.append(incident.what)
    if count:
        found.append(
            _(
                "The documents named above are kept unchanged under the numbers that they were"
                " given at issue."
            )
        )
    if incident.late_reason:
        found.append(_("Why this report comes later: %(why)s") % {"why": incident.late_reason})
    found.append(_("We will answer any question about it."))
    return found


def _gateway() -> str:
    return _(
        "FBR's system did not answer our calls. Sales went on; what was issued meanwhile is marked"
        " as issued offline and is uploaded within 24 hours of the restoration, as rule 150XC"
        " allows."
    )


def _token() -> str:
    return _(
        "FBR's system refused the security token of our integration. Documents were issued and"
        " numbered; they wait and are uploaded as soon as a valid token is in place."
    )


def _stop() -> str:
    return _(
        "The process that sends our documents was interrupted in the middle of a call, so that"
        " FBR's answer was not received. Each such document is looked up with FBR before anything"
        " is sent again, so that none is reported twice."
    )


def _integrity() -> str:
    return _(
        "Our daily check found kept records that do not match the seal that was put on them when"
        " they were made. The records concerned are set apart and examined."
    )


def _double() -> str:
    return _(
        "One supply was given two FBR numbers by mistake. We are cancelling the surplus one"
        " through FBR's own system."
    )


def _hardware() -> str:
    return _("Equipment that takes part in issuing our invoices is out of order.")


def _own_words() -> str:
    return _("What happened is described below.")


_COURSES: Final = {
    IncidentKind.GATEWAY_DOWN: _gateway,
    IncidentKind.TOKEN_REFUSED: _token,
    IncidentKind.UNCLEAN_STOP: _stop,
    IncidentKind.INTEGRITY: _integrity,
    IncidentKind.DOUBLE_REPORTED: _double,
    IncidentKind.HARDWARE: _hardware,
}


def _facts(incident: Incident, numbers: Sequence[str], count: int) -> list[tuple[str, str]]:
    lasts = _("still lasting when this was written")
    facts = [
        (_("Failure"), str(incident.get_kind_display())),
        (_("Began"), formats.karachi_time(incident.happened_at)),
        (_("Ended"), formats.karachi_time(incident.ended_at) if incident.ended_at else lasts),
        (_("Noticed"), formats.karachi_time(incident.aware_at)),
        (_("Environment"), str(incident.get_environment_display())),
        (_("Our reference"), str(incident.pk)),
        (_("Documents concerned"), str(count)),
    ]
    if numbers:
        named = ", ".join(numbers)
        more = count - len(numbers)
        facts.append((_("Numbers"), f"{named} {_('and %d more') % more}" if more > 0 else named))
    return facts
