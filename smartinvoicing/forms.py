"""Forms that show what a service said: the reading and the rules are not theirs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import ErrorDict

from smartinvoicing.errors import RuleViolation

T = TypeVar("T")

SAME: Final[Mapping[str, str]] = MappingProxyType({})


class TypedForm(forms.Form):
    """Shows text as it was typed, and judges none of it: `required` is only a word on the label."""

    use_required_attribute = False

    def full_clean(self) -> None:
        self._errors = ErrorDict()
        self.cleaned_data: dict[str, Any] = {}


def refuse(
    form: forms.Form, problems: Iterable[Mapping[str, Any]], *, names: Mapping[str, str] = SAME
) -> None:
    """Put each problem under its field, with its fix; what has no field here stands above.

    names: the form's own name of a field, where the problem calls it something else.
    """
    for problem in problems:
        field = names.get(problem["field"], problem["field"])
        invalid = ValidationError(problem["message"], code=problem["code"])
        invalid.fix = problem["fix"]  # type: ignore[attr-defined]  # ui.field and ui.form_errors
        form.add_error(field if field in form.fields else None, invalid)


def attempt(
    form: forms.Form, deed: Callable[[], T], *, names: Mapping[str, str] = SAME
) -> T | None:
    """What the deed returns; None where a rule refuses it, and then the form says why."""
    try:
        return deed()
    except RuleViolation as error:
        bare = {"code": error.code, "field": "", "message": error.message, "fix": ""}
        refuse(form, error.details.get("problems") or [bare], names=names)
        return None
