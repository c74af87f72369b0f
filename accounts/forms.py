"""Forms: they turn text into values. What the values must be is the services' affair."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from allauth.account.forms import SignupForm
from allauth.mfa.adapter import get_adapter
from allauth.mfa.base.forms import AuthenticateForm, BaseAuthenticateForm, ReauthenticateForm
from allauth.mfa.models import Authenticator
from django import forms
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import access, particulars, policies
from accounts.enums import Activity, Province, Role, Sector
from accounts.models import PolicyVersion, User
from accounts.services import api_keys, profile, second_factor
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation

LONGEST_PERSON_NAME: Final = 120


def _choices(words: Any) -> list[tuple[str, Any]]:
    return [("", _("Choose…")), *words.choices]


def _with_links() -> SafeString:
    """What the one required tick says, with the texts behind it."""
    return format_html(
        _now(
            'I accept the <a href="{}" target="_blank">terms of service</a> and have read the'
            ' <a href="{}" target="_blank">privacy policy</a>.'
        ),
        reverse("privacy:terms"),
        reverse("privacy:privacy_policy"),
    )


class SignUpForm(SignupForm):  # type: ignore[misc]  # allauth has no types
    """A person's first page; allauth makes the account from it.

    texts: the hashes of what the tick is about. The answer is to exactly these.
    """

    name = forms.CharField(
        label=_("Your name"),
        max_length=LONGEST_PERSON_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    accept = forms.BooleanField(
        error_messages={"required": _("Without this there is no account, and nothing is kept.")},
        help_text=_("We ask for consent to anything beyond that elsewhere, and you may say no."),
    )
    texts = forms.CharField(widget=forms.HiddenInput, max_length=200)
    field_order: ClassVar[list[str]] = [
        *("name", "email", "password1", "password2", "accept", "texts")
    ]

    data: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.versions: list[PolicyVersion] = []
        self.fields["accept"].label = _with_links()
        shown = policies.to_accept(get_language() or "", clock.now())
        self.initial["texts"] = policies.digest_of(shown)

    def clean_texts(self) -> str:
        """The versions behind the hashes, for whoever makes the account."""
        digest: str = self.cleaned_data["texts"]
        try:
            self.versions = policies.shown(digest, clock.now())
        except RuleViolation as error:
            self.data = self.data.copy()  # the next answer is to what the next page shows
            self.data[self.add_prefix("texts")] = self.initial["texts"]
            self.add_error("accept", error.message)
        return digest

    def clean_name(self) -> str:
        try:
            return profile.checked_name(self.cleaned_data["name"])
        except RuleViolation as error:
            raise ValidationError(error.message, code="name") from error

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Make the account; for a known address only the time that it takes is spent."""
        if self.account_already_exists:
            make_password(self.cleaned_data["password1"])
        made: tuple[User | None, HttpResponse | None] = super().try_save(request)
        return made


class _TaxpayerForm(forms.Form):
    name = forms.CharField(label=_("Registered name"), max_length=particulars.LONGEST_NAME)
    ntn_cnic = forms.CharField(
        label=_("NTN or CNIC"),
        max_length=20,
        help_text=_("7 characters, or the 13 digits of a sole proprietor's CNIC."),
    )
    province = forms.ChoiceField(label=_("Province"), choices=_choices(Province))
    address = forms.CharField(label=_("Address"), max_length=particulars.LONGEST_ADDRESS)
    activity = forms.ChoiceField(label=_("Business activity"), choices=_choices(Activity))
    sector = forms.ChoiceField(label=_("Sector"), choices=_choices(Sector))


class WelcomeForm(_TaxpayerForm):
    """The business of somebody who has none here yet."""

    def particulars(self) -> dict[str, Any]:
        """What `open_business` takes; the rest can wait for the page of the business."""
        given = {name: self.cleaned_data[name] for name in _TaxpayerForm.base_fields}
        return given | {"strn": "", "phone": ""}


class BusinessForm(_TaxpayerForm):
    """All particulars of the taxpayer."""

    strn = forms.CharField(
        label=_("Sales tax registration number (STRN)"), max_length=20, required=False
    )
    phone = forms.CharField(
        label=_("Phone"),
        max_length=25,
        required=False,
        widget=forms.TextInput(attrs={"type": "tel", "autocomplete": "tel"}),
    )
    series = forms.CharField(
        label=_("Prefix of invoice numbers"),
        max_length=10,
        help_text=_("A new prefix begins a new run of numbers."),
    )
    software_no = forms.CharField(
        label=_("Software registration number"),
        max_length=particulars.LONGEST_SOFTWARE_NO,
        required=False,
    )
    retail_price_includes_tax = forms.BooleanField(
        label=_("Printed retail prices include sales tax"),
        required=False,
        help_text=_(
            "For Third Schedule goods: the tax is then charged on the printed price without the"
            " tax in it. Let your tax adviser confirm it."
        ),
    )


class InvitationForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(label=_("E-mail"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), choices=Role.choices, initial=Role.OPERATOR)


class RoleForm(forms.Form):
    """Another role for a member."""

    role = forms.ChoiceField(label=_("Role"), choices=Role.choices)


class ApiKeyForm(forms.Form):
    """A key for one program."""

    name = forms.CharField(
        label=_("Name"),
        max_length=api_keys.LONGEST_NAME,
        help_text=_("The program that will use it."),
    )
    expires_on = forms.DateField(
        label=_("Works until"),
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        help_text=_("A year at most."),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=[(scope.value, scope.label) for scope in access.SCOPES],
        widget=forms.CheckboxSelectMultiple,
    )


class ProfileForm(forms.Form):
    """A person's own page."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=LONGEST_PERSON_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )


class _OpensOnce(BaseAuthenticateForm):  # type: ignore[misc]
    def clean_code(self) -> str:
        code: str = super().clean_code()
        is_totp = self.authenticator.type == Authenticator.Type.TOTP
        if is_totp and not second_factor.take_step(self.authenticator, code):
            self._emit_authentication_failed(self.authenticator)
            raise get_adapter().validation_error("incorrect_code")
        return code


class SignInCodeForm(_OpensOnce, AuthenticateForm):  # type: ignore[misc]
    """The code at sign-in."""


class ProofCodeForm(_OpensOnce, ReauthenticateForm):  # type: ignore[misc]
    """The code before a dangerous deed."""
