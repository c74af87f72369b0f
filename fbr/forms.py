"""Forms of the line to FBR."""

from __future__ import annotations

from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from smartinvoicing.forms import TypedForm


class TokenForm(TypedForm):
    """A token as FBR's portal shows it: it goes in, and never comes out again."""

    token = forms.CharField(
        label=_("Token"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Copy it whole. It is sealed at once and never shown again."),
    )
    expires_on = forms.CharField(
        label=_("Valid until"),
        required=False,
        widget=forms.TextInput(attrs={"type": "date"}),
        help_text=_("Five years, unless IRIS shows another day. We warn you sixty days before."),
    )

    def __init__(self, data: Any = None, *, environment: str, usual_end: date) -> None:
        super().__init__(data, prefix=environment, initial={"expires_on": usual_end.isoformat()})
