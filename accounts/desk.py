"""What all pages of the staff desk share: who may see them, and that they change nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import TYPE_CHECKING, Any, ClassVar, Final, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.db import models, transaction
from django.db.models.constants import LOOKUP_SEP
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from accounts import staff
from accounts.enums import Desk
from accounts.guards import MemberRequest, showed_factor, to_factor
from accounts.models import User
from smartinvoicing import clock
from smartinvoicing.errors import AppError

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise as StrPromise

Method = TypeVar("Method", bound=Callable[..., Any])


def factor_first(method: Method) -> Method:
    """A dangerous deed at the desk, a page or an action: only within ten minutes of a code.

    Whoever showed none lately is asked for one and comes back to the page.
    """

    @wraps(method)
    def guarded(self: Any, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        person = cast("MemberRequest", request)
        if not showed_factor(person, at=clock.now()):
            return to_factor(person)
        return method(self, request, *args, **kwargs)

    guarded.is_stepped_up = True  # type: ignore[attr-defined]  # a test reads it
    return cast("Method", guarded)


class NamedList(ChangeList):
    """A page of a register that knows the people in it by one query."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = self.result_list = list(self.result_list)
        named = self.model_admin.named  # type: ignore[attr-defined]  # a DeskAdmin
        names = staff.names_of(getattr(row, each) for row in rows for each in named)
        for row in rows:
            row.people = names


def _by_name(desk: DeskAdmin, column: str) -> Callable[[Any], str]:
    field = desk.model._meta.get_field(column)

    @admin.display(description=field.verbose_name, ordering=column)
    def shown(row: Any) -> str:
        who = str(getattr(row, column))
        return str(row.people.get(who, who))

    return shown


def _offers(listed: Any, lookup: str) -> bool:
    """Whether one filter of a page, as `list_filter` names it, asks this."""
    if isinstance(listed, type):
        return lookup == getattr(listed, "parameter_name", None)
    return _is_about(str(listed[0] if isinstance(listed, tuple) else listed), lookup)


def _is_about(column: str, lookup: str) -> bool:
    return lookup == column or lookup.startswith(f"{column}{LOOKUP_SEP}")


class DeskAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in its stubs
    """A register: seen by those who may, added to where it says so, never changed or deleted.

    What is done to a row is a deed of a service, offered as a button (`actions`, or a page of its
    own), never a form over its columns. A superuser sees no more than their roles allow.

    sees: any of these lets somebody in; adds: who may add a row through the form, None for nobody.
    lead: one sentence above the list: what stands here, and why. named: columns that hold a deed's
    name of whoever did it (`staff.name_of`), shown as the person is called.
    """

    lead: ClassVar[StrPromise | str] = ""
    named: ClassVar[tuple[str, ...]] = ()
    sees: ClassVar[tuple[Desk, ...]] = ()
    adds: ClassVar[Desk | None] = None
    actions: Any = None
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return not staff.deeds_of_request(request).isdisjoint(self.sees)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return self.adds is not None and self.adds in staff.deeds_of_request(request)

    def has_change_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: models.Model | None = None) -> bool:
        return False

    def get_list_display(self, request: HttpRequest) -> list[Any]:
        columns = super().get_list_display(request)
        return [_by_name(self, each) if each in self.named else each for each in columns]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[NamedList]:
        return NamedList

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Only by what the page offers: by any other column a hash could be guessed bit by bit."""
        offered = any(_offers(each, lookup) for each in self.get_list_filter(request))
        by_date = bool(self.date_hierarchy) and _is_about(str(self.date_hierarchy), lookup)
        return (offered or by_date) and super().lookup_allowed(lookup, value, request)

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Headed by what it lists: there is nothing to select for a change."""
        title = capfirst(self.opts.verbose_name_plural)
        return super().changelist_view(request, {"title": title, **(extra_context or {})})


# --- deeds as pages ---------------------------------------------------------------------------


class WhyForm(forms.Form):
    """The one question that each deed asks."""

    why = forms.CharField(
        label=_("Why"), max_length=300, widget=forms.Textarea(attrs={"rows": 2, "cols": 60})
    )


@dataclass(frozen=True, kw_only=True)
class Deed:
    """One thing that may be done at the desk, on a page of its own that asks before it is done.

    do:    the service's deed: (who, row or None, what the form says, when), returns what to say.
    desk:  who may; None where the service alone knows, by the row.
    fits:  whether it makes sense on this row, for this person; else it is not offered.
    """

    name: str
    label: Any
    words: Any
    desk: Desk | None
    do: Callable[[User, Any, dict[str, Any], datetime], str]
    form: type[forms.Form] = WhyForm
    on_row: bool = True
    fits: Callable[[User, Any], bool] = lambda user, row: True


# Whoever comes by an old page or a typed address to what is not offered to them.
UNFIT: Final = _(
    "Another person has to do this, it is not its time, or it was done already. Look at its page."
)


class DeedAdmin(DeskAdmin):
    """A register with deeds. Each is behind a right and a second factor shown lately.

    What does not fit its row is refused here, whatever its service says.
    """

    deeds: ClassVar[tuple[Deed, ...]] = ()
    change_list_template = "accounts/desk/list.html"
    change_form_template = "accounts/desk/row.html"

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"<uuid:pk>/{deed.name}/" if deed.on_row else f"{deed.name}/",
                self.admin_site.admin_view(self._page_of(deed)),
                name=self._name_of(deed),
            )
            for deed in self.deeds
        ]
        return [*own, *super().get_urls()]

    def _name_of(self, deed: Deed) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_{deed.name}"

    def _page_of(self, deed: Deed) -> Callable[..., HttpResponse]:
        def page(request: HttpRequest, pk: Any = None) -> HttpResponse:
            if deed not in self._open_to(request):
                raise PermissionDenied
            return self.deed_page(request, deed, pk)

        return page

    @factor_first
    def deed_page(self, request: HttpRequest, deed: Deed, pk: Any) -> HttpResponse:
        row = self.get_object(request, str(pk)) if deed.on_row else None
        if deed.on_row and row is None:
            raise Http404
        fits = not deed.on_row or deed.fits(cast("User", request.user), row)
        form = deed.form(request.POST or None)
        if request.method == "POST" and form.is_valid() and not fits:
            form.add_error(None, UNFIT)
        elif request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    said = deed.do(cast("User", request.user), row, form.cleaned_data, clock.now())
            except AppError as refused:
                form.add_error(None, refused.message)
            else:
                self.message_user(request, said, messages.SUCCESS)
                return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": deed.label,
            "words": deed.words if fits else UNFIT,
            "row": row,
            "form": form,
            "back": self._back(row),
        }
        return render(request, "accounts/desk/deed.html", context)

    def _back(self, row: models.Model | None) -> str:
        """The page from which one came: of the row, or the list."""
        base = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return reverse(f"{base}_change", args=[row.pk]) if row else reverse(f"{base}_changelist")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        links = [self._link(deed) for deed in self._open_to(request) if not deed.on_row]
        return super().changelist_view(request, {"deeds": links, **(extra_context or {})})

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        fitting = [
            self._link(deed, object_id)
            for deed in self._open_to(request)
            if deed.on_row and row is not None and deed.fits(cast("User", request.user), row)
        ]
        context = {**(extra_context or {}), "deeds": fitting}
        return super().change_view(request, object_id, form_url, context)

    def _open_to(self, request: HttpRequest) -> list[Deed]:
        may = staff.deeds_of_request(request)
        return [deed for deed in self.deeds if deed.desk is None or deed.desk in may]

    def _link(self, deed: Deed, object_id: str = "") -> dict[str, Any]:
        args = [object_id] if deed.on_row else []
        return {
            "name": deed.name,
            "label": deed.label,
            "url": reverse(f"admin:{self._name_of(deed)}", args=args),
        }
