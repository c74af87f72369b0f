"""What the deeds on the registers ask."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from accounts.desk import WhyForm
from accounts.models import Course
from privacy.models import HOME, Dpia, Part, Residual, ReviewKind, Severity


class Day(forms.DateField):
    """A day, by the browser's own picker."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("widget", forms.DateInput(attrs={"type": "date"}))
        super().__init__(**kwargs)


def text(label: Any, *, most: int, rows: int = 3, **kwargs: Any) -> forms.CharField:
    """Several lines."""
    widget = forms.Textarea(attrs={"rows": rows, "cols": 60})
    return forms.CharField(label=label, max_length=most, widget=widget, **kwargs)


class ProcessorForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    purpose = forms.CharField(label=_("What for"), max_length=200)
    which_data = forms.CharField(label=_("What data"), max_length=300)
    country = forms.CharField(label=_("Country"), max_length=60, initial=HOME, required=False)
    hosts = text(
        _("Machines"),
        most=2000,
        required=False,
        help_text=_("One name a line, as they are reached."),
    )
    is_optional = forms.BooleanField(label=_("The service works without it"), required=False)
    agreement_on = Day(label=_("Agreement signed"), required=False)
    reviewed_on = Day(label=_("Security looked at"), required=False)
    deletion_proof = text(_("How deletion is proved"), most=1000, required=False)
    subprocessors = text(_("Helpers of its own"), most=1000, required=False)
    exit_plan = text(_("How we leave it"), most=1000, required=False)


class ProcessorChangeForm(ProcessorForm, WhyForm):
    pass


class AnnounceForm(forms.Form):
    about = text(_("What everybody reads"), most=2000, rows=5)


class TransferForm(forms.Form):
    country = forms.CharField(label=_("To which country"), max_length=60)
    recipient = forms.CharField(label=_("Who gets it"), max_length=120)
    which_data = forms.CharField(label=_("What data"), max_length=300)
    basis = forms.CharField(label=_("On what basis"), max_length=200)
    safeguards = text(_("How it is kept safe"), most=1000)
    assessment = text(_("What we think of it"), most=2000)
    keeps_copy = forms.BooleanField(label=_("A copy stays in Pakistan"), required=False)


class DisclosureForm(forms.Form):
    tenant_id = forms.UUIDField(label=_("Business"))
    authority = forms.CharField(label=_("Authority"), max_length=200)
    country = forms.CharField(label=_("Its country"), max_length=60, initial=HOME)
    instrument = forms.CharField(label=_("Paper: law, order, number"), max_length=200)
    received_on = Day(label=_("Received"))
    from_on = Day(label=_("First day"))
    to_on = Day(label=_("Last day"))
    parts = forms.MultipleChoiceField(
        label=_("What of it"), choices=Part.choices, widget=forms.CheckboxSelectMultiple
    )
    tells_tenant = forms.BooleanField(label=_("The business is told"), required=False, initial=True)
    untold_why = forms.CharField(label=_("What forbids telling it"), max_length=300, required=False)

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        given["parts"] = tuple(given.get("parts", ()))
        return given


class DpiaForm(forms.Form):
    feature = forms.CharField(label=_("What is new"), max_length=120)
    necessity = text(_("Why it is needed"), most=4000)
    risks = text(_("What may happen to people"), most=4000)
    measures = text(_("What we do against it"), most=4000)
    residual = forms.ChoiceField(label=_("Risk that is left"), choices=Residual.choices)


class OpinionForm(forms.Form):
    opinion = text(_("What the privacy officer says"), most=4000)


class SwitchForm(forms.Form):
    dpia = forms.ModelChoiceField(
        label=_("Impact assessment"), queryset=Dpia.objects.none(), required=False
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["dpia"]
        field.queryset = Dpia.objects.exclude(approved_at=None)  # type: ignore[attr-defined]  # the stubs see a Field


class ReviewForm(forms.Form):
    kind = forms.ChoiceField(label=_("Kind"), choices=ReviewKind.choices)
    scope = forms.CharField(label=_("What was looked at"), max_length=300)
    done_on = Day(label=_("Done"))
    done_by = forms.CharField(label=_("By whom"), max_length=120)
    summary = text(_("What came out"), most=4000, rows=5)
    next_on = Day(label=_("Next one due"))


class FindingForm(forms.Form):
    what = forms.CharField(label=_("Weakness"), max_length=300)
    severity = forms.ChoiceField(label=_("Severity"), choices=Severity.choices)
    owner = forms.EmailField(label=_("Whose it is (address)"))
    due_on = Day(label=_("To be closed by"))


class HowForm(forms.Form):
    how = forms.CharField(label=_("How it was closed"), max_length=300)


class OfficerForm(forms.Form):
    person = forms.EmailField(label=_("Officer (address)"))
    deputy = forms.EmailField(label=_("Deputy (address)"))
    contact = forms.CharField(
        label=_("Contact"), max_length=200, initial=lambda: settings.PRIVACY_EMAIL
    )
    conflicts = text(_("Other tasks of theirs, or that there are none"), most=1000)


class TrainingForm(forms.Form):
    email = forms.EmailField(label=_("Who (address)"))
    course = forms.ChoiceField(label=_("Course"), choices=Course.choices)
    version = forms.CharField(label=_("Version of the course"), max_length=20)
    score = forms.IntegerField(label=_("Points of a hundred"), min_value=0, max_value=100)
    taken_on = Day(label=_("Taken"))
