"""Forms of tills: labels and widgets. What the text means is the service's affair."""

from __future__ import annotations

from typing import Any, Final

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.enums import Environment
from invoices.enums import PosAmounts, ServiceFee, Transport
from smartinvoicing.forms import TypedForm

FBR_MODES: Final = (
    ("1", _("Cash")),
    ("2", _("Card")),
    ("3", _("Gift voucher")),
    ("4", _("Loyalty card")),
    ("5", _("Several ways")),
    ("6", _("Cheque")),
)


def _text(**attrs: str) -> forms.TextInput:
    return forms.TextInput(attrs={"autocomplete": "off", **attrs})


class TillForm(TypedForm):
    """A till as FBR registered it."""

    environment = forms.CharField(
        label=_("Registered in"), widget=forms.Select(choices=Environment.choices)
    )
    pos_id = forms.CharField(
        label=_("POSID"),
        widget=_text(inputmode="numeric", maxlength="6"),
        help_text=_("Six digits, from IRIS. The sandbox has a number of its own."),
    )
    name = forms.CharField(label=_("Name of the till"), widget=_text(maxlength="60"))
    branch = forms.CharField(label=_("Branch"), required=False, widget=_text(maxlength="100"))
    address = forms.CharField(
        label=_("Address of the branch"), required=False, widget=_text(maxlength="300")
    )
    transport = forms.CharField(
        label=_("Bills reach FBR"),
        widget=forms.Select(choices=Transport.choices),
        help_text=_("From our server, if FBR registered the till as cloud based."),
    )


class TillTokenForm(TypedForm):
    """The token of a till: it goes in, and never comes out again."""

    token = forms.CharField(
        label=_("Token"),
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("Copy it whole. It is sealed at once and never shown again."),
    )


class TermsForm(TypedForm):
    """What FBR leaves open; the business settles it with its tax adviser."""

    amounts = forms.CharField(
        label=_("Value of a line"),
        widget=forms.Select(choices=PosAmounts.choices),
        help_text=_("Send one discounted bill in the sandbox and compare it with IRIS."),
    )
    service_fee = forms.CharField(
        label=_("Service fee of one rupee"), widget=forms.Select(choices=ServiceFee.choices)
    )
    bank_as = forms.CharField(
        label=_("Tell bank transfer and wallet as"), widget=forms.Select(choices=FBR_MODES)
    )
    credit_as = forms.CharField(
        label=_("Tell credit (udhaar) as"), widget=forms.Select(choices=FBR_MODES)
    )
    usual_pct_code = forms.CharField(
        label=_("Tariff code for goods without one"),
        required=False,
        widget=_text(inputmode="numeric", maxlength="8"),
        help_text=_("Eight digits. Empty: goods without a code are refused here."),
    )

    def __init__(self, data: Any = None, *, initial: dict[str, Any]) -> None:
        super().__init__(data, prefix="terms", initial=initial)
