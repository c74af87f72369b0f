"""The promises at the desk: each look with what it saw, looking now, and the yearly statement."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from accounts.desk import Deed, DeedAdmin
from accounts.enums import Desk
from accounts.models import User
from privacy.models import CheckRun, EgressStatement, PromiseState
from privacy.promises import BY_ID
from privacy.services import promises

_WORST_FIRST = [PromiseState.BROKEN, PromiseState.DUE, PromiseState.KEPT]


def _proved(by: User, row: Any, given: dict[str, Any], at: datetime) -> str:
    run = promises.prove(at=at, by=by)
    return ngettext(
        "All were looked at: %(n)s is broken.", "All were looked at: %(n)s are broken.", run.broken
    ) % {"n": run.broken}


def _signed(by: User, row: Any, given: dict[str, Any], at: datetime) -> str:
    promises.sign_statement(by=by, at=at)
    return _now("The statement is signed.")


@admin.register(CheckRun)
class CheckRunAdmin(DeedAdmin):
    """Each look, the newest first; in it every promise, the broken ones on top."""

    lead = _(
        "Each night every promise of our policies is checked. What is broken stops the next "
        "version of the text."
    )
    sees = (Desk.SEE_REGISTERS, Desk.KEEP_REGISTERS)
    list_display = ("at", "kept", "broken", "due", "by", "took_ms")
    ordering = ("-at",)
    fields = ("at", "by", "kept", "broken", "due", "took_ms", "table")
    readonly_fields = ("table",)
    deeds = (
        Deed(
            name="prove",
            label=_("Prove now"),
            words=_("Looks at every promise at once, as each night. It takes some seconds."),
            desk=Desk.SEE_REGISTERS,
            do=_proved,
            form=forms.Form,
            on_row=False,
        ),
    )

    @admin.display(description=_("what it saw"))
    def table(self, run: CheckRun) -> SafeString:
        """In the order of their urgency: id, state, what was seen, which module keeps it."""
        seen = sorted(
            (each for each in run.results.all() if each.promise in BY_ID),
            key=lambda each: _WORST_FIRST.index(PromiseState(each.state)),
        )
        return format_html_join(
            "",
            "<p>{} · <strong>{}</strong> · {} <small>{}</small></p>",
            (
                (
                    each.promise,
                    each.get_state_display(),
                    promises.said(each),
                    BY_ID[each.promise].control,
                )
                for each in seen
            ),
        )


@admin.register(EgressStatement)
class EgressStatementAdmin(DeedAdmin):
    """What an officer signed once a year: who can be reached, and that nothing is sold."""

    lead = _(
        "Once a year somebody signs that nothing leaves to anybody who is not on the register."
    )
    sees = (Desk.SEE_REGISTERS, Desk.KEEP_REGISTERS)
    list_display = ("signed_at", "signed_by", "digest")
    list_select_related = ("signed_by",)
    ordering = ("-signed_at",)
    fields = ("signed_at", "signed_by", "hosts", "digest")
    deeds = (
        Deed(
            name="sign",
            label=_("Sign this year's statement"),
            words=_(
                "You state that the program can speak to the machines of the register and the"
                " settings alone, and that no personal data is sold, rented or traded."
            ),
            desk=Desk.KEEP_REGISTERS,
            do=_signed,
            form=forms.Form,
            on_row=False,
        ),
    )
