"""Which of our texts hold now, and who accepted exactly which of them."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from accounts.models import AnswerChannel, PolicyAcceptance, PolicyKind, PolicyVersion, User
from accounts.models.policies import Language
from smartinvoicing.errors import RuleViolation
from smartinvoicing.pg import rows

# What somebody has to accept to have an account. All else is only told, or a matter of consent.
REQUIRED: Final = (PolicyKind.PRIVACY, PolicyKind.TERMS)

_IPV4_KEPT: Final = 24  # bits
_IPV6_KEPT: Final = 48


def current(kind: str, language: str, at: datetime) -> PolicyVersion | None:
    """The text that holds at `at`, in this language or else in English; None before the first."""
    return _newest(_in_force(at).filter(kind=kind), language)


def announced(at: datetime) -> list[PolicyVersion]:
    """Texts that are published and do not hold yet, in English, the next one first."""
    waiting = published().exclude(pk__in=_in_force(at).values("pk"))
    return list(waiting.filter(language=Language.ENGLISH).order_by("effective_at", "kind"))


def published() -> QuerySet[PolicyVersion]:
    return PolicyVersion.objects.filter(published_at__isnull=False)


def _in_force(at: datetime) -> QuerySet[PolicyVersion]:
    return published().filter(effective_at__lte=at, told_at__lte=at)


def _newest(versions: QuerySet[PolicyVersion], language: str) -> PolicyVersion | None:
    for wanted in dict.fromkeys((language, Language.ENGLISH.value)):
        found = versions.filter(language=wanted).order_by("-number").first()
        if found is not None:
            return found
    return None


# --- at sign-up -------------------------------------------------------------------------------


def to_accept(language: str, at: datetime) -> list[PolicyVersion]:
    """What whoever opens an account accepts; [] while something of it is not published."""
    found = [current(kind, language, at) for kind in REQUIRED]
    return [each for each in found if each] if all(found) else []


def digest_of(versions: Iterable[PolicyVersion]) -> str:
    """What a form carries, so that the answer names exactly what was shown."""
    return ".".join(each.sha256 for each in versions)


def shown(digest: str, at: datetime) -> list[PolicyVersion]:
    """The versions that a form showed: still those that hold.

    Raises: RuleViolation when a text changed while the person read.
    """
    hashes = digest.split(".")
    for language in Language.values:
        versions = to_accept(language, at)
        if versions and [each.sha256 for each in versions] == hashes:
            return versions
    raise RuleViolation(_("These texts have just changed. Read them again before you accept."))


# --- answers ----------------------------------------------------------------------------------


def accept(
    user: User,
    version: PolicyVersion,
    *,
    at: datetime,
    address: str,
    channel: AnswerChannel = AnswerChannel.ASKED,
    tenant_id: UUID | None = None,
) -> PolicyAcceptance:
    """Write down that `user` accepts exactly this text, in the transaction of the cause."""
    return _answer(user, version, True, at, address, channel, tenant_id)


def accept_what_holds(user: User, *, at: datetime) -> None:
    """As at a sign-up, for somebody whose account was made without that page; once."""
    for version in to_accept(Language.ENGLISH, at):
        if standing_of(user, version) is None:
            accept(user, version, at=at, address="", channel=AnswerChannel.SIGN_UP)


def decline(
    user: User,
    version: PolicyVersion,
    *,
    at: datetime,
    address: str,
    channel: AnswerChannel = AnswerChannel.ASKED,
) -> PolicyAcceptance:
    """Write down the no. It may be taken back by a yes at any time."""
    return _answer(user, version, False, at, address, channel, None)


def _answer(
    user: User,
    version: PolicyVersion,
    is_accepted: bool,
    at: datetime,
    address: str,
    channel: AnswerChannel,
    tenant_id: UUID | None,
) -> PolicyAcceptance:
    answer = PolicyAcceptance(
        version_id=version.pk,
        version_sha256=version.sha256,
        user_id=user.pk,
        tenant_id=tenant_id,
        is_accepted=is_accepted,
        channel=channel,
        at=at,
        address_prefix=prefix_of(address),
    )
    rows.insert(answer)
    return answer


def accepted(user: User) -> list[PolicyAcceptance]:
    """Every answer of this person, the newest first."""
    answers = PolicyAcceptance.objects.filter(user_id=user.pk)
    return list(answers.select_related("version").order_by("-at", "-id"))


def due(user: User, at: datetime) -> list[PolicyVersion]:
    """Material changes in force that this person has to answer, in English, oldest first.

    Only what was published after they came: what held before, they accepted when they came.
    """
    material = _in_force(at).filter(
        kind__in=REQUIRED,
        is_material=True,
        published_at__gt=user.date_joined,
        language=Language.ENGLISH,
    )
    newest = {each.kind: each for each in material.order_by("number")}
    return [each for each in newest.values() if standing_of(user, each) is not True]


def standing_of(user: User, version: PolicyVersion) -> bool | None:
    """Their last word on this text or a newer one, in any language; None where there is none."""
    said = PolicyAcceptance.objects.filter(
        Q(version__number=version.number) | Q(version__number__gt=version.number, is_accepted=True),
        user_id=user.pk,
        version__kind=version.kind,
    )
    return said.order_by("-at", "-id").values_list("is_accepted", flat=True).first()


def has_acknowledged(version: PolicyVersion, *, tenant_id: UUID) -> bool:
    """Whether somebody of this business accepted this number, in whatever language."""
    said = PolicyAcceptance.objects.filter(
        tenant_id=tenant_id,
        is_accepted=True,
        version__kind=version.kind,
        version__number=version.number,
    )
    return said.exists()


def in_language(versions: Sequence[PolicyVersion], language: str) -> list[PolicyVersion]:
    """The same numbers in another language, where there is one."""
    found = []
    for each in versions:
        other = published().filter(kind=each.kind, number=each.number, language=language).first()
        found.append(other or each)
    return found


def prefix_of(address: str) -> str:
    """The network of an address: enough to tell a pattern, not a person."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""
    kept = _IPV4_KEPT if found.version == 4 else _IPV6_KEPT
    return str(ipaddress.ip_network(f"{found}/{kept}", strict=False))
