from dataclasses import asdict

import pytest

from accounts.access import Actor
from accounts.enums import AuditAction, Role
from accounts.models import AuditEvent, LegalEntity, Tenant
from accounts.particulars import Particulars
from accounts.services import business
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests.accounts.cast import NOON, PARTICULARS


def given(**changes):
    return asdict(Particulars(**PARTICULARS)) | changes


def test_change_entity_stores_what_changed_and_names_only_the_fields(open_shop):
    entity = LegalEntity.objects.get()

    changed = business.change_entity(
        entity=entity,
        actor=open_shop.actor,
        at=NOON,
        **given(address="7 Mall Road, Lahore", phone="042 35761999"),
    )

    assert changed.address == "7 Mall Road, Lahore"
    event = AuditEvent.objects.get(action=AuditAction.ENTITY_CHANGED)
    assert event.details == {"fields": ["address", "phone"]}


def test_change_entity_writes_nothing_when_nothing_changed(open_shop):
    business.change_entity(
        entity=LegalEntity.objects.get(), actor=open_shop.actor, at=NOON, **given()
    )

    assert not AuditEvent.objects.filter(action=AuditAction.ENTITY_CHANGED).exists()


def test_change_entity_renames_the_workspace_that_bore_its_name(open_shop):
    business.change_entity(
        entity=LegalEntity.objects.get(), actor=open_shop.actor, at=NOON, **given(name="Yarn & Co")
    )

    assert Tenant.objects.get().name == "Yarn & Co"


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_change_entity_is_refused_to_others(open_shop, role):
    actor = Actor.person(open_shop.owner.pk, role)

    with pytest.raises(NotAllowed):
        business.change_entity(
            entity=LegalEntity.objects.get(), actor=actor, at=NOON, **given(address="Elsewhere")
        )

    assert LegalEntity.objects.get().address == PARTICULARS["address"]


def test_change_entity_refuses_a_wrong_number(open_shop):
    with pytest.raises(RuleViolation):
        business.change_entity(
            entity=LegalEntity.objects.get(), actor=open_shop.actor, at=NOON, **given(ntn_cnic="1")
        )

    assert LegalEntity.objects.get().ntn_cnic == PARTICULARS["ntn_cnic"]


def test_change_entity_refuses_the_number_of_a_sister(open_shop):
    LegalEntity(**PARTICULARS | {"ntn_cnic": "3456789", "name": "Sister"}).save()
    entity = LegalEntity.objects.get(ntn_cnic=PARTICULARS["ntn_cnic"])

    with pytest.raises(RuleViolation):
        business.change_entity(
            entity=entity, actor=open_shop.actor, at=NOON, **given(ntn_cnic="3456789")
        )

    entity.refresh_from_db()
    assert entity.ntn_cnic == PARTICULARS["ntn_cnic"]
