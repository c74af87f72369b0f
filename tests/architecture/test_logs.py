"""What must never stand in a log is taken out, wherever in a record it came from."""

import json
import logging

import pytest
from django.conf import settings
from django.test import RequestFactory

from smartinvoicing import logs

# (what is said, what must be gone, what must be left)
SAID = {
    "a bearer's token": (
        "Authorization: Bearer 1f2e3d4c-5b6a-7988-9a0b-c1d2e3f4a5b6 sent",
        "1f2e3d4c-5b6a",
        "sent",
    ),
    "a token of another alphabet": ("got bearer abc.DEF_ghi~jkl+mno/pqr==, ok", "DEF_ghi", "ok"),
    "an API key of ours": (
        "key si_Zk3vQ8Jw2m_N-4xT7yR1pL6sD9fG0hA5 used",
        "Zk3vQ8Jw2m",
        "used",
    ),
    "a CNIC with dashes": ("buyer 35202-1234567-1 is unknown", "1234567", "is unknown"),
    "a CNIC without": ("buyer 3520212345671 is unknown", "3520212345671", "is unknown"),
    "an NTN with its check digit": ("seller 2046004-3 refused", "2046004", "refused"),
    "a mobile phone": ("call 03001234567 now", "1234567", "now"),
    "a mobile phone with a dash": ("call 0300-1234567 now", "1234567", "now"),
    "a mobile phone from abroad": ("call +923001234567 now", "1234567", "now"),
    "a mobile phone in three parts": ("call +92 300 1234567 now", "1234567", "now"),
    "an e-mail address": ("mail to ali.khan+si@example.com.pk failed", "ali.khan", "failed"),
    "an IBAN": ("paid to PK36SCBL0000001123456702 today", "SCBL0000001123456702", "today"),
    "an IBAN in fours": ("paid to PK36 SCBL 0000 0011 2345 6702 today", "SCBL", "today"),
    "a card": ("card 4111111111111111 declined", "4111111111111111", "declined"),
    "a card in fours": ("card 4111 1111 1111 1111 declined", "4111 1111", "declined"),
    "a password in an address": (
        "cannot reach postgresql://app:p4ss-w0rd@db.internal:5432/si",
        "p4ss-w0rd",
        "cannot reach",
    ),
    "a password without a user": (
        "cannot reach rediss://:p4ss-w0rd@redis:6379/0",
        "p4ss-w0rd",
        "cannot reach",
    ),
}

# What looks a little like one of those and is what we want to read.
LEFT = [
    "fbr.settled",
    "INV-2026-000123",
    "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5",
    "https://gw.fbr.gov.pk/di_data/v1/di/postinvoicedata",
    "took 1234 ms, attempt 3 of 200",
    "2026-11-22T00:16:38.123456+00:00",
    "Rs 1,234,567.50",
    "5205.1100",
]


def written(message, *args, exc_info=None, **extra):
    """The line that a record becomes."""
    logger = logging.getLogger("tests.logs")
    record = logger.makeRecord(
        logger.name, logging.WARNING, __file__, 1, message, args, exc_info, extra=extra
    )
    return logs.JsonFormatter().format(record)


def failure(said):
    """What `logger.exception` hands over."""
    try:
        int(said)
    except ValueError:
        error = ValueError(said)
        return type(error), error, error.__traceback__


@pytest.mark.parametrize("case", SAID)
def test_it_is_gone_from_a_message(case):
    said, gone, left = SAID[case]

    line = written(said)

    assert gone not in line
    assert left in line


@pytest.mark.parametrize("case", SAID)
def test_it_is_gone_from_everywhere_else(case):
    said, gone, _ = SAID[case]

    lines = [
        written("event: %s", said),
        written("event", what=said),
        written("event", what={"deep": {"deeper": said}}),
        written("event", what=[said, said]),
        written("event", what=ValueError(said)),
        written("event", exc_info=failure(said)),
    ]

    assert [line for line in lines if gone in line] == []


@pytest.mark.parametrize("said", LEFT)
def test_what_we_want_to_read_is_left(said):
    assert json.loads(written(said))["event"] == said


@pytest.mark.parametrize(
    "name",
    [
        *("token", "fbr_token", "Authorization", "authorisation", "cookie", "Set-Cookie"),
        *("password", "passwd", "secret", "client_secret", "api_key", "apikey"),
        *("cnic", "ntn", "buyer_ntn_cnic", "phone", "email", "e_mail", "iban"),
    ],
)
def test_a_name_that_tells_hides_its_value(name):
    line = json.loads(written("event", **{name: "2046004"}, inner={name: "2046004"}))

    assert line[name] == logs.GONE
    assert line["inner"] == {name: logs.GONE}


def test_a_line_has_the_shape_that_machines_read():
    token = logs.request_id.set("abcd1234")
    try:
        line = json.loads(written("fbr.uncertain", invoice="0192", attempt=3, held=None))
    finally:
        logs.request_id.reset(token)

    assert line.pop("at").endswith("+00:00")
    assert line == {
        "level": "WARNING",
        "logger": "tests.logs",
        "event": "fbr.uncertain",
        "request": "abcd1234",
        "invoice": "0192",
        "attempt": 3,
        "held": None,
    }


def test_what_somebody_searched_for_is_not_logged_with_the_page():
    """Django hands the whole request to the log of a page that is not there."""
    token = logs.request_id.set("abcd1234")
    try:
        asked = RequestFactory().get("/buyers/", {"q": "ayesha@mills.example"})
        text = written("Not Found: /buyers/", request=asked)
    finally:
        logs.request_id.reset(token)

    line = json.loads(text)
    assert (line["page"], line["request"]) == ("GET /buyers/", "abcd1234")
    assert "ayesha" not in text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\u2029"])
def test_no_text_can_forge_a_second_line(end):
    forged = f'said{end}{{"level": "INFO", "event": "all is well"}}'

    lines = [written(forged), written("event", what=forged), written("event", what=[forged])]

    assert [len(line.splitlines()) for line in lines] == [1, 1, 1]
    assert json.loads(lines[0])["event"] == forged


def test_a_traceback_is_one_line():
    line = written("event", exc_info=failure("first\nsecond"))

    assert len(line.splitlines()) == 1
    assert "ValueError: first\nsecond" in json.loads(line)["trace"]


def test_what_json_cannot_write_is_written_as_words():
    class Odd:
        def __repr__(self):
            return "an odd thing"

    assert json.loads(written("event", what=Odd()))["what"] == "an odd thing"


def test_every_handler_has_the_net():
    """Whatever library logs: it comes through one of these."""
    handlers = settings.LOGGING["handlers"].values()

    assert [h for h in handlers if h["formatter"] != "json"] == []
    assert settings.LOGGING["formatters"]["json"]["()"] == "smartinvoicing.logs.JsonFormatter"
    assert settings.LOGGING["root"]["handlers"] == ["stdout"]
    assert settings.CELERY_WORKER_HIJACK_ROOT_LOGGER is False


def test_the_net_can_fail(monkeypatch):
    """With the patterns off the same table is full of holes: it is they that close it."""
    monkeypatch.setattr(logs, "_PATTERNS", ())

    assert [case for case, (said, gone, _) in SAID.items() if gone not in written(said)] == []
