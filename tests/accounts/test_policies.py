"""No account without an accepted text; a published text stays as it is; a change is asked about."""

import hashlib
import re
from datetime import timedelta

import psycopg2
import pytest
from allauth.account.models import EmailAddress
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.urls import reverse

from accounts import adapter, policies, policy_gate
from accounts.models import AnswerChannel, PolicyAcceptance, PolicyVersion, User
from smartinvoicing import clock
from tests import factories
from tests.accounts.cast import BACKEND, PASSWORD, person, shop_of

pytestmark = pytest.mark.django_db
TOKEN = "zarghoonapolicy"
SIGN_UP = {
    "name": TOKEN.title(),
    "email": f"{TOKEN}@mills.example",
    "password1": PASSWORD,
    "password2": PASSWORD,
}
DAY = timedelta(days=1)


@pytest.fixture
def published(db):
    return factories.make_policies()


def shown():
    return policies.digest_of(policies.to_accept("en", clock.now()))


def sign_up(**answers):
    return Client().post(reverse("account_signup"), SIGN_UP | {"texts": shown()} | answers)


def rows_with(token):
    """Tables in which a row holds the token, in any column."""
    found = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT 1 FROM {table} t WHERE t::text ILIKE %s", [f"%{token}%"])
            if cursor.fetchone():
                found.append(table)
    return found


# --- sign-up ----------------------------------------------------------------------------------


def without_acceptance():
    """People who are here without having accepted all that one has to accept."""
    return [
        user
        for user in User.objects.all()
        if {each.version.kind for each in policies.accepted(user)} != set(policies.REQUIRED)
    ]


def test_an_account_comes_with_the_exact_texts_that_were_accepted(published):
    sign_up(accept="on")

    user = User.objects.get()
    answers = policies.accepted(user)
    assert without_acceptance() == []
    assert {(a.version.kind, a.version_sha256) for a in answers} == {
        (v.kind, v.sha256) for v in policies.to_accept("en", clock.now())
    }
    assert {(a.channel, a.address_prefix) for a in answers} == {("sign_up", "127.0.0.0/24")}


def test_twin_an_account_without_the_acceptance_is_found(published, monkeypatch):
    monkeypatch.setattr(adapter.policies, "accept", lambda *args, **kwargs: None)

    sign_up(accept="on")

    assert without_acceptance() == [User.objects.get()]


def test_without_the_tick_there_is_no_account_and_nothing_is_kept(published):
    answer = sign_up()

    assert "accept" in answer.context["form"].errors
    assert not User.objects.exists()
    assert not EmailAddress.objects.exists()
    assert not PolicyAcceptance.objects.exists()
    assert rows_with(TOKEN) == []


def test_twin_with_the_tick_the_same_search_finds_the_person(published):
    sign_up(accept="on")

    assert "accounts_user" in rows_with(TOKEN)


def test_when_the_acceptance_fails_the_account_is_gone_too(published, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(adapter.policies, "accept", fail)

    with pytest.raises(RuntimeError):
        sign_up(accept="on")

    assert not User.objects.exists()


def test_the_one_required_tick_is_not_set_before_and_nothing_else_is_ticked(published):
    page = Client().get(reverse("account_signup")).content.decode()

    boxes = re.findall(r'<input type="checkbox"[^>]*>', page)
    assert len(boxes) == 1
    assert 'name="accept"' in boxes[0]
    assert "required" in boxes[0]
    assert "checked" not in boxes[0]
    assert reverse("privacy:terms") in page
    assert reverse("privacy:privacy_policy") in page


def test_nobody_can_accept_what_is_not_published():
    assert sign_up(accept="on").templates[0].name == "account/signup_closed.html"
    assert not User.objects.exists()


def test_what_changed_while_the_person_read_is_shown_again(published):
    before = shown()
    make_version("privacy", at=factories.AT + timedelta(hours=1), is_material=False)

    answer = sign_up(accept="on", texts=before)

    assert "accept" in answer.context["form"].errors
    assert answer.context["form"]["texts"].value() == shown() != before
    assert not User.objects.exists()


@pytest.mark.parametrize(
    ("address", "prefix"),
    [
        ("203.0.113.77", "203.0.113.0/24"),
        ("2001:db8:1:2::9", "2001:db8:1::/48"),
        ("", ""),
        ("nowhere", ""),
    ],
)
def test_of_an_address_only_the_network_is_kept(address, prefix):
    assert policies.prefix_of(address) == prefix


# --- what the database keeps ------------------------------------------------------------------


def make_version(kind, *, at, is_material=True, language="en"):
    """A later version, in force since `at`. Material ones need a plan: see tests/privacy."""
    last = PolicyVersion.objects.filter(kind=kind, language=language).order_by("-number").first()
    body = f"<p>version {last.number + 1}</p>\n"
    version = PolicyVersion(
        kind=kind,
        language=language,
        number=last.number + 1,
        title=last.title,
        body=body,
        sha256=hashlib.sha256(body.encode()).hexdigest(),
        is_material=is_material,
        summary="x",
        drafted_at=at,
        approver=factories.make_staff() if is_material else None,
        published_at=at,
        effective_at=at,
        told_at=at,
    )
    version.save(force_insert=True)
    return version


INSERT = (
    "INSERT INTO accounts_policyversion (id, kind, language, number, title, body, sha256,"
    " is_material, summary, diff, drafted_at, published_at, effective_at, told_at) VALUES"
    " (gen_random_uuid(), 'terms', 'en', 99, 't', %s, %s, false, 's', '', now(), now(), now(),"
    " now())"
)


@pytest.fixture
def published_row(db, owner_url):
    """A cursor of the owner of the tables, before whom a published text stands; rolled back."""
    line = psycopg2.connect(owner_url)
    cursor = line.cursor()
    cursor.execute("SET lock_timeout = '5s'")
    cursor.execute(INSERT, ["a", hashlib.sha256(b"a").hexdigest()])
    yield cursor
    line.rollback()
    line.close()


CHANGES = [
    "UPDATE accounts_policyversion SET summary = 'other' WHERE number = 99",
    (
        "UPDATE accounts_policyversion SET body = 'b', sha256 = encode(sha256('b'), 'hex')"
        " WHERE number = 99"
    ),
    (
        "UPDATE accounts_policyversion SET effective_at = effective_at + interval '1 day'"
        " WHERE number = 99"
    ),
    (
        "UPDATE accounts_policyversion SET published_at = NULL, effective_at = NULL, told_at = NULL"
        " WHERE number = 99"
    ),
    "DELETE FROM accounts_policyversion WHERE number = 99",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_published_text_does_not_change(published_row, change):
    with pytest.raises(psycopg2.errors.CheckViolation) as refused:
        published_row.execute(change)

    assert refused.value.diag.constraint_name == "policy_immutable"


@pytest.mark.parametrize("change", CHANGES)
def test_twin_without_the_trigger_it_does(published_row, change):
    published_row.execute("SET CONSTRAINTS ALL IMMEDIATE")
    published_row.execute("ALTER TABLE accounts_policyversion DISABLE TRIGGER policy_version_guard")

    published_row.execute(change)

    assert published_row.rowcount == 1


def test_a_text_is_what_its_hash_says(published):
    last = published[0]

    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyVersion.objects.create(
            kind=last.kind,
            language=last.language,
            number=7,
            title="t",
            body="a",
            sha256=hashlib.sha256(b"b").hexdigest(),
            summary="s",
            drafted_at=factories.AT,
        )


def test_an_answer_is_about_exactly_a_published_text(published):
    user = person("a@mills.example")
    version = published[0]

    with pytest.raises(IntegrityError), transaction.atomic():
        PolicyAcceptance.objects.create(
            version=version,
            version_sha256="0" * 64,
            user_id=user.pk,
            channel=AnswerChannel.ASKED,
            at=factories.AT,
        )
    policies.accept(user, version, at=factories.AT, address="")


# --- after a sign-in --------------------------------------------------------------------------


@pytest.fixture
def material(published, without_plan):
    """A material change of the privacy policy, in force since yesterday."""
    return make_version("privacy", at=clock.now() - DAY)


@pytest.fixture
def without_plan(transactional_db, laid_database):
    """These tests are about the question; that a change needs a plan is tested elsewhere."""
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_policyversion DISABLE TRIGGER policy_needs_notice")
    yield
    with laid_database.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_policyversion ENABLE TRIGGER policy_needs_notice")


def signed_in(user):
    browser = Client()
    browser.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    return browser


def long_known(email="old@mills.example"):
    return shop_of(person(email, date_joined=factories.AT - 30 * DAY)).owner


def test_a_material_change_is_asked_about_before_work_goes_on(material):
    browser = signed_in(long_known())

    assert browser.get("/")["Location"] == reverse("privacy:please_read")
    assert browser.get(reverse("privacy:please_read")).status_code == 200
    assert browser.get(reverse("privacy:policies")).status_code == 200
    assert browser.get(reverse("privacy:privacy_policy")).status_code == 200


def test_twin_without_the_gate_work_goes_on(material, settings):
    gate = "accounts.policy_gate.PolicyGate"
    settings.MIDDLEWARE = [each for each in settings.MIDDLEWARE if each != gate]

    assert signed_in(long_known()).get("/").status_code == 200


def test_a_yes_lets_work_go_on_and_is_not_asked_again(material):
    user = long_known()
    browser = signed_in(user)

    answer = browser.post(reverse("privacy:please_read"), {"accept": "1", "texts": material.sha256})

    assert answer["Location"] == reverse("invoices:dashboard")
    assert browser.get("/").status_code == 200
    assert signed_in(user).get("/").status_code == 200
    assert policies.standing_of(user, material) is True


def test_a_no_keeps_reading_and_the_ways_out_open_and_all_else_shut(material):
    user = long_known()
    browser = signed_in(user)

    answer = browser.post(
        reverse("privacy:please_read"), {"decline": "1", "texts": material.sha256}
    )

    assert answer["Location"] == reverse("privacy:declined")
    for name in ("privacy:declined", "privacy:mine", "privacy:policies"):
        assert browser.get(reverse(name)).status_code == 200, name
    assert browser.get(reverse("privacy:closure")).status_code in {200, 302}
    for name in ("invoices:dashboard", "invoices:list", "accounts:business"):
        assert browser.get(reverse(name))["Location"] == reverse("privacy:please_read")
    assert signed_in(user).get("/")["Location"] == reverse("privacy:please_read")
    assert policies.standing_of(user, material) is False


def test_an_answer_to_another_text_than_was_shown_is_none(material):
    user = long_known()

    signed_in(user).post(reverse("privacy:please_read"), {"accept": "1", "texts": "0" * 64})

    assert policies.accepted(user) == []


def test_who_came_after_the_change_is_not_asked(material):
    user = shop_of(person("new@mills.example")).owner

    assert signed_in(user).get("/").status_code == 200


def test_a_page_costs_no_query_for_the_question(published, django_assert_num_queries):
    user = long_known()
    browser = signed_in(user)

    assert policy_gate.SESSION_KEY not in browser.session
    with django_assert_num_queries(0):
        gate = policy_gate.PolicyGate(lambda request: None)
        request = type(
            "R", (), {"user": user, "session": {}, "path": "/", "resolver_match": None}
        )()
        assert gate.process_view(request, None, (), {}) is None


def test_force_login_in_a_test_is_no_sign_in(material):
    """Tests of everything else sign in past the question, and are asked nothing."""
    client = Client()
    client.force_login(long_known(), backend=BACKEND)

    assert client.get("/").status_code == 200
