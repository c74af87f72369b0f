"""What a person wrote to us, sealed: the tables tell it to nobody who only reads them."""

from __future__ import annotations

import hmac
from dataclasses import asdict, dataclass
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.db import transaction
from django.db.models import Q, QuerySet
from django.urls import reverse

from accounts import traces
from accounts.models import User
from privacy.models import RequestChannel, RequestEvent, SubjectRequest
from privacy.services import sealed_words
from privacy.subjects import SubjectKind

_LINK = signing.Signer(salt="privacy.request")


@dataclass(frozen=True, kw_only=True)
class Said:
    """Who asks from where, and what. facts: what they know of an invoice, to prove who they are."""

    address: str = ""
    name: str = ""
    text: str = ""
    fbr_number: str = ""
    number: str = ""
    total: str = ""
    day: str = ""


def said(request: SubjectRequest) -> Said:
    return Said(**sealed_words.unseal(request))


def write(request: SubjectRequest, words: Said) -> None:
    """Into the row, which is not saved yet."""
    request.sealed = sealed_words.seal(request, asdict(words))
    request.address_key = traces.key_of(words.address) if words.address else ""


@transaction.atomic
def forget(request: SubjectRequest, *, address: str = "") -> None:
    """The person is erased: what they wrote, from where, and what was told about it goes too.

    With it goes what they asked before and is over. The rows stay as proof.
    address: where the answer went, for what they asked from there before we knew who they are.
    """
    theirs = list(_of_same(request, address).values_list("pk", flat=True))
    SubjectRequest.objects.filter(pk__in=theirs).update(sealed=b"", address_key="")
    said = RequestEvent.objects.filter(request__in=theirs).exclude(sealed=b"")
    said.update(sealed=b"")  # not before the request's own: the database sees to it
    request.sealed, request.address_key = b"", ""


def _of_same(request: SubjectRequest, address: str) -> QuerySet[SubjectRequest]:
    """This one, and all of the same person that have ended; of a customer those of this business.

    An address alone says who somebody is where nobody found more.
    """
    keys = set(traces.keys_of(address) if address else ()) | ({request.address_key} - {""})
    if request.subject_kind == SubjectKind.BUYER:
        same = Q(tenant_id=request.tenant_id, buyer_id=request.buyer_id, buyer_id__isnull=False)
    else:
        same = Q(subject_kind__in=[SubjectKind.LEAD, SubjectKind.INVITEE], address_key__in=keys)
        if request.user_id is not None:
            same |= Q(user_id=request.user_id)
    return SubjectRequest.objects.filter(Q(pk=request.pk) | same & Q(closed_at__isnull=False))


def address_of(request: SubjectRequest) -> str:
    """Where to answer: what they gave, else the address of their account; "" when it is gone."""
    given = said(request).address
    if given or request.user_id is None:
        return given
    found = User.objects.filter(pk=request.user_id, is_active=True).values_list("email", flat=True)
    return found.first() or ""


def key_for(use: str) -> bytes:
    """A key of its own for one use, from the newest of this installation."""
    return hmac.new(settings.FIELD_KEYS[0], use.encode(), "sha256").digest()


def secret_of(request_id: UUID) -> str:
    """What stands in the link by which somebody without an account follows their request."""
    return _LINK.sign(request_id.hex)


def request_behind(secret: str) -> UUID | None:
    """Whose link it is; None for one that we did not make."""
    try:
        return UUID(_LINK.unsign(secret))
    except (signing.BadSignature, ValueError):
        return None


def page_of(request: SubjectRequest) -> str:
    """The whole address of the page on which this person follows it."""
    if request.channel == RequestChannel.PROFILE:
        return settings.PUBLIC_URL + reverse("privacy:mine_request", args=[request.pk])
    return settings.PUBLIC_URL + reverse("privacy:request", args=[secret_of(request.pk)])
