"""What the desk types about texts and notices."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from privacy.models import AHEAD, CampaignKind

_LINES = {"rows": 4, "cols": 80}


class DraftForm(forms.Form):
    summary = forms.CharField(
        label=_("What changes, in short"), widget=forms.Textarea(attrs=_LINES), max_length=2000
    )
    is_material = forms.BooleanField(
        label=_("It matters for what we do with data: everybody is told before"), required=False
    )


class PlanForm(forms.Form):
    about = forms.CharField(
        label=_("What people are told, in plain words"),
        widget=forms.Textarea(attrs=_LINES),
        max_length=4000,
    )
    days_ahead = forms.IntegerField(
        label=_("Days ahead"), min_value=AHEAD.days, max_value=365, initial=AHEAD.days
    )


class CampaignForm(PlanForm):
    """A notice that is about no text."""

    kind = forms.ChoiceField(
        label=_("What for"),
        choices=[
            (each.value, each.label) for each in (CampaignKind.TRANSFER, CampaignKind.SUBPROCESSOR)
        ],
    )
    field_order = ("kind", "about", "days_ahead")


class WhyForm(forms.Form):
    why = forms.CharField(label=_("Why"), max_length=300)
