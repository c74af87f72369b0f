"""Forms that settle what is uncertain: labels and widgets. The rules are the services' affair."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fbr import proofs, statement_reader
from smartinvoicing.forms import TypedForm


def _text(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", **attrs})


def _words() -> forms.Textarea:
    return forms.Textarea(attrs={"rows": 2, "maxlength": 300})


class FoundForm(TypedForm):
    """FBR has it."""

    fbr_number = forms.CharField(
        label=_("FBR's invoice number"),
        widget=_text(maxlength="64"),
        help_text=_("Copy it from IRIS; do not type it."),
    )
    dated = forms.CharField(
        label=_("Date and time at FBR"), required=False, widget=_text(maxlength="40")
    )
    proof = forms.FileField(
        label=_("Screenshot of IRIS"),
        widget=forms.FileInput(attrs={"accept": proofs.ACCEPTED}),
        help_text=_("With the number on it: PNG, JPEG or PDF, up to 5 MB."),
    )


class MissingForm(TypedForm):
    """FBR does not have it."""

    why = forms.CharField(
        label=_("Where you looked"),
        widget=_words(),
        help_text=_("Which list in IRIS, of which days, and what you searched for."),
    )
    statement = forms.CharField(
        label=_("A list in which it is missing"), required=False, widget=forms.Select()
    )

    def __init__(self, data: Any = None, *, lists: list[tuple[str, str]]) -> None:
        super().__init__(data)
        if lists:
            choices = [("", _("No list, I looked myself")), *lists]
            self.fields["statement"].widget.choices = choices
        else:
            del self.fields["statement"]


class ReleaseForm(TypedForm):
    """It is another sale."""

    duplicate_reason = forms.CharField(
        label=_("Why it is another sale"),
        widget=_text(maxlength="300"),
        help_text=_("A second delivery, another order number. It stays in the audit trail."),
    )


class UploadForm(TypedForm):
    """A list from FBR."""

    file = forms.FileField(
        label=_("The list"),
        widget=forms.FileInput(attrs={"accept": statement_reader.ACCEPTED}),
        help_text=_("As IRIS saved it, with its heading: CSV or Excel (XLSX), up to 5 MB."),
    )
    covers_from = forms.CharField(
        label=_("Period in IRIS, from"),
        required=False,
        widget=forms.TextInput(attrs={"type": "date"}),
    )
    covers_until = forms.CharField(
        label=_("until"),
        required=False,
        widget=forms.TextInput(attrs={"type": "date"}),
        help_text=_("With the period, a document that is missing in the list proves something."),
    )


class UndoneForm(TypedForm):
    """The second number was cancelled in IRIS."""

    reference = forms.CharField(label=_("Reference in IRIS"), widget=_text(maxlength="60"))
    proof = forms.FileField(
        label=_("Screenshot of IRIS"), widget=forms.FileInput(attrs={"accept": proofs.ACCEPTED})
    )
