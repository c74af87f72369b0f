"""Pages of tills: what they show, in words that say what to do; forms that store."""

from __future__ import annotations

import pytest
from django.db import transaction
from django.urls import reverse

from accounts import tenancy
from accounts.enums import Role
from fbr.models import Credential
from fbr.services import credentials, tills
from invoices.models import PosTerms, Till
from tests import factories
from tests.factories import AT, SYSTEM, make_bill

TOKEN = "3f2a9c71-5d8e-4b60-9a1f-0c7e2d4b8e55"
NEW = {
    "environment": "sandbox",
    "pos_id": "817001",
    "name": "Counter 1",
    "branch": "Mall Road",
    "address": "Lahore",
    "transport": "cloud",
}
TERMS = {
    "terms-amounts": "gross_line",
    "terms-service_fee": "printed",
    "terms-bank_as": "2",
    "terms-credit_as": "1",
    "terms-usual_pct_code": "98211000",
}


@pytest.fixture
def browser(client, owner):
    client.force_login(owner)
    return client


def text_of(answer):
    return answer.content.decode()


@pytest.fixture
def till(inside):
    return factories.make_till(token=TOKEN)


def at_till(name, till):
    return reverse(f"fbr:{name}", args=[till.pk])


def test_a_business_without_tills_is_told_what_they_are(browser):
    page = browser.get(reverse("fbr:tills"))

    assert page.status_code == 200
    assert "No tills yet" in text_of(page)


def test_a_till_is_registered_on_the_page(browser, business, inside):
    stored = browser.post(reverse("fbr:tills"), NEW)

    till = Till.objects.get()
    assert (stored.status_code, stored["Location"]) == (302, at_till("till", till))
    assert (till.pos_id, till.branch) == (817001, "Mall Road")
    assert "817001" in text_of(browser.get(reverse("fbr:tills")))


def test_what_is_wrong_stands_at_its_field_and_the_text_stays(browser, inside):
    refused = browser.post(reverse("fbr:tills"), NEW | {"pos_id": "12", "name": "Front desk"})

    page = text_of(refused)
    assert refused.status_code == 422
    assert "six digits" in page
    assert 'value="Front desk"' in page
    assert not Till.objects.exists()


def test_the_list_says_how_each_till_stands(browser, till):
    factories.make_till(name="Two", pos_id="817002")
    factories.make_till(name="Three", pos_id="817003", transport="agent")
    retired = factories.make_till(name="Four", pos_id="817004")
    tills.retire(till=retired, actor=SYSTEM, at=AT)
    factories.make_issued(make_bill(till))

    page = text_of(browser.get(reverse("fbr:tills")))

    for words in (
        "Token stored",
        "No token yet",
        "Waits for the shop",
        "Retired",
        "1 bill waits",
    ):
        assert words in page


def test_the_terms_are_stored_and_shown(browser, inside):
    stored = browser.post(reverse("fbr:till_terms"), TERMS)

    terms = PosTerms.objects.get()
    assert stored.status_code == 302
    assert (terms.amounts, terms.service_fee, terms.usual_pct_code) == (
        "gross_line",
        "printed",
        "98211000",
    )
    assert 'value="98211000"' in text_of(browser.get(reverse("fbr:tills")))


def test_terms_that_are_wrong_stay_on_the_page(browser, inside):
    refused = browser.post(reverse("fbr:till_terms"), TERMS | {"terms-usual_pct_code": "9821.1000"})

    assert refused.status_code == 422
    assert "eight digits" in text_of(refused)
    assert not PosTerms.objects.exists()


def test_a_till_is_changed_on_its_page(browser, till):
    page = at_till("till", till)
    changed = browser.post(page, NEW | {"name": "Front", "transport": "agent"})

    assert changed.status_code == 302
    assert Till.objects.get().name == "Front"
    assert "shop&#x27;s own computer" in text_of(browser.get(page))
    assert browser.post(page, NEW | {"pos_id": "x"}).status_code == 422


def test_a_token_goes_in_and_never_comes_out(browser, inside):
    till = factories.make_till()

    stored = browser.post(at_till("till_token", till), {"token": TOKEN})

    page = text_of(browser.get(at_till("till", till)))
    assert stored.status_code == 302
    assert Credential.objects.get().last_four in page
    assert TOKEN not in page
    refused = browser.post(at_till("till_token", till), {"token": "short"})
    assert (refused.status_code, "short" in text_of(refused)) == (422, False)


@pytest.mark.parametrize(
    ("why", "words"),
    [
        ("code 104", "does not let this till report"),
        ("code 112", "takes no bills of this till from our server"),
        ("gateway fault 900901", "does not know this token"),
        ("gateway fault 900908", "not for this"),
    ],
)
def test_a_held_till_says_why_and_what_to_do(browser, till, why, words):
    invoice = factories.make_issued(make_bill(till))
    credential = Credential.objects.get()
    credentials.hold(credential=credential, why=why, actor=SYSTEM, at=AT)

    till_page = text_of(browser.get(at_till("till", till)))
    bill_page = text_of(browser.get(reverse("fbr:panel", args=[invoice.pk])))

    assert words in till_page
    assert words in bill_page
    assert at_till("till", till) in bill_page

    released = browser.post(at_till("till_release", till))
    assert released.status_code == 302
    assert Credential.objects.get().held_at is None


def test_a_bill_says_that_its_till_reports_from_the_shop(browser, inside):
    till = factories.make_till(transport="agent")
    invoice = factories.make_issued(make_bill(till))

    page = text_of(browser.get(reverse("fbr:panel", args=[invoice.pk])))

    assert "This till reports from the shop" in page
    assert "it is not lost" in page
    assert at_till("till", till) in page


def test_a_bill_without_a_token_says_so(browser, inside):
    invoice = factories.make_issued(make_bill(factories.make_till()))

    page = text_of(browser.get(reverse("fbr:panel", args=[invoice.pk])))

    assert "The till has no token that FBR takes" in page


def test_a_till_is_retired_after_a_question(browser, till):
    assert "Retire Counter 1?" in text_of(browser.get(at_till("till", till)))

    browser.post(at_till("till_retire", till))

    assert Till.objects.get().retired_at is not None
    assert "Retire Counter 1?" not in text_of(browser.get(at_till("till", till)))


def test_the_sheet_holds_what_iris_asks_for(browser, inside):
    factories.make_till(branch="Mall Road")
    page = text_of(browser.get(reverse("fbr:till_sheet")))

    for words in ("7000007", "Cloud Based", "Mall Road", "817001", "MAC address", "Technical"):
        assert words in page


def test_the_sheet_is_of_use_before_there_is_a_till(browser):
    page = text_of(browser.get(reverse("fbr:till_sheet")))

    assert "Own identification" in page
    assert "Lahore" in page


@pytest.mark.parametrize("role", [Role.OPERATOR, Role.ACCOUNTANT, Role.VIEWER])
def test_the_pages_of_tills_are_the_owners(client, business, till, role):
    client.force_login(factories.make_member(business, role))

    for name in ("tills", "till_sheet"):
        assert client.get(reverse(f"fbr:{name}")).status_code == 403
    assert client.get(at_till("till", till)).status_code == 403
    assert client.post(at_till("till_retire", till)).status_code == 403
    assert Till.objects.get().retired_at is None


def test_the_list_costs_the_same_for_one_till_and_for_ten(
    browser, inside, django_assert_num_queries
):
    counts = []
    for more in (1, 9):
        for number in range(more):
            factories.make_till(name=f"T{number}", pos_id=f"8{more}00{number}1"[:6])
        with django_assert_num_queries(30, exact=False) as ran:
            browser.get(reverse("fbr:tills"))
        counts.append(len(ran))

    assert counts[0] == counts[1]


# --- the test button -----------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("token", "words"),
    [
        ("demo-pos-sandbox-token-0000-817001", "FBR takes this token"),
        ("nobody-knows-this-one", "FBR does not know this token"),
    ],
)
def test_the_button_asks_fbr_and_says_what_it_said(
    client, transactional_db, fake_fbr, settings, token, words
):
    settings.FBR_POS_SANDBOX_URL = fake_fbr.url
    tenant = factories.make_tenant("Shop")
    client.force_login(factories.make_member(tenant, Role.OWNER))
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        till = factories.make_till(token=token)

    answer = client.post(at_till("till_test", till), follow=True)

    assert answer.status_code == 200
    assert words in text_of(answer)
    assert fake_fbr.ledger()["recorded"] == []


def test_the_light_of_a_shop_that_has_tills_only_goes_by_a_tills_token(browser, inside):
    before = text_of(browser.get(reverse("fbr:light")))
    factories.make_till(token=TOKEN)

    after = text_of(browser.get(reverse("fbr:light")))

    assert "No FBR token yet" in before
    assert "No FBR token yet" not in after
