import pytest

from accounts import selectors
from accounts.enums import AuditAction, Environment, Role
from accounts.models import AuditEvent, LegalEntity, Membership
from accounts.services import sign_up
from accounts.tenancy import in_tenant
from smartinvoicing.errors import NotAllowed, RuleViolation
from smartinvoicing.pg import scope
from tests.accounts.cast import NOON, PARTICULARS, person, shop_of

pytestmark = pytest.mark.django_db


def test_open_business_makes_tenant_taxpayer_owner_and_audit():
    user = person("ayesha@mills.example")

    tenant = sign_up.open_business(user=user, at=NOON, **PARTICULARS)

    with in_tenant(tenant.pk):
        entity = LegalEntity.objects.get()
        membership = Membership.objects.get()
        event = AuditEvent.objects.get()
    assert (tenant.name, tenant.opened_at) == ("Lahore Yarn Mills", NOON)
    assert (entity.ntn_cnic, entity.environment) == ("2046004", Environment.SANDBOX)
    assert (membership.user_id, membership.role) == (user.pk, Role.OWNER)
    assert (event.action, event.actor) == (AuditAction.TENANT_OPENED, f"user:{user.pk}")
    assert event.details == {}


def test_open_business_leaves_the_scope_as_it_was():
    sign_up.open_business(user=person("ayesha@mills.example"), at=NOON, **PARTICULARS)

    assert scope.current() == scope.NOBODY


def test_open_business_is_refused_before_the_email_is_confirmed():
    user = person("ayesha@mills.example", verified=False)

    with pytest.raises(NotAllowed):
        sign_up.open_business(user=user, at=NOON, **PARTICULARS)

    assert selectors.memberships_of(user.pk) == []


def test_open_business_is_refused_for_a_wrong_number():
    user = person("ayesha@mills.example")

    with pytest.raises(RuleViolation) as refused:
        sign_up.open_business(user=user, at=NOON, **PARTICULARS | {"ntn_cnic": "12"})

    assert [p["code"] for p in refused.value.details["problems"]] == ["0108"]
    assert selectors.memberships_of(user.pk) == []


def test_two_tenants_may_file_for_one_number():
    first = shop_of(person("ayesha@mills.example"))
    second = shop_of(person("practitioner@tax.example"))

    assert first.tenant.pk != second.tenant.pk


def test_one_person_may_open_two_businesses():
    user = person("practitioner@tax.example")

    shop_of(user)
    shop_of(user, name="Second", ntn_cnic="3456789")

    assert [row.tenant.name for row in selectors.memberships_of(user.pk)] == [
        "Lahore Yarn Mills",
        "Second",
    ]
