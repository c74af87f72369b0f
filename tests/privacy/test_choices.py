"""The choice of a browser: only essential cookies before it, after a no, and under the signal."""

import re

import pytest
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from accounts import consents
from accounts.consents import Who
from accounts.enums import Purpose, Role
from accounts.forms import SignUpForm
from accounts.models import ConsentChannel, ConsentEvent, ConsentState
from privacy import cookies, middleware
from privacy.cookies import CookieKind
from privacy.models import RequestState, RequestType, UsageEvent
from privacy.services import answering, choices, request_words
from smartinvoicing import clock
from tests import factories
from tests.conftest import NOON
from tests.isolation import walk
from tests.privacy import rights_cast as cast
from tests.privacy.rights_cast import sign_in

pytestmark = pytest.mark.django_db
CHOOSE = "/privacy/choices/browser/"
GPC = {"Sec-GPC": "1"}
LINK = re.compile(rb'(?:src|href|action)="([a-z]+:)?//', re.IGNORECASE)
BANNER = b'id="consent"'
# Pages of allauth that somebody sees before signing in.
ENTRANCE = ("account_login", "account_signup", "account_reset_password")


def kinds(answer):
    """Kinds of the cookies that an answer sets (not of those it takes away)."""
    set_by = [name for name, morsel in answer.cookies.items() if morsel["max-age"] != 0]
    return {cookies.row_of(name).kind for name in set_by}


def public_pages():
    own = [reverse(each.name) for each in walk.own_routes() if not each.parameters]
    return [*own, *map(reverse, ENTRANCE)]


def crawl(client, headers=None):
    """Walk every address that needs no id; return what came of it."""
    answers = [client.get(address, headers=headers) for address in public_pages()]
    return [each for each in answers if not each.streaming]


def answered(client, answer, **more):
    return client.post(CHOOSE, {"all": answer}, **more)


# --- P10 --------------------------------------------------------------------------------------


def assert_essential_only(client, headers=None):
    answers = crawl(client, headers)

    assert len(answers) > 5
    assert {kind for each in answers for kind in kinds(each)} <= {CookieKind.ESSENTIAL}
    assert [each.request["PATH_INFO"] for each in answers if LINK.search(each.content)] == []
    assert UsageEvent.objects.count() == 0


def test_before_a_choice_only_essential_cookies(client):
    assert_essential_only(client)


def test_with_the_signal_only_essential_cookies(client):
    assert_essential_only(client, GPC)


def test_after_a_no_only_essential_cookies(client):
    answered(client, "no")

    assert_essential_only(client)
    assert set(client.cookies) <= {"csrf", "messages", "sid", cookies.CHOICE}


def test_signed_in_without_a_choice_only_essential_cookies(client, business):
    client.force_login(factories.make_member(business, Role.OWNER))

    assert_essential_only(client)


def test_twin_after_a_yes_the_crawl_finds_more(client):
    answered(client, "yes")

    with pytest.raises(AssertionError):
        assert_essential_only(client)


def test_a_cookie_that_is_not_in_the_inventory_fails(rf, settings):
    def view(request):
        answer = HttpResponse()
        answer.set_cookie("tracker", "x")
        return answer

    with pytest.raises(ImproperlyConfigured, match="tracker"):
        middleware.Consents(view)(rf.get("/"))
    settings.PRODUCTION = True
    assert "tracker" not in middleware.Consents(view)(rf.get("/")).cookies


def test_a_counting_cookie_without_a_yes_is_held_back(rf):
    def view(request):
        answer = HttpResponse()
        answer.set_cookie(cookies.VISITOR, "v" * 22)
        return answer

    assert cookies.VISITOR not in middleware.Consents(view)(rf.get("/")).cookies


# --- the banner -------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["/accounts/login/", "/privacy/choices/"])
def test_the_banner_asks_until_it_is_answered(client, address):
    assert BANNER in client.get(address).content

    answered(client, "no")

    assert BANNER not in client.get(address).content


def test_it_asks_inside_too(client, business):
    client.force_login(factories.make_member(business, Role.OWNER))

    assert BANNER in client.get("/").content


def test_it_asks_nobody_who_sends_the_signal(client):
    assert BANNER not in client.get("/accounts/login/", headers=GPC).content


def test_yes_and_no_are_of_one_size_and_weight(client):
    page = client.get("/accounts/login/").content.decode()
    banner = page[page.index('id="consent"') :].split("</section>")[0]
    looks = re.findall(r'<button class="([^"]*)" name="all" value="(yes|no)"', banner)

    assert sorted(answer for _look, answer in looks) == ["no", "yes"]
    assert len({look for look, _answer in looks}) == 1
    assert "checked" not in banner


def test_without_javascript_the_answer_leads_back_to_the_page(client):
    answer = answered(client, "no", headers={"Referer": "http://testserver/accounts/login/?a=1"})

    assert answer.status_code == 302
    assert answer["Location"] == "/accounts/login/"


def test_it_leads_to_no_other_site(client):
    answer = answered(client, "no", headers={"Referer": "https://elsewhere.example/x"})

    assert answer["Location"] == "/privacy/choices/"


def test_htmx_gets_a_word_in_its_place(client):
    answer = answered(client, "yes", headers={"HX-Request": "true"})

    assert answer.status_code == 200
    assert BANNER in answer.content
    assert b"<html" not in answer.content


def test_signing_up_asks_for_no_consent(client):
    page = client.get(reverse("account_signup")).content.decode()

    assert [each.value for each in Purpose if f'name="{each.value}"' in page] == []
    assert SignUpForm.base_fields.keys().isdisjoint(Purpose.values)


# --- what a choice does -----------------------------------------------------------------------


def test_a_no_leaves_no_number_in_the_browser(client):
    answered(client, "no")

    assert cookies.VISITOR not in client.cookies
    assert {each.state for each in ConsentEvent.objects.all()} == {ConsentState.REFUSED}
    number = ConsentEvent.objects.first().visitor
    assert number not in client.cookies[cookies.CHOICE].value


def test_a_yes_is_in_the_ledger_and_in_the_browser(client):
    answered(client, "yes")

    number = client.cookies[cookies.VISITOR].value
    event = consents.last(Purpose.ANALYTICS, who=Who(visitor=number))
    assert (event.state, event.channel) == (ConsentState.GIVEN, ConsentChannel.BANNER)
    assert event.evidence == {"cookies": cookies.fingerprint()}
    assert client.cookies[cookies.CHOICE]["max-age"] == cookies.KEPT.days * 86400
    assert client.cookies[cookies.CHOICE]["httponly"]


def test_a_cookie_alone_is_no_consent(client):
    forged = choices.Choice(given=frozenset({Purpose.ANALYTICS}))
    client.cookies[cookies.CHOICE] = choices.written(forged, clock.now())
    client.cookies[cookies.VISITOR] = "v" * 22

    client.get("/accounts/login/")

    assert UsageEvent.objects.count() == 0


def test_taking_back_is_as_easy_as_giving(client):
    for answer, is_on in (("yes", True), ("no", False)):
        client.post(CHOOSE, {"purpose": "analytics", "answer": answer})
        assert (cookies.VISITOR in seen(client)) is is_on

    page = client.get("/privacy/choices/").content
    assert page.count(b'name="answer"') == 2


@pytest.mark.parametrize("kind", ["withdrawal", "objection", "restriction"])
def test_whoever_asks_to_end_it_by_name_is_counted_no_more_in_this_browser(client, owner, kind):
    answered(client, "yes")
    sign_in(client, owner)
    client.get("/")
    number = client.cookies[cookies.VISITOR].value
    assert UsageEvent.objects.filter(visitor=number).exists()

    client.post(reverse("privacy:mine"), {"type": kind, "text": ""})
    client.get("/")

    assert not UsageEvent.objects.exists()
    assert cookies.VISITOR not in seen(client)
    assert not consents.may_use(Purpose.ANALYTICS, visitor=number, at=clock.now())


def test_twin_who_asks_for_something_else_is_counted_on(client, owner):
    answered(client, "yes")
    sign_in(client, owner)

    client.post(reverse("privacy:mine"), {"type": "why", "text": ""})

    assert UsageEvent.objects.filter(name="deed").exists()
    assert cookies.VISITOR in seen(client)


def test_whoever_proves_it_by_a_code_is_counted_no_more_in_this_browser(client, owner):
    answered(client, "yes")
    client.get("/accounts/login/")
    request = cast.from_form(owner.email, RequestType.WITHDRAWAL, at=clock.now())
    url = reverse("privacy:request", args=[request_words.secret_of(request.pk)])

    client.post(url, {"deed": "code", "code": cast.code_of(request)})

    assert cast.fresh(request).state == RequestState.DONE
    assert not UsageEvent.objects.exists()
    assert cookies.VISITOR not in seen(client)


def test_its_answer_promises_no_end_of_counting_where_there_is_no_browser(owner):
    request = cast.proved(owner, RequestType.WITHDRAWAL)

    answering.begin(request, at=NOON)

    [text] = [mail.context["text"] for mail in cast.mails("request_done")]
    assert "no statistics" not in text
    assert text.endswith(settings.PUBLIC_URL + reverse("privacy:consents"))


def seen(client):
    """The cookies that a browser would still hold."""
    return {name for name, morsel in client.cookies.items() if morsel["max-age"] != 0}


def test_one_purpose_leaves_the_other_as_it_was(client):
    answered(client, "yes")
    client.cookies["theme"] = "dark"

    client.post(CHOOSE, {"purpose": "analytics", "answer": "no"})
    assert client.cookies["theme"].value == "dark"
    assert client.cookies[cookies.CHOICE].value.endswith(".p")

    client.post(CHOOSE, {"purpose": "preferences", "answer": "no"})
    assert "theme" not in seen(client)


@pytest.mark.parametrize("body", [{}, {"all": "maybe"}, {"purpose": "analytics"}])
def test_what_is_not_a_clear_yes_is_a_no(client, body):
    client.post(CHOOSE, body)

    assert cookies.VISITOR not in client.cookies
    assert not ConsentEvent.objects.filter(state=ConsentState.GIVEN).exists()


def test_an_essential_purpose_cannot_be_named(client):
    client.post(CHOOSE, {"purpose": "marketing_email", "answer": "yes"})

    assert not ConsentEvent.objects.filter(purpose="marketing_email").exists()


# --- how long it holds ------------------------------------------------------------------------


def test_after_half_a_year_it_is_asked_again():
    made = clock.now()
    sent = {cookies.CHOICE: choices.written(choices.Choice(), made)}

    def read(at):
        return choices.read(sent, signal=False, at=at)

    assert not read(made + cookies.KEPT / 2).asks
    assert read(made + cookies.KEPT).asks


def test_another_list_of_cookies_is_asked_about_again(client, monkeypatch):
    answered(client, "yes")
    assert BANNER not in client.get("/accounts/login/").content

    known = cookies.inventory()
    one_more = cookies.Cookie(
        name="more", kind=CookieKind.ANALYTICS, purpose="more", life=cookies.KEPT
    )
    monkeypatch.setattr(cookies, "inventory", lambda: (*known, one_more))

    assert BANNER in client.get("/accounts/login/").content


@pytest.mark.parametrize("text", ["", "x", "0" * 12 + ".1.ap", "000000000000.99999999999.ap"])
def test_a_cookie_that_is_none_of_ours_is_no_choice(text):
    found = choices.read({cookies.CHOICE: text}, signal=False, at=clock.now())

    assert found.asks
    assert not found.given


# --- the signal -------------------------------------------------------------------------------


def test_the_signal_takes_back_what_was_given(client):
    answered(client, "yes")
    client.get("/accounts/login/")
    number = client.cookies[cookies.VISITOR].value
    assert UsageEvent.objects.filter(visitor=number).exists()

    client.get("/accounts/login/", headers=GPC)

    assert not UsageEvent.objects.exists()
    assert cookies.VISITOR not in seen(client)
    event = consents.last(Purpose.ANALYTICS, who=Who(visitor=number))
    assert (event.state, event.channel) == (ConsentState.WITHDRAWN, ConsentChannel.SIGNAL)


def test_under_the_signal_a_yes_is_not_taken(client):
    answered(client, "yes", headers=GPC)

    assert cookies.VISITOR not in client.cookies
    assert b'name="answer"' not in client.get("/privacy/choices/", headers=GPC).content


def test_twin_without_the_signal_it_is_taken(client):
    answered(client, "yes")

    assert cookies.VISITOR in client.cookies


# --- a flood, and a browser without cookies ---------------------------------------------------


def test_one_net_cannot_flood_the_ledger_and_a_no_still_holds(client, monkeypatch):
    monkeypatch.setattr("privacy.views.consents.MOST_AN_HOUR", 1)
    answered(client, "no")
    noted = ConsentEvent.objects.count()

    answer = answered(Client(), "yes")

    assert ConsentEvent.objects.count() == noted
    assert cookies.VISITOR not in answer.cookies
    assert answer.cookies[cookies.CHOICE].value.endswith(".")


def test_a_browser_without_cookies_gets_a_page_and_no_loop():
    stubborn = Client(enforce_csrf_checks=True)

    answer = stubborn.post("/accounts/login/", {"login": "a@b.example", "password": "x"})

    assert answer.status_code == 403
    assert b"keeps no cookies" in answer.content
    assert "Location" not in answer.headers


def test_twin_a_page_that_was_open_too_long_is_told_otherwise(client):
    stale = Client(enforce_csrf_checks=True)
    stale.get("/accounts/login/")

    answer = stale.post("/accounts/login/", {"login": "a@b.example", "password": "x"})

    assert answer.status_code == 403
    assert b"keeps no cookies" not in answer.content


# --- the list ---------------------------------------------------------------------------------


def test_each_cookie_is_explained(client):
    page = client.get("/privacy/choices/cookies/").content.decode()

    assert [each.name for each in cookies.inventory() if each.name not in page] == []
    assert {each.provider for each in cookies.inventory()} == {cookies.PROVIDER}
