"""The form with which a business lets people of ours look."""

from __future__ import annotations

from typing import Final

from django import forms
from django.utils.translation import gettext_lazy as _

HOURS: Final = (
    (1, _("One hour")),
    (4, _("Four hours")),
    (24, _("One day")),
)


class WindowForm(forms.Form):
    """What they should look at and why, for how long, and whether at one document only."""

    reason = forms.CharField(
        label=_("What should we look at, and why?"),
        max_length=300,
        widget=forms.Textarea(attrs={"rows": 2}),
    )
    hours = forms.TypedChoiceField(label=_("For how long"), choices=HOURS, coerce=int)
    document_id = forms.UUIDField(required=False, widget=forms.HiddenInput)
