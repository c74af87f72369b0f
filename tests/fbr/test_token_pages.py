"""Tokens on their page: stored, dated, tested against FBR without filing anything."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
import time_machine
from django.test import Client
from django.urls import reverse

from accounts.enums import AuditAction, Environment, Role
from accounts.models import AuditEvent
from fbr import token_pages
from fbr.di import probe
from fbr.di.probe import ADVICE, Finding
from fbr.models import Credential
from fbr.outcomes import Evidence
from fbr.services import credentials
from fbr.services.credentials import bare
from smartinvoicing import clock
from smartinvoicing.errors import NotAllowed, RuleViolation
from tests import factories
from tests.conftest import NOON
from tests.factories import SYSTEM
from tests.workers import free_port

TOKEN = "demo-sandbox-token-0000-7000007"
TODAY = date(2026, 11, 20)


@pytest.fixture
def _at_noon():
    with time_machine.travel(NOON, tick=True):
        yield


@pytest.fixture
def browser(client, inside, owner, _at_noon) -> Client:
    client.force_login(owner)
    return client


@pytest.fixture
def credential(entity) -> Credential:
    return factories.make_credential(entity, TOKEN)


@pytest.fixture
def line(settings, fake_fbr):
    """FBR behind a path, as a gateway in front of it would have it."""
    settings.FBR_DI_URL = fake_fbr.url
    return fake_fbr


def text_of(response) -> str:
    return response.content.decode()


def store(browser, token=TOKEN, environment="sandbox", **more):
    given = {"environment": environment, f"{environment}-token": token}
    return browser.post(
        reverse("fbr:tokens"), given | {f"{environment}-{key}": said for key, said in more.items()}
    )


def test_of(browser, credential, **options):
    return browser.post(reverse("fbr:test_token", args=[credential.pk]), **options)


test_of.__test__ = False  # an act, no test


# --- stored -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "pasted",
    [
        f"  {TOKEN}\n",
        f"Bearer {TOKEN}",
        f"\tbearer   {TOKEN} ",
        f"Authorization: Bearer {TOKEN}",
        f"AUTHORIZATION:BEARER {TOKEN}",
    ],
)
def test_what_was_pasted_along_is_left_out(entity, pasted):
    stored = credentials.store(
        entity=entity, environment="sandbox", token=pasted, actor=SYSTEM, at=NOON
    )

    assert credentials.opened(stored) == TOKEN


@pytest.mark.parametrize("token", ["bearer-of-good-news", "Bearer", "unbearer x-token"])
def test_a_token_that_only_sounds_so_stays_whole(token):
    assert bare(token) == token


def test_the_page_offers_five_years_and_stores_the_day(browser):
    offered = browser.get(reverse("fbr:tokens")).context["slots"][0]["form"]["expires_on"]

    store(browser, expires_on="2031-11-20")

    assert offered.value() == "2031-11-20"
    assert Credential.objects.get().expires_on == date(2031, 11, 20)
    assert "20 Nov 2031" in text_of(browser.get(reverse("fbr:tokens")))


def test_the_day_may_be_left_out(browser):
    assert store(browser, expires_on=" ").status_code == 302
    assert Credential.objects.get().expires_on is None


@pytest.mark.parametrize("day", ["31-11-2031", "2031-11-31", "soon", "2026-11-19"])
def test_a_day_that_is_none_or_over_is_refused(browser, day):
    response = store(browser, expires_on=day)

    assert response.status_code == 422
    assert "expires_on" in response.context["slots"][0]["form"].errors
    assert not Credential.objects.exists()


@pytest.mark.parametrize(
    ("today", "wanted"),
    [(date(2026, 11, 22), date(2031, 11, 22)), (date(2028, 2, 29), date(2033, 2, 28))],
)
def test_five_years_on_is_a_day_of_the_calendar(today, wanted):
    assert token_pages.usual_end(today) == wanted


def test_the_token_of_the_other_environment_is_recognised(browser, credential):
    response = store(browser, environment="production")

    assert response.status_code == 422
    assert "stored for FBR&#x27;s other environment" in text_of(response)
    assert Credential.objects.count() == 1


def test_a_sealed_token_that_opens_no_more_stands_in_nobodys_way(browser, credential):
    Credential.objects.update(token_sealed=b"broken")

    assert store(browser, environment="production").status_code == 302


def test_a_new_token_is_not_tested_yet(entity, credential):
    credentials.record_test(
        credential=credential, said=Finding.WORKS, works=True, actor=SYSTEM, at=NOON
    )

    credentials.store(
        entity=entity, environment="sandbox", token="another-token", actor=SYSTEM, at=NOON
    )

    stored = Credential.objects.get()
    assert (stored.tested_at, stored.test_said, stored.test_worked) == (None, "", None)


# --- tested -----------------------------------------------------------------------------------


def test_a_good_token_is_told_and_nothing_is_filed(browser, credential, line):
    response = test_of(browser, credential, follow=True)

    stored = Credential.objects.get()
    assert (stored.test_said, stored.test_worked) == (Finding.WORKS, True)
    assert "FBR takes this token" in text_of(response)
    assert [row["path"] for row in line.ledger()["requests"]] == [probe.PATH]
    assert line.ledger()["recorded"] == []
    assert AuditEvent.objects.get(action=AuditAction.CREDENTIAL_TESTED).details == {"works": True}


def test_the_path_of_fbrs_address_is_kept(browser, credential, line, settings):
    settings.FBR_DI_URL = f"{line.url}/behind/a/gateway/"

    test_of(browser, credential)

    assert [row["path"] for row in line.ledger()["requests"]] == [f"/behind/a/gateway{probe.PATH}"]
    assert Credential.objects.get().test_said == Finding.ADDRESS


@pytest.mark.parametrize(
    ("rule", "finding"),
    [
        ({"fault": "gateway_fault", "code": 900901}, Finding.REFUSED),
        ({"fault": "gateway_fault", "code": 900901, "xml": True}, Finding.REFUSED),
        ({"fault": "gateway_fault", "code": 900908}, Finding.FORBIDDEN),
        ({"fault": "403"}, Finding.FORBIDDEN),
        ({"fault": "429"}, Finding.BUSY),
        ({"fault": "gateway_fault", "code": 303001}, Finding.DOWN),
        ({"fault": "502"}, Finding.DOWN),
        ({"fault": "404"}, Finding.ADDRESS),
        ({"fault": "html_200"}, Finding.ODD),
        ({"fault": "reset_before"}, Finding.NO_LINE),
    ],
    ids=str,
)
def test_each_answer_has_words_and_says_whose_fault_it_is(browser, credential, line, rule, finding):
    line.script([{"path": "any", **rule}])

    response = test_of(browser, credential, follow=True)

    stored = Credential.objects.get()
    assert (stored.test_said, stored.test_worked) == (finding, False)
    verdict = response.context["slots"][0]["verdict"]
    assert (verdict["title"], verdict["text"]) == (finding.label, ADVICE[finding])
    assert (verdict["tone"] == "danger") == (finding in {Finding.REFUSED, Finding.FORBIDDEN})


def test_a_token_that_is_not_let_in_has_three_causes(browser, credential, line):
    line.script([{"fault": "403", "path": "any"}])

    shown = text_of(test_of(browser, credential, follow=True))

    for cause in ("of a till (POS)", "other environment", "not listed in IRIS"):
        assert cause in shown


def test_nobody_at_home_is_told_as_that(browser, credential, settings):
    settings.FBR_DI_URL = f"http://127.0.0.1:{free_port()}"

    test_of(browser, credential)

    assert Credential.objects.get().test_said == Finding.NO_LINE


def test_an_unknown_token_is_refused_by_fbr(browser, entity, line):
    stranger = factories.make_credential(entity, "a-token-that-nobody-gave-out")

    test_of(browser, stranger)

    assert Credential.objects.get().test_said == Finding.REFUSED


@pytest.mark.parametrize(
    "evidence",
    [
        Evidence(sent=True, failure="ReadTimeout"),
        Evidence(sent=True, status=200, body=b"[", failure="total deadline"),
    ],
)
def test_what_comes_too_late_says_nothing_about_the_token(evidence):
    assert probe.read(evidence) == Finding.SLOW


@pytest.mark.parametrize("body", [b"[]", b"{}", b"", b"null", b'"a"', b"[1,"])
def test_only_a_list_with_something_in_it_proves_a_token(body):
    assert probe.read(Evidence(sent=True, status=200, body=body)) == Finding.ODD


def test_every_finding_has_advice():
    assert ADVICE.keys() == set(Finding)


def test_a_token_that_was_replaced_meanwhile_is_not_called_tested(entity, credential):
    credentials.store(
        entity=entity,
        environment="sandbox",
        token="the-newer-token",
        actor=SYSTEM,
        at=NOON + timedelta(seconds=1),
    )

    credentials.record_test(
        credential=credential, said=Finding.WORKS, works=True, actor=SYSTEM, at=NOON
    )

    assert Credential.objects.get().test_worked is None
    assert not AuditEvent.objects.filter(action=AuditAction.CREDENTIAL_TESTED).exists()


def test_a_held_token_that_works_again_is_offered_to_go_on(browser, credential, line):
    credentials.hold(credential=credential, why="HTTP 401", actor=SYSTEM, at=NOON)
    before = browser.get(reverse("fbr:tokens")).context["slots"][0]["held"]

    response = test_of(browser, credential, follow=True)

    after = response.context["slots"][0]["held"]
    assert (before["kind"], after["kind"]) == ("", "primary")
    assert "The test since then worked" in after["text"]
    browser.post(after["url"])
    assert Credential.objects.get().held_at is None


@pytest.mark.parametrize("role", [Role.ACCOUNTANT, Role.OPERATOR, Role.VIEWER, Role.AUDITOR])
def test_a_test_is_for_those_who_manage_the_business(client, inside, credential, line, role):
    client.force_login(factories.make_member(inside, role))

    assert test_of(client, credential).status_code == 403
    assert line.ledger()["requests"] == []


def test_who_may_not_manage_records_no_test(credential, clerk):
    with pytest.raises(NotAllowed):
        credentials.record_test(
            credential=credential, said=Finding.WORKS, works=True, actor=clerk, at=NOON
        )

    assert Credential.objects.get().tested_at is None


def test_the_token_is_on_no_page_and_in_no_row(browser, credential, line):
    response = test_of(browser, credential, follow=True)

    assert TOKEN not in text_of(response)
    assert TOKEN not in json.dumps(list(AuditEvent.objects.values_list("details", flat=True)))


# --- its last day -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "tone", "words"),
    [
        (61, None, ""),
        (60, "attention", "in 60 days"),
        (1, "attention", "tomorrow"),
        (0, "attention", "Today is its last day"),
        (-1, "danger", "was its last day"),
    ],
)
def test_the_last_day_is_warned_of_sixty_days_before(credential, days, tone, words):
    credential.expires_on = TODAY + timedelta(days=days)

    warning = token_pages.ending(credential, TODAY)

    assert (warning["tone"] if warning else None) == tone
    assert words in (warning["text"] if warning else "")


def test_a_token_without_a_day_is_not_warned_of(credential):
    assert token_pages.ending(credential, TODAY) is None


def test_the_page_of_the_tokens_says_that_one_has_run_out(browser, credential):
    Credential.objects.update(expires_on=TODAY - timedelta(days=1))

    slot = browser.get(reverse("fbr:tokens")).context["slots"][0]

    assert (slot["badge"]["tone"], slot["ending"]["tone"]) == ("danger", "danger")


def test_the_first_page_warns_of_a_token_that_runs_out(browser, entity, credential):
    Credential.objects.update(expires_on=clock.karachi_date(NOON) + timedelta(days=10))

    response = browser.get(reverse("fbr:golive_step"), headers={"HX-Request": "true"})

    (task,) = response.context["tasks"]
    assert (task["tone"], task["url"]) == ("attention", reverse("fbr:tokens"))
    assert "in 10 days" in text_of(response)


def test_the_first_page_is_silent_about_the_other_environments_token(browser, entity, credential):
    Credential.objects.update(expires_on=TODAY, environment=Environment.PRODUCTION)

    response = browser.get(reverse("fbr:golive_step"), headers={"HX-Request": "true"})

    assert response.context["tasks"] == []


def test_a_wrong_day_by_the_service_is_a_rule(entity):
    with pytest.raises(RuleViolation) as refused:
        credentials.store(
            entity=entity,
            environment="sandbox",
            token=TOKEN,
            expires_on=TODAY - timedelta(days=1),
            actor=SYSTEM,
            at=NOON,
        )

    assert [p["field"] for p in refused.value.details["problems"]] == ["expires_on"]
