"""Each minute: go on with the notices that have begun. See `campaigns`.

What was not done while the job stood still is done when it runs again: nothing takes effect by the
clock alone, only after enough people have been told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from allauth.account.models import EmailAddress
from django.db import models, transaction
from django.db.models import Q

from accounts import tenancy
from accounts.enums import NoticeKind
from accounts.models import MailState, Notice, OutgoingMail, PolicyVersion, User
from accounts.services import mailing, notices
from fbr.services import invariants
from privacy.models import Arrival, Campaign, CampaignKind, CampaignNotice
from privacy.policy_facts import TOLD_PERCENT
from privacy.services.campaigns import earliest, progress_of, words_of

PAGE: Final = 500
MOST_TRIES: Final = 3
LISTED: Final = timedelta(hours=1)  # between two looks for newcomers: each reads all people
FOLLOWED: Final = timedelta(days=14)  # after it took effect, for mails that come back late
TEMPLATES: Final = {
    CampaignKind.POLICY: "privacy/mail/policy_change",
    CampaignKind.TRANSFER: "privacy/mail/transfer",
    CampaignKind.SUBPROCESSOR: "privacy/mail/subprocessor",
}
_ENDED: Final = {
    MailState.SENT: Arrival.SENT,
    MailState.REFUSED: Arrival.FAILED,
    MailState.BOUNCED: Arrival.FAILED,
    MailState.DROPPED: Arrival.FAILED,
    MailState.GIVEN_UP: Arrival.FAILED,
}


def go_on(*, at: datetime) -> int:
    """Go on with every notice that has begun: how many mails were made."""
    running = Campaign.objects.filter(
        started_at__isnull=False, withdrawn_at=None, effective_at__gt=at - FOLLOWED
    )
    return sum(_go_on(campaign, at) for campaign in running.order_by("planned_at"))


def _go_on(campaign: Campaign, at: datetime) -> int:
    if campaign.effective_at > at:
        _enlist(campaign, at)
        _ring(campaign, at)
    _follow_up(campaign, at)
    made = 0
    while mailed := _mail_page(campaign, at):
        made += mailed
    _judge(campaign, at)
    return made


def _enlist(campaign: Campaign, at: datetime) -> None:
    """Everybody who may sign in and has proved an address, newcomers of the hour too; each once.

    One that is broken off is gone on with by the next run: until it is whole nobody judges.
    """
    if campaign.listed_at is not None and campaign.listed_at > at - LISTED:
        return
    known = CampaignNotice.objects.filter(campaign=campaign, user_id=models.OuterRef("pk"))
    fresh = _registered().filter(~models.Exists(known)).order_by("pk")
    while ids := list(fresh.values_list("pk", flat=True)[:PAGE]):
        CampaignNotice.objects.bulk_create(
            [CampaignNotice(campaign=campaign, user_id=each) for each in ids],
            ignore_conflicts=True,
        )
    campaign.listed_at = at
    campaign.save(update_fields=["listed_at"])


def _registered() -> models.QuerySet[User]:
    proved = EmailAddress.objects.filter(user_id=models.OuterRef("pk"), verified=True)
    return User.objects.filter(models.Exists(proved), is_active=True)


@transaction.atomic
def _mail_page(campaign: Campaign, at: datetime) -> int:
    """Make the mails of one page. Two runs at once take different rows; a key is mailed once."""
    rows = list(
        CampaignNotice.objects.select_for_update(skip_locked=True)
        .filter(campaign=campaign, delivery=Arrival.PLANNED)
        .order_by("id")[:PAGE]
    )
    people = User.objects.in_bulk([row.user_id for row in rows])
    for row in rows:
        _mail(campaign, row, people.get(row.user_id), at)
    return len(rows)


def _mail(campaign: Campaign, row: CampaignNotice, user: User | None, at: datetime) -> None:
    if user is None or not user.is_active:  # gone meanwhile: there is nobody to tell
        CampaignNotice.objects.filter(pk=row.pk).update(
            delivery=Arrival.FAILED, tried_at=at, failure="gone"
        )
        return
    row.tries += 1
    mailing.post(
        key=key_of(row),
        to=user.email,
        template=TEMPLATES[CampaignKind(campaign.kind)],
        context=words_of(campaign),
        at=at,
        user_id=user.pk,
    )
    CampaignNotice.objects.filter(pk=row.pk).update(
        delivery=Arrival.POSTED, tries=row.tries, posted_at=at
    )


def key_of(row: CampaignNotice) -> str:
    return f"campaign:{row.campaign_id}:{row.user_id}:{row.tries}"


def _follow_up(campaign: Campaign, at: datetime) -> None:
    """What became of the mails. One that never left is made again; one that came back is not:
    its person sees the notice here, after signing in.
    """
    rows = CampaignNotice.objects.filter(campaign=campaign, delivery=Arrival.POSTED).order_by("id")
    last = UUID(int=0)
    while page := list(rows.filter(pk__gt=last)[:PAGE]):
        mails = {
            mail.key: MailState(mail.state)
            for mail in OutgoingMail.objects.filter(key__in=[key_of(row) for row in page])
        }
        for row in page:
            _note(row, mails.get(key_of(row), MailState.WAITING), at)
        last = page[-1].pk
    back = OutgoingMail.objects.filter(
        key__startswith=f"campaign:{campaign.pk}:", state=MailState.BOUNCED
    )
    CampaignNotice.objects.filter(
        campaign=campaign, delivery=Arrival.SENT, user_id__in=back.values("user_id")
    ).update(delivery=Arrival.FAILED, failure=MailState.BOUNCED.value)


def _note(row: CampaignNotice, state: MailState, at: datetime) -> None:
    became = _ENDED.get(state)
    if became is None:
        return
    to: dict[str, Any] = {"delivery": became, "tried_at": row.tried_at or at}
    if became == Arrival.FAILED:
        to["failure"] = state.value
    if state == MailState.GIVEN_UP and row.tries < MOST_TRIES:
        to["delivery"] = Arrival.PLANNED  # no server for days: it never left
    CampaignNotice.objects.filter(pk=row.pk, delivery=row.delivery).update(**to)


@transaction.atomic
def _judge(campaign: Campaign, at: datetime) -> None:
    """Whether enough people were told; until then the day stays its whole time ahead."""
    held = Campaign.objects.select_for_update().get(pk=campaign.pk)
    if held.reached_at is not None or held.withdrawn_at is not None:
        return
    tried, everybody = progress_of(held)
    to: dict[str, Any] = {}
    if everybody and tried * 100 >= everybody * TOLD_PERCENT:
        to["reached_at"] = at
    ahead = earliest(held.days_ahead, at)
    if held.effective_at < ahead:
        to |= {"effective_at": ahead, "put_off": held.put_off + 1}
    if not to:
        return
    Campaign.objects.filter(pk=held.pk).update(**to)
    if held.version_id is not None:
        _tell_version(held, to, at)


def _tell_version(campaign: Campaign, to: dict[str, Any], at: datetime) -> None:
    """The texts follow: their day, and that people were told."""
    told = {"told_at": at} if "reached_at" in to else {}
    moved = {"effective_at": to["effective_at"]} if "effective_at" in to else {}
    about = campaign.version
    if about is not None and (told or moved):
        PolicyVersion.objects.filter(
            kind=about.kind, number=about.number, published_at__isnull=False
        ).update(**told, **moved)


# --- here, in the product ---------------------------------------------------------------------


def _ring(campaign: Campaign, at: datetime) -> None:
    """The bell of every business, once; without a mail of its own: everybody gets ours."""
    if campaign.told_in_app_at is not None:
        return
    for tenant_id in list(invariants.tenant_ids()):
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            notices.post(NoticeKind.POLICY, campaign, at=at, due_at=campaign.effective_at)
            Notice.objects.filter(
                kind=NoticeKind.POLICY, object_id=campaign.pk, mailed_at=None
            ).update(mailed_at=at)
    Campaign.objects.filter(pk=campaign.pk).update(told_in_app_at=at)


def quieten(*, at: datetime) -> None:
    """What has taken effect, or will not, rings no more."""
    over = Campaign.objects.filter(told_in_app_at__isnull=False, quiet_at=None)
    for campaign in over.filter(Q(effective_at__lte=at) | Q(withdrawn_at__isnull=False)):
        _clear_bells(campaign, at)


def _clear_bells(campaign: Campaign, at: datetime) -> None:
    for tenant_id in list(invariants.tenant_ids()):
        with tenancy.in_tenant(tenant_id), transaction.atomic():
            notices.clear(NoticeKind.POLICY, campaign, at=at)
    Campaign.objects.filter(pk=campaign.pk).update(quiet_at=at)
