"""The second factor: sealed where it lies, open for a step to each side, once."""

import json
from importlib import import_module

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.utils import decrypt
from django.apps import apps
from django.core.cache import cache
from django.db import transaction
from django.test import Client
from django.urls import reverse

from accounts.services import second_factor
from smartinvoicing.crypto import CannotOpen
from tests import factories
from tests.accounts.cast import NOON, PASSWORD, Beside, person

pytestmark = pytest.mark.django_db
SECRET = factories.TOTP_SECRET


@pytest.fixture
def ayesha():
    user = person("ayesha@mills.example")
    factories.enrol(user)
    return user


@pytest.fixture
def at_noon():
    with time_machine.travel(NOON, tick=False):
        yield


def factor_of(user):
    return Authenticator.objects.get(user=user, type=Authenticator.Type.TOTP)


def sign_in(user, code):
    """Whether a password and then this code open the door, as if no cache remembered it."""
    cache.clear()
    browser = Client()
    browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    browser.post(reverse("mfa_authenticate"), {"code": code})
    return "_auth_user_id" in browser.session


# --- at rest ----------------------------------------------------------------------------------


def test_what_codes_are_made_from_lies_sealed(ayesha):
    RecoveryCodes.activate(ayesha)
    [spare] = Authenticator.objects.filter(type=Authenticator.Type.RECOVERY_CODES)
    data = factor_of(ayesha).data

    assert SECRET not in json.dumps(data)
    assert decrypt(data["secret"]) == SECRET
    assert decrypt(spare.data["seed"]) != spare.data["seed"]
    assert sign_in(ayesha, spare.wrap().get_unused_codes()[0])


def test_it_opens_with_the_key_of_this_installation_alone(ayesha, settings):
    settings.FIELD_KEYS = [b"k" * 32]

    with pytest.raises(CannotOpen):
        decrypt(factor_of(ayesha).data["secret"])


def test_what_lay_open_is_sealed_by_the_migration_and_opened_by_its_way_back(ayesha):
    old = factor_of(ayesha)
    old.data = {"secret": SECRET}
    old.save()
    RecoveryCodes.activate(ayesha)
    migration = import_module("accounts.migrations.0017_seal_factors")
    seeds = Authenticator.objects.filter(type=Authenticator.Type.RECOVERY_CODES)
    seeds.update(data={"seed": "ab" * 20, "used_mask": 5})

    migration.rewritten(migration.seal)(apps, None)

    assert decrypt(factor_of(ayesha).data["secret"]) == SECRET
    assert decrypt(seeds.get().data["seed"]) == "ab" * 20
    assert seeds.get().data["used_mask"] == 5
    migration.rewritten(migration.unseal)(apps, None)
    assert factor_of(ayesha).data == {"secret": SECRET}


# --- a code -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("steps", "opens"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
def test_a_clock_may_be_a_step_off(ayesha, at_noon, steps, opens):
    assert sign_in(ayesha, factories.code(steps=steps)) is opens


def test_a_code_opens_once_as_long_as_it_lives(ayesha):
    with time_machine.travel(NOON, tick=False) as now:
        code = factories.code()
        assert sign_in(ayesha, code)

        now.shift(31)

        assert not sign_in(ayesha, code)
        assert sign_in(ayesha, factories.code())


def test_twin_without_the_last_step_a_code_opens_twice(ayesha, monkeypatch):
    monkeypatch.setattr(second_factor, "take_step", lambda factor, code: True)

    with pytest.raises(AssertionError):
        test_a_code_opens_once_as_long_as_it_lives(ayesha)


def test_after_a_code_none_of_an_earlier_step_opens(ayesha, at_noon):
    assert sign_in(ayesha, factories.code(steps=1))

    assert not sign_in(ayesha, factories.code())


def test_what_opened_the_door_does_not_prove_oneself_again(ayesha, at_noon):
    browser = Client()
    browser.post(reverse("account_login"), {"login": ayesha.email, "password": PASSWORD})
    browser.post(reverse("mfa_authenticate"), {"code": factories.code()})
    cache.clear()

    refused = browser.post(reverse("mfa_reauthenticate"), {"code": factories.code()})
    taken = browser.post(reverse("mfa_reauthenticate"), {"code": factories.code(steps=1)})

    assert (refused.status_code, taken.status_code) == (200, 302)
    assert "Incorrect code" in refused.content.decode()


@pytest.mark.django_db(transaction=True)
def test_of_two_who_bring_one_code_together_one_gets_in(ayesha):
    factor, code = factor_of(ayesha), factories.code()
    opened = []
    with transaction.atomic():
        opened.append(second_factor.take_step(factor, code))
        other = Beside(lambda: opened.append(second_factor.take_step(factor, code)))

    assert other.error() is None
    assert opened == [True, False]
