"""When something goes wrong; and that what was reported stays as it was."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection
from django.utils.translation import gettext_noop as _

from accounts import policies, tenancy
from accounts.enums import Environment
from accounts.models import AuditCheck, LegalEntity, PolicyAcceptance, PolicyKind
from accounts.models.policies import Language
from privacy.models import Alarm, Audience, BreachCase
from privacy.promise_checks import catalogue
from privacy.services import breach_steps
from privacy.verdicts import Broken, Kept, Verdict

LATELY: Final = timedelta(days=2)
HOURS: Final = timedelta(hours=72)
LATE_ALARM: Final = timedelta(minutes=15)
MOST: Final = 1000  # businesses that one night looks at
PARTS: Final = (
    *("privacy_breachdecision", "privacy_breachletter", "privacy_breachnotice"),
    *("privacy_breachrevision", "privacy_breachscope", "privacy_breachstep"),
    *("privacy_breachalert", "privacy_breachtenant"),
)
OF_REGISTER: Final = (
    *(("privacy_breachcase", name) for name in ("breachcase_guard", "breachcase_revised")),
    *((table, "breach_part") for table in PARTS),
)
TOLD: Final = (Audience.AUTHORITY, Audience.TENANTS, Audience.SUBJECTS)


def seals_hold(at: datetime) -> Verdict:
    check = AuditCheck.objects.first()
    if check is None or check.checked_at is None or check.checked_at < at - LATELY:
        return Broken(_("Nobody has looked at the seals for two days."))
    if not check.is_right:
        return Broken(_("Something that was sealed was changed."))
    asleep = catalogue.silent_triggers(
        [("invoices_signature", "append_only"), ("accounts_auditevent", "audit_chain")]
    )
    if asleep:
        return Broken(_("A guard of the seals sleeps: %(what)s."), {"what": asleep[0]})
    return Kept(
        _("%(n)s entries were looked at; all are as they were written."), {"n": check.entries}
    )


def sharing_is_confirmed(at: datetime) -> Verdict:
    if policies.current(PolicyKind.FBR_SHARING, Language.ENGLISH, at) is None:
        return Broken(_("The text about sharing with FBR is not in force."))
    confirmed = set(
        PolicyAcceptance.objects.filter(
            version__kind=PolicyKind.FBR_SHARING, is_accepted=True, tenant_id__isnull=False
        ).values_list("tenant_id", flat=True)
    )
    tenants = _tenants()
    without = [each for each in tenants if each not in confirmed and _reports(each)]
    if without:
        return Broken(_("%(n)s businesses report without having confirmed."), {"n": len(without)})
    return Kept(_("Each business that was looked at and reports has confirmed."))


def _tenants() -> list[UUID]:
    with tenancy.outside(), connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_after(%s, %s)", [UUID(int=0), MOST])
        return [tenant_id for (tenant_id,) in cursor.fetchall()]


def _reports(tenant_id: UUID) -> bool:
    with tenancy.in_tenant(tenant_id):
        return LegalEntity.objects.filter(environment=Environment.PRODUCTION).exists()


def register_is_guarded(at: datetime) -> Verdict:
    asleep = catalogue.silent_triggers(OF_REGISTER)
    if asleep:
        return Broken(_("A guard of the register sleeps: %(what)s."), {"what": asleep[0]})
    return Kept(
        _("%(n)s guards in the database let the register only grow."), {"n": len(OF_REGISTER)}
    )


def breaches_are_in_time(at: datetime) -> Verdict:
    over = BreachCase.objects.filter(closed_at=None, aware_at__lt=at - HOURS)
    late = [case for case in over if not _is_settled(case)]
    if late:
        return Broken(_("%(n)s breaches are not decided and told in time."), {"n": len(late)})
    deaf = Alarm.objects.filter(silenced_at=None, sounds_at__lt=at - LATE_ALARM).count()
    if deaf:
        return Broken(_("%(n)s alarms did not sound in time."), {"n": deaf})
    return Kept(_("No breach is past its hours, and the alarms sound."))


def _is_settled(case: BreachCase) -> bool:
    """Whether it is decided who is told, and whoever is to be told was."""
    for audience in TOLD:
        last = case.decisions.filter(audience=audience).order_by("-at", "-id").first()
        if last is None:
            return False
        if last.tells and not breach_steps.is_told(case, audience):
            return False
    return True
