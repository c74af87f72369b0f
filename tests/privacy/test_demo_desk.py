"""The demo's people of ours: two of them, with roles and a second factor that stays the same."""

import json

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import call_command

from accounts import staff
from accounts.enums import Desk
from accounts.models import User
from privacy import demo
from tests import factories
from tests.conftest import NOON

pytestmark = pytest.mark.django_db
OLD = ("tenant", "email", "password", "api_key", "staff_email", "staff_password")


@pytest.fixture
def kept(tmp_path, monkeypatch):
    path = tmp_path / "demo.json"
    monkeypatch.setattr(demo.known_secrets, "__defaults__", (path,))
    return path


def test_a_file_of_an_older_demo_is_read_and_filled_up(kept):
    made = demo.known_secrets()
    kept.write_text(json.dumps({name: getattr(made, name) for name in OLD}))

    whole = demo.known_secrets()

    assert [getattr(whole, name) for name in OLD] == [getattr(made, name) for name in OLD]
    assert whole.staff_totp_secret
    assert demo.known_secrets() == whole


def test_the_printed_secret_opens_the_second_factor(kept, capsys):
    call_command("demo", json=True)
    told = json.loads(capsys.readouterr().out)

    person = User.objects.get(email=told["staff_email"])
    factor = Authenticator.objects.get(user=person, type=Authenticator.Type.TOTP)

    assert TOTP(factor).validate_code(factories.code(told["staff_totp_secret"]))
    assert not person.is_superuser
    assert set(told) == {
        *("url", "tenant", "email", "password", "api_key", "staff_email", "staff_password"),
        *("totp_secret", "staff_totp_secret", "fake_fbr_url"),
    }


def test_there_are_two_for_what_needs_two_and_laying_again_adds_nothing(kept):
    known = demo.known_secrets()
    for _again in range(2):
        demo.lay(known, at=NOON)

    first, second = (
        User.objects.get(email=email) for email in (known.staff_email, known.second_staff_email)
    )
    assert staff.deeds_of(first) == frozenset(Desk)
    assert staff.deeds_of(second) >= {Desk.SIGN_BREACHES, Desk.GIVE_ROLES, Desk.APPROVE_PURGE}
    assert first.seats.count() == 3
    assert Authenticator.objects.filter(type=Authenticator.Type.TOTP).count() == 2


@pytest.mark.django_db(transaction=True)
def test_what_it_lays_is_as_it_must_be(kept, capsys):
    call_command("demo", json=True)

    call_command("check_invariants")

    assert "Everything is as it must be." in capsys.readouterr().out
