"""Forms of the incident room: labels, widgets, and what a text becomes. The services judge."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django import forms
from django.core.validators import validate_ipv46_address
from django.utils.translation import gettext_lazy as _

from privacy import breach_grading, breach_letters
from privacy.models import Audience, BreachCase, Delivery, OurHat, Severity
from privacy.services import breach_notices
from privacy.services.scope import Question
from smartinvoicing import clock
from smartinvoicing.classified import Category

_CLASSES: Final = [(each.value, each.value) for each in Category]


def _text(rows: int = 3) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "cols": 70})


class Moment(forms.CharField):
    """A time as the clock in Pakistan showed it."""

    def __init__(self, **kwargs: Any) -> None:
        widget = forms.DateTimeInput(attrs={"type": "datetime-local", "step": 60})
        super().__init__(**{"widget": widget, **kwargs})

    def clean(self, value: Any) -> datetime | None:
        text = super().clean(value)
        if not text:
            return None
        try:
            found = datetime.fromisoformat(text)
        except ValueError as error:
            raise forms.ValidationError(_("This is no time.")) from error
        return found if found.tzinfo else found.replace(tzinfo=clock.KARACHI)

    def prepare_value(self, value: Any) -> Any:
        if isinstance(value, datetime):
            return clock.karachi(value).strftime("%Y-%m-%dT%H:%M")
        return value


class Ids(forms.CharField):
    """Ids, with commas or spaces between them."""

    def clean(self, value: Any) -> tuple[UUID, ...]:
        words = super().clean(value).replace(",", " ").split()
        try:
            return tuple(UUID(word) for word in words)
        except ValueError as error:
            raise forms.ValidationError(_("One of these is no id.")) from error


class FactsForm(forms.Form):
    """What is known of a breach."""

    title = forms.CharField(
        label=_("In a few words"), max_length=120, help_text=_("No names of persons.")
    )
    occurred_at = Moment(label=_("Happened, Pakistan time"), required=False)
    detected_at = Moment(label=_("Detected, Pakistan time"))
    hat = forms.ChoiceField(label=_("Whose data"), choices=OurHat.choices)
    is_confidentiality = forms.BooleanField(label=_("Somebody saw it who may not"), required=False)
    is_integrity = forms.BooleanField(label=_("It was changed"), required=False)
    is_availability = forms.BooleanField(
        label=_("It was lost or cannot be reached"), required=False
    )
    touches_invoicing = forms.BooleanField(
        label=_("The invoicing system is affected"),
        required=False,
        help_text=_("Starts FBR's 24 hours beside the 72."),
    )
    data_classes = forms.MultipleChoiceField(
        label=_("Kinds of data"),
        choices=_CLASSES,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    what = forms.CharField(
        label=_("What happened"), max_length=4000, required=False, widget=_text(5)
    )
    subjects_low = forms.IntegerField(label=_("Persons, at least"), min_value=0, initial=0)
    subjects_high = forms.IntegerField(
        label=_("Persons, at most"),
        min_value=0,
        required=False,
        help_text=_("Empty while nobody can say."),
    )
    records_low = forms.IntegerField(label=_("Records, at least"), min_value=0, initial=0)
    records_high = forms.IntegerField(label=_("Records, at most"), min_value=0, required=False)
    likely_harm = forms.CharField(
        label=_("Likely harm"), max_length=4000, required=False, widget=_text()
    )
    measures = forms.CharField(
        label=_("What was done about it"), max_length=4000, required=False, widget=_text()
    )


class OpenForm(FactsForm):
    """The one form that starts both clocks."""

    aware_at = Moment(
        label=_("We knew, Pakistan time"),
        help_text=_("72 hours run from here. Later it moves only to an earlier time."),
    )
    tenants = Ids(label=_("Businesses concerned, by id"), required=False)
    # What starts the clocks stands first.
    field_order = ("title", "aware_at", "detected_at", "occurred_at")


class CaseForm(forms.Form):
    """A deed on a case. It knows the case, for its choices."""

    def __init__(self, data: Any = None, *, case: BreachCase) -> None:
        super().__init__(data)
        self.case = case
        self.prepare()

    def prepare(self) -> None:
        """Choices and first values out of the case."""


class ReviseForm(FactsForm, CaseForm):
    """The same facts, as they stand now, and what is learnt by the end."""

    root_cause = forms.CharField(
        label=_("Root cause"), max_length=4000, required=False, widget=_text()
    )
    lessons = forms.CharField(label=_("Lessons"), max_length=4000, required=False, widget=_text())
    late_reason = forms.CharField(
        label=_("Why the authority was told late"), max_length=500, required=False
    )
    why = forms.CharField(label=_("Why this changes"), max_length=300)

    def prepare(self) -> None:
        self.initial = {name: getattr(self.case, name, "") for name in self.fields}
        self.initial["why"] = ""


class EarlierForm(CaseForm):
    aware_at = Moment(label=_("We knew, Pakistan time"))
    why = forms.CharField(label=_("Why"), max_length=300, widget=_text(2))


class GradeForm(CaseForm):
    severity = forms.ChoiceField(label=_("Severity"), choices=Severity.choices)
    severity_why = forms.CharField(label=_("Why"), max_length=2000, widget=_text())

    def prepare(self) -> None:
        proposed = breach_grading.proposed(
            self.case.data_classes,
            subjects_high=self.case.subjects_high,
            is_confidentiality=self.case.is_confidentiality,
            hat=self.case.hat,
        )
        self.initial = {"severity": self.case.severity or proposed}
        self.fields["severity"].help_text = _("The matrix proposes: %(what)s.") % {
            "what": proposed.label
        }


class DecideForm(CaseForm):
    audience = forms.ChoiceField(label=_("Audience"), choices=Audience.choices)
    tells = forms.ChoiceField(
        label=_("Decision"), choices=[("yes", _("Is told")), ("no", _("Is not told"))]
    )
    why = forms.CharField(label=_("Why"), max_length=1000, widget=_text())

    def clean_tells(self) -> bool:
        return bool(self.cleaned_data["tells"] == "yes")


class StepForm(CaseForm):
    step = forms.ChoiceField(label=_("What is done"))
    note = forms.CharField(label=_("Note"), max_length=300, required=False)

    def prepare(self) -> None:
        names = {**breach_grading.EVIDENCE, **breach_grading.CREDENTIALS}
        steps = self.case.steps.filter(done_at=None).order_by("kind", "pk")
        self.fields["step"].choices = [(str(step.pk), names[step.name]) for step in steps]  # type: ignore[attr-defined]  # a ChoiceField


class TenantsForm(CaseForm):
    tenants = Ids(label=_("Businesses concerned, by id"))


class SendForm(CaseForm):
    letter = forms.ChoiceField(label=_("Letter"))
    recipient = forms.CharField(
        label=_("To"),
        max_length=254,
        required=False,
        help_text=_("Empty for businesses and persons, and for the authority that is set up."),
    )
    proof = forms.CharField(
        label=_("Proof"),
        max_length=300,
        required=False,
        help_text=_("A receipt or reference, where it went another way than by our mail."),
    )

    def prepare(self) -> None:
        drafts = self.case.letters.filter(sent_at=None).order_by("-written_at")
        self.fields["letter"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (str(each.pk), f"{each.get_audience_display()} · {each.language} · {each.subject}")
            for each in drafts
        ]


class PhasesForm(CaseForm):
    audience = forms.ChoiceField(label=_("Audience"), choices=Audience.choices)
    recipient = forms.CharField(label=_("To"), max_length=254, required=False)
    proof = forms.CharField(label=_("Proof"), max_length=300, required=False)


class ElsewhereForm(CaseForm):
    notice = forms.ChoiceField(label=_("Whose mail came back"))
    note = forms.CharField(label=_("How they were told"), max_length=300)

    def prepare(self) -> None:
        self.fields["notice"].choices = [  # type: ignore[attr-defined]  # a ChoiceField
            (
                str(each.pk),
                f"{each.tenant_id or ''} {each.user_id or ''} {Delivery(each.state).label}",
            )
            for each in breach_notices.came_back(self.case)
        ]


class LetterForm(CaseForm):
    """A draft as the facts make it, to be read and changed."""

    subject = forms.CharField(label=_("Subject"), max_length=200)
    body = forms.CharField(label=_("Letter"), max_length=12000, widget=_text(24))
    is_partial = forms.BooleanField(label=_("More follows"), required=False)


class LetterChoiceForm(forms.Form):
    """Which draft is to be made."""

    audience = forms.ChoiceField(label=_("Audience"), choices=Audience.choices)
    language = forms.ChoiceField(
        label=_("Language"),
        choices=[
            (breach_letters.BOTH, _("English and Urdu")),
            ("en", _("English")),
            ("ur", _("Urdu")),
        ],
    )
    partial = forms.BooleanField(label=_("More follows"), required=False)


class ScopeForm(forms.Form):
    """What the logs are asked."""

    since = Moment(label=_("From, Pakistan time"))
    until = Moment(label=_("Until, Pakistan time"))
    users = Ids(
        label=_("Persons, by id"),
        required=False,
        help_text=_("Who came. Where somebody used their account, ask by the network instead."),
    )
    keys = Ids(label=_("API keys, by id"), required=False)
    tenants = Ids(label=_("Businesses, by id"), required=False)
    network = forms.CharField(
        label=_("Address or network"), required=False, help_text=_("203.0.113.7 or 203.0.113.0/24")
    )

    def clean_network(self) -> str:
        text = str(self.cleaned_data["network"]).strip()
        address, _slash, length = text.partition("/")
        if text:
            validate_ipv46_address(address)
        if length and not (length.isdigit() and int(length) <= (128 if ":" in address else 32)):
            raise forms.ValidationError(_("This is no network."))
        return text

    def question(self) -> Question:
        """Once it is valid."""
        return Question(**self.cleaned_data)
