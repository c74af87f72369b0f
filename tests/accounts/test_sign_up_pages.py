"""A newcomer's way: sign up, prove the address, open the business, arrive."""

import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client
from django.urls import reverse

from accounts import policies, selectors
from accounts.enums import Role
from accounts.models import User
from smartinvoicing import clock
from tests import factories
from tests.accounts.cast import (
    PARTICULARS,
    PASSWORD,
    CountingHasher,
    browser_of,
    join,
    person,
)

pytestmark = pytest.mark.django_db
SIGN_UP = {
    "name": "Ayesha Khan",
    "email": "Ayesha@Mills.Example",
    "password1": PASSWORD,
    "password2": PASSWORD,
    "accept": "on",
}
BUSINESS = PARTICULARS


@pytest.fixture
def sign_up(db, django_capture_on_commit_callbacks):
    """Post the form of sign-up, about the texts that hold, and let the mails leave."""
    factories.make_policies()
    texts = policies.digest_of(policies.to_accept("en", clock.now()))

    def post(client, **changes):
        with django_capture_on_commit_callbacks(execute=True):
            return client.post(reverse("account_signup"), SIGN_UP | {"texts": texts} | changes)

    return post


def link_in(message):
    return re.search(r"https?://testserver(/\S+)", message.body)[1]


def test_a_newcomer_arrives_at_the_dashboard(sign_up):
    browser = Client()
    assert sign_up(browser)["Location"] == reverse("account_email_verification_sent")

    assert mail.outbox[0].to == ["ayesha@mills.example"]
    proof = link_in(mail.outbox[0])
    assert "Yes, it is mine" in Client().get(proof).content.decode()
    Client().post(proof)  # the mail is opened on the phone
    assert EmailAddress.objects.get().verified

    credentials = {"login": "ayesha@mills.example", "password": PASSWORD}
    signed_in = browser.post(reverse("account_login"), credentials)
    assert signed_in["Location"] == reverse("accounts:welcome")
    assert browser.get(signed_in["Location"]).status_code == 200

    opened = browser.post(reverse("accounts:welcome"), BUSINESS)
    assert opened["Location"] == reverse("invoices:dashboard")
    assert browser.get(opened["Location"]).status_code == 200

    user = User.objects.get()
    assert (user.email, user.name) == ("ayesha@mills.example", "Ayesha Khan")
    assert user.password != PASSWORD
    [membership] = selectors.memberships_of(user.pk)
    assert (membership.role, membership.tenant.name) == (Role.OWNER, PARTICULARS["name"])


def test_in_the_same_browser_the_link_leads_straight_on(sign_up, settings):
    settings.ACCOUNT_LOGIN_ON_EMAIL_CONFIRMATION = True
    browser = Client()
    sign_up(browser)

    response = browser.post(link_in(mail.outbox[0]))

    assert response["Location"] == reverse("accounts:welcome")


def test_without_the_proof_nobody_gets_in(sign_up):
    browser = Client()
    sign_up(browser)

    response = browser.post(
        reverse("account_login"), {"login": "ayesha@mills.example", "password": PASSWORD}
    )

    assert response["Location"] == reverse("account_email_verification_sent")
    assert browser.get(reverse("accounts:welcome")).status_code == 302


def test_a_known_address_gets_the_same_answer_and_another_mail(sign_up):
    person("ayesha@mills.example", name="The first")

    answer = sign_up(Client())

    assert answer["Location"] == reverse("account_email_verification_sent")
    assert User.objects.get().name == "The first"
    assert mail.outbox[0].subject == "You have an account already"


def test_known_and_unknown_people_cost_the_same_hashing(sign_up, settings):
    settings.PASSWORD_HASHERS = ["tests.accounts.cast.CountingHasher"]
    person("known@mills.example")

    def cost_of(deed, *args, **kwargs):
        before = CountingHasher.count
        deed(*args, **kwargs)
        return CountingHasher.count - before

    def sign_in(email):
        Client().post(reverse("account_login"), {"login": email, "password": "wrong"})

    assert cost_of(sign_up, Client(), email="known@mills.example") == 1
    assert cost_of(sign_up, Client(), email="unknown@mills.example") == 1
    assert cost_of(sign_in, "known@mills.example") == 1
    assert cost_of(sign_in, "nobody@mills.example") == 1


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "Ayesha\u202e"}, "name"),
        ({"email": "nobody"}, "email"),
        ({"password1": "short", "password2": "short"}, "password1"),
        ({"password2": "another long password"}, "password2"),
        ({"accept": ""}, "accept"),
        ({"texts": "0" * 64}, "accept"),
    ],
)
def test_sign_up_refuses_and_keeps_what_was_typed(sign_up, changes, field):
    response = sign_up(Client(), **changes)

    assert field in response.context["form"].errors
    assert response.context["form"]["email"].value() == (SIGN_UP | changes)["email"]
    assert not User.objects.exists()
    assert mail.outbox == []


def test_the_mail_says_nothing_that_a_stranger_typed(sign_up):
    sign_up(Client(), name="Win a prize at evil.example")

    assert "evil.example" not in mail.outbox[0].body + mail.outbox[0].subject


def test_welcome_refuses_and_keeps_what_was_typed():
    user = person("ayesha@mills.example")

    response = browser_of(user).post(
        reverse("accounts:welcome"), BUSINESS | {"ntn_cnic": "12", "address": "7 Mall Road"}
    )

    assert response.status_code == 422
    assert response.context["form"].errors.as_data()["ntn_cnic"][0].fix
    assert "7 Mall Road" in response.content.decode()
    assert selectors.memberships_of(user.pk) == []


def test_a_member_goes_to_work_after_sign_in(shop):
    response = Client().post(
        reverse("account_login"), {"login": "AYESHA@mills.example", "password": PASSWORD}
    )

    assert response["Location"] == reverse("invoices:dashboard")


def test_sign_in_goes_where_the_person_wanted_to_go_and_nowhere_else(shop):
    for wanted, goes in [("/people/", "/people/"), ("https://evil.example/", "/")]:
        response = Client().post(
            reverse("account_login"),
            {"login": shop.owner.email, "password": PASSWORD, "next": wanted},
        )
        assert response["Location"] == goes


def test_a_reset_link_is_mailed_and_an_unknown_address_gets_the_same_answer(
    shop, django_capture_on_commit_callbacks
):
    answers = []
    for email in (shop.owner.email, "nobody@mills.example"):
        with django_capture_on_commit_callbacks(execute=True):
            answers.append(Client().post(reverse("account_reset_password"), {"email": email}))

    assert answers[0]["Location"] == answers[1]["Location"]
    assert [message.subject for message in mail.outbox] == [
        "Set a new password",
        "No account with this address",
    ]


def test_an_invited_newcomer_joins_and_opens_nothing(
    open_shop, sign_up, django_capture_on_commit_callbacks
):
    owner = browser_of(open_shop.owner)
    with django_capture_on_commit_callbacks(execute=True):
        owner.post(reverse("accounts:invite"), {"email": "sana@mills.example", "role": "operator"})
    link = re.search(r"/invitation/\S+/", mail.outbox[0].body)[0]
    sana = join(open_shop, person("other@mills.example"), Role.VIEWER).user
    assert Client().get(link)["Location"] == f"/accounts/login/?next={link}"
    assert browser_of(sana).post(link).status_code == 403

    newcomer = browser_of(person("sana@mills.example"))
    assert open_shop.tenant.name in newcomer.get(link).content.decode()
    joined = newcomer.post(link)

    assert joined["Location"] == reverse("invoices:dashboard")
    assert newcomer.get(joined["Location"]).context["tenant"] == open_shop.tenant
    assert newcomer.get(link).status_code == 404
