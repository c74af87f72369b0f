"""What may be done to a request at the desk: each deed with its form, its words and its right."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import staff
from accounts.access import Actor
from accounts.desk import Deed, WhyForm
from accounts.enums import Desk, StaffAction
from accounts.models import User
from privacy.models import ENDED, Hat, RequestState, RequestType, SubjectRequest
from privacy.services import answering, deciding, handing_out, requests, routing
from privacy.services.request_states import NEEDS_PROOF
from privacy.services.request_words import Said

Given = dict[str, Any]


# --- forms of the deeds -----------------------------------------------------------------------


class NoForm(forms.Form):
    """A deed that asks nothing more."""


class LongForm(forms.Form):
    """Words that the person is told."""

    why = forms.CharField(
        label=gettext_lazy("Words to the person"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 5, "cols": 80}),
    )


class EnterForm(forms.Form):
    """What came by letter or telephone."""

    type = forms.ChoiceField(label=gettext_lazy("Asks for"), choices=RequestType)
    name = forms.CharField(label=gettext_lazy("Name"), max_length=120, required=False)
    address = forms.EmailField(label=gettext_lazy("E-mail address"), required=False)
    text = forms.CharField(
        label=gettext_lazy("What they want"),
        max_length=4000,
        widget=forms.Textarea(attrs={"rows": 4, "cols": 80}),
    )
    fbr_number = forms.CharField(
        label=gettext_lazy("FBR invoice number"), max_length=64, required=False
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"), choices=[("en", "English"), ("ur", "اردو")]
    )


class AssignForm(forms.Form):
    """Whose customer it is."""

    tenant_id = forms.UUIDField(label=gettext_lazy("Number of the business"))
    buyer_id = forms.UUIDField(label=gettext_lazy("Number of the customer"), required=False)


# --- what the buttons do ----------------------------------------------------------------------


def _entered(by: User, row: Any, given: Given, at: datetime) -> str:
    kind, language = RequestType(given.pop("type")), given.pop("language")
    made = requests.enter(type=kind, said=Said(**given), by=by, at=at, language=language)
    return _("%(reference)s is in; its clocks run.") % {"reference": made.reference}


def _looked(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    deciding.look(row, by=by, at=at)
    return _("You took it up; the person is told.")


def _asked_proof(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    if deciding.ask_proof(row, by=by, at=at):
        return _("A new code is on its way.")
    return _("No code was sent: today's are used up, or we know no address of this person.")


def _accepted(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    deciding.accept_proof(row, why=given["why"], by=by, at=at)
    answering.begin(row, at=at)
    return _("It is written down how you know who it is.")


def _extended(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    deciding.extend(row, why=given["why"], by=by, at=at)
    return _("Sixty days more. The person is told why.")


def _asked(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    deciding.ask_person(row, text=given["why"], by=by, at=at)
    return _("The question is on its way. The clock goes on.")


def _assigned(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    staff.allow(by, Desk.WORK_REQUESTS)
    actor = Actor.staff(by.pk)
    routing.assign(row, **given, by=actor, at=at)
    staff.record(by, StaffAction.CHANGED, row, at=at, tenant_id=row.tenant_id, deed="assign")
    return _("It is known whose customer it is.")


def _routed(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    staff.allow(by, Desk.WORK_REQUESTS)
    done = routing.forward(row, by=Actor.staff(by.pk), at=at)
    staff.record(by, StaffAction.SENT, row, at=at, tenant_id=row.tenant_id, deed="route", sent=done)
    if done:
        return _("It lies with the business; the person is told.")
    return _("Nobody is left in the business: we answer in its place.")


def _done(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    deciding.finish_at_desk(row, text=given["why"], by=by, at=at)
    return _("Done. The person is told.")


def _refused(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    if deciding.refuse_at_desk(row, why=given["why"], by=by, at=at) is None:
        return _("Refused. The person is told why.")
    return _("A second person has to agree to these words; then do it again with the same ones.")


def _erased(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    if deciding.erase_at_desk(row, why=given["why"], by=by, at=at) is None:
        return _("Erased. The person gets the table.")
    return _("A second person has to agree; then do it again with the same words.")


def _handed_out(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    handing_out.customer(row, by=by, at=at)
    return _("It is put together; the person gets a link, and a code opens it.")


def _archive(by: User, row: SubjectRequest, given: Given, at: datetime) -> str:
    if handing_out.archive(row, why=given["why"], by=by, at=at) is None:
        return _("It is put together; the person gets a link, and a code opens it.")
    return _("A second person has to agree; then do it again with the same words.")


def _deed(
    name: str,
    label: Any,
    words: Any,
    do: Callable[[User, Any, Given, datetime], str],
    form: type[forms.Form] = NoForm,
    *,
    right: Desk = Desk.WORK_REQUESTS,
    fits: Callable[[SubjectRequest], bool] = lambda row: True,
) -> Deed:
    """A deed on a request that is open."""
    return Deed(
        name=name,
        label=label,
        words=words,
        desk=right,
        do=do,
        form=form,
        fits=lambda user, row: row.state not in ENDED and fits(row),
    )


def _is_ours(row: SubjectRequest) -> bool:
    return row.state != RequestState.WAITING_CONTROLLER


def _is_gone(row: SubjectRequest) -> bool:
    """An export was asked for of a business that does not answer any more."""
    fits = row.type in deciding.EXPORTED and row.state == RequestState.IN_PROGRESS
    return fits and row.hat == Hat.PROCESSOR and routing.is_ours(row)


def _is_provable(row: SubjectRequest) -> bool:
    return row.proved_at is not None or row.type not in NEEDS_PROOF


ENTER: Final = Deed(
    name="enter",
    label=gettext_lazy("Enter a request"),
    words=gettext_lazy("What came by letter, telephone or in person. Its clock starts now."),
    desk=Desk.WORK_REQUESTS,
    do=_entered,
    form=EnterForm,
    on_row=False,
)
DEEDS: Final = (
    _deed(
        "look",
        gettext_lazy("Take it up"),
        gettext_lazy("A person has to do so within three working days."),
        _looked,
        fits=lambda row: row.human_at is None,
    ),
    _deed(
        "code",
        gettext_lazy("Send a new code"),
        gettext_lazy("To the address that we hold, three a day at most."),
        _asked_proof,
        fits=lambda row: not _is_provable(row),
    ),
    _deed(
        "proof",
        gettext_lazy("I know who it is"),
        gettext_lazy("Say how. Keep no copy of a document and ask for none."),
        _accepted,
        WhyForm,
        right=Desk.DECIDE_REQUESTS,
        fits=lambda row: row.proved_at is None,
    ),
    _deed(
        "assign",
        gettext_lazy("Whose customer"),
        gettext_lazy("For somebody who is a customer of a business: which one."),
        _assigned,
        AssignForm,
        fits=lambda row: row.user_id is None and row.forwarded_at is None,
    ),
    _deed(
        "route",
        gettext_lazy("Hand to the business"),
        gettext_lazy("Its bell rings, it gets a mail, and the person is told."),
        _routed,
        fits=lambda row: row.hat == Hat.PROCESSOR and row.state == RequestState.IN_PROGRESS,
    ),
    _deed(
        "ask",
        gettext_lazy("Ask the person"),
        gettext_lazy("The clock of the decision goes on while we wait."),
        _asked,
        LongForm,
        fits=lambda row: row.state == RequestState.IN_PROGRESS,
    ),
    _deed(
        "extend",
        gettext_lazy("Extend by 60 days"),
        gettext_lazy("Once, before the last day, with a reason that the person is told."),
        _extended,
        LongForm,
        right=Desk.DECIDE_REQUESTS,
        fits=lambda row: row.extended_at is None,
    ),
    _deed(
        "export",
        gettext_lazy("Put an export together"),
        gettext_lazy("For a customer of a business that is gone; nobody but they can open it."),
        _handed_out,
        right=Desk.DECIDE_REQUESTS,
        fits=lambda row: row.buyer_id is not None and _is_provable(row) and _is_gone(row),
    ),
    _deed(
        "archive",
        gettext_lazy("Hand out the archive"),
        gettext_lazy("To whoever owned a closed account: all its tax records. Two people."),
        _archive,
        WhyForm,
        fits=lambda row: row.buyer_id is None and _is_provable(row) and _is_gone(row),
    ),
    _deed(
        "erase",
        gettext_lazy("Erase"),
        gettext_lazy("The table on the page of the request is what will happen. Two people."),
        _erased,
        WhyForm,
        fits=lambda row: row.type == RequestType.ERASURE and _is_provable(row) and _is_ours(row),
    ),
    _deed(
        "done",
        gettext_lazy("Done"),
        gettext_lazy("Say what was done: the person is told in these words."),
        _done,
        LongForm,
        right=Desk.DECIDE_REQUESTS,
        fits=lambda row: _is_provable(row) and _is_ours(row),
    ),
    _deed(
        "refuse",
        gettext_lazy("Refuse"),
        gettext_lazy(
            "With the ground in law. A second person has to agree to exactly these words."
        ),
        _refused,
        WhyForm,
        fits=_is_ours,
    ),
)
