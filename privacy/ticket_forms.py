"""Forms of questions to our support. None takes a file: words are enough to begin with."""

from __future__ import annotations

from django import forms
from django.utils.translation import gettext_lazy as _

LONGEST = 5_000


def _words(label: object, rows: int, help_text: object = "") -> forms.CharField:
    return forms.CharField(
        label=label,  # type: ignore[arg-type]  # a lazy text
        help_text=help_text,  # type: ignore[arg-type]
        max_length=LONGEST,
        widget=forms.Textarea(attrs={"rows": rows, "maxlength": LONGEST}),
    )


class QuestionForm(forms.Form):
    """What somebody who is signed in wants to know."""

    subject = forms.CharField(label=_("What is it about?"), max_length=120)
    text = _words(
        _("Your question"),
        6,
        _("No passwords, tokens or card numbers, please. Files are not taken."),
    )


class ContactForm(QuestionForm):
    """The same of somebody without an account. `website` is a trap: people do not see it."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    email = forms.EmailField(
        label=_("Your e-mail address"),
        help_text=_("We answer there, and use it for nothing else."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    website = forms.CharField(
        label=_("Leave this empty"),
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "tabindex": "-1"}),
    )
    field_order = ("name", "email", "subject", "text", "website")


class ReplyForm(forms.Form):
    text = _words(_("Your words"), 4)
