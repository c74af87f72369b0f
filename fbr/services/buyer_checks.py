"""Ask FBR's register about customers: one at entry, all of them in a walk; keep every answer.

An answer holds for a day, a bad one for an hour, and is not asked again meanwhile. A walk goes in
small steps at a few customers a second, and one walk at a time in the whole house.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.utils.translation import gettext as _

from accounts import audit, registration
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from fbr import lookups, register
from fbr.models import BuyerCheckRun
from fbr.register import NoAnswer, Word
from fbr.services import tokens
from fbr.services.credentials import NoToken
from fbr.services.tokens import Asking
from invoices.enums import BuyerKind, Registration, TaxpayerStanding, Withholding
from invoices.models import Buyer, BuyerCheck
from smartinvoicing import clock
from smartinvoicing.errors import Problem, RuleViolation, StateConflict

logger = logging.getLogger(__name__)

GOOD_FOR: Final = timedelta(days=1)
BAD_FOR: Final = timedelta(hours=1)
ENTRY_S: Final = 6.0  # seconds that a person at the editor may wait for FBR
WALK_S: Final = 15.0
STEP: Final = 10  # customers of one step
PER_S: Final = 2.0  # customers a second
LEASE: Final = timedelta(minutes=5)
_IN_A_ROW: Final = 5  # unanswered customers after which a walk gives up


# --- one number ---------------------------------------------------------------------------------


def fresh(number: str, *, at: datetime) -> BuyerCheck | None:
    """The answer that still holds for a number, if there is one."""
    last = last_of(number)
    if last is None:
        return None
    good = last.registration == Registration.REGISTERED and last.standing == TaxpayerStanding.ACTIVE
    return last if last.checked_at > at - (GOOD_FOR if good else BAD_FOR) else None


def last_of(number: str) -> BuyerCheck | None:
    return BuyerCheck.objects.filter(ntn_cnic=number).order_by("-checked_at", "-id").first()


def has_asked() -> bool:
    """Whether FBR has said anything of any customer of this business."""
    return BuyerCheck.objects.exists()


def check(*, number: str, actor: Actor, at: datetime, within_s: float = ENTRY_S) -> BuyerCheck:
    """What the register says of `number`: the answer that holds, else FBR's. In no transaction.

    Raises: RuleViolation for what is no number; NoToken; NoAnswer.
    """
    allow(actor, Permission.VIEW)
    number = _number(number)
    with transaction.atomic():
        known = fresh(number, at=at)
        if known is not None:
            return known
        asking = tokens.for_asking()
    word = _ask(number, asking, at=at, within_s=within_s)
    with transaction.atomic():
        return _keep(number, word, actor=actor, at=at)


def _number(typed: str) -> str:
    number = registration.normal(typed)
    if not registration.is_number(number):
        problem = Problem(
            code="0002",
            field="ntn_cnic",
            message=_("This is no NTN or CNIC."),
            fix=_("Write the NTN with 7 characters or the CNIC with 13 digits."),
        )
        raise RuleViolation.of([problem])
    return number


def _ask(number: str, asking: Asking, *, at: datetime, within_s: float) -> Word:
    half = within_s / 2
    kind = lookups.ask(
        register.REGISTRATION_PATH,
        {"Registration_No": number},
        token=asking.token,
        within_s=half,
    )
    status = lookups.ask(
        register.STANDING_PATH,
        {"regno": number, "date": clock.karachi_date(at).isoformat()},
        token=asking.token,
        within_s=half,
    )
    return register.word_of(kind, status)


def _keep(number: str, word: Word, *, actor: Actor, at: datetime) -> BuyerCheck:
    """Write the answer down, and put it at hand on each customer of that number."""
    buyers = Buyer.objects.filter(ntn_cnic=number)
    made = BuyerCheck(
        buyer=buyers.order_by("id").first(),
        ntn_cnic=number,
        checked_at=at,
        registration=word.registration,
        standing=word.standing,
        answer=word.said,
        said_by=actor.name,
    )
    made.save(force_insert=True)
    buyers.update(checked_at=at, register_says=word.registration, standing=word.standing)
    return made


def differs(buyer: Buyer, check: BuyerCheck) -> bool:
    """Whether the register says clearly something else than our master."""
    return (
        check.registration != Registration.UNKNOWN and check.registration != buyer.registration_type
    )


@transaction.atomic
def take_over(*, buyer: Buyer, actor: Actor, at: datetime) -> Buyer:
    """Put the register's word into the master. New documents go by it.

    Raises: NotAllowed; StateConflict where there is no clear word that differs.
    """
    allow(actor, Permission.WRITE_CATALOGUE)
    check = last_of(buyer.ntn_cnic) if buyer.ntn_cnic else None
    if check is None or not differs(buyer, check):
        raise StateConflict(_("FBR's register and this customer agree already."))
    was = buyer.registration_type
    buyer.registration_type = BuyerKind(check.registration)
    if buyer.registration_type == BuyerKind.UNREGISTERED:
        buyer.withholding = Withholding.NONE  # only a registered customer withholds (0070)
    buyer.save(update_fields=["registration_type", "withholding"])
    audit.record(
        actor,
        AuditAction.BUYER_SAVED,
        buyer,
        at=at,
        registration_type=buyer.registration_type,
        was=was,
        source="register",
    )
    return buyer


# --- all of them --------------------------------------------------------------------------------


@transaction.atomic
def begin_walk(*, actor: Actor, at: datetime) -> BuyerCheckRun:
    """Note that all customers are to be asked about; `step` does it.

    Raises: NotAllowed; NoToken; StateConflict while another walk is under way.
    """
    allow(actor, Permission.WRITE_CATALOGUE)
    tokens.for_asking()
    run = BuyerCheckRun(
        asked_at=at, asked_by=actor.name, total=_with_number().count(), stepped_at=at
    )
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError as error:
        raise StateConflict(_("All customers are being checked already.")) from error
    return run


def _with_number() -> QuerySet[Buyer]:
    return Buyer.objects.filter(restricted_at=None).exclude(ntn_cnic="").order_by("id")


def step(*, run_id: UUID, actor: Actor) -> bool:
    """Ask about the next few customers, in no transaction. True when there are more.

    Raises: StateConflict when another worker is at it, or it has ended.
    """
    with transaction.atomic():
        run = _lease(run_id)
        try:
            asking = tokens.for_asking()
        except NoToken as missing:
            _finish(run, why=missing.message)
            return False
        next_ones = list(_behind(run)[: STEP + 1])
    failures = 0
    for buyer in next_ones[:STEP]:
        began = time.monotonic()
        answered = _step_over(run, buyer, asking, actor)
        failures = 0 if answered else failures + 1
        if failures >= _IN_A_ROW:
            with transaction.atomic():
                _finish(run, why=_("FBR's register does not answer."))
            return False
        if answered is not None:
            time.sleep(max(0.0, 1 / PER_S - (time.monotonic() - began)))
    with transaction.atomic():
        if len(next_ones) <= STEP:
            _finish(run)
            return False
        _mine(run).update(leased_until=None)
    return True


def _lease(run_id: UUID) -> BuyerCheckRun:
    now = clock.database_now()
    free = Q(leased_until=None) | Q(leased_until__lte=now)
    runs = BuyerCheckRun.objects.filter(free, pk=run_id, ended_at=None)
    if not runs.update(leased_until=now + LEASE, stepped_at=now):
        raise StateConflict("Another worker is at this walk, or it has ended.")
    return BuyerCheckRun.objects.get(pk=run_id)


def _mine(run: BuyerCheckRun) -> QuerySet[BuyerCheckRun]:
    return BuyerCheckRun.objects.filter(pk=run.pk, leased_until=run.leased_until, ended_at=None)


def _behind(run: BuyerCheckRun) -> QuerySet[Buyer]:
    rows = _with_number()
    return rows.filter(pk__gt=run.after) if run.after else rows


def _step_over(run: BuyerCheckRun, buyer: Buyer, asking: Asking, actor: Actor) -> bool | None:
    """Ask about one customer. Whether FBR answered; None when it need not be asked."""
    at = clock.now()
    number = registration.normal(buyer.ntn_cnic)
    with transaction.atomic():
        found = fresh(number, at=at)
    answered: bool | None = None
    if found is None and registration.is_number(number):
        try:
            word = _ask(number, asking, at=at, within_s=WALK_S)
        except NoAnswer as error:
            logger.info("fbr.register_silent", extra={"why": error.message})
            answered = False
        else:
            answered = True
            with transaction.atomic():
                found = _keep(number, word, actor=actor, at=at)
    with transaction.atomic():
        moved = _mine(run).update(
            after=buyer.pk,
            done=F("done") + 1,
            differing=F("differing") + int(found is not None and differs(buyer, found)),
            unanswered=F("unanswered") + int(found is None),
            stepped_at=at,
        )
    if not moved:
        raise StateConflict("This walk has ended, or another worker has taken it.")
    return answered


def _finish(run: BuyerCheckRun, *, why: str = "") -> None:
    _mine(run).update(ended_at=clock.now(), leased_until=None, why=why[:200])


def last_walk() -> BuyerCheckRun | None:
    return BuyerCheckRun.objects.order_by("-asked_at").first()
