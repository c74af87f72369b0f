"""Drafting and publishing our texts: made from templates, looked at by two, kept for good."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from django.db import models, transaction
from django.utils.module_loading import import_string
from django.utils.translation import gettext as _

from accounts import four_eyes, policies, staff
from accounts.enums import Desk, StaffAction
from accounts.models import Approval, PolicyKind, PolicyVersion, User
from accounts.models.policies import Language
from privacy.models import Campaign
from privacy.services import campaigns, desk, policy_texts
from privacy.services.policy_texts import Text
from smartinvoicing.errors import NotFound, RuleViolation, StateConflict

PUBLISH: Final = "publish_policy"  # the deed that a second person agrees to
CHANGED: Final = "policy_text"  # a task of the desk: what is published is no longer true
FIRST: Final = "The first version."

# Whoever may object before a text is published: `objections(versions, *, at) -> list[str]`.
ASKED: Final[tuple[str, ...]] = ("privacy.services.promises.objections",)


# --- drafts -----------------------------------------------------------------------------------


@transaction.atomic
def draft(
    kind: str, *, is_material: bool, summary: str, by: User, at: datetime
) -> list[PolicyVersion]:
    """Make the next version from the templates, in every language; a draft before it goes.

    Raises: NotAllowed; RuleViolation when it says what may not be said, or nothing new.
    """
    staff.allow(by, Desk.WRITE_POLICIES)
    if not summary.strip():
        raise RuleViolation(_("Say in short what changes, for people who read nothing else."))
    texts = written(kind)
    _refuse_problems(texts)
    last = {each.language: each for each in newest(kind)}
    if all(each.language in last and last[each.language].body == each.body for each in texts):
        raise RuleViolation(_("Nothing differs from what is published."))
    discard(kind, by=by, at=at)
    made = [
        _version(text, last.get(text.language), _next_number(kind), is_material, summary, at, by)
        for text in texts
    ]
    for version in made:
        version.save(force_insert=True)
    staff.record(by, StaffAction.ADDED, made[0], at=at, kind=kind, number=made[0].number)
    return made


def written(kind: str) -> list[Text]:
    """The text as it would be now, in each language."""
    return [policy_texts.write(kind, each) for each in policy_texts.languages_of(kind)]


def newest(kind: str) -> list[PolicyVersion]:
    """The version published last, in each language, whether it holds already or not."""
    found = policies.published().filter(kind=kind).order_by("language", "-number")
    return list(found.distinct("language"))


def drafts(kind: str) -> list[PolicyVersion]:
    """What waits to be published; English first."""
    return list(PolicyVersion.objects.filter(kind=kind, published_at=None).order_by("language"))


@transaction.atomic
def discard(kind: str, *, by: User, at: datetime) -> None:
    """Throw the draft away, with the notice that was planned for it."""
    staff.allow(by, Desk.WRITE_POLICIES)
    waiting = drafts(kind)
    if waiting:
        staff.record(by, StaffAction.CHANGED, waiting[0], at=at, kind=kind, discarded=True)
    ids = [each.pk for each in waiting]
    Campaign.objects.filter(version_id__in=ids, started_at=None).delete()
    PolicyVersion.objects.filter(pk__in=ids).delete()


def _version(
    text: Text,
    before: PolicyVersion | None,
    number: int,
    is_material: bool,
    summary: str,
    at: datetime,
    by: User | None,
) -> PolicyVersion:
    return PolicyVersion(
        kind=text.kind,
        language=text.language,
        number=number,
        title=text.title,
        body=text.body,
        sha256=hashlib.sha256(text.body.encode()).hexdigest(),
        is_material=is_material,
        summary=summary.strip(),
        diff=policy_texts.difference(before.body, text.body) if before else "",
        drafted_at=at,
        author=by,
    )


def _next_number(kind: str) -> int:
    last = policies.published().filter(kind=kind).aggregate(last=models.Max("number"))["last"]
    return (last or 0) + 1


def _refuse_problems(texts: Sequence[Text]) -> None:
    found = [
        f"{text.title} ({text.language}): {problem}"
        for text in texts
        for problem in policy_texts.problems_of(text)
    ]
    if found:
        raise RuleViolation(_("The text cannot be published: %s") % "; ".join(found))


# --- publishing -------------------------------------------------------------------------------


def ask(kind: str, *, why: str, by: User, at: datetime) -> Approval:
    """Ask a second person to agree to exactly this text, its summary and its day.

    Raises: NotAllowed; NotFound without a draft; RuleViolation of a material change without a plan.
    """
    staff.allow(by, Desk.WRITE_POLICIES)
    waiting = _waiting(kind)
    _refuse_unplanned(waiting[0])
    return four_eyes.ask(PUBLISH, waiting[0], digest=digest_of(waiting), why=why, by=by, at=at)


@transaction.atomic
def publish(kind: str, *, by: User, at: datetime) -> list[PolicyVersion]:
    """Publish the draft that a second person agreed to; from now on it changes no more.

    A material change begins to be announced, and holds when enough people were told, at least
    thirty days later. Any other holds at once.
    Raises: NotAllowed; NotFound; RuleViolation without a plan, when the text says what may not be
            said, or when somebody who is asked objects; StateConflict when it is published.
    """
    staff.allow(by, Desk.WRITE_POLICIES)
    waiting = _waiting(kind)
    _refuse_unplanned(waiting[0])
    _refuse_problems([_text_of(each) for each in waiting])
    _refuse_objections(waiting, at)
    agreed = four_eyes.spend(PUBLISH, waiting[0], digest=digest_of(waiting), by=by, at=at)
    plan = plan_of(waiting[0])
    if plan is not None:
        campaigns.begin(plan, at=at)
    _let_hold(waiting, plan, agreed, at)
    staff.record(by, StaffAction.PUBLISHED, waiting[0], at=at, kind=kind, number=waiting[0].number)
    desk.done(CHANGED, kind, at=at)
    return waiting


def _let_hold(
    versions: Sequence[PolicyVersion], plan: Campaign | None, agreed: Approval, at: datetime
) -> None:
    for version in versions:
        changed = PolicyVersion.objects.filter(pk=version.pk, published_at=None).update(
            published_at=at,
            effective_at=plan.effective_at if plan else at,
            told_at=None if plan else at,
            author=agreed.asked_by,
            approver=agreed.answered_by,
        )
        if not changed:
            raise StateConflict(_("This was published already."))
        version.refresh_from_db()


def digest_of(versions: Sequence[PolicyVersion]) -> str:
    """Of all that the second person agrees to."""
    plan = plan_of(versions[0])
    return four_eyes.digest_of(
        texts=[[each.language, each.number, each.sha256] for each in versions],
        is_material=versions[0].is_material,
        summary=versions[0].summary,
        plan=plan.pk if plan else None,
        effective_at=plan.effective_at if plan else None,
    )


def plan_of(version: PolicyVersion) -> Campaign | None:
    """The notice that goes before this material change; None of any other."""
    return Campaign.objects.filter(version_id=version.pk, withdrawn_at=None).first()


def _waiting(kind: str) -> list[PolicyVersion]:
    waiting = drafts(kind)
    if not waiting:
        raise NotFound(_("There is no draft of this text."))
    return waiting


def _refuse_unplanned(version: PolicyVersion) -> None:
    if version.is_material and plan_of(version) is None:
        raise RuleViolation(_("A material change is not published before its notice is planned."))


def _refuse_objections(versions: Sequence[PolicyVersion], at: datetime) -> None:
    found: list[str] = []
    for path in ASKED:
        objections: Callable[..., list[str]] = import_string(path)
        found += objections(versions, at=at)
    if found:
        raise RuleViolation("; ".join(found))


def _text_of(version: PolicyVersion) -> Text:
    return Text(
        kind=version.kind, language=version.language, title=version.title, body=version.body
    )


# --- an installation by itself ----------------------------------------------------------------


@transaction.atomic
def publish_first(*, at: datetime) -> list[PolicyVersion]:
    """What was never published is, as it stands now: without it nobody could open an account."""
    made = []
    for kind in PolicyKind.values:
        if newest(kind):
            continue
        texts = written(kind)
        _refuse_problems(texts)
        PolicyVersion.objects.filter(kind=kind, published_at=None).delete()
        for text in texts:
            version = _version(text, None, 1, False, FIRST, at, None)
            version.published_at = version.effective_at = version.told_at = at
            version.save(force_insert=True)
            made.append(version)
    return made


def watch(*, at: datetime) -> list[str]:
    """Texts that say no longer what is true, since settings, tables or templates changed.

    Each is a task of the desk until its next version is published.
    """
    stale = []
    for kind in PolicyKind.values:
        last = {each.language: each.body for each in newest(kind)}
        if any(last.get(text.language) != text.body for text in written(kind)):
            stale.append(kind)
            desk.open_task(
                CHANGED,
                kind,
                title=_("Publish a new version: %s") % PolicyKind(kind).label,
                at=at,
                url="/admin/accounts/policyversion/",
            )
        else:
            desk.done(CHANGED, kind, at=at)
    return stale


def english(version: PolicyVersion) -> PolicyVersion:
    """The same number in English: what plans and approvals are about."""
    found = PolicyVersion.objects.filter(
        kind=version.kind, number=version.number, language=Language.ENGLISH
    )
    return found.get()
