"""Forms: they turn text into values. What the values must be is the services' affair."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final, TypeVar

from allauth.account.forms import SignupForm
from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts import access, particulars
from accounts.enums import Activity, Province, Role, Sector
from accounts.services import api_keys, profile
from smartinvoicing.errors import RuleViolation

T = TypeVar("T")

LONGEST_PERSON_NAME: Final = 120
_SAME: Final[Mapping[str, str]] = MappingProxyType({})


def attempt(
    form: forms.Form, deed: Callable[[], T], *, names: Mapping[str, str] = _SAME
) -> T | None:
    """What the deed returns; None where a rule refuses it, and then the form says why.

    names: the form's own name of a field, where the rule calls it something else.
    """
    try:
        return deed()
    except RuleViolation as error:
        _refuse(form, error, names)
        return None


def _refuse(form: forms.Form, error: RuleViolation, names: Mapping[str, str]) -> None:
    bare = {"code": error.code, "field": "", "message": error.message, "fix": ""}
    for problem in error.details.get("problems") or [bare]:
        field = names.get(problem["field"], problem["field"])
        invalid = ValidationError(problem["message"], code=problem["code"])
        invalid.fix = problem["fix"]  # type: ignore[attr-defined]  # ui.field and ui.form_errors
        form.add_error(field if field in form.fields else None, invalid)


def _choices(words: Any) -> list[tuple[str, Any]]:
    return [("", _("Choose…")), *words.choices]


class SignUpForm(SignupForm):  # type: ignore[misc]  # allauth has no types
    """A person's first page; allauth makes the account from it."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=LONGEST_PERSON_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    field_order: ClassVar[list[str]] = ["name", "email", "password1", "password2"]

    def clean_name(self) -> str:
        try:
            return profile.checked_name(self.cleaned_data["name"])
        except RuleViolation as error:
            raise ValidationError(error.message, code="name") from error


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

    accept_terms = forms.BooleanField(label=_("I accept the terms of use."))
    accept_privacy = forms.BooleanField(label=_("I have read the privacy policy."))

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
