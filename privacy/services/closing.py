"""Close an account: begun by an owner, to be opened again for thirty days, alarms on the way.

What is done on each day stands in `closing_engine`, what is deleted in `tenant_purge`.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.core.cache import caches
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from accounts import audit, four_eyes, staff, tenancy
from accounts.access import Actor
from accounts.enums import AuditAction, Desk, NoticeKind, Role, StaffAction
from accounts.models import (
    ApiKey,
    Approval,
    Invitation,
    MailState,
    Membership,
    OutgoingMail,
    Tenant,
    User,
)
from accounts.services import mailing, notices
from privacy import deadlines
from privacy.models import Alarm, Closure, ClosurePath, ClosureState
from privacy.services import alarms, closing_steps, desk, open_matters
from smartinvoicing import crypto
from smartinvoicing.clock import karachi_date
from smartinvoicing.errors import NotAllowed, Problem, RuleViolation, StateConflict

logger = logging.getLogger(__name__)

DEED: Final = "close_account"
TASK: Final = "closure"
LEDGER: Final = "system:ledger"  # a closing that people began before a restore


# --- begun ------------------------------------------------------------------------------------


def begin(*, tenant: Tenant, typed_name: str, actor: Actor, at: datetime) -> Closure:
    """Stop everything that adds to this business and lay the plan of its closing.

    In the scope of the business. Its owner has proved lately who they are: the page asks that.
    Raises: NotAllowed for anybody but an owner; RuleViolation for another name than its own;
            StateConflict when it is being closed already.
    """
    _refuse_strangers(actor)
    if typed_name.strip() != tenant.name:
        raise RuleViolation.of(
            [
                Problem(
                    code="another_name",
                    field="typed_name",
                    message=_("This is not the name of the business."),
                    fix=_("Type it as it stands at the top of the page."),
                )
            ]
        )
    return _begin(tenant, ClosurePath.OWNER, actor=actor, at=at)


def _refuse_strangers(actor: Actor) -> None:
    owners = Membership.objects.filter(role=Role.OWNER)
    if actor.user_id is None or not owners.filter(user_id=actor.user_id).exists():
        raise NotAllowed(_("Only an owner closes an account, or opens it again."))


@transaction.atomic
def _begin(tenant: Tenant, path: ClosurePath, *, actor: Actor, at: datetime) -> Closure:
    if not Tenant.objects.filter(pk=tenant.pk, closing_at=None).update(closing_at=at):
        raise StateConflict(_("This account is being closed already."))
    purge_from, purge_by, ends_by = deadlines.purge_window(at)
    closure = Closure(
        tenant_id=tenant.pk,
        path=path,
        begun_at=at,
        begun_by=actor.name,
        purge_from=purge_from,
        purge_by=purge_by,
        ends_by=ends_by,
    )
    try:
        with transaction.atomic():
            closure.save(force_insert=True)
    except IntegrityError as error:
        raise StateConflict(_("This account is being closed already.")) from error
    closing_steps.lay(closure)
    keys = _stop(tenant, actor=actor, at=at)
    keep_sealed(closure, {"to": [owner.email for owner in owners()]})
    closing_steps.done(closure, "stop", at=at, keys=keys)
    audit.record(actor, AuditAction.CLOSURE_BEGUN, closure, at=at, path=path)
    staff.record("privacy.close", StaffAction.ADDED, closure, at=at, tenant_id=tenant.pk, path=path)
    notices.post(NoticeKind.CLOSURE, closure, at=at, due_at=purge_from, days="30")
    _tell_owners(closure, "begun", at=at)
    return closure


def _stop(tenant: Tenant, *, actor: Actor, at: datetime) -> int:
    """Keys, invitations and mail that rests on consent; issuing stops by the business's own day."""
    keys = list(ApiKey.objects.filter(revoked_at=None).order_by("id"))
    ApiKey.objects.filter(pk__in=[key.pk for key in keys]).update(revoked_at=at)
    hashes = [key.key_hash for key in keys]
    for key in keys:
        audit.record(actor, AuditAction.KEY_REVOKED, key, at=at)
    transaction.on_commit(lambda: caches["keys"].delete_many(hashes))
    Invitation.objects.all().delete()
    waiting = OutgoingMail.objects.filter(tenant_id=tenant.pk, state=MailState.WAITING)
    waiting.exclude(purpose="").update(state=MailState.DROPPED, done_at=at, context={})
    return len(keys)


# --- somebody who acts for the owner ----------------------------------------------------------


def ask_for_representative(*, tenant: Tenant, proof: str, by: User, at: datetime) -> Approval:
    """An owner has died or is insolvent, and whoever acts for them has shown it: a second person.

    proof: what was shown, in words; no copy of it is kept here.
    Raises: NotAllowed; RuleViolation without a proof.
    """
    staff.allow(by, Desk.WORK_REQUESTS)
    return four_eyes.ask(DEED, tenant, digest=_digest(tenant, proof), why=proof, by=by, at=at)


@transaction.atomic
def begin_for_representative(*, tenant: Tenant, proof: str, by: User, at: datetime) -> Closure:
    """In the scope of the business, what two of us agreed to.

    Raises: NotAllowed where nobody agreed; StateConflict when it is being closed already.
    """
    staff.allow(by, Desk.WORK_REQUESTS)
    four_eyes.spend(DEED, tenant, digest=_digest(tenant, proof), by=by, at=at)
    return _begin(tenant, ClosurePath.REPRESENTATIVE, actor=Actor.staff(by.pk), at=at)


def _digest(tenant: Tenant, proof: str) -> str:
    return four_eyes.digest_of(tenant=tenant.pk, proof=proof.strip())


# --- handed over, opened again ----------------------------------------------------------------


@transaction.atomic
def hand_over(*, closure: Closure, actor: Actor, at: datetime) -> int:
    """An owner takes the list of what is open at FBR, and settles it there by themselves.

    Raises: NotAllowed; StateConflict when it is too late or nothing is open.
    """
    _refuse_strangers(actor)
    held = locked(closure)
    found = open_matters.of_business()
    if held.state != ClosureState.BEGUN or not found:
        raise StateConflict(_("There is nothing to hand over."))
    held.open_items = [matter.as_dict() for matter in found]
    held.save(update_fields=["open_items"])
    audit.record(actor, AuditAction.CLOSURE_STEP, held, at=at, step="handed_over", count=len(found))
    return len(found)


@transaction.atomic
def revoke(*, closure: Closure, actor: Actor, at: datetime) -> None:
    """Open the account again. Keys stay revoked, and a token has to be pasted anew.

    Raises: NotAllowed; StateConflict from the day on which deleting begins.
    """
    _refuse_strangers(actor)
    held = locked(closure)
    if held.state != ClosureState.BEGUN or at >= held.purge_from:
        raise StateConflict(_("It is too late: its data is being deleted."))
    held.state, held.ended_at, held.sealed = ClosureState.REVOKED, at, b""
    held.save(update_fields=["state", "ended_at", "sealed"])
    Tenant.objects.filter(pk=held.tenant_id).update(closing_at=None)
    alarms.silence(closing_steps.KIND, held.pk, at=at)
    desk.done(TASK, str(held.pk), at=at)
    notices.clear(NoticeKind.CLOSURE, held, at=at)
    audit.record(actor, AuditAction.CLOSURE_REVOKED, held, at=at)
    _tell_owners(held, "revoked", at=at)


def locked(closure: Closure) -> Closure:
    return Closure.objects.select_for_update().get(pk=closure.pk)


@transaction.atomic
def begun_before(tenant_id: UUID, *, begun_at: datetime) -> Closure:
    """The closing of a restored business, of which the ledger alone still knows."""
    purge_from, purge_by, ends_by = deadlines.purge_window(begun_at)
    closure = Closure.objects.create(
        tenant_id=tenant_id,
        begun_at=begun_at,
        begun_by=LEDGER,
        purge_from=purge_from,
        purge_by=purge_by,
        ends_by=ends_by,
    )
    closing_steps.lay(closure)
    return closure


def current(tenant_id: UUID) -> Closure | None:
    """The closing of this business that is under way, or done."""
    rows = Closure.objects.filter(tenant_id=tenant_id).exclude(state=ClosureState.REVOKED)
    return rows.first()


# --- what only the letter and the search need -------------------------------------------------


def keep_sealed(closure: Closure, words: dict[str, Any]) -> None:
    """Addresses and words, sealed under the key of the business, until the receipt is out."""
    closure.sealed = crypto.seal(
        json.dumps(words), tenant_id=str(closure.tenant_id), place=_place(closure)
    )
    closure.save(update_fields=["sealed"])


def opened(closure: Closure) -> dict[str, Any]:
    if not closure.sealed:
        return {}
    text = crypto.unseal(
        bytes(closure.sealed), tenant_id=str(closure.tenant_id), place=_place(closure)
    )
    known: dict[str, Any] = json.loads(text)
    return known


def _place(closure: Closure) -> str:
    return f"privacy_closure/{closure.pk}/sealed"


def owners() -> Iterable[User]:
    """Of the business of the scope, whoever can still read mail."""
    rows = Membership.objects.filter(role=Role.OWNER, user__is_active=True)
    return [row.user for row in rows.select_related("user").order_by("since", "id")]


# --- letters and alarms -----------------------------------------------------------------------


def _tell_owners(closure: Closure, what: str, *, at: datetime, **facts: Any) -> None:
    business = Tenant.objects.get(pk=closure.tenant_id).name
    for owner in owners():
        mailing.post(
            key=f"closure:{closure.pk}:{what}:{owner.pk}",
            to=owner.email,
            template=f"privacy/mail/closure_{what.partition('_')[0]}",
            context={"business": business, **days_of(closure), **facts},
            at=at,
            user_id=owner.pk,
            tenant_id=closure.tenant_id,
        )


def tell_open_matters(closure: Closure, *, at: datetime) -> None:
    """In writing: what was open at FBR when the time was up. In the scope of the business."""
    _tell_owners(closure, "open", at=at, items=closure.open_items)


def days_of(closure: Closure) -> dict[str, str]:
    """The days of the plan, as letters and pages say them."""
    until = deadlines.day_of_closure(closure.begun_at, deadlines.REOPEN_DAYS)
    purged = deadlines.day_of_closure(closure.begun_at, deadlines.LIVE_PURGE_DAY)
    return {
        "until": karachi_date(until).isoformat(),
        "purged": karachi_date(purged).isoformat(),
        "ends": karachi_date(closure.ends_by).isoformat(),
        "url": settings.PUBLIC_URL + "/privacy/closing/",
    }


def hear(alarm: Alarm, *, at: datetime) -> None:
    """A day of the plan has come (privacy.services.alarms)."""
    closure = Closure.objects.filter(pk=alarm.about).first()
    if closure is None or closure.ended_at is not None:
        return
    word, _underscore, day = alarm.step.partition("_")
    if word == "remind":
        _remind(closure, day, at=at)
    elif word == "watch":
        _watch(closure, int(day), at=at)
    else:
        _promise_is_due(closure, at=at)


def _remind(closure: Closure, day: str, *, at: datetime) -> None:
    if closure.state != ClosureState.BEGUN:
        return
    left = str(deadlines.REOPEN_DAYS - int(day))
    with tenancy.in_tenant(closure.tenant_id), transaction.atomic():
        notices.post(
            NoticeKind.CLOSURE, closure, at=at, due_at=closure.purge_from, step=day, days=left
        )
        _tell_owners(closure, f"reminder_{day}", at=at, days=left)


def _watch(closure: Closure, day: int, *, at: datetime) -> None:
    """Day 60 the officer, day 75 who runs the service, day 85 both, as an error of the log."""
    late = closing_steps.late(closure, at=at)
    if not late:
        return
    title = _("Closing is late on day %(day)s: %(steps)s") % {
        "day": day,
        "steps": ", ".join(late),
    }
    url = f"/admin/privacy/closure/{closure.pk}/change/"
    desk.open_task(TASK, str(closure.pk), title=title, url=url, at=at, due_at=closure.ends_by)
    if day >= deadlines.ALERT_DAYS[1]:
        _alert(closure, f"late_{day}", settings.OPERATOR_EMAILS, late, at=at)
    if day >= deadlines.ALERT_DAYS[2]:
        logger.error("closure.late", extra={"closure": str(closure.pk), "steps": late})
    if day != deadlines.ALERT_DAYS[1]:
        officers = [user.email for user in staff.with_deed(Desk.DECIDE_REQUESTS)]
        _alert(closure, f"late_{day}", officers, late, at=at)


def _promise_is_due(closure: Closure, *, at: datetime) -> None:
    """Day 90. What is open now is a promise that we broke, and stays on the red list as one."""
    open_steps = closing_steps.unfinished(closure)
    if not open_steps:
        return
    desk.open_task(
        "promise_broken",
        str(closure.pk),
        title=_("An account was not closed within 90 days: %(steps)s. Open an incident.")
        % {"steps": ", ".join(open_steps)},
        url="/admin/privacy/breachcase/add/",
        at=at,
        due_at=at,
    )
    officers = [user.email for user in staff.with_deed(Desk.DECIDE_REQUESTS)]
    everybody = [*officers, *settings.OPERATOR_EMAILS]
    _alert(closure, "late_90", everybody, open_steps, at=at)
    logger.error("closure.promise_broken", extra={"closure": str(closure.pk)})


def _alert(
    closure: Closure, what: str, to: Iterable[str], steps: list[str], *, at: datetime
) -> None:
    for address in sorted(set(to)):
        mailing.post(
            key=f"closure:{closure.pk}:{what}:{hashlib.sha256(address.encode()).hexdigest()[:16]}",
            to=address,
            template="privacy/mail/closure_late",
            context={"reference": closure.pk.hex[-8:], "steps": steps, **days_of(closure)},
            at=at,
        )
