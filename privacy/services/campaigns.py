"""Notices to everybody: planned, begun, mailed once a person, shown here, followed up.

A job goes on with them each minute. What was not done when it stood still is done when it runs
again: nothing takes effect by the clock alone, only after enough people have been told.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import models, transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import staff
from accounts.enums import Desk, StaffAction
from accounts.models import PolicyVersion, User
from privacy import deadlines
from privacy.models import AHEAD, Campaign, CampaignKind, CampaignNotice
from smartinvoicing import clock
from smartinvoicing.errors import RuleViolation, StateConflict

TITLES: Final = {
    CampaignKind.POLICY: gettext_lazy("%(text)s changes"),
    CampaignKind.TRANSFER: gettext_lazy("SmartInvoicing passes to another company"),
    CampaignKind.SUBPROCESSOR: gettext_lazy("A new company helps us"),
}


# --- planning ---------------------------------------------------------------------------------


@transaction.atomic
def plan(
    kind: CampaignKind,
    *,
    about: str,
    by: User,
    at: datetime,
    version: PolicyVersion | None = None,
    days_ahead: int = AHEAD.days,
) -> Campaign:
    """Say what everybody is to be told, and how long before.

    Raises: NotAllowed; RuleViolation without words, or with fewer than thirty days;
            StateConflict when this version has a plan.
    """
    staff.allow(by, Desk.WRITE_POLICIES)
    if not about.strip():
        raise RuleViolation(_("Say in plain words what is coming."))
    if days_ahead < AHEAD.days:
        raise RuleViolation(_("People get at least %d days.") % AHEAD.days)
    if version is not None and Campaign.objects.filter(version=version).exists():
        raise StateConflict(_("A notice of this version is planned already."))
    campaign = Campaign(
        kind=kind,
        version=version,
        about=about.strip(),
        days_ahead=days_ahead,
        planned_at=at,
        planned_by=by,
        effective_at=earliest(days_ahead, at),
    )
    campaign.save(force_insert=True)
    staff.record(by, StaffAction.PLANNED, campaign, at=at, kind=kind, days=days_ahead)
    return campaign


def begin(campaign: Campaign, *, at: datetime) -> None:
    """From now on people are told. The day is counted from now, not from when it was planned."""
    effective_at = max(campaign.effective_at, earliest(campaign.days_ahead, at))
    changed = Campaign.objects.filter(pk=campaign.pk, started_at=None, withdrawn_at=None).update(
        started_at=at, effective_at=effective_at
    )
    if not changed:
        raise StateConflict(_("This notice has begun already, or was withdrawn."))
    campaign.refresh_from_db()


@transaction.atomic
def start(campaign: Campaign, *, by: User, at: datetime) -> None:
    """Begin a notice that is about no text; one of a text begins when the text is published.

    Raises: NotAllowed; RuleViolation; StateConflict.
    """
    staff.allow(by, Desk.WRITE_POLICIES)
    if campaign.version_id is not None:
        raise RuleViolation(_("It begins when the text is published."))
    begin(campaign, at=at)
    staff.record(by, StaffAction.SENT, campaign, at=at)


@transaction.atomic
def withdraw(campaign: Campaign, *, why: str, by: User, at: datetime) -> None:
    """It will not happen: nobody else is told, and its text never holds.

    Raises: NotAllowed; RuleViolation without a reason; StateConflict when it took effect.
    """
    staff.allow(by, Desk.WRITE_POLICIES)
    if not why.strip():
        raise RuleViolation(_("Say why."))
    changed = Campaign.objects.filter(
        pk=campaign.pk, carried_out_at=None, withdrawn_at=None, effective_at__gt=at
    ).update(withdrawn_at=at)
    if not changed:
        raise StateConflict(_("This took effect already, or was withdrawn before."))
    staff.record(by, StaffAction.CHANGED, campaign, at=at, why=why, withdrawn=True)


def earliest(days: int, at: datetime) -> datetime:
    """The first midnight in Karachi that lies this many whole days ahead."""
    return deadlines.midnight(clock.karachi_date(at) + timedelta(days=days + 1))


# --- taking effect ----------------------------------------------------------------------------


def obstacles(campaign: Campaign, *, at: datetime) -> list[str]:
    """What still keeps the matter from taking effect."""
    campaign.refresh_from_db()
    found = []
    if campaign.withdrawn_at is not None:
        found.append(_("It was withdrawn."))
    if campaign.started_at is None:
        found.append(_("People have not been told."))
    elif campaign.reached_at is None:
        found.append(_("Too few people have been told."))
    if campaign.effective_at > at:
        found.append(
            _("The days are not over: %s.")
            % date_format(clock.karachi_date(campaign.effective_at), "j M Y")
        )
    return found


@transaction.atomic
def carry_out(campaign: Campaign, *, by: User, at: datetime) -> None:
    """Hand the service over, or switch the helper on: only after everybody was told in time.

    Raises: NotAllowed; RuleViolation with what is missing; StateConflict when it is done.
    """
    staff.allow(by, Desk.WRITE_POLICIES)
    missing = obstacles(campaign, at=at)
    if missing:
        raise RuleViolation(" ".join(missing))
    if not Campaign.objects.filter(pk=campaign.pk, carried_out_at=None).update(carried_out_at=at):
        raise StateConflict(_("This took effect already."))
    staff.record(by, StaffAction.DECIDED, campaign, at=at)


def may_transfer(*, at: datetime) -> bool:
    """Whether data may be handed to a company that takes the service over: announced, and done."""
    done = Campaign.objects.filter(kind=CampaignKind.TRANSFER, carried_out_at__lte=at)
    return done.exists()


# --- what is said, and how far it is --------------------------------------------------------------


def words_of(campaign: Campaign) -> dict[str, Any]:
    """What the mail and the page say."""
    version = campaign.version
    return {
        "title": title_of(campaign),
        "about": campaign.about,
        "day": date_format(clock.karachi_date(campaign.effective_at), "j F Y"),
        "url": settings.PUBLIC_URL + _page_of(version),
        "changes_url": settings.PUBLIC_URL + _changes_of(version) if version else "",
        "decline_url": settings.PUBLIC_URL + reverse("privacy:declined"),
    }


def title_of(campaign: Campaign) -> str:
    text = campaign.version.title if campaign.version else ""
    return str(TITLES[CampaignKind(campaign.kind)]) % {"text": text}


def _page_of(version: PolicyVersion | None) -> str:
    if version is None:
        return reverse("privacy:policies")
    return reverse("privacy:policy_version", args=[version.sha256])


def _changes_of(version: PolicyVersion) -> str:
    return reverse("privacy:policy_changes", args=[version.sha256])


def progress_of(campaign: Campaign) -> tuple[int, int]:
    """(tried, everybody)."""
    found = CampaignNotice.objects.filter(campaign=campaign).aggregate(
        tried=models.Count("pk", filter=Q(tried_at__isnull=False)), everybody=models.Count("pk")
    )
    return found["tried"], found["everybody"]


def coming(*, at: datetime) -> list[Campaign]:
    """What has been announced and not taken effect, the next one first."""
    running = Campaign.objects.filter(
        started_at__isnull=False, withdrawn_at=None, effective_at__gt=at
    )
    return list(running.select_related("version").order_by("effective_at"))


def show(user: User, *, at: datetime) -> None:
    """This person has what is coming before them now: that counts as told, beside the mail."""
    ids = [campaign.pk for campaign in coming(at=at)]
    rows = CampaignNotice.objects.filter(campaign_id__in=ids, user_id=user.pk, shown_at=None)
    rows.update(shown_at=at)
