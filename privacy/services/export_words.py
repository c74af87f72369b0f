"""What an export says about itself, and the parts of it that lie sealed in the tables."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q, QuerySet
from django.template.loader import render_to_string

from accounts import tenancy, traces
from accounts.models import AuditEvent, AuditPrivate
from privacy.deadlines import TERMS
from privacy.models import RequestEvent, SubjectRequest
from privacy.services import sealed_words, ticket_words, tickets
from privacy.services.export_rows import PIECE, STAFF, YOU, Source, Whose
from privacy.subjects import Subject
from smartinvoicing.classified import Recipient, Retention, Use

VERSION: Final = 1
_MOST: Final = 10_000
_PROOF: Final[Mapping[str, Any]] = {
    "basis": ["law"],
    "recipients": [Recipient.HOSTING.value],
    "purposes": [Use.ACCOUNTABILITY.value],
}


def kept_for(retention: Retention) -> str:
    """Until when it is kept, in words: each row of a table has a clock of its own."""
    if retention == Retention.TAX:
        return "7 years after the tax period"
    if retention in {Retention.CRED, Retention.REFERENCE}:
        return "until the account is closed"
    term = TERMS[retention]
    length = f"{term.months} months" if term.months else f"{term.days} days"
    return f"{length} after the end of its matter"


OF_REQUESTS: Final[Mapping[str, Any]] = {**_PROOF, "retention": [kept_for(Retention.REG)]}
OF_TICKETS: Final[Mapping[str, Any]] = {
    "purposes": [Use.SUPPORT.value],
    "basis": ["contract"],
    "recipients": [Recipient.HOSTING.value, Recipient.MAIL.value],
    "retention": [kept_for(Retention.SUP)],
}
OF_DOCUMENTS: Final[Mapping[str, Any]] = {
    "purposes": [Use.TAX_RECORD.value],
    "basis": ["law"],
    "recipients": [Recipient.HOSTING.value, Recipient.FBR.value],
    "retention": [kept_for(Retention.TAX)],
}


def of_table(source: Source) -> dict[str, Any]:
    """Why we hold what is in this table, on which basis, who gets it, until when it stays."""
    return {
        "purposes": sorted({use.value for each in source.entries for use in each.purposes}),
        "basis": sorted({each.basis for each in source.entries}),
        "recipients": sorted({who.value for each in source.entries for who in each.recipients}),
        "retention": sorted({kept_for(each.retention) for each in source.entries}),
    }


def readme(language: str) -> str:
    """In English or Urdu, whatever language the reader's pages are in."""
    return render_to_string(
        f"privacy/export/readme.{language}.md",
        {"contact": settings.PRIVACY_EMAIL, "authority": settings.PRIVACY_AUTHORITY_NAME},
    )


def manifest(subject: Subject, files: list[dict[str, Any]], at: datetime) -> bytes:
    """What lies in the archive, each file with its hash and why we hold what is in it."""
    said = {
        "schema": VERSION,
        "subject": {"kind": subject.kind.value, "id": _id_of(subject)},
        "created": at.isoformat(),
        "controller": settings.SOFTWARE,
        "contact": settings.PRIVACY_EMAIL,
        "files": files,
    }
    return json.dumps(said, ensure_ascii=False, indent=1).encode()


def _id_of(subject: Subject) -> str:
    found = subject.user_id or subject.buyer_id or subject.tenant_id
    return str(found) if found else "by address"


def requests_of(subject: Subject) -> list[dict[str, Any]]:
    """Their own requests, with what they wrote and what became of each."""
    found = _requests(subject).order_by("received_at")[:_MOST]
    return [
        {
            "reference": each.reference,
            "type": each.type,
            "channel": each.channel,
            "received": each.received_at.isoformat(),
            "decide by": each.due_at.isoformat(),
            "state": each.state,
            "closed": each.closed_at.isoformat() if each.closed_at else None,
            "you wrote": sealed_words.unseal(each),
            "what happened": [_happened(event) for event in each.events.order_by("at", "id")],
        }
        for each in found
    ]


def _requests(subject: Subject) -> QuerySet[SubjectRequest]:
    if subject.user_id is not None:
        return SubjectRequest.objects.filter(user_id=subject.user_id)
    return SubjectRequest.objects.filter(
        Q(address_key__in=traces.keys_of(subject.address)) & Q(user_id=None)
    )


def _happened(event: RequestEvent) -> dict[str, Any]:
    """Who of ours did it is said by role."""
    kind = event.by.partition(":")[0]
    by = {"staff": "our staff", "user": "you or the business", "system": "by itself"}
    return {
        "at": event.at.isoformat(),
        "what": event.what,
        "by": by.get(kind, kind),
        "became": event.became,
    }


def tickets_of(whose: Whose) -> list[dict[str, Any]]:
    """What they asked our support, and what was answered; who of ours did is said by role."""
    found = tickets.of_person(user_id=whose.subject.user_id, addresses=whose.addresses)
    return [
        {
            "reference": each.reference,
            "channel": each.channel,
            "received": each.received_at.isoformat(),
            "state": each.state,
            "closed": each.closed_at.isoformat() if each.closed_at else None,
            "about": asdict(ticket_words.asked(each)),
            "messages": [
                {
                    "at": message.at.isoformat(),
                    "by": STAFF if message.by.startswith(("staff:", "system:")) else YOU,
                    "what": message.what,
                    "text": ticket_words.text_of(message),
                }
                for message in each.messages.order_by("at", "id")
            ],
        }
        for each in found.order_by("received_at")[:_MOST]
    ]


def addresses_of(whose: Whose) -> Iterator[dict[str, Any]]:
    """From which addresses of the net they did what stands in the trails of their businesses."""
    for tenant_id, _is_owner in whose.tenants:
        last = UUID(int=0)
        while True:
            with transaction.atomic(), tenancy.in_tenant(tenant_id):
                mine = AuditEvent.objects.filter(actor=whose.actor, pk__gt=last).order_by("pk")
                deeds = dict(mine.values_list("pk", "at")[:PIECE])
                beside = dict(AuditPrivate.objects.filter(pk__in=deeds).values_list("pk", "facts"))
            if not deeds:
                break
            last = max(deeds)
            for pk, at in deeds.items():
                if address := beside.get(pk, {}).get("address"):
                    yield {"at": at.isoformat(), "address": address}
