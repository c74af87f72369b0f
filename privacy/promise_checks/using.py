"""What data is used for, and on which ground."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_noop as _

from accounts import consents, traces
from accounts.enums import Purpose
from accounts.models import (
    BreakGlass,
    ConsentEvent,
    Heartbeat,
    MailState,
    OutgoingMail,
    PolicyKind,
    SupportWindow,
)
from accounts.models.consents import ConsentState
from privacy import inventory
from privacy.models import Closure, UsageEvent
from privacy.promise_checks import catalogue
from privacy.services import analytics, closing, policies
from privacy.verdicts import Broken, Kept, Verdict
from smartinvoicing.celery import app

OF_REPORTING: Final = (
    *(("fbr_outbox", name) for name in ("outbox_guard", "hold_reported", "hold_reported_again")),
    ("fbr_attempt", "attempt_guard"),
    ("fbr_claim", "claim_guard"),
    ("invoices_invoice", "uncertain_guard"),
)
OF_ACCOUNTS: Final = (
    ("accounts_membership", "tenant_is_open"),
    ("invoices_invoice", "tenant_is_open"),
    ("privacy_closure", "closure_guard"),
)
DUTIES: Final = (
    *("fbr.dispatch", "fbr.look_for_incidents", "fbr.check_invariants", "invoices.close_periods"),
)
ALIVE: Final = timedelta(minutes=15)
STUCK: Final = timedelta(hours=1)
WINDOW: Final = timedelta(hours=24)
GLASS: Final = timedelta(minutes=60)
MOST_TRIES: Final = 10
MONTH: Final = timedelta(days=30)
NOES: Final = (ConsentState.WITHDRAWN, ConsentState.REFUSED)
MOST: Final = 1000  # mails that one night looks at, the newest


def usage_is_narrow(at: datetime) -> Verdict:
    if catalogue.missing_constraints(["usage_says_no_more"]):
        return Broken(_("The database lets statistics hold anything."))
    return Kept(_("The database lets statistics hold a page, a kind of system and nothing else."))


def reports_are_guarded(at: datetime) -> Verdict:
    asleep = catalogue.silent_triggers(OF_REPORTING)
    if asleep:
        return Broken(_("A guard of the reporting sleeps: %(what)s."), {"what": asleep[0]})
    return Kept(_("%(n)s guards in the database watch each report."), {"n": len(OF_REPORTING)})


def accounts_are_guarded(at: datetime) -> Verdict:
    asleep = catalogue.silent_triggers(OF_ACCOUNTS)
    if asleep:
        return Broken(_("A guard of closed accounts sleeps: %(what)s."), {"what": asleep[0]})
    return Kept(_("Nothing is written for a business that is closed."))


def mail_leaves(at: datetime) -> Verdict:
    tried = OutgoingMail.objects.filter(state=MailState.WAITING, tries__gt=0)
    unread = OutgoingMail.objects.filter(state=MailState.WAITING, send_after__lt=at - STUCK)
    if stuck := (tried.filter(made_at__lt=at - STUCK) | unread).count():
        return Broken(_("%(n)s messages have waited for more than an hour."), {"n": stuck})
    lost = OutgoingMail.objects.filter(state=MailState.GIVEN_UP, done_at__gt=at - timedelta(days=1))
    if many := lost.count():
        return Broken(_("%(n)s messages were given up since yesterday."), {"n": many})
    return Kept(_("No message has waited for more than an hour."))


def support_needs_a_window(at: datetime) -> Verdict:
    if "accounts.staff_access.StaffAccess" not in settings.MIDDLEWARE:
        return Broken(_("Nothing looks at where our people go."))
    if catalogue.missing_constraints(["stafflook_has_one_grant"]):
        return Broken(_("A look without a grant could be written down."))
    long = [
        row
        for row in SupportWindow.objects.filter(ended_at=None, until__gt=at)
        if row.until - row.granted_at > WINDOW
    ]
    over = BreakGlass.objects.filter(ended_at=None, opened_at__lt=at - GLASS - STUCK).count()
    if long or over:
        return Broken(_("%(n)s windows are open too long."), {"n": len(long) + over})
    return Kept(_("No window is open longer than a day, and each look has its grant."))


def duties_run(at: datetime) -> Verdict:
    planned = {each["task"] for each in app.conf.beat_schedule.values()}
    missing = sorted(set(DUTIES) - planned)
    if missing:
        return Broken(_("A job that law asks for is not planned: %(what)s."), {"what": missing[0]})
    beat = Heartbeat.objects.filter(name="documents").first()
    if beat is None or beat.at < at - ALIVE:
        return Broken(_("The workers gave no sign of life for fifteen minutes."))
    return Kept(_("%(n)s jobs are planned, and the workers live."), {"n": len(DUTIES)})


def counted_pages_are_listed(at: datetime) -> Verdict:
    known = analytics.pages()
    stray = sorted(set(UsageEvent.objects.values_list("page", flat=True).distinct()) - known)
    if stray:
        return Broken(_("Something is counted that is no page: %(what)s."), {"what": stray[0]})
    return Kept(_("%(n)s pages may be counted; nothing else was."), {"n": len(known)})


def locks_and_no_automatic_end(at: datetime) -> Verdict:
    is_on = getattr(settings, "AXES_ENABLED", True)
    if not is_on or not 0 < settings.AXES_FAILURE_LIMIT <= MOST_TRIES:
        return Broken(_("Passwords can be guessed without end."))
    alone = Closure.objects.filter(begun_by__startswith="system:").exclude(begun_by=closing.LEDGER)
    if n := alone.count():
        return Broken(_("%(n)s accounts were ended by no person."), {"n": n})
    return Kept(
        _("After %(n)s wrong passwords a door is shut for a while; people alone end accounts."),
        {"n": settings.AXES_FAILURE_LIMIT},
    )


def advertising_was_wanted(at: datetime) -> Verdict:
    sent = _sent(at)
    unwanted = sum(_last_answer(mail) != ConsentState.GIVEN for mail in sent)
    if unwanted:
        return Broken(_("%(n)s mails went to people who had not agreed."), {"n": unwanted})
    return Kept(_("Each mail of the last month that needs consent had it."))


def consent_is_asked_again(at: datetime) -> Verdict:
    answers = [_last_answer(mail) for mail in _sent(at)]
    after = sum(answer in NOES for answer in answers)
    if after:
        return Broken(_("%(n)s mails went out after a no."), {"n": after})
    if any(
        consents.may_mail(each, address="nobody@example.invalid", user_id=None) for each in Purpose
    ):
        return Broken(_("Somebody who was never asked would get mail."))
    return Kept(_("No mail went out after a no."))


def _sent(at: datetime) -> list[OutgoingMail]:
    """What left in the last month on the ground of a consent."""
    sent = OutgoingMail.objects.filter(state=MailState.SENT, done_at__gt=at - MONTH)
    return list(sent.exclude(purpose="").order_by("-done_at")[:MOST])


def _last_answer(mail: OutgoingMail) -> str | None:
    """What its address, or the person behind it, had said last when it left."""
    theirs = Q(address_key__in=traces.keys_of(mail.to))
    if mail.user_id is not None:
        theirs |= Q(user_id=mail.user_id)
    said = ConsentEvent.objects.filter(theirs, purpose=mail.purpose, at__lte=mail.done_at)
    answer: str | None = said.order_by("-id").values_list("state", flat=True).first()
    return answer


def switches_have_a_ground(at: datetime) -> Verdict:
    if catalogue.missing_constraints(["flag_on_a_basis"]):
        return Broken(_("A switch could be on without a ground in law."))
    without = [f"{e.model}.{e.field}" for e in inventory.personal_fields() if not e.basis]
    if without:
        return Broken(_("No ground is named for %(what)s."), {"what": without[0]})
    return Kept(_("The database refuses a switch without a ground."))


def published_table_is_current(at: datetime) -> Verdict:
    published = {each.language: each.body for each in policies.newest(PolicyKind.PRIVACY)}
    if not published:
        return Broken(_("No privacy policy is published."))
    stale = [t for t in policies.written(PolicyKind.PRIVACY) if published.get(t.language) != t.body]
    if stale:
        return Broken(_("The policy says no longer what the program does."))
    return Kept(
        _("The policy says what the program does, in %(n)s languages."), {"n": len(published)}
    )
