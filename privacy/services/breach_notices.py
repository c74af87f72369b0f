"""The letters of a breach: written, sent with measure, followed until it is known they came."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final
from uuid import UUID

from django.conf import settings
from django.db import models, transaction
from django.db.models import Max
from django.urls import reverse
from django.utils.translation import gettext as _

from accounts import staff, tenancy
from accounts.access import MAY
from accounts.bells import BELLS
from accounts.enums import Desk, NoticeKind, Role, StaffAction
from accounts.models import MailState, Membership, Notice, OutgoingMail, User
from accounts.services import mailing, notices
from privacy import authorities, breach_letters
from privacy.models import (
    Audience,
    BreachCase,
    BreachDecision,
    BreachLetter,
    BreachNotice,
    Delivery,
)
from privacy.services import breach_steps, desk
from smartinvoicing.errors import RuleViolation, StateConflict

A_MINUTE: Final = 60  # notices of one letter that leave within a minute
FOLLOWED: Final = timedelta(days=14)  # a mail that came back later than that is nobody's news
BOUNCED: Final = "breach_bounce"
MACHINE: Final = "system:breach"
_STATE_OF: Final[Mapping[str, Delivery]] = MappingProxyType(
    {
        MailState.SENT: Delivery.SENT,
        MailState.REFUSED: Delivery.CAME_BACK,
        MailState.BOUNCED: Delivery.CAME_BACK,
        MailState.GIVEN_UP: Delivery.CAME_BACK,
        MailState.DROPPED: Delivery.CAME_BACK,
    }
)


@dataclass(frozen=True, kw_only=True)
class Words:
    """What a letter says. is_partial: it says itself that more follows."""

    subject: str
    body: str
    language: str = breach_letters.BOTH
    is_partial: bool = False


# --- written ----------------------------------------------------------------------------------


@transaction.atomic
def write(*, case: BreachCase, audience: str, words: Words, by: User, at: datetime) -> BreachLetter:
    """Keep a draft. Its words change no more: a better one is another draft.

    Raises: NotAllowed; RuleViolation when it is empty; StateConflict once the case is closed.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    _refuse_closed(case)
    letter = _write(case, Audience(audience), words, who=staff.name_of(by), at=at)
    staff.record(by, StaffAction.ADDED, letter, at=at, audience=audience)
    breach_steps.settle(case, at=at)
    return letter


@transaction.atomic
def prepare(*, case: BreachCase, at: datetime) -> list[BreachLetter]:
    """Drafts in phases for the authority and the persons, where nobody wrote one."""
    made = []
    for audience in (Audience.AUTHORITY, Audience.SUBJECTS):
        if breach_steps.is_told(case, audience) or case.letters.filter(audience=audience).exists():
            continue
        drafted = breach_letters.draft(case, audience, breach_letters.BOTH, is_partial=True)
        words = Words(subject=drafted.subject, body=drafted.body, is_partial=True)
        made.append(_write(case, audience, words, who=MACHINE, at=at))
    return made


def _write(
    case: BreachCase, audience: Audience, words: Words, *, who: str, at: datetime
) -> BreachLetter:
    if not (words.subject.strip() and words.body.strip()):
        raise RuleViolation(_("A letter has a subject and a text."))
    sent = case.letters.filter(audience=audience, sent_at__isnull=False)
    last = sent.aggregate(last=Max("phase"))["last"] or 0
    return BreachLetter.objects.create(
        case=case,
        audience=audience,
        language=words.language,
        phase=last + 1,
        is_partial=words.is_partial,
        by_machine=who == MACHINE,
        subject=words.subject.strip()[:200],
        body=words.body.strip(),
        body_sha256=hashlib.sha256(words.body.strip().encode()).hexdigest(),
        written_at=at,
        written_by=who,
    )


# --- sent -------------------------------------------------------------------------------------


@transaction.atomic
def send(
    *, letter: BreachLetter, by: User, at: datetime, recipient: str = "", proof: str = ""
) -> BreachLetter:
    """Send a draft: to businesses and persons by the portal and by mail, a measure a minute; to
    an authority by mail where we have its address, else it went another way and `proof` shows it.

    Raises: NotAllowed; RuleViolation without a decision to tell them, or without a proof;
            StateConflict when it was sent already.
    """
    staff.allow(by, Desk.SIGN_BREACHES)
    case = _refuse_closed(letter.case)
    held = BreachLetter.objects.select_for_update().get(pk=letter.pk)
    if held.sent_at is not None:
        raise StateConflict(_("This letter was sent already."))
    audience = Audience(held.audience)
    decision = breach_steps.decisions_of(case).get(audience)
    if decision is None or not decision.tells:
        raise RuleViolation(_("Decide first that they are told."))
    to = _recipient(audience, recipient, at)
    if audience not in breach_steps.MANY and "@" not in to and not proof.strip():
        raise RuleViolation(_("Nothing shows yet that it went: type a reference or a receipt."))
    held.sent_at, held.sent_by = at, staff.name_of(by)
    held.recipient, held.proof = to[:254], proof.strip()[:300]
    held.save(update_fields=["sent_at", "sent_by", "recipient", "proof"])
    count = _deliver(case, held, has_proof=bool(proof.strip()), at=at)
    staff.record(by, StaffAction.SENT, held, at=at, audience=audience.value, notices=count)
    breach_steps.settle(case, at=at)
    return held


@transaction.atomic
def send_incomplete(
    *, case: BreachCase, audience: str, by: User, at: datetime, recipient: str = "", proof: str = ""
) -> BreachLetter:
    """Send what is known now and say that more follows: decision, letter and sending in one.

    Raises: as `write` and `send` do.
    """
    staff.allow(by, Desk.SIGN_BREACHES)
    current = _refuse_closed(case)
    decision = breach_steps.decisions_of(current).get(Audience(audience))
    if decision is None or not decision.tells:
        decided = BreachDecision.objects.create(
            case=current,
            audience=audience,
            tells=True,
            why=_("Told in phases before the time is over."),
            at=at,
            who=staff.name_of(by),
        )
        staff.record(by, StaffAction.DECIDED, decided, at=at, audience=audience, tells=True)
    drafted = breach_letters.draft(
        current, Audience(audience), breach_letters.BOTH, is_partial=True
    )
    words = Words(subject=drafted.subject, body=drafted.body, is_partial=True)
    letter = write(case=current, audience=audience, words=words, by=by, at=at)
    return send(letter=letter, by=by, at=at, recipient=recipient, proof=proof)


def _refuse_closed(case: BreachCase) -> BreachCase:
    current = BreachCase.objects.select_for_update().get(pk=case.pk)
    if current.closed_at is not None:
        raise StateConflict(_("This case is closed."))
    return current


def _recipient(audience: Audience, given: str, at: datetime) -> str:
    if given.strip() or audience in breach_steps.MANY:
        return given.strip()
    if audience == Audience.AUTHORITY:
        authority = authorities.to_tell(at)
        return authority.email or authority.name
    return authorities.FBR.name if audience == Audience.FBR else ""


def _deliver(case: BreachCase, letter: BreachLetter, *, has_proof: bool, at: datetime) -> int:
    """One notice for each recipient; how many."""
    if letter.audience == Audience.TENANTS:
        rows = [notice for row in _tenants(case) for notice in _to_tenant(letter, row, at)]
    elif letter.audience == Audience.SUBJECTS:
        rows = [_by_mail(letter, user, None, at) for user in _persons(case)]
    else:
        rows = [_to_office(letter, has_proof=has_proof, at=at)]
    BreachNotice.objects.bulk_create([row for row, _to in rows], batch_size=500)
    mails = [(row, to) for row, to in rows if row.mail_key]
    for place, (row, to) in enumerate(mails):
        _post(letter, row, to, at=at, after=at + timedelta(minutes=place // A_MINUTE))
    return len(rows)


Row = tuple[BreachNotice, str]


def _tenants(case: BreachCase) -> list[UUID]:
    return list(case.tenants.order_by("tenant_id").values_list("tenant_id", flat=True))


def _to_tenant(letter: BreachLetter, tenant_id: UUID, at: datetime) -> list[Row]:
    """The bell of the business, and the letter itself to each who can act there."""
    shown = BreachNotice(
        letter=letter,
        tenant_id=tenant_id,
        made_at=at,
        state_at=at,
        note=_("In the portal"),
    )
    with tenancy.in_tenant(tenant_id):
        notices.post(NoticeKind.BREACH, shown, at=at)
        # The letter is the mail: the bell sends none beside it.
        Notice.objects.filter(kind=NoticeKind.BREACH, object_id=shown.pk).update(mailed_at=at)
        rows = Membership.objects.filter(role__in=_ACTING, user__is_active=True)
        people = [row.user for row in rows.select_related("user").order_by("since", "id")]
    return [(shown, ""), *(_by_mail(letter, user, tenant_id, at) for user in people)]


_ACTING: Final = [role for role in Role if BELLS[NoticeKind.BREACH].may in MAY[role]]


def _persons(case: BreachCase) -> Iterator[User]:
    """Whoever works in a business that it touches, and whom the frozen scopes name."""
    ids: set[UUID] = set()
    for tenant_id in _tenants(case):
        with tenancy.in_tenant(tenant_id):
            ids |= set(Membership.objects.values_list("user_id", flat=True))
    for found in case.scopes.values_list("found", flat=True):
        ids |= {UUID(each) for each in found.get("persons", ())}
    yield from User.objects.filter(pk__in=ids, is_active=True).order_by("pk")


def _by_mail(letter: BreachLetter, user: User, tenant_id: UUID | None, at: datetime) -> Row:
    key = f"breach-{letter.pk}-{tenant_id or 'person'}-{user.pk}"
    notice = BreachNotice(
        letter=letter, tenant_id=tenant_id, user_id=user.pk, mail_key=key, made_at=at, state_at=at
    )
    return notice, user.email


def _to_office(letter: BreachLetter, *, has_proof: bool, at: datetime) -> Row:
    """An authority or another office: by mail where its address is one, else it was told."""
    mails = "@" in letter.recipient and not has_proof
    notice = BreachNotice(
        letter=letter,
        mail_key=f"breach-{letter.pk}-office" if mails else None,
        state=Delivery.QUEUED if mails else Delivery.ELSEWHERE,
        made_at=at,
        state_at=at,
        note="" if mails else letter.proof,
    )
    return notice, letter.recipient


def _post(
    letter: BreachLetter, row: BreachNotice, to: str, *, at: datetime, after: datetime
) -> None:
    page = reverse("accounts:notices") if row.tenant_id else ""
    mailing.post(
        key=row.mail_key or "",
        to=to,
        template="privacy/mail/breach",
        context={
            "subject": letter.subject,
            "body": letter.body,
            "url": f"{settings.PUBLIC_URL}{page}" if page else "",
        },
        at=at,
        user_id=row.user_id,
        tenant_id=row.tenant_id,
        send_after=after,
    )


# --- followed ---------------------------------------------------------------------------------


def follow(*, at: datetime) -> int:
    """Take over what the mail server said; what came back is somebody's task. How many changed."""
    waiting = BreachNotice.objects.filter(
        state__in=[Delivery.QUEUED, Delivery.SENT],
        mail_key__isnull=False,
        made_at__gte=at - FOLLOWED,
    )
    known = {row.mail_key: row for row in waiting.select_related("letter")}
    mails = OutgoingMail.objects.filter(key__in=known).exclude(state=MailState.WAITING)
    changed = 0
    for key, state, done_at in mails.values_list("key", "state", "done_at"):
        row, now = known[key], _STATE_OF[state]
        if row.state != now:
            changed += 1
            with transaction.atomic():
                _enter(row, now, since=done_at or at, at=at)
    return changed


def _enter(
    row: BreachNotice, state: Delivery, *, since: datetime, at: datetime, note: str = ""
) -> None:
    case = BreachCase.objects.select_for_update().get(pk=row.letter.case_id)
    BreachNotice.objects.filter(pk=row.pk).update(state=state, state_at=since, note=note[:300])
    if case.closed_at is None and row.letter.audience not in breach_steps.MANY:
        # An office is told when its letter is there, and no longer when that came back.
        breach_steps.settle(case, at=at)
    back = came_back(case).count()
    if not back:
        desk.done(BOUNCED, str(case.pk), at=at)
    elif state == Delivery.CAME_BACK:
        desk.open_task(
            BOUNCED,
            str(case.pk),
            title=_("Letters of a breach came back: tell these people another way"),
            at=at,
            url=case.get_absolute_url(),
            count=back,
        )


def came_back(case: BreachCase) -> models.QuerySet[BreachNotice]:
    """Whose mail came back and whom nobody told in another way yet."""
    return BreachNotice.objects.filter(letter__case=case, state=Delivery.CAME_BACK)


@transaction.atomic
def told_elsewhere(*, notice: BreachNotice, note: str, by: User, at: datetime) -> None:
    """Whose mail came back was told by telephone, by post, through somebody.

    Raises: NotAllowed; RuleViolation without a word how.
    """
    staff.allow(by, Desk.WORK_BREACHES)
    if not note.strip():
        raise RuleViolation(_("Say how they were told."))
    _enter(notice, Delivery.ELSEWHERE, since=at, at=at, note=note.strip())
    staff.record(by, StaffAction.CHANGED, notice, at=at, tenant_id=notice.tenant_id)


def of_business(notice_id: UUID) -> BreachNotice | None:
    """A letter to the business of the scope; another's is none."""
    tenant_id = tenancy.current_tenant_id()
    rows = BreachNotice.objects.filter(pk=notice_id, tenant_id=tenant_id, mail_key=None)
    return rows.select_related("letter").first()


@transaction.atomic
def seen(*, notice: BreachNotice, at: datetime) -> None:
    """The business says that it read its letter: the proof that it came; the bell is still."""
    if notice.state == Delivery.QUEUED:
        BreachNotice.objects.filter(pk=notice.pk).update(state=Delivery.SEEN, state_at=at)
    notices.clear(NoticeKind.BREACH, notice, at=at)
