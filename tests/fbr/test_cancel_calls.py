"""The call that is said to cancel at FBR: off by default, made once, believed never (R24)."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import transaction

from accounts import tenancy
from accounts.models import LegalEntity
from fbr import cancel_adapter, tasks
from fbr.models import Cancellation
from fbr.models.cancelling import Way
from fbr.services import cancel_calls, cancelling
from invoices.enums import State
from invoices.models import Invoice
from smartinvoicing import arming, checks
from tests import factories
from tests.factories import AT, SYSTEM
from tests.invoices.test_links import accepted

HOUR = timedelta(hours=1)
TOKEN = "3f2a9c71-5d8e-4b60-9a1f-0c7e2d4b8e55"
REASON = "Wrong customer"
BODY = '{"invoiceNumber": "{fbr_number}", "why": ["{reason}"], "n": 1}'


@contextmanager
def silent_host() -> Iterator[tuple[str, list[bytes]]]:
    """Takes a call whole and never answers."""
    heard: list[bytes] = []
    server = socket.create_server(("127.0.0.1", 0))
    lines = []

    def listen() -> None:
        while True:
            try:
                line, _address = server.accept()
            except OSError:
                return
            lines.append(line)
            whole = b""
            while not whole.endswith(b"}"):  # head and body come apart
                whole += line.recv(65_536)
            heard.append(whole)

    thread = threading.Thread(target=listen, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.getsockname()[1]}", heard
    server.close()
    for line in lines:
        line.close()


@pytest.fixture
def by_call(settings):
    settings.FBR_CANCEL_API = True
    settings.FBR_CANCEL_BODY = BODY
    settings.FBR_READ_TIMEOUT_S = 1
    return settings


@pytest.fixture
def asked(business, by_call, transactional_db) -> Cancellation:
    """Asked for by a call that nobody has made yet."""
    with tenancy.in_tenant(business.pk), transaction.atomic():
        factories.make_credential(LegalEntity.objects.get(), TOKEN)
        return cancelling.ask(invoice=accepted(), reason=REASON, actor=SYSTEM, at=AT)


def make_call(asked):
    with tenancy.in_tenant(asked.tenant_id):
        cancel_calls.call(request_id=asked.pk)
        with transaction.atomic():
            return Cancellation.objects.select_related("invoice").get()


@pytest.fixture
def in_time(monkeypatch):
    """The database's clock stands inside the window of the cast."""
    monkeypatch.setattr(cancel_calls.clock, "database_now", lambda: AT + HOUR)


def test_the_call_is_off_by_default(inside):
    request = cancelling.ask(invoice=accepted(), reason=REASON, actor=SYSTEM, at=AT)

    assert cancel_adapter.line_for("di") is None
    assert request.way == Way.IRIS


@pytest.mark.parametrize("body", ["", "[]", "no json", '{"number": "always the same"}'])
def test_whoever_switches_it_on_says_what_it_sends(settings, body):
    settings.FBR_CANCEL_API = True
    settings.FBR_CANCEL_BODY = body
    refused = [error.id for error in checks.cancel_call_is_written()]
    settings.FBR_CANCEL_BODY = BODY

    assert refused == ["smartinvoicing.E016"]
    assert checks.cancel_call_is_written() == []


def test_bills_of_tills_have_no_such_call(by_call):
    assert cancel_adapter.line_for("pos") is None


def test_a_time_out_of_the_call_leaves_it_requested(asked, by_call, in_time):
    with silent_host() as (url, heard):
        by_call.FBR_DI_URL = url
        after = make_call(asked)

    assert asked.way == Way.API
    assert (after.call_failure, after.call_status) == ("TimeoutError", None)
    assert after.call_at is not None
    assert after.is_open
    assert after.invoice.state == State.CANCEL_REQUESTED
    request = b"".join(heard)
    assert b"POST /di_data/v1/di/cancelinvoicedata_sb" in request
    assert f'"invoiceNumber": "{after.invoice.fbr_number}"'.encode() in request
    assert b'"why": ["Wrong customer"]' in request


def test_the_call_is_made_once_whatever_became_of_it(asked, by_call, in_time):
    with silent_host() as (url, heard):
        by_call.FBR_DI_URL = url
        first = make_call(asked)
        second = make_call(asked)

    assert len(heard) == 1
    assert second.call_at == first.call_at


def test_twin_without_the_mark_the_call_would_be_made_twice(asked, by_call, in_time, monkeypatch):
    update = cancel_calls.rows.update

    def unmarked(model, *, where, to):
        return 1 if "call_at" in to else update(model, where=where, to=to)

    monkeypatch.setattr(cancel_calls.rows, "update", unmarked)

    with silent_host() as (url, heard):
        by_call.FBR_DI_URL = url
        make_call(asked)
        make_call(asked)

    assert len(heard) == 2


def test_even_a_friendly_answer_cancels_nothing(asked, by_call, in_time, fake_fbr):
    by_call.FBR_DI_URL = fake_fbr.url

    after = make_call(asked)

    assert after.call_status is not None
    assert after.is_open
    assert after.invoice.state == State.CANCEL_REQUESTED


def test_an_installation_that_is_not_armed_asks_nobody(asked, by_call, in_time, monkeypatch):
    monkeypatch.setattr(arming._known, "answer", False)

    with silent_host() as (url, heard):
        by_call.FBR_DI_URL = url
        after = make_call(asked)

    assert heard == []
    assert after.call_at is None


def test_a_settled_request_is_not_called_for(asked, by_call, in_time):
    with tenancy.in_tenant(asked.tenant_id), transaction.atomic():
        invoice = Invoice.objects.get()
        cancelling.refuse(invoice=invoice, why="Taken back", actor=SYSTEM, at=AT)

    with silent_host() as (url, heard):
        by_call.FBR_DI_URL = url
        after = make_call(asked)

    assert heard == []
    assert after.call_at is None


def test_a_call_that_was_never_made_is_found_again(asked, monkeypatch):
    told = []
    monkeypatch.setattr(tasks, "tell", lambda task, **kwargs: told.append((task, kwargs)))
    monkeypatch.setattr(tasks.clock, "now", lambda: AT + HOUR)

    tasks.watch_cancellations.apply()
    with tenancy.in_tenant(asked.tenant_id), transaction.atomic():
        Cancellation.objects.filter(pk=asked.pk).update(call_at=AT)
    tasks.watch_cancellations.apply()

    one = {"tenant_id": str(asked.tenant_id), "request_id": str(asked.pk)}
    assert told == [("fbr.call_cancel", one)]
