"""What people can ask for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q, QuerySet
from django.utils.translation import gettext_noop as _

from accounts import policies
from accounts.models import MailState, OutgoingMail, PolicyKind
from accounts.models.policies import Language
from privacy import deadlines, rules
from privacy.models import Erasure, ErasureState, ExportFile, ExportState
from privacy.promise_checks import catalogue
from privacy.services import letterbox, mailbox
from privacy.verdicts import Broken, Kept, Verdict
from smartinvoicing import clock
from smartinvoicing.classified import Retention

SOON: Final = timedelta(hours=6)
DAY: Final = timedelta(days=1)
WEEK: Final = timedelta(days=7)
OF_DOCUMENTS: Final = (
    *(("invoices_invoice", name) for name in ("invoice_guard", "invoice_guard_of_delete")),
    *(("invoices_invoiceline", name) for name in ("invoice_line_guard",)),
    ("invoices_invoiceevent", "append_only"),
)


def _stuck(exports: QuerySet[ExportFile], at: datetime) -> int:
    waits = Q(state__in=[ExportState.WAITING, ExportState.BUILDING], asked_at__lt=at - SOON)
    failed = Q(state=ExportState.FAILED, asked_at__gt=at - WEEK)
    return exports.filter(waits | failed).count()


def exports_are_made(at: datetime) -> Verdict:
    if n := _stuck(ExportFile.objects.filter(tenant_id=None), at):
        return Broken(_("%(n)s copies were not made in time."), {"n": n})
    return Kept(_("No copy that was asked for waits for more than six hours."))


def businesses_can_leave(at: datetime) -> Verdict:
    if n := _stuck(ExportFile.objects.filter(tenant_id__isnull=False), at):
        return Broken(_("%(n)s copies for businesses were not made in time."), {"n": n})
    return Kept(_("No business waits for its data for more than six hours."))


def accepted_documents_stand(at: datetime) -> Verdict:
    asleep = catalogue.silent_triggers(OF_DOCUMENTS)
    if asleep:
        return Broken(_("An accepted invoice could be rewritten: %(what)s."), {"what": asleep[0]})
    return Kept(_("%(n)s guards in the database refuse to rewrite one."), {"n": len(OF_DOCUMENTS)})


def erasures_go_on(at: datetime) -> Verdict:
    broken_off = Erasure.objects.filter(state=ErasureState.BEGUN, at__lt=at - DAY).count()
    yesterday = clock.karachi_date(at - DAY)
    overslept = Erasure.objects.filter(state=ErasureState.HELD, resumes_on__lt=yesterday).count()
    if broken_off or overslept:
        return Broken(_("%(n)s deletions do not go on."), {"n": broken_off + overslept})
    return Kept(_("Each deletion is done, or waits for a day that law sets."))


def withdrawal_counts(at: datetime) -> Verdict:
    left = catalogue.number(
        "SELECT count(*) FROM privacy_usageevent u WHERE (SELECT c.state FROM"
        " accounts_consentevent c WHERE c.visitor = u.visitor AND c.purpose = 'analytics'"
        " AND c.at < %s ORDER BY c.id DESC LIMIT 1) = 'withdrawn'",
        at - DAY,
    )
    if left:
        return Broken(_("%(n)s counts outlived their consent by a day."), {"n": left})
    old = OutgoingMail.objects.filter(state=MailState.WAITING, made_at__lt=at - WEEK)
    if n := old.exclude(purpose="").count():
        return Broken(_("%(n)s mails that need consent have waited for a week."), {"n": n})
    return Kept(_("Nothing that rested on a consent outlives it by a day."))


def complaints_have_an_address(at: datetime) -> Verdict:
    named = settings.PRIVACY_AUTHORITY_NAME
    for language in Language.values:
        version = policies.current(PolicyKind.PRIVACY, language, at)
        if version is None or version.language != language or 'id="S39"' not in version.body:
            return Broken(_("The text is missing in one language: %(what)s."), {"what": language})
        if named and named not in version.body:
            return Broken(_("The text does not name the authority."))
    return Kept(
        _("The text says where to complain, in %(n)s languages."), {"n": len(Language.values)}
    )


def mailbox_is_read(at: datetime) -> Verdict:
    if not letterbox.is_set_up():
        return Broken(_("No mailbox is set up."))
    if not mailbox.is_fresh(at=at):
        return Broken(_("The mailbox has not been read to its end for an hour."))
    return Kept(_("The mailbox is read; no letter waits for more than an hour."))


def every_class_is_explained(at: datetime) -> Verdict:
    by_rule = {rule.retention for rule in rules.rules()}
    known = by_rule | set(deadlines.TERMS) | set(rules.BY_CLASS)
    without = [each.value for each in Retention if each not in known]
    if without:
        return Broken(_("Nothing explains why %(what)s is held."), {"what": without[0]})
    return Kept(_("%(n)s classes of data, each with its reason."), {"n": len(Retention)})
