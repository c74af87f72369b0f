"""The particulars of a taxpayer."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext as _

from accounts import audit, particulars
from accounts.access import Actor, allow
from accounts.enums import AuditAction, Permission
from accounts.models import LegalEntity, Tenant
from accounts.particulars import Particulars
from smartinvoicing.errors import Problem, RuleViolation


@transaction.atomic
def change_entity(
    *,
    entity: LegalEntity,
    name: str,
    ntn_cnic: str,
    strn: str,
    province: str,
    address: str,
    phone: str,
    activity: str,
    sector: str,
    series: str,
    software_no: str,
    retail_price_includes_tax: bool,
    actor: Actor,
    at: datetime,
) -> LegalEntity:
    """Correct the particulars. Documents keep those of their day; the audit names fields only.

    Raises: NotAllowed; RuleViolation naming each field.
    """
    allow(actor, Permission.MANAGE_BUSINESS)
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
            series=series,
            software_no=software_no,
            retail_price_includes_tax=retail_price_includes_tax,
        )
    )
    kept: LegalEntity = LegalEntity.objects.select_for_update(of=("self",)).get(pk=entity.pk)
    changed = {
        field: value for field, value in asdict(stored).items() if getattr(kept, field) != value
    }
    if not changed:
        return kept
    if "ntn_cnic" in changed:
        _refuse_a_second(kept, stored.ntn_cnic)
    if "name" in changed:
        # The workspace bears the name of its taxpayer until somebody gives it another.
        Tenant.objects.filter(pk=kept.tenant_id, name=kept.name).update(name=stored.name)
    for field, value in changed.items():
        setattr(kept, field, value)
    kept.save(update_fields=list(changed))
    audit.record(actor, AuditAction.ENTITY_CHANGED, kept, at=at, fields=sorted(changed))
    return kept


def _refuse_a_second(entity: LegalEntity, ntn_cnic: str) -> None:
    if LegalEntity.objects.filter(ntn_cnic=ntn_cnic).exclude(pk=entity.pk).exists():
        raise RuleViolation.of(
            [
                Problem(
                    code="number_taken",
                    field="ntn_cnic",
                    message=_("Another taxpayer of this business has this number."),
                    fix=_("Check both; each has a number of its own."),
                )
            ]
        )
