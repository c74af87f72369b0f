"""Forms of the desk on which our people look at a business."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _


class GlassForm(forms.Form):
    """An emergency: which business, why, by which ticket or order."""

    tenant_id = forms.UUIDField(label=_("Number of the business"))
    ticket = forms.CharField(label=_("Ticket or order"), max_length=80)
    reason = forms.CharField(
        label=_("Why"), max_length=300, widget=forms.Textarea(attrs={"rows": 2})
    )
    legal_bar = forms.CharField(
        label=_("What forbids to tell the business"),
        help_text=_("Leave it empty: the business is told at once. Else name the order of law."),
        max_length=300,
        required=False,
    )
