"""What an owner types to close an account."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from smartinvoicing.forms import TypedForm


class CloseForm(TypedForm):
    """The name of the business, so that nobody closes one by a slip."""

    typed_name = forms.CharField(
        label=_("Name of the business"),
        help_text=_("Type it as it stands at the top of this page."),
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
