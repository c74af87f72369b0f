"""Who watches over it, how texts change, and who answers."""

from __future__ import annotations

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Final

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext_noop as _

from accounts import consents, policies, staff
from accounts.enums import Purpose
from accounts.models import PolicyKind, StaffSeat
from accounts.models.policies import Language
from privacy import selectors
from privacy.models import FeatureFlag, SubjectRequest
from privacy.promise_checks import catalogue
from privacy.services import tickets
from privacy.verdicts import Broken, Kept, Verdict
from smartinvoicing.ids import uuid7

DAY: Final = timedelta(days=1)  # its date is put off by a job


def officer_is_there(at: datetime) -> Verdict:
    officer = selectors.officer()
    if officer is None or not officer.person.is_active:
        return Broken(_("Nobody is data protection officer."))
    if not officer.deputy.is_active:
        return Broken(_("The officer has no deputy."))
    return Kept(
        _("An officer and a deputy are appointed, since %(day)s."),
        {"day": officer.since.date().isoformat()},
    )


def risks_are_assessed(at: datetime) -> Verdict:
    asleep = catalogue.silent_triggers(
        [("privacy_featureflag", "flag_guard"), ("privacy_dpia", "dpia_guard")]
    )
    if asleep:
        return Broken(_("A guard of the switches sleeps: %(what)s."), {"what": asleep[0]})
    risky = FeatureFlag.objects.filter(is_on=True, is_high_risk=True, environment="production")
    bare = risky.exclude(dpia__in=selectors.counting(at=at)).count()
    if bare:
        return Broken(_("%(n)s risky switches are on and not thought through."), {"n": bare})
    return Kept(_("%(n)s risky switches are on, each assessed."), {"n": risky.count()})


def people_are_trained(at: datetime) -> Verdict:
    seats = StaffSeat.objects.filter(until=None, user__is_active=True).select_related("user")
    people = {seat.user_id: seat.user for seat in seats}
    without = sum(not staff.is_trained(person, at=at) for person in people.values())
    if without:
        return Broken(_("%(n)s people of ours are not trained."), {"n": without})
    return Kept(_("Everybody of ours who has a role is trained."))


def changes_are_announced(at: datetime) -> Verdict:
    asleep = catalogue.silent_triggers([("accounts_policyversion", "policy_needs_notice")])
    if asleep:
        return Broken(_("A change could hold before people know."))
    published = policies.published().filter(is_material=True)
    if n := published.filter(told_at=None).filter(effective_at__lt=at - DAY).count():
        return Broken(
            _("%(n)s changes are past their day, and too few people were told."), {"n": n}
        )
    return Kept(_("The database refuses a change that was not announced."))


def optional_is_off(at: datetime) -> Verdict:
    user_id, visitor = uuid7(), uuid7().hex
    on = [
        each.value
        for each in Purpose
        if consents.may_use(each, at=at, user_id=user_id)
        or consents.may_use(each, at=at, visitor=visitor)
    ]
    if on:
        return Broken(_("A use is on for people who were never asked: %(what)s."), {"what": on[0]})
    return Kept(_("%(n)s optional uses, all off for whoever was never asked."), {"n": len(Purpose)})


def versions_stay(at: datetime) -> Verdict:
    if catalogue.silent_triggers([("accounts_policyversion", "policy_version_guard")]):
        return Broken(_("A published version could be rewritten."))
    versions = list(policies.published().only("sha256", "body"))
    changed = sum(sha256(each.body.encode()).hexdigest() != each.sha256 for each in versions)
    if changed:
        return Broken(_("%(n)s versions differ from their fingerprint."), {"n": changed})
    return Kept(_("%(n)s versions, each as its fingerprint says."), {"n": len(versions)})


def messages_are_answered(at: datetime) -> Verdict:
    if not settings.PRIVACY_EMAIL or settings.PRIVACY_EMAIL.endswith("@localhost"):
        return Broken(_("No address for privacy is set."))
    waiting = SubjectRequest.objects.filter(closed_at=None)
    late = waiting.filter(Q(human_at=None, human_due_at__lt=at) | Q(due_at__lt=at)).count()
    late += tickets.late(at=at).count()
    if late:
        return Broken(_("%(n)s messages have waited too long."), {"n": late})
    return Kept(_("No message has waited longer than it may."))


def terms_and_contact(at: datetime) -> Verdict:
    if policies.current(PolicyKind.TERMS, Language.ENGLISH, at) is None:
        return Broken(_("No terms are in force."))
    if not settings.SUPPORT_EMAIL or not settings.SUPPORT_HOURS:
        return Broken(_("No address or no hours of support are set."))
    return Kept(_("Terms are in force; an address and hours are published."))
