"""Tasks of the desk: opened once, brought up to date, done when their matter is settled."""

from __future__ import annotations

from datetime import datetime

from django.db.models import F

from privacy.models import DeskTask


def open_task(
    kind: str,
    key: str,
    *,
    title: str,
    at: datetime,
    url: str = "",
    due_at: datetime | None = None,
    **facts: str | int,
) -> None:
    """Have somebody of ours do this; opened again, it only brings words and facts up to date."""
    fresh = DeskTask(
        kind=kind, key=key, title=title[:200], url=url, facts=facts, opened_at=at, due_at=due_at
    )
    DeskTask.objects.bulk_create([fresh], ignore_conflicts=True)
    DeskTask.objects.filter(kind=kind, key=key, done_at=None).exclude(pk=fresh.pk).update(
        title=fresh.title, url=url, facts=facts, due_at=due_at
    )


def done(kind: str, key: str, *, at: datetime) -> bool:
    """The matter is settled. Whether a task was open."""
    return bool(DeskTask.objects.filter(kind=kind, key=key, done_at=None).update(done_at=at))


def red_list() -> list[DeskTask]:
    """What is open, the most urgent first."""
    waiting = DeskTask.objects.filter(done_at=None)
    return list(waiting.order_by(F("due_at").asc(nulls_last=True), "opened_at"))
