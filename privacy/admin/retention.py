"""Purges at the desk: dry runs, their four eyes, how far a run is, receipts."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db import models, transaction
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from accounts import tenancy
from accounts.desk import Deed, DeedAdmin, DeskAdmin
from accounts.enums import Desk
from accounts.models import User
from invoices.models import Buyer, Invoice, Product
from privacy.models import PurgeKind, PurgePlan, PurgeReceipt, PurgeRun
from privacy.services import retention, why
from privacy.services.why import Why
from smartinvoicing import clock
from smartinvoicing.celery import tell
from smartinvoicing.errors import NotFound
from smartinvoicing.ids import uuid7
from smartinvoicing.templatetags.formats import karachi_date

REASONS: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "goes": _("would go"),
        "time": _("not yet due"),
        "open": _("its matter with FBR is open"),
        "held": _("under a legal hold"),
        "stopped": _("open request, dispute or incident"),
        "named": _("another record names it: goes once that is gone"),
    }
)
# What may be asked about one by one; the answer names nobody.
ASKED: Final[Mapping[str, type[models.Model]]] = MappingProxyType(
    {"invoice": Invoice, "customer": Buyer, "product": Product}
)


class KindForm(forms.Form):
    kind = forms.ChoiceField(label=_("Takes"), choices=PurgeKind.choices)


class RecordForm(forms.Form):
    """One record of a business."""

    business = forms.UUIDField(label=_("Business"))
    kind = forms.ChoiceField(
        label=_("Kind"),
        choices=[
            ("invoice", _("Document")),
            ("customer", _("Customer")),
            ("product", _("Product")),
        ],
    )
    record = forms.UUIDField(label=_("Its id"))


def _planned(by: User, row: Any, given: dict[str, Any], at: datetime) -> str:
    plan_id = uuid7()
    words = {"kind": given["kind"], "user_id": str(by.pk), "plan_id": str(plan_id)}
    transaction.on_commit(lambda: tell("privacy.plan_purge", **words))
    return _now("It is being counted; the plan will stand in the list.")


def _asked(by: User, row: PurgePlan, given: dict[str, Any], at: datetime) -> str:
    retention.ask(row, why=given["why"], by=by, at=at)
    return _now("A second person is asked.")


def _begun(by: User, row: PurgePlan, given: dict[str, Any], at: datetime) -> str:
    retention.begin(row, by=by, at=at)
    transaction.on_commit(lambda: tell("privacy.purge"))
    return _now("It has begun.")


def _explained(by: User, row: Any, given: dict[str, Any], at: datetime) -> str:
    with tenancy.in_tenant(given["business"]), transaction.atomic():
        model = ASKED[given["kind"]]
        record = model._default_manager.filter(pk=given["record"]).first()  # noqa: SLF001 -- Django's documented API
        if record is None:
            raise NotFound(_now("There is nothing of that id in this business."))
        return _sentence(why.why(record, at=at))


def _sentence(answer: Why) -> str:
    earliest = karachi_date(answer.earliest_at) if answer.earliest_at else _now("no day yet")
    words = [
        f"{answer.retention.value}, {answer.basis_label}.",
        str(answer.term),
        _now("May go from: %(day)s.") % {"day": earliest},
        *(str(reason) for reason in answer.reasons),
    ]
    return " ".join(words)


def _may_be_asked(by: User, plan: PurgePlan) -> bool:
    return plan.kind == PurgeKind.TAX and not _is_run(plan)


def _may_begin(by: User, plan: PurgePlan) -> bool:
    if _is_run(plan):
        return False
    return plan.kind == PurgeKind.ROUTINE or retention.is_agreed(plan, at=clock.now())


def _is_run(plan: PurgePlan) -> bool:
    return PurgeRun.objects.filter(plan=plan).exists()


@admin.register(PurgePlan)
class PurgePlanAdmin(DeedAdmin):
    """Dry runs. A plan is never changed: another look is another plan."""

    lead = _(
        "What would go today, by class and table, before anything goes. Tax records need a "
        "second person."
    )
    sees = (Desk.PLAN_PURGE, Desk.APPROVE_PURGE, Desk.SEE_REGISTERS)
    named = ("made_by",)
    list_display = ("at", "kind", "rows", "made_by", "stands")
    list_filter = ("kind",)
    ordering = ("-at",)
    fields = ("kind", "at", "made_by", "rows", "digest", "table")
    readonly_fields = ("table",)
    deeds = (
        Deed(
            name="plan",
            label=_("Count what would go"),
            words=_("A dry run: nothing is touched."),
            desk=Desk.PLAN_PURGE,
            do=_planned,
            form=KindForm,
            on_row=False,
        ),
        Deed(
            name="why",
            label=_("Why is a record still here?"),
            words=_("The class of one record, and what keeps it. No name is shown."),
            desk=Desk.PLAN_PURGE,
            do=_explained,
            form=RecordForm,
            on_row=False,
        ),
        Deed(
            name="ask",
            label=_("Ask a second person"),
            words=_("Tax records go after somebody else agreed to exactly this plan."),
            desk=Desk.PLAN_PURGE,
            do=_asked,
            fits=_may_be_asked,
        ),
        Deed(
            name="begin",
            label=_("Carry it out"),
            words=_("Deleted is deleted: there is no way back but a backup."),
            desk=Desk.PLAN_PURGE,
            do=_begun,
            form=forms.Form,
            fits=_may_begin,
        ),
    )

    @admin.display(description=_("stands"))
    def stands(self, plan: PurgePlan) -> str:
        run = PurgeRun.objects.filter(plan=plan).first()
        if run is None:
            is_agreed = retention.is_agreed(plan, at=clock.now())
            return _now("agreed to") if is_agreed else _now("planned")
        return _now("ended") if run.ended_at else _now("under way")

    @admin.display(description=_("what would go, and what stays"))
    def table(self, plan: PurgePlan) -> SafeString:
        rows = format_html_join(
            "",
            "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{}</td></tr>",
            (
                (
                    line["class"],
                    line["table"],
                    REASONS[line["why"]],
                    line["rows"],
                    karachi_date(datetime.fromisoformat(line["earliest"])),
                    ", ".join(line["examples"]),
                )
                for line in plan.lines
            ),
        )
        heads = (_("Class"), _("Table"), _("Why"), _("Rows"), _("From"), _("Examples"))
        head = format_html_join("", '<th scope="col">{}</th>', ((each,) for each in heads))
        return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, rows)


@admin.register(PurgeRun)
class PurgeRunAdmin(DeskAdmin):
    """Purges, and how far they are."""

    lead = _("Deletions that were done, batch by batch.")
    sees = (Desk.PLAN_PURGE, Desk.APPROVE_PURGE, Desk.SEE_REGISTERS)
    named = ("began_by", "approved_by")
    list_display = ("plan", "began_at", "progress", "ended_at", "began_by", "approved_by")
    list_select_related = ("plan",)
    ordering = ("-began_at",)
    fields = (
        "plan",
        "began_at",
        "began_by",
        "approved_by",
        "progress",
        "ended_at",
        "stuck",
        "sums",
    )
    readonly_fields = ("progress", "sums")

    @admin.display(description=_("gone"))
    def progress(self, run: PurgeRun) -> SafeString:
        gone, planned = retention.progress(run)
        return format_html(
            '<progress max="{}" value="{}"></progress> {} / {}', planned or 1, gone, gone, planned
        )

    @admin.display(description=_("receipts add up"), boolean=True)
    def sums(self, run: PurgeRun) -> bool:
        return retention.adds_up(run)


@admin.register(PurgeReceipt)
class PurgeReceiptAdmin(DeskAdmin):
    """What is left of what is gone: how many, and a digest of their ids."""

    lead = _("What each deletion took away, in numbers, signed by a fingerprint.")
    sees = (Desk.SEE_REGISTERS,)
    named = ("approver",)
    list_display = ("at", "table", "retention", "rows", "job", "approver", "digest")
    list_filter = ("retention", "table")
    date_hierarchy = "at"
    ordering = ("-at", "table")
