"""Forms by which people ask about their data, and by which a business answers."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.enums import Province
from invoices.enums import BuyerKind
from privacy.models import RequestType
from smartinvoicing.forms import TypedForm


def _words(label: object, *, rows: int = 4, **more: object) -> forms.CharField:
    return forms.CharField(
        label=label,  # type: ignore[arg-type]  # a lazy text
        widget=forms.Textarea(attrs={"rows": rows, "maxlength": 4000}),
        max_length=4000,
        **more,  # type: ignore[arg-type]  # words of CharField
    )


class AskForm(forms.Form):
    """What somebody who is signed in wants of us."""

    type = forms.ChoiceField(
        label=_("I want to"), choices=RequestType, widget=forms.RadioSelect, initial="access"
    )
    text = _words(
        _("In your words"),
        required=False,
        help_text=_("For a correction: what is wrong, and what is right."),
    )


class StrangerForm(AskForm):
    """The same of somebody without an account; nothing here asks for more than we may hold."""

    email = forms.EmailField(
        label=_("Your e-mail address"),
        help_text=_("We answer there. A code to an address that we hold proves who you are."),
    )
    fbr_number = forms.CharField(
        label=_("FBR invoice number"),
        required=False,
        max_length=64,
        help_text=_("It stands beside the QR mark."),
    )
    number = forms.CharField(label=_("Or the seller's own number"), required=False, max_length=40)
    total = forms.CharField(label=_("Its total in rupees"), required=False, max_length=20)
    day = forms.DateField(
        label=_("Or its date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("The code from our mail"),
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


class TextForm(forms.Form):
    """Some words with a deed."""

    text = _words(_("Your words"), rows=3)


class RectifyForm(TypedForm):
    """A customer's particulars, as they are and as they should be."""

    name = forms.CharField(label=_("Name"), max_length=200)
    registration_type = forms.ChoiceField(label=_("Sales tax registration"), choices=BuyerKind)
    ntn_cnic = forms.CharField(label=_("NTN or CNIC"), max_length=15, required=False)
    province = forms.ChoiceField(label=_("Province"), choices=Province)
    address = forms.CharField(label=_("Address"), max_length=300)
    phone = forms.CharField(label=_("Phone"), max_length=20, required=False)
    email = forms.EmailField(label=_("E-mail"), required=False)


class BusinessExportForm(forms.Form):
    """Which parts of a business; none chosen means all."""

    parts = forms.MultipleChoiceField(
        label=_("Parts"), required=False, widget=forms.CheckboxSelectMultiple
    )
