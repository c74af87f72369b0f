"""Who else sees data, at the desk: processors, transfers, disclosures."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts.desk import Deed, factor_first
from accounts.models import User
from privacy import register_forms as ask
from privacy.admin.register_base import RegisterAdmin, asked, deed, says
from privacy.models import Disclosure, Processor, Transfer
from privacy.services import disclosures, registers
from smartinvoicing import clock
from smartinvoicing.errors import AppError

Given = dict[str, Any]


def _facts(given: Given) -> registers.Facts:
    known = {name: value for name, value in given.items() if name not in {"why", "which_data"}}
    hosts = tuple(known["hosts"].split())
    return registers.Facts(**{**known, "hosts": hosts, "data": given["which_data"]})


def _written(by: User, row: Any, given: Given, at: datetime) -> str:
    registers.write(facts=_facts(given), by=by, at=at)
    return _now("Written down. Nothing goes there yet.")


def _changed(by: User, row: Processor, given: Given, at: datetime) -> str:
    registers.change(row=row, facts=_facts(given), why=given["why"], by=by, at=at)
    return _now("Changed.")


@admin.register(Processor)
class ProcessorAdmin(RegisterAdmin):
    """Whoever helps us, and authorities that get data by law."""

    lead = _(
        "Whoever helps us, and authorities that get data by law. Nothing leaves to a host "
        "that stands on none of these rows."
    )
    list_display = ("name", "kind", "purpose", "country", "agreement_on", "enabled_at", "ended_at")
    list_filter = ("kind", "is_optional", ("enabled_at", admin.EmptyFieldListFilter))
    ordering = ("ended_at", "name")
    printed = (
        *("name", "kind", "purpose", "data", "country", "agreement_on", "reviewed_on"),
        *("deletion_proof", "subprocessors", "exit_plan", "enabled_at", "ended_at"),
    )
    deeds = (
        deed(
            "write",
            _("Write down a helper"),
            _("Before anything goes there: agreement, review, notice to everybody."),
            _written,
            ask.ProcessorForm,
            on_row=False,
        ),
        deed(
            "correct",
            _("Correct"),
            _("All of it anew."),
            _changed,
            ask.ProcessorChangeForm,
            fits=lambda row: row.ended_at is None,
        ),
        deed(
            "announce",
            _("Tell everybody"),
            _("By mail and here, at least thirty days before it begins."),
            says(registers.announce, _("People are being told."), row="row"),
            ask.AnnounceForm,
            fits=lambda row: not row.laid and row.enabled_at is None and row.ended_at is None,
        ),
        deed(
            "enable",
            _("Switch on"),
            _("Its machines may be reached from now on."),
            says(registers.enable, _("It is on."), row="row"),
            forms.Form,
            fits=lambda row: row.enabled_at is None and row.ended_at is None,
        ),
        deed(
            "end",
            _("End"),
            _("Say how deletion was proved. No line to it is opened any more."),
            says(registers.end, _("It has ended."), row="row"),
            fits=lambda row: row.ended_at is None,
        ),
    )

    @factor_first
    def deed_page(self, request: HttpRequest, deed: Deed, pk: Any) -> HttpResponse:
        """A correction begins with what stands there."""
        if deed.name == "correct" and (row := self.get_object(request, str(pk))):
            known = {name: getattr(row, name, "") for name in ask.ProcessorForm.base_fields}
            known |= {"hosts": "\n".join(row.hosts), "which_data": row.data}
            form = cast("type[forms.Form]", partial(deed.form, initial=known))
            deed = replace(deed, form=form)
        return super().deed_page(request, deed, pk)


def _abroad(by: User, row: Any, given: Given, at: datetime) -> str:
    known = registers.Abroad(data=given.pop("which_data"), **given)
    registers.write_transfer(given=known, by=by, at=at)
    return _now("Data may go there from now on.")


@admin.register(Transfer)
class TransferAdmin(RegisterAdmin):
    """Other countries. Where none stands here, nothing goes."""

    lead = _("Data that go to another country, and on what ground.")
    list_display = ("country", "recipient", "data", "basis", "keeps_copy", "ended_at")
    list_filter = ("country", "keeps_copy", ("ended_at", admin.EmptyFieldListFilter))
    ordering = ("ended_at", "country")
    printed = (
        *("sender", "country", "recipient", "data", "basis", "safeguards", "assessment"),
        *("keeps_copy", "written_at", "ended_at"),
    )
    deeds = (
        deed(
            "write",
            _("Write down a transfer"),
            _("Each question is part of the assessment."),
            _abroad,
            ask.TransferForm,
            on_row=False,
        ),
        deed(
            "end",
            _("End"),
            _("Nothing goes there any more."),
            says(registers.end_transfer, _("It has ended."), row="row"),
            fits=lambda row: row.ended_at is None,
        ),
    )


def _wanted(by: User, row: Any, given: Given, at: datetime) -> str:
    disclosures.write(wanted=disclosures.Wanted(**given), by=by, at=at)
    return _now("Written down. Nothing leaves before a second person agrees.")


@admin.register(Disclosure)
class DisclosureAdmin(RegisterAdmin):
    """What authorities asked for, and what they were given."""

    lead = _(
        "When an authority asks for data: by which order, who agreed, and whether the "
        "business was told."
    )
    list_display = ("authority", "instrument", "tenant_id", "received_on", "approved_at", "told_at")
    list_filter = (
        "tells_tenant",
        ("approved_at", admin.EmptyFieldListFilter),
        ("exported_at", admin.EmptyFieldListFilter),
    )
    date_hierarchy = "asked_at"
    ordering = ("-asked_at",)
    printed = (
        *("authority", "instrument", "tenant_id", "from_on", "to_on", "parts", "asked_by"),
        *("approved_by", "approved_at", "told_at", "untold_why", "exported_at"),
    )
    deeds = (
        deed(
            "write",
            _("Write down what is asked for"),
            _("As its paper has it, and no more than that."),
            _wanted,
            ask.DisclosureForm,
            on_row=False,
        ),
        deed(
            "ask",
            _("Ask a second person"),
            _("Somebody else agrees to exactly this scope."),
            asked(disclosures.ask, row="entry"),
            fits=lambda row: row.approved_at is None and row.refused_at is None,
        ),
        deed(
            "approve",
            _("Approve"),
            _("Once the second person agreed. The business is told, unless the paper forbids it."),
            says(disclosures.approve, _("Approved."), row="entry"),
            forms.Form,
            fits=lambda row: row.approved_at is None and row.refused_at is None,
        ),
        deed(
            "refuse",
            _("Do not follow"),
            _("The paper does not hold, or asks for too much."),
            says(disclosures.refuse, _("Nothing is handed over."), row="entry"),
            fits=lambda row: row.approved_at is None and row.refused_at is None,
        ),
        deed(
            "export",
            _("Put together"),
            _("Exactly the days and parts of the entry, as a ZIP with its hash in the register."),
            says(disclosures.export, _("Put together."), row="entry"),
            forms.Form,
            fits=lambda row: row.approved_at is not None,
        ),
        deed(
            "tell",
            _("Tell the business"),
            _("What forbade it has ended."),
            says(disclosures.tell, _("The business is told."), row="entry"),
            fits=lambda row: row.approved_at is not None and row.told_at is None,
        ),
    )

    @factor_first
    def deed_page(self, request: HttpRequest, deed: Deed, pk: Any) -> HttpResponse:
        """What is put together comes as a file."""
        row = self.get_object(request, str(pk)) if deed.name == "export" else None
        if row is None or request.method != "POST":
            return super().deed_page(request, deed, pk)
        by = cast("User", request.user)
        try:
            made = disclosures.export(entry=row, by=by, at=clock.now())
        except AppError as refused:
            self.message_user(request, refused.message, "error")
            return redirect("admin:privacy_disclosure_change", row.pk)
        name = content_disposition_header(as_attachment=True, filename=made.name)
        headers = {"Content-Disposition": name or "", "X-Content-SHA256": made.sha256}
        return HttpResponse(made.content, content_type="application/zip", headers=headers)
