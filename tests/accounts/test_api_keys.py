import re
from datetime import timedelta

import pytest
from django.db import connection
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.test import APIRequestFactory

from accounts.access import SCOPES, Actor
from accounts.api_auth import KeyAuthentication
from accounts.enums import AuditAction, Permission, Role
from accounts.models import ApiKey, AuditEvent
from accounts.secret_hash import hash_of
from accounts.services import api_keys
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation, StateConflict
from tests.accounts.cast import NOON


def make(shop, **changes):
    given = {"name": "Till 1", "scopes": ["view"], "days": 30, "actor": shop.actor, "at": NOON}
    return api_keys.make(**given | changes)


def signed_in_by(text):
    request = APIRequestFactory().get("/", headers={"authorization": f"Bearer {text}"})
    return KeyAuthentication().authenticate(request)


def test_make_returns_the_text_once_and_stores_only_its_hash(open_shop):
    key, text = make(open_shop)

    assert re.fullmatch(r"si_[A-Za-z0-9_-]{43}", text)
    assert key.key_hash == hash_of(text)
    assert text.startswith(key.prefix)
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(k)::text FROM accounts_apikey k")
        assert text not in cursor.fetchone()[0]
        cursor.execute("SELECT row_to_json(a)::text FROM accounts_auditevent a")
        assert not any(text in row for (row,) in cursor.fetchall())


def test_make_says_who_until_when_and_for_what(open_shop):
    key, _text = make(open_shop, scopes=["view", "issue_invoice", "view"], days=365)

    assert (key.made_by_id, key.tenant_id) == (open_shop.owner.pk, open_shop.tenant.pk)
    assert key.expires_at == NOON + timedelta(days=365)
    assert key.scopes == ["issue_invoice", "view"]
    event = AuditEvent.objects.get(action=AuditAction.KEY_MADE)
    assert event.details == {"scopes": ["issue_invoice", "view"], "days": 365}


def test_two_keys_differ(open_shop):
    assert make(open_shop)[1] != make(open_shop)[1]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "x" * 81}),
        ("scopes", {"scopes": []}),
        ("scopes", {"scopes": ["view", "everything"]}),
        ("scopes", {"scopes": [Permission.MANAGE_KEYS]}),
        ("scopes", {"scopes": [Permission.MANAGE_MEMBERS]}),
        ("scopes", {"scopes": [Permission.MANAGE_BUSINESS]}),
        ("days", {"days": 0}),
        ("days", {"days": -1}),
        ("days", {"days": 366}),
    ],
)
def test_make_refuses_and_names_the_field(open_shop, field, changes):
    with pytest.raises(RuleViolation) as refused:
        make(open_shop, **changes)

    assert [p["field"] for p in refused.value.details["problems"]] == [field]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_make_and_revoke_are_refused_to_others(open_shop, role):
    key, _text = make(open_shop)
    actor = Actor.person(open_shop.owner.pk, role)

    with pytest.raises(NotAllowed):
        make(open_shop, actor=actor)
    with pytest.raises(NotAllowed):
        api_keys.revoke(key=key, actor=actor, at=NOON)

    assert ApiKey.objects.get().revoked_at is None


def test_a_key_may_no_more_than_who_makes_it(open_shop):
    only_keys = Actor(
        name="user:x",
        permissions=frozenset({Permission.MANAGE_KEYS}),
        user_id=open_shop.owner.pk,
    )

    with pytest.raises(RuleViolation):
        make(open_shop, actor=only_keys, scopes=["view"])

    assert not ApiKey.objects.exists()


def test_a_key_cannot_make_a_key(open_shop):
    key, _text = make(open_shop, scopes=[scope.value for scope in SCOPES])

    with pytest.raises(NotAllowed):
        make(open_shop, actor=Actor.key(key.pk, key.scopes))

    assert ApiKey.objects.count() == 1


def test_the_system_cannot_make_a_key(open_shop):
    with pytest.raises(NotAllowed):
        make(open_shop, actor=Actor.system("test"))

    assert not ApiKey.objects.exists()


def test_a_key_opens_its_tenant_with_its_scopes(open_shop):
    key, text = make(open_shop, at=clock.now())

    holder, _key = signed_in_by(text)

    assert holder.tenant_id == open_shop.tenant.pk
    assert holder.actor == Actor.key(key.pk, ["view"])
    assert not holder.actor.may(Permission.ISSUE_INVOICE)


def test_an_expired_key_opens_nothing(open_shop):
    _key, text = make(open_shop, at=clock.now() - timedelta(days=2), days=1)

    with pytest.raises(AuthenticationFailed):
        signed_in_by(text)


def test_a_revoked_key_opens_nothing(open_shop, django_capture_on_commit_callbacks):
    key, text = make(open_shop, at=clock.now())
    signed_in_by(text)  # so that it is remembered

    with django_capture_on_commit_callbacks(execute=True):
        api_keys.revoke(key=key, actor=open_shop.actor, at=NOON)

    assert ApiKey.objects.get().revoked_at == NOON
    with pytest.raises(AuthenticationFailed):
        signed_in_by(text)


def test_revoke_a_second_time_changes_nothing(open_shop):
    key, _text = make(open_shop)
    api_keys.revoke(key=key, actor=open_shop.actor, at=NOON)

    with pytest.raises(StateConflict):
        api_keys.revoke(key=key, actor=open_shop.actor, at=NOON + timedelta(days=1))

    assert ApiKey.objects.get().revoked_at == NOON
    assert AuditEvent.objects.filter(action=AuditAction.KEY_REVOKED).count() == 1
