"""A verified person opens a business. E-mail, password and session are allauth's."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, particulars, proof, staff
from accounts.access import Actor
from accounts.enums import AuditAction, Role
from accounts.models import LegalEntity, Membership, Tenant, User
from accounts.particulars import Particulars
from accounts.tenancy import in_tenant
from smartinvoicing.errors import NotAllowed


@transaction.atomic
def open_business(
    *,
    user: User,
    name: str,
    ntn_cnic: str,
    strn: str,
    province: str,
    address: str,
    phone: str,
    activity: str,
    sector: str,
    at: datetime,
) -> Tenant:
    """Make a tenant, its first taxpayer and its owner: all of it or nothing.

    The number may be another tenant's too: to refuse it would tell who is here, and a
    practitioner may file for a business that also files for itself.

    Raises: NotAllowed before the person's e-mail is confirmed; RuleViolation naming each field.
    """
    if not proof.has_proved(user, user.email):
        raise NotAllowed(_("Confirm your e-mail address first: open the link that we sent you."))
    staff.keep_apart(user)
    stored = particulars.checked(
        Particulars(
            name=name,
            ntn_cnic=ntn_cnic,
            strn=strn,
            province=province,
            address=address,
            phone=phone,
            activity=activity,
            sector=sector,
        )
    )
    tenant = Tenant(name=stored.name, opened_at=at)
    with in_tenant(tenant.pk):
        tenant.save(force_insert=True)
        LegalEntity(tenant=tenant, **asdict(stored)).save(force_insert=True)
        Membership(tenant=tenant, user=user, role=Role.OWNER, since=at).save(force_insert=True)
        audit.record(Actor.person(user.pk, Role.OWNER), AuditAction.TENANT_OPENED, tenant, at=at)
    return tenant
