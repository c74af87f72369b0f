"""What all pages of the staff desk share: who may see them, and that they change nothing."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib import admin
from django.db import models
from django.http import HttpRequest

from accounts import staff
from accounts.enums import Desk


class DeskAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # generic only in its stubs
    """A register: seen by those who may, added to where it says so, never changed or deleted.

    What is done to a row is a deed of a service, offered as a button (`actions`, or a page of its
    own), never a form over its columns. A superuser sees no more than their roles allow.

    sees: any of these lets somebody in; adds: who may add a row through the form, None for nobody.
    """

    sees: ClassVar[tuple[Desk, ...]] = ()
    adds: ClassVar[Desk | None] = None
    actions = None
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
