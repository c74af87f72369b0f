"""Before the first invoice that counts, somebody confirms that FBR gets it; stored by wording."""

import pytest
from django.urls import reverse

from accounts import policies
from accounts.access import Actor
from accounts.enums import Environment, Permission, Role
from accounts.models import PolicyAcceptance
from fbr.services import onboarding
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests import factories

pytestmark = pytest.mark.django_db
AT = factories.AT


@pytest.fixture
def ready(monkeypatch, entity):
    """A business for which every step before the switch is done."""
    monkeypatch.setattr(onboarding.Progress, "before_production", [])
    return entity


def switch(entity, owner, at=AT):
    onboarding.switch_environment(
        entity=entity,
        to=Environment.PRODUCTION,
        actor=Actor.person(owner.pk, Role.OWNER),
        at=at,
    )
    entity.refresh_from_db()
    return entity.environment


def confirm(entity, person, role=Role.OWNER):
    onboarding.confirm_sharing(
        tenant_id=entity.tenant_id,
        user=person,
        actor=Actor.person(person.pk, role, address="203.0.113.9"),
        at=AT,
    )


def test_without_the_confirmation_nothing_goes_to_production(ready, owner):
    factories.make_policies()

    with pytest.raises(RuleViolation, match="what goes to FBR"):
        switch(ready, owner)

    ready.refresh_from_db()
    assert ready.environment == Environment.SANDBOX


def test_twin_where_nothing_was_published_nothing_is_asked(ready, owner):
    assert switch(ready, owner) == Environment.PRODUCTION


def test_the_confirmation_is_stored_with_the_exact_wording(ready, owner):
    factories.make_policies()

    confirm(ready, owner)

    [said] = PolicyAcceptance.objects.all()
    version = policies.current("fbr_sharing", "en", AT)
    assert (said.version_id, said.version_sha256) == (version.pk, version.sha256)
    assert (said.user_id, said.tenant_id, said.channel) == (owner.pk, ready.tenant_id, "go_live")
    assert said.address_prefix == "203.0.113.0/24"
    assert switch(ready, owner) == Environment.PRODUCTION


def test_one_confirmation_of_a_wording_is_enough(ready, owner):
    factories.make_policies()

    confirm(ready, owner)
    confirm(ready, owner)

    assert PolicyAcceptance.objects.count() == 1


def test_who_may_not_manage_the_business_confirms_nothing(ready, viewer):
    factories.make_policies()

    with pytest.raises(NotAllowed) as refused:
        confirm(ready, viewer, Role.VIEWER)

    assert refused.value.details["permission"] == Permission.MANAGE_BUSINESS
    assert not PolicyAcceptance.objects.exists()


def test_the_page_asks_with_a_box_that_is_not_ticked(ready, owner, client):
    factories.make_policies()
    client.force_login(owner)

    page = client.get(reverse("fbr:environment")).content.decode()

    assert 'name="sharing" value="1" id="sharing" required>' in page
    client.post(reverse("fbr:environment"), {"to": "production", "sharing": "1"})
    ready.refresh_from_db()
    assert ready.environment == Environment.PRODUCTION
