"""Forms of the register of failures: labels and widgets. The rules are the service's affair."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from fbr import proofs
from fbr.models import IncidentKind, Told
from fbr.services.incidents import BY_HAND
from smartinvoicing.forms import TypedForm


def _words(rows: int, longest: int) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "maxlength": longest})


def _moment() -> forms.DateTimeInput:
    return forms.DateTimeInput(attrs={"type": "datetime-local"})


class ReportForm(TypedForm):
    """A failure that no machine sees."""

    kind = forms.CharField(
        label=_("What happened"),
        widget=forms.Select(choices=[(kind.value, IncidentKind(kind).label) for kind in BY_HAND]),
    )
    happened_at = forms.CharField(label=_("Since, Pakistan time"), widget=_moment())
    what = forms.CharField(
        label=_("In your words"),
        widget=_words(4, 2000),
        help_text=_("What failed, where, and how you go on meanwhile. It goes into the letter."),
    )


class DescribeForm(TypedForm):
    """What the letter shall say."""

    what = forms.CharField(label=_("In your words"), required=False, widget=_words(4, 2000))
    ended_at = forms.CharField(
        label=_("Over since, Pakistan time"),
        required=False,
        widget=_moment(),
        help_text=_("Empty while it lasts."),
    )


class SentForm(TypedForm):
    """FBR was told."""

    how = forms.CharField(label=_("How"), widget=forms.Select(choices=Told.choices))
    sent_at = forms.CharField(label=_("When, Pakistan time"), widget=_moment())
    reference = forms.CharField(
        label=_("Reference"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "maxlength": 120}),
        help_text=_("Number of the receipt, address of the mail, or what FBR gave you."),
    )
    proof = forms.FileField(
        label=_("Proof"),
        required=False,
        help_text=_("A scan, a screenshot or the mail as PDF: PNG, JPEG or PDF, up to 5 MB."),
        widget=forms.FileInput(attrs={"accept": proofs.ACCEPTED}),
    )
    late_reason = forms.CharField(
        label=_("Why it took longer than a day"), required=False, widget=_words(2, 500)
    )


class CloseForm(TypedForm):
    """Nothing more is to be done."""

    note = forms.CharField(
        label=_("What was done about it"),
        required=False,
        widget=_words(2, 500),
        help_text=_("Needed where FBR was not told."),
    )
