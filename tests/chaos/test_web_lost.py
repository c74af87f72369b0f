"""The web worker dies between commit and answer, and whoever asked asks again: one document (R12).

A program repeats its request with the same Idempotency-Key, a person sends the same page again.
"""

from __future__ import annotations

import os
import random
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
import requests
from django.conf import settings
from django.db import transaction
from django.test import Client

from accounts import tenancy
from accounts.models import AuditEvent
from invoices.enums import State
from invoices.models import Invoice, Series
from tests import factories
from tests.chaos import rig
from tests.fbr.test_api import BODY
from tests.invoices.pages_cast import page_of

pytestmark = [pytest.mark.workers, pytest.mark.django_db(transaction=True)]

DIES = "after_T0"  # committed, and nobody has been told


@pytest.fixture
def tenant(fake_fbr):
    return rig.reporting_tenant(fake_fbr)


@pytest.fixture
def owner(tenant):
    return factories.make_member(tenant)


@pytest.fixture
def program(tenant, owner):
    """Posts one sale with this key, as a customer's program does."""
    bearer = {"Authorization": f"Bearer {factories.make_key(tenant, owner)}"}

    def post(web, key=""):
        headers = bearer | ({"Idempotency-Key": key} if key else {})
        body = BODY | {"issue": True, "client_reference": ""}
        url = f"{web.url}/api/v1/invoices"
        return requests.post(url, json=body, headers=headers, timeout=20)  # noqa: TID251 -- a customer's program

    return post


@pytest.fixture
def browser(owner):
    """A person who has signed in, on another machine."""
    client = Client()
    client.force_login(owner)
    made = requests.Session()
    made.cookies[settings.SESSION_COOKIE_NAME] = client.cookies[settings.SESSION_COOKIE_NAME].value
    made.cookies[settings.CSRF_COOKIE_NAME] = "c" * 32
    return made


def kept(tenant):
    """The documents, and how far their numbers have come."""
    with tenancy.in_tenant(tenant.pk), transaction.atomic():
        numbers = sorted(Invoice.objects.values_list("number", flat=True))
        last = Series.objects.values_list("last", flat=True).first() or 0
        issued = AuditEvent.objects.filter(action="invoice.issued").count()
    return numbers, last, issued


ONE = ([factories.number_of_today(1)], 1, 1)


def test_a_repeated_request_gets_the_first_answer(
    tenant, program, fake_fbr, start_web, start_worker, start_process
):
    web = start_web(env=rig.env_of(fake_fbr, CRASHPOINT=DIES))
    with pytest.raises(requests.ConnectionError):
        program(web, "k-1")
    assert kept(tenant) == ONE
    web.wait_ready()  # gunicorn has put another one in its place

    again = program(web, "k-1")

    assert (again.status_code, again.json()["number"]) == (200, "INV-2026-000001")
    assert kept(tenant) == ONE
    start_worker("reporting", env=rig.env_of(fake_fbr))
    start_process("fbr_dispatch", env=rig.env_of(fake_fbr))
    assert set(rig.wait_settled([tenant]).values()) == {State.ACCEPTED}
    assert fake_fbr.summary()["by_kind"]["record"] == 1


def test_twin_without_a_key_the_repeated_request_is_a_second_document(
    tenant, program, fake_fbr, start_web
):
    """Sabotage: nothing tells the two requests to be one."""
    web = start_web(env=rig.env_of(fake_fbr, CRASHPOINT=DIES))

    for _ in range(2):
        with pytest.raises(requests.ConnectionError):
            program(web)
        web.wait_ready()

    with pytest.raises(AssertionError):
        assert kept(tenant) == ONE


def test_a_page_that_is_sent_again_leads_to_the_first_document(
    tenant, browser, fake_fbr, start_web
):
    """The id of its draft is in the page: the form's token."""
    web = start_web(env=rig.env_of(fake_fbr, CRASHPOINT=DIES))
    page = page_of(issue="1", csrfmiddlewaretoken="c" * 32)
    with pytest.raises(requests.ConnectionError):
        browser.post(f"{web.url}/invoices/new/", page, timeout=20)
    assert kept(tenant) == ONE
    web.wait_ready()

    again = browser.post(f"{web.url}/invoices/new/", page, timeout=20)

    assert (again.status_code, again.url) == (200, f"{web.url}/invoices/{page['draft']}/")
    assert kept(tenant) == ONE


def test_twin_another_token_is_another_document(tenant, browser, fake_fbr, start_web):
    """Sabotage: each sending has a token of its own."""
    web = start_web(env=rig.env_of(fake_fbr, CRASHPOINT=DIES))

    for _ in range(2):
        page = page_of(issue="1", csrfmiddlewaretoken="c" * 32)
        with pytest.raises(requests.ConnectionError):
            browser.post(f"{web.url}/invoices/new/", page, timeout=20)
        web.wait_ready()

    with pytest.raises(AssertionError):
        assert kept(tenant) == ONE


def test_parallel_requests_and_random_kills_make_one_document_a_key(
    tenant, program, fake_fbr, start_web
):
    seed = random.SystemRandom().randrange(10**6)
    print(f"seed {seed}")  # noqa: T201 -- shown when the test fails
    dice = random.Random(seed)
    web = start_web(workers=2, env=rig.env_of(fake_fbr))
    keys = [f"k-{number}" for number in range(40 if rig.IS_WHOLE else 8)]

    with ThreadPoolExecutor(4) as pool:
        for key in keys:
            asked = [pool.submit(_until_answered, program, web, key) for _ in range(4)]
            time.sleep(dice.uniform(0, 0.06))
            with suppress(ProcessLookupError):  # it has just ended by itself
                os.kill(dice.choice(_children(web.process.pid)), signal.SIGKILL)
            assert len({each.result() for each in asked}) == 1

    numbers, last, issued = kept(tenant)
    assert numbers == [factories.number_of_today(number) for number in range(1, len(keys) + 1)]
    assert last == issued == len(keys)


def _until_answered(program, web, key):
    """The number of the document, as the first answer with one says it."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            answer = program(web, key)
        except requests.RequestException:
            time.sleep(0.05)
            continue
        if answer.status_code in {200, 201}:
            return answer.json()["number"]
        assert answer.status_code == 409, answer.text  # the first one still runs
        time.sleep(0.05)
    raise TimeoutError(key)


def _children(pid):
    """gunicorn's workers, as the kernel knows them."""
    until = time.monotonic() + 10
    while time.monotonic() < until:
        found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        if found:
            return [int(child) for child in found]
        time.sleep(0.02)
    raise TimeoutError("no worker")
