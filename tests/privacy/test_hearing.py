"""The ear on the logs: with the net off it hears who is named, however it is written (P20)."""

from __future__ import annotations

import base64
import logging
import logging.config

import pytest

from smartinvoicing import logs
from tests.hearing import EAR, Ear, slips_of
from tests.privacy import canary

logger = logging.getLogger("tests.hearing")
CNIC = "35202-1234567-1"
MAIL = "ayesha@mills.example"
# (what is said, what the ear calls it)
SAID = {
    "a CNIC": (f"buyer {CNIC}", "CNIC"),
    "a CNIC in Urdu digits": ("buyer ۳۵۲۰۲۱۲۳۴۵۶۷۱", "CNIC"),
    "an address": (f"mail to {MAIL}", "e-mail"),
    "an address in a query": ("GET /?q=ayesha%40mills.example", "e-mail"),
    "an address in base64": (base64.b64encode(MAIL.encode()).decode(), "e-mail"),
    "an address in hexadecimal": (f"\\x{MAIL.encode().hex()}", "e-mail"),
    "a card": ("card 4111 1111 1111 1111", "card"),
    "a key of ours": ("key si_Zk3vQ8Jw2m_N-4xT7yR1pL6sD9fG0hA5", "token"),
    "a token of FBR": ("Authorization: Bearer 1f2e3d4c-5b6a-7988", "token"),
    "the canary's name": (canary.PERSON["name"].upper(), "the canary's name"),
    "its name turned round": ("Kanarienvogel, Zubaida", "the canary's name"),
    "its secret": (f"password={canary.PASSWORD}", "the canary's secret 0"),
}
# What looks a little like one, and is what we want to read.
NOBODY = [
    "fbr.settled",
    "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5",
    "0192f0c1-7a3b-7c4d-8e5f-03123456789a",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "INV-2026-000123 took 1234 ms",
    "/admin/privacy/checkrun/",
    f"mail to {logs.GONE} failed",
]


@pytest.mark.parametrize("case", SAID)
def test_it_hears_a_person_in_every_spelling(case):
    said, kind = SAID[case]

    assert kind in slips_of(said)


@pytest.mark.parametrize("said", NOBODY)
def test_it_takes_nobody_for_a_person(said):
    assert slips_of(said) == []


def test_what_is_logged_with_the_net_on_is_heard_and_names_nobody():
    before = EAR.lines

    logger.warning("buyer %s", CNIC, extra={"mail": MAIL, "card": "4111 1111 1111 1111"})

    assert EAR.lines == before + 1
    assert EAR.slips == []


def test_the_number_of_a_request_is_no_card():
    number = "4111111111111111"  # sixteen signs, drawn by lot
    token = logs.request_id.set(number)
    try:
        logger.warning("fbr.settled")
    finally:
        logs.request_id.reset(token)

    assert EAR.take() == []
    assert slips_of(f"card {number}") == ["card"]


@pytest.mark.django_db
@pytest.mark.parametrize(("given", "is_taken"), [("order-2026-1", True), (CNIC, False)])
def test_a_reference_that_a_client_gives_names_nobody(client, given, is_taken):
    answer = client.get("/healthz", headers={"X-Request-Id": given})

    assert (answer["X-Request-Id"] == given) is is_taken


def test_twin_with_the_net_off_the_same_line_fails_its_test(monkeypatch):
    monkeypatch.setattr(logs, "_PATTERNS", ())

    logger.warning("buyer %s", CNIC, extra={"said": f"{MAIL} paid with 4111 1111 1111 1111"})

    assert {slip.split(" in ")[0] for slip in EAR.take()} == {"CNIC", "card", "e-mail"}


def test_loggers_that_keep_to_themselves_are_heard_too(monkeypatch):
    monkeypatch.setattr(logs, "_PATTERNS", ())

    logging.getLogger("django.server").warning("buyer %s", CNIC)

    assert len(EAR.take()) == 1


def test_setting_the_logs_up_anew_does_not_take_it_off(settings):
    logging.config.dictConfig(settings.LOGGING)

    assert not EAR.is_deaf()


def test_somebody_who_takes_it_off_is_noticed():
    logging.getLogger().removeHandler(EAR)
    try:
        assert EAR.is_deaf()
    finally:
        logging.getLogger().addHandler(EAR)


@pytest.mark.workers
def test_what_another_process_writes_is_read_after_it(start_process):
    process = start_process(CNIC)  # no such command, says its log
    process.wait()

    heard = Ear()
    process.tell(heard)
    process._log.write_text("")  # the rig reads it once more

    assert [slip.split(" in ")[0] for slip in heard.take()] == ["CNIC"]
