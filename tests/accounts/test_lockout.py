"""Five wrong passwords lock one person at one address: not their office, not their other doors."""

import pytest
from axes.models import AccessAttempt
from django.test import Client, RequestFactory

from accounts import lockout
from tests.accounts.cast import PASSWORD, person

pytestmark = pytest.mark.django_db
LOGIN = "/accounts/login/"
HERE, ELSEWHERE = "203.0.113.7", "198.51.100.9"


def try_to_sign_in(email, password, address=HERE, **headers):
    return Client(REMOTE_ADDR=address, **headers).post(
        LOGIN, {"login": email, "password": password}
    )


@pytest.fixture
def locked():
    """Ayesha, after five wrong passwords from here."""
    user = person("ayesha@mills.example")
    codes = [try_to_sign_in(user.email, f"wrong {n}").status_code for n in range(5)]
    assert codes == [200, 200, 200, 200, 429]
    return user


def test_the_fifth_failure_locks_even_the_right_password_from_there(locked):
    response = try_to_sign_in(locked.email, PASSWORD)

    assert response.status_code == 429
    assert "_auth_user_id" not in response.client.session


def test_capitals_do_not_open_the_lock(locked):
    assert try_to_sign_in("AYESHA@Mills.example", PASSWORD).status_code == 429


def test_the_right_password_works_from_another_address(locked):
    response = try_to_sign_in(locked.email, PASSWORD, ELSEWHERE)

    assert response.status_code == 302
    assert response.client.session["_auth_user_id"] == str(locked.pk)


def test_a_colleague_at_the_same_address_is_not_locked(locked):
    colleague = person("sana@mills.example")

    assert try_to_sign_in(colleague.email, PASSWORD).status_code == 302


def test_a_forged_address_does_not_open_the_lock(locked):
    response = try_to_sign_in(locked.email, PASSWORD, HTTP_X_FORWARDED_FOR=ELSEWHERE)

    assert response.status_code == 429
    assert "_auth_user_id" not in response.client.session


def test_failures_are_counted_by_person_and_address(locked):
    attempt = AccessAttempt.objects.get()

    assert (attempt.username, attempt.ip_address) == (locked.email, HERE)
    assert PASSWORD not in attempt.post_data


def test_a_success_forgets_the_failures_before_it():
    user = person("ayesha@mills.example")
    for n in range(4):
        try_to_sign_in(user.email, f"wrong {n}")

    try_to_sign_in(user.email, PASSWORD)

    assert try_to_sign_in(user.email, "wrong again").status_code == 200


@pytest.mark.parametrize(
    ("credentials", "posted", "counted"),
    [
        ({"email": " Ayesha@Mills.example "}, {}, "ayesha@mills.example"),
        ({"username": "ayesha@mills.example"}, {}, "ayesha@mills.example"),
        (None, {"login": "AYESHA@mills.example"}, "ayesha@mills.example"),
        (None, {}, ""),
    ],
)
def test_who_is_counted(credentials, posted, counted):
    request = RequestFactory().post(LOGIN, posted)

    assert lockout.username(request, credentials) == counted
