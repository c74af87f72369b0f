"""The other tenant, with one of each thing that a route can ask for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.apps import apps
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection, transaction

from accounts import tenancy
from accounts.access import Actor
from accounts.enums import Permission, Role
from accounts.models import Invitation, LegalEntity, Membership, SupportWindow, Tenant
from accounts.services import api_keys, members, staff_access
from accounts.tenancy import TenantModel
from fbr.models import Evidence, IncidentKind, StatementRow
from fbr.services import buyer_checks, claiming, incidents, resolving, scenarios, statements
from fbr.services.resolving import Found
from invoices.enums import Registration, TaxpayerStanding
from invoices.models import BuyerCheck
from invoices.services import signing_keys
from privacy.models import RequestChannel, RequestType, TicketChannel
from privacy.services import exporting, identity, requests, routing, tickets
from privacy.services.request_words import Said
from privacy.services.ticket_words import Asked
from tests import factories
from tests.fbr import doubts_cast
from tests.privacy import breach_cast

SECRET = "Zarghoon"  # stands in every name of the other tenant, and nowhere else


@dataclass(frozen=True)
class Theirs:
    """The other tenant and one of each of its things, by the name of the route's parameter.

    before: what stood in its tables when all of it was laid.
    """

    tenant: Tenant
    ids: dict[str, UUID]
    work_id: UUID
    before: dict[str, Any]


def make_theirs() -> Theirs:
    tenant = factories.make_tenant(f"{SECRET} Mills", ntn_cnic="7000008")
    user = factories.make_member(tenant, Role.OWNER)
    actor = Actor.person(user.pk, Role.OWNER)
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        entity = LegalEntity.objects.get()
        issued = factories.make_issued(
            factories.make_content(buyer=factories.make_party(name=f"{SECRET} Traders"))
        )
        ids = {
            "invoice_id": factories.make_draft()[0].pk,
            "buyer_id": factories.make_buyer(name=f"{SECRET} Sons").pk,
            "product_id": factories.make_product(name=f"{SECRET} yarn").pk,
            "credential_id": factories.make_credential(entity, "a token of theirs").pk,
            "sha256": "0" * 64,
            "signing_key": signing_keys.current(at=factories.AT).key_id,
            "till_id": factories.make_till(name=f"{SECRET} counter").pk,
            "incident_id": incidents.open_incident(
                kind=IncidentKind.OTHER, key=SECRET, at=factories.AT, actor=actor
            ).pk,
            "membership_id": Membership.objects.get().pk,
            "key_id": api_keys.make(
                name=SECRET, scopes=[Permission.VIEW], days=30, actor=actor, at=factories.AT
            )[0].pk,
        }
        scenarios.run(entity=entity, scenarios=["SN002"], actor=actor, at=factories.AT)
        BuyerCheck(
            ntn_cnic="2046004",
            checked_at=factories.AT,
            registration=Registration.UNREGISTERED,
            standing=TaxpayerStanding.INACTIVE,
            answer=SECRET,
            said_by=actor.name,
        ).save(force_insert=True)
        buyer_checks.begin_walk(actor=actor, at=factories.AT)
        members.invite(email="z@example.com", role=Role.VIEWER, actor=actor, at=factories.AT)
        ids["invitation_id"] = Invitation.objects.get().pk
        ids |= _doubts_of(entity, actor)
        work_id = issued.work.get().pk
    ids["tenant_id"] = tenant.pk
    ids["breach_notice_id"] = breach_cast.make_notice(tenant).pk
    ids["window_id"] = _window_of(tenant, actor).pk
    ids |= _asked_of(tenant, user.pk, ids["buyer_id"])
    return Theirs(tenant, ids, work_id, digest(tenant))


def _asked_of(tenant: Tenant, user_id: UUID, buyer_id: UUID) -> dict[str, UUID]:
    """A request of a customer of theirs that lies with them, and an export of all they have."""
    asked = requests.receive(
        type=RequestType.ACCESS,
        channel=RequestChannel.FORM,
        at=factories.AT,
        said=Said(address="z@example.com", text=SECRET),
        tenant_id=tenant.pk,
        buyer_id=buyer_id,
    )
    identity.by_session(asked, by=factories.SYSTEM, at=factories.AT)
    routing.forward(asked, by=factories.SYSTEM, at=factories.AT)
    taken = exporting.build_tenant_export(tenant.pk, at=factories.AT, asked_by=user_id)
    ticket = tickets.receive(
        channel=TicketChannel.PORTAL,
        asked=Asked(subject=SECRET),
        text=SECRET,
        by=factories.SYSTEM,
        at=factories.AT,
        user_id=user_id,
        tenant_id=tenant.pk,
    )
    assert ticket is not None
    return {"request_id": asked.pk, "export_id": taken.pk, "ticket_id": ticket.pk}


def _doubts_of(entity: LegalEntity, actor: Actor) -> dict[str, UUID]:
    """A list from FBR, a row of it, and what somebody said of an uncertain document."""
    raw = f"FBR invoice no,Buyer name,Date,Value\nX1,{SECRET} Traders,2026-11-20,1000\n".encode()
    row = statements.upload(
        file=SimpleUploadedFile(f"{SECRET}.csv", raw),
        entity=entity,
        covers_from=factories.DAY,
        covers_until=factories.DAY,
        actor=actor,
        at=factories.AT,
    )
    claim = claiming.claim_missing(
        invoice=doubts_cast.make_uncertain(),
        why=SECRET,
        has_factor=True,
        actor=actor,
        at=factories.AT,
    )
    settled = doubts_cast.make_uncertain()
    resolving.settle_found(
        invoice=settled,
        found=Found(number="7000008DI1", note=SECRET),
        proof=doubts_cast.picture(),
        actor=actor,
        at=factories.AT,
    )
    return {
        "statement_id": row.pk,
        "row_id": StatementRow.objects.get().pk,
        "claim_id": claim.pk,
        "evidence_id": Evidence.objects.get(invoice=settled).pk,
    }


def _window_of(tenant: Tenant, actor: Actor) -> SupportWindow:
    """A day on which they let our people look, long over."""
    with tenancy.in_tenant(tenant.pk):
        return staff_access.open_window(
            reason=SECRET, lasts=timedelta(hours=1), actor=actor, at=factories.AT
        )


def digest(tenant: Tenant) -> dict[str, Any]:
    """What stands in every table of the wall for one tenant."""
    found = {}
    with tenancy.in_tenant(tenant.pk), transaction.atomic(), connection.cursor() as cursor:
        for model in walled():
            table = model._meta.db_table
            cursor.execute(
                f"SELECT count(*), md5(string_agg(t::text, '' ORDER BY t::text)) FROM {table} t"
            )
            found[table] = cursor.fetchone()
    return found


def walled() -> list[type]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]
