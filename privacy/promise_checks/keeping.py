"""How long data stays."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_noop as _

from privacy import deadlines, inventory, others, rules
from privacy.models import Closure, PurgeKind, PurgePlan, PurgeRun
from privacy.promise_checks import catalogue
from privacy.verdicts import Broken, Kept, Verdict
from smartinvoicing import checks

LATELY: Final = timedelta(days=2)
OF_NO_DOCUMENT: Final = frozenset({"fbr_scenariorun"})  # the sandbox's: no law wants it kept


def every_table_has_a_clock(at: datetime) -> Verdict:
    tables = inventory.tables() - others.BARE
    clocked = {table for rule in rules.rules() for table in rule.tables}
    without = sorted(t for t in tables - clocked if not rules.why_no_clock(t))
    if without:
        return Broken(_("Nothing says when %(what)s goes."), {"what": without[0]})
    return Kept(_("%(n)s tables, each with a clock or a reason."), {"n": len(tables)})


def tax_records_are_held(at: datetime) -> Verdict:
    years = settings.TAX_KEPT_YEARS
    if years < deadlines.LAW_YEARS or years < deadlines.POLICY_YEARS:
        return Broken(_("Tax records are kept for %(n)s years only."), {"n": years})
    held = catalogue.number("SELECT years FROM privacy_taxretention")
    if held != years:
        return Broken(_("The database keeps tax records for %(n)s years."), {"n": held})
    tables = {table for rule in rules.rules() if rule.is_tax for table in rule.tables}
    guarded = [(table, "tax_retention") for table in sorted(tables - OF_NO_DOCUMENT)]
    asleep = catalogue.silent_triggers(guarded)
    if asleep:
        return Broken(_("A guard of tax records sleeps: %(what)s."), {"what": asleep[0]})
    return Kept(
        _("%(tables)s kinds of tax record cannot be deleted for %(years)s years."),
        {"tables": len(guarded), "years": years},
    )


def closings_are_in_time(at: datetime) -> Verdict:
    days = settings.CLOSURE_PURGE_DAY + settings.BACKUP_KEPT_DAYS + checks.MARGIN_DAYS
    if days > checks.PROMISED_DAYS:
        return Broken(_("By the settings it takes %(n)s days."), {"n": days})
    late = Closure.objects.filter(ended_at=None).filter(
        Q(ends_by__lt=at) | Q(purged_at=None, purge_by__lt=at)
    )
    if n := late.count():
        return Broken(_("%(n)s closed accounts are late."), {"n": n})
    return Kept(_("No closed account is late."))


def purges_run(at: datetime) -> Verdict:
    newest = PurgePlan.objects.filter(kind=PurgeKind.ROUTINE).order_by("-at").first()
    if newest is None or newest.at < at - LATELY:
        return Broken(_("Nothing was looked through for what is over, for two days."))
    if n := PurgeRun.objects.filter(ended_at=None, began_at__lt=at - LATELY).count():
        return Broken(_("%(n)s runs did not come to their end."), {"n": n})
    return Kept(_("What was over by %(day)s is deleted."), {"day": newest.at.date().isoformat()})
