import re
from datetime import timedelta

import pytest
from django.core import mail
from django.db import connection, transaction

from accounts.access import Actor
from accounts.enums import AuditAction, Role
from accounts.models import AuditEvent, Invitation, Membership
from accounts.secret_hash import hash_of
from accounts.services import members
from accounts.tenancy import in_tenant
from smartinvoicing.errors import NotAllowed, NotFound, RuleViolation
from smartinvoicing.pg import scope
from tests.accounts.cast import NOON, Beside, actor_of, join, person, shop_of

LATER = NOON + timedelta(hours=1)


@pytest.fixture
def invited(open_shop, django_capture_on_commit_callbacks):
    """The secret in the link that was mailed to sana@mills.example."""
    with django_capture_on_commit_callbacks(execute=True):
        members.invite(
            email="Sana@Mills.Example", role=Role.OPERATOR, actor=open_shop.actor, at=NOON
        )
    return secret_in(mail.outbox[-1])


def secret_in(message):
    return re.search(r"/invitation/([\w-]+)/", message.body)[1]


def actions():
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


# --- invite -----------------------------------------------------------------------------------


def test_invite_mails_a_link_and_stores_only_its_hash(open_shop, invited):
    invitation = Invitation.objects.get()

    assert len(invited) == 43
    assert (invitation.email, invitation.role) == ("sana@mills.example", Role.OPERATOR)
    assert invitation.secret_hash == hash_of(invited)
    assert invitation.expires_at == NOON + timedelta(days=7)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(i)::text FROM accounts_invitation i")
        assert invited not in cursor.fetchone()[0]


def test_invite_mails_text_and_html_to_the_invited_alone(open_shop, invited):
    message = mail.outbox[-1]

    assert message.to == ["sana@mills.example"]
    assert invited in message.alternatives[0].content
    assert open_shop.tenant.name in message.subject


def test_invite_audits_no_personal_value(open_shop, invited):
    event = AuditEvent.objects.get(action=AuditAction.MEMBER_INVITED)

    assert event.details == {"role": "operator"}


def test_invite_mails_nothing_when_the_transaction_fails(open_shop):
    members.invite(email="sana@mills.example", role=Role.VIEWER, actor=open_shop.actor, at=NOON)

    assert mail.outbox == []  # the test's transaction is never committed


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_invite_is_refused_to_others(open_shop, role, django_capture_on_commit_callbacks):
    actor = Actor.person(open_shop.owner.pk, role)

    with (
        django_capture_on_commit_callbacks(execute=True),
        pytest.raises(NotAllowed),
    ):
        members.invite(email="sana@mills.example", role=Role.VIEWER, actor=actor, at=NOON)

    assert not Invitation.objects.exists()
    assert mail.outbox == []


def test_invite_of_an_owner_is_refused_to_an_administrator(open_shop):
    admin = actor_of(join(open_shop, person("admin@mills.example"), Role.ADMIN))

    with pytest.raises(NotAllowed):
        members.invite(email="sana@mills.example", role=Role.OWNER, actor=admin, at=NOON)

    assert not Invitation.objects.exists()


def test_invite_refuses_who_is_here_already(open_shop):
    with pytest.raises(RuleViolation) as refused:
        members.invite(
            email="AYESHA@mills.example", role=Role.VIEWER, actor=open_shop.actor, at=NOON
        )

    assert refused.value.details["problems"][0]["code"] == "already_member"
    assert not Invitation.objects.exists()


def test_a_second_invitation_ends_the_first_link(
    open_shop, invited, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        members.invite(
            email="sana@mills.example", role=Role.VIEWER, actor=open_shop.actor, at=LATER
        )

    assert Invitation.objects.get().secret_hash == hash_of(secret_in(mail.outbox[-1]))
    with pytest.raises(NotFound):
        members.invitation_behind(invited)


def test_invite_stops_at_the_most_open_invitations(open_shop, monkeypatch, invited):
    monkeypatch.setattr(members, "MOST_OPEN", 1)

    with pytest.raises(RuleViolation):
        members.invite(
            email="third@mills.example", role=Role.VIEWER, actor=open_shop.actor, at=LATER
        )

    assert Invitation.objects.count() == 1


# --- accept -----------------------------------------------------------------------------------


def test_accept_makes_a_member_and_uses_the_link_up(open_shop, invited):
    sana = person("sana@mills.example")

    membership = members.accept(secret=invited, user=sana, at=LATER)

    assert (membership.user_id, membership.role) == (sana.pk, Role.OPERATOR)
    assert not Invitation.objects.exists()
    assert actions()[-1] == AuditAction.MEMBER_JOINED


def test_accept_works_from_inside_another_tenant_and_leaves_its_scope(open_shop, invited, rival):
    join(rival, sana := person("sana@mills.example"), Role.VIEWER)

    with in_tenant(rival.tenant.pk):
        members.accept(secret=invited, user=sana, at=LATER)
        left_in = scope.current().tenant_id

    assert left_in == rival.tenant.pk
    assert Membership.objects.filter(user=sana).exists()


def test_accept_a_second_time_finds_nothing(open_shop, invited):
    sana = person("sana@mills.example")
    members.accept(secret=invited, user=sana, at=LATER)

    with pytest.raises(NotFound):
        members.accept(secret=invited, user=sana, at=LATER)

    assert Membership.objects.count() == 2


def test_accept_is_refused_after_seven_days(open_shop, invited):
    sana = person("sana@mills.example")

    with pytest.raises(RuleViolation):
        members.accept(secret=invited, user=sana, at=NOON + timedelta(days=7))

    assert Membership.objects.count() == 1


def test_accept_is_refused_to_another_person(open_shop, invited, rival):
    with pytest.raises(NotAllowed):
        members.accept(secret=invited, user=rival.owner, at=LATER)

    assert Membership.objects.count() == 1
    assert Invitation.objects.exists()


def test_accept_is_refused_before_the_address_is_proved(open_shop, invited):
    impostor = person("sana@mills.example", verified=False)

    with pytest.raises(NotAllowed):
        members.accept(secret=invited, user=impostor, at=LATER)

    assert Membership.objects.count() == 1


def test_accept_is_refused_to_a_member(open_shop, invited):
    join(open_shop, sana := person("sana@mills.example"), Role.VIEWER)

    with pytest.raises(RuleViolation):
        members.accept(secret=invited, user=sana, at=LATER)

    assert Membership.objects.get(user=sana).role == Role.VIEWER


def test_a_wrong_link_leads_nowhere(open_shop, invited):
    with pytest.raises(NotFound):
        members.invitation_behind(invited[:-1] + "!")

    assert Invitation.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_slower_of_two_clicks_finds_the_seat_taken():
    shop = shop_of(person("ayesha@mills.example"))
    with in_tenant(shop.tenant.pk):
        members.invite(email="sana@mills.example", role=Role.OPERATOR, actor=shop.actor, at=NOON)
    secret, sana = secret_in(mail.outbox[-1]), person("sana@mills.example")

    def click():
        members.accept(secret=secret, user=sana, at=LATER)

    with transaction.atomic():
        click()
        slower = Beside(click)

    assert isinstance(slower.error(), NotFound)
    with in_tenant(shop.tenant.pk), transaction.atomic():
        assert Membership.objects.filter(user=sana).count() == 1


def test_the_system_invites_nobody(open_shop):
    with pytest.raises(NotAllowed):
        members.invite(
            email="sana@mills.example", role=Role.VIEWER, actor=Actor.system("test"), at=NOON
        )

    assert not Invitation.objects.exists()


def test_withdraw_a_second_time_finds_nothing(open_shop, invited):
    invitation = Invitation.objects.get()
    members.withdraw(invitation=invitation, actor=open_shop.actor, at=LATER)

    with pytest.raises(NotFound):
        members.withdraw(invitation=Invitation(pk=invitation.pk), actor=open_shop.actor, at=LATER)

    assert actions().count(AuditAction.MEMBER_REMOVED) == 1


def test_withdraw_ends_the_link(open_shop, invited):
    members.withdraw(invitation=Invitation.objects.get(), actor=open_shop.actor, at=LATER)

    with pytest.raises(NotFound):
        members.accept(secret=invited, user=person("sana@mills.example"), at=LATER)
    assert Membership.objects.count() == 1


def test_withdraw_is_refused_to_others(open_shop, invited):
    actor = Actor.person(open_shop.owner.pk, Role.OPERATOR)

    with pytest.raises(NotAllowed):
        members.withdraw(invitation=Invitation.objects.get(), actor=actor, at=LATER)

    assert Invitation.objects.exists()


# --- roles ------------------------------------------------------------------------------------


def test_change_role_is_audited(open_shop):
    membership = join(open_shop, person("sana@mills.example"), Role.VIEWER)

    members.change_role(
        membership=membership, role=Role.ACCOUNTANT, actor=open_shop.actor, at=LATER
    )

    assert Membership.objects.get(pk=membership.pk).role == Role.ACCOUNTANT
    event = AuditEvent.objects.get(action=AuditAction.MEMBER_CHANGED)
    assert event.details == {"was": "viewer", "became": "accountant"}


def test_change_role_to_the_same_writes_nothing(open_shop):
    membership = join(open_shop, person("sana@mills.example"), Role.VIEWER)

    members.change_role(membership=membership, role=Role.VIEWER, actor=open_shop.actor, at=LATER)

    assert AuditAction.MEMBER_CHANGED not in actions()


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_change_role_is_refused_to_others(open_shop, role):
    own = join(open_shop, person("sana@mills.example"), role)

    with pytest.raises(NotAllowed):
        members.change_role(membership=own, role=Role.ADMIN, actor=actor_of(own), at=LATER)

    assert Membership.objects.get(pk=own.pk).role == role


def test_an_administrator_cannot_become_an_owner(open_shop):
    own = join(open_shop, person("admin@mills.example"), Role.ADMIN)

    with pytest.raises(NotAllowed):
        members.change_role(membership=own, role=Role.OWNER, actor=actor_of(own), at=LATER)

    assert Membership.objects.get(pk=own.pk).role == Role.ADMIN


def test_an_administrator_cannot_unmake_an_owner(open_shop):
    join(open_shop, person("second@mills.example"), Role.OWNER)
    admin = actor_of(join(open_shop, person("admin@mills.example"), Role.ADMIN))
    target = Membership.objects.get(user=open_shop.owner)

    with pytest.raises(NotAllowed):
        members.change_role(membership=target, role=Role.VIEWER, actor=admin, at=LATER)
    with pytest.raises(NotAllowed):
        members.remove(membership=target, actor=admin, at=LATER)

    assert Membership.objects.get(pk=target.pk).role == Role.OWNER


def test_the_last_owner_stays_owner(open_shop):
    own = Membership.objects.get()

    with pytest.raises(RuleViolation) as refused:
        members.change_role(membership=own, role=Role.VIEWER, actor=open_shop.actor, at=LATER)

    assert refused.value.details["problems"][0]["code"] == "last_owner"
    assert Membership.objects.get().role == Role.OWNER


def test_the_last_owner_cannot_be_removed(open_shop):
    with pytest.raises(RuleViolation):
        members.remove(membership=Membership.objects.get(), actor=open_shop.actor, at=LATER)

    assert Membership.objects.count() == 1
    assert AuditAction.MEMBER_REMOVED not in actions()


def test_an_owner_may_go_when_another_stays(open_shop):
    join(open_shop, person("second@mills.example"), Role.OWNER)

    members.remove(
        membership=Membership.objects.get(user=open_shop.owner), actor=open_shop.actor, at=LATER
    )

    assert Membership.objects.get().user.email == "second@mills.example"


def test_remove_is_audited_and_a_second_time_finds_nobody(open_shop):
    membership = join(open_shop, person("sana@mills.example"), Role.VIEWER)
    members.remove(membership=membership, actor=open_shop.actor, at=LATER)

    with pytest.raises(NotFound):
        members.remove(membership=Membership(pk=membership.pk), actor=open_shop.actor, at=LATER)

    assert actions().count(AuditAction.MEMBER_REMOVED) == 1
    assert Membership.objects.count() == 1


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_remove_is_refused_to_others(open_shop, role):
    own = join(open_shop, person("sana@mills.example"), role)

    with pytest.raises(NotAllowed):
        members.remove(membership=own, actor=actor_of(own), at=LATER)

    assert Membership.objects.filter(pk=own.pk).exists()


def test_another_tenants_member_is_not_found(open_shop, rival):
    with in_tenant(rival.tenant.pk):
        foreign = Membership.objects.get()

    with pytest.raises(NotFound):
        members.change_role(membership=foreign, role=Role.VIEWER, actor=open_shop.actor, at=LATER)
    with pytest.raises(NotFound):
        members.remove(membership=foreign, actor=open_shop.actor, at=LATER)

    with in_tenant(rival.tenant.pk):
        assert Membership.objects.get().role == Role.OWNER


@pytest.mark.django_db(transaction=True)
def test_of_two_owners_who_leave_at_once_the_slower_stays():
    shop = shop_of(person("ayesha@mills.example"))
    second = join(shop, person("second@mills.example"), Role.OWNER)

    def second_leaves():
        with in_tenant(shop.tenant.pk):
            members.remove(membership=second, actor=actor_of(second), at=LATER)

    with in_tenant(shop.tenant.pk), transaction.atomic():
        first = Membership.objects.get(user=shop.owner)
        members.remove(membership=first, actor=shop.actor, at=LATER)
        slower = Beside(second_leaves)

    assert isinstance(slower.error(), RuleViolation)
    with in_tenant(shop.tenant.pk), transaction.atomic():
        assert Membership.objects.get().user_id == second.user_id
