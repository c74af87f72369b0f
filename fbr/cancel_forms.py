"""Forms of cancelling and voiding: labels and widgets. The rules are the services' affair."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from fbr import proofs
from smartinvoicing.forms import TypedForm


def _words(rows: int = 2) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "maxlength": 300})


def _reference() -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", "maxlength": 60, "spellcheck": "false"})


def _proof(label: Any, help_text: Any) -> forms.FileField:
    return forms.FileField(
        label=label,
        help_text=help_text,
        widget=forms.FileInput(attrs={"accept": proofs.ACCEPTED}),
    )


class ReasonForm(TypedForm):
    """Why."""

    reason = forms.CharField(
        label=_("What is wrong with it"),
        widget=_words(),
        help_text=_("It stays with the document and in the audit trail."),
    )


class ApprovalForm(TypedForm):
    """The Commissioner said yes. It stands on one page with the form of the reason."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "auto_id": "approval_%s"})

    reason = forms.CharField(label=_("What is wrong with it"), widget=_words())
    reference = forms.CharField(label=_("Number of the approval"), widget=_reference())
    proof = _proof(_("The approval"), _("A scan or the PDF: PNG, JPEG or PDF, up to 5 MB."))


class ConfirmationForm(TypedForm):
    """IRIS says cancelled."""

    reference = forms.CharField(
        label=_("Reference in IRIS"),
        widget=_reference(),
        help_text=_("Whatever IRIS shows for the cancellation, letter by letter."),
    )
    cancelled_at = forms.CharField(
        label=_("Cancelled at, Pakistan time"),
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}),
    )
    proof = _proof(
        _("Picture of it"),
        _("A screenshot that shows the FBR number and its status: PNG, JPEG or PDF, up to 5 MB."),
    )


class RefusalForm(TypedForm):
    """It stays as it is."""

    why = forms.CharField(
        label=_("What IRIS says"),
        widget=_words(),
        help_text=_("Or why you take the request back. Do that only if IRIS was not asked."),
    )


class VoidForm(TypedForm):
    """A number is given up."""

    reason = forms.CharField(
        label=_("Why the number is given up"),
        widget=_words(),
        help_text=_("The register shows it beside the number."),
    )
