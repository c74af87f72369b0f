"""The bell: post what somebody must look at, clear it when it is settled, mail it once."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import models
from django.db.models import Q

from accounts.enums import NoticeKind
from accounts.models import Notice
from accounts.tenancy import current_tenant_id


def post(
    kind: NoticeKind,
    about: models.Model,
    *,
    at: datetime,
    due_at: datetime | None = None,
    step: str = "",
    **facts: str,
) -> None:
    """Ring for `about`, once while the matter is open; it is mailed after the commit.

    Runs inside the caller's tenant and transaction. Posted again, it only brings the facts up to
    date; another `step` rings and mails once more.
    facts: what the words need (`number`, `hours`, `days`, `count`), never a personal value.
    """
    fresh = Notice(
        tenant_id=current_tenant_id(),
        kind=kind,
        object_type=str(about._meta.model_name),
        object_id=about.pk,
        facts=facts,
        step=step,
        posted_at=at,
        due_at=due_at,
        mail_after=at,
    )
    Notice.objects.bulk_create([fresh], ignore_conflicts=True)  # two may find it at once
    known = _open(kind, about).exclude(pk=fresh.pk)
    known.exclude(step=step).update(step=step, posted_at=at, mail_after=at, mailed_at=None)
    same_due = Q(due_at=due_at) if due_at else Q(due_at__isnull=True)
    known.exclude(Q(facts=facts) & same_due).update(facts=facts, due_at=due_at)


def clear(kind: NoticeKind, about: models.Model, *, at: datetime) -> None:
    """The matter is settled: the notice goes, and what was not mailed yet never is."""
    _open(kind, about).update(cleared_at=at)


def open_about(kind: NoticeKind, model: type[models.Model]) -> set[UUID]:
    """Of which rows of `model` the bell rings just now, for this."""
    rows = Notice.objects.filter(kind=kind, object_type=model._meta.model_name, cleared_at=None)
    return set(rows.values_list("object_id", flat=True))


def _open(kind: NoticeKind, about: models.Model) -> models.QuerySet[Notice]:
    return Notice.objects.filter(
        kind=kind,
        object_type=str(about._meta.model_name),
        object_id=about.pk,
        cleared_at=None,
    )
