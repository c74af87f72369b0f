"""The faults of the fake FBR, and what each leaves in the ledger."""

import concurrent.futures
import contextlib
import http.client
import json
import time

import pytest

from fbr.fake import FakeFbr
from tests.fbr.fake_client import (
    NOON,
    POST,
    PRODUCTION,
    PRODUCTION_TOKEN,
    SANDBOX_TOKEN,
    VALIDATE,
    ask,
    codes,
    control,
    dumps,
    get,
    invoice,
    item,
    send,
)


@pytest.fixture
def fbr():
    with FakeFbr(seed=1, clock=lambda: NOON) as fake:
        yield fake


ANSWERED = [
    ({"fault": "ok"}, 200, True),
    ({"fault": "slow", "after_ms": 20}, 200, True),
    ({"fault": "latency_ramp", "from_ms": 20}, 200, True),
    ({"fault": "drip", "piece_bytes": 100, "every_ms": 1}, 200, True),
    ({"fault": "numeric_status", "form": "float"}, 200, True),
    ({"fault": "invalid", "code": "0052"}, 200, False),
    ({"fault": "invalid", "code": "0052", "statuses": "missing"}, 200, False),
    ({"fault": "invalid", "code": "0104", "line": 2, "outer": "01"}, 200, False),
    *(
        ({"fault": name}, 200, True)
        for name in (
            "html_200",
            "empty_200",
            "half_json",
            "not_an_object",
            "blank_number",
            "null_number",
            "repeated_number",
            "missing_lines",
            "number_and_refusal",
        )
    ),
    ({"fault": "html_200", "recorded": False}, 200, False),
    *(
        ({"fault": str(status)}, status, False)
        for status in (400, 401, 403, 404, 405, 413, 415, 429, 500, 502, 503, 504)
    ),
    *(({"fault": status, "recorded": True}, status, True) for status in (500, 502, 503, 504)),
    *(
        ({"fault": "gateway_fault", "code": code, "recorded": recorded}, status, recorded)
        for code, status in (
            (900802, 429),
            (303001, 503),
            (101503, 503),
            (101504, 504),
            (101505, 500),
        )
        for recorded in (False, True)
    ),
    ({"fault": "gateway_fault", "code": 900802, "status": 200, "xml": True}, 200, False),
]


@pytest.mark.parametrize(("rule", "status", "recorded"), ANSWERED)
def test_a_fault_with_an_answer(fbr, rule, status, recorded):
    fbr.script([rule])

    answered, _, _ = ask(fbr, "POST", PRODUCTION, invoice(), PRODUCTION_TOKEN)

    assert answered == status
    (entry,) = fbr.ledger()["requests"]
    assert (entry["fault"], entry["status"]) == (str(rule["fault"]), status)
    assert (entry["recorded"], fbr.summary()["recorded"]) == (recorded, int(recorded))
    assert send(fbr, invoice())["invoiceNumber"]


BROKEN = [
    ({"fault": "accept_then_silence", "for_ms": 50}, True),
    ({"fault": "accept_then_reset"}, True),
    ({"fault": "accept_then_close"}, True),
    ({"fault": "half_json", "transfer": True}, True),
    ({"fault": "silence", "for_ms": 50}, False),
    ({"fault": "reset_before"}, False),
    ({"fault": "reset_before", "at": "headers"}, False),
]


@pytest.mark.parametrize(("rule", "recorded"), BROKEN)
def test_a_fault_that_breaks_the_line(fbr, rule, recorded):
    fbr.script([rule])

    with pytest.raises((ConnectionError, http.client.HTTPException)) as caught:
        ask(fbr, "POST", PRODUCTION, invoice(), PRODUCTION_TOKEN)

    is_reset = isinstance(caught.value, ConnectionResetError) and not isinstance(
        caught.value, http.client.RemoteDisconnected
    )
    assert is_reset == ("reset" in rule["fault"])
    (entry,) = fbr.ledger()["requests"]
    assert (entry["fault"], entry["recorded"]) == (rule["fault"], recorded)
    assert send(fbr, invoice())["invoiceNumber"]


@pytest.mark.parametrize(
    "rule", [{"fault": "tls_abort"}, {"fault": "reset_before", "at": "accept"}]
)
def test_a_connection_broken_at_accept_is_no_request(fbr, rule):
    fbr.script([rule])

    with pytest.raises(ConnectionError):
        ask(fbr, "POST", PRODUCTION, invoice(), PRODUCTION_TOKEN)

    assert [row["fault"] for row in fbr.ledger()["aborted"]] == [rule["fault"]]
    assert fbr.ledger()["requests"] == []


@pytest.mark.parametrize("rule", [*(rule for rule, _, _ in ANSWERED), *(r for r, _ in BROKEN)])
def test_no_fault_records_what_the_rules_refuse(fbr, rule):
    fbr.script([rule])

    with contextlib.suppress(ConnectionError, http.client.HTTPException):
        ask(fbr, "POST", PRODUCTION, invoice(item(salesTaxApplicable=1)), PRODUCTION_TOKEN)

    assert fbr.summary()["recorded"] == 0


def test_an_answer_that_misleads_says_what_the_fault_promises(fbr):
    first = send(fbr, invoice())["invoiceNumber"]
    two = invoice(item(), item(productDescription="Second"))
    faults = [
        "blank_number",
        "null_number",
        "missing_lines",
        "number_and_refusal",
        "numeric_status",
        "invalid",
    ]
    fbr.script([{"fault": "repeated_number"}, *({"fault": name} for name in faults)])

    repeated, blank, null, missing, refused, numeric, invalid = (send(fbr, two) for _ in range(7))

    assert repeated["invoiceNumber"] == first
    assert fbr.ledger()["recorded"][1]["number"] != first
    assert (blank["invoiceNumber"], null["invoiceNumber"]) == ("", None)
    assert len(missing["validationResponse"]["invoiceStatuses"]) == 1
    assert refused["invoiceNumber"]
    assert codes(refused) == ["0104", ""]
    assert numeric["validationResponse"]["statusCode"] == 0
    assert codes(invalid) == "0052"


def test_a_throttled_client_is_told_when_to_come_back(fbr):
    fbr.script([{"fault": "429", "retry_after": 7}, {"fault": "429", "retry_after": ""}])

    replies = [ask(fbr, "POST", PRODUCTION, invoice(), PRODUCTION_TOKEN) for _ in range(2)]

    assert [headers.get("Retry-After") for _, headers, _ in replies] == ["7", None]
    assert json.loads(replies[0][2])["fault"]["code"] == 900802


def test_a_big_body_streams_until_the_client_has_had_enough(fbr):
    fbr.script([{"fault": "big_body"}])
    line = http.client.HTTPConnection("127.0.0.1", fbr.port, timeout=5)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {PRODUCTION_TOKEN}"}
    line.request("POST", PRODUCTION, dumps(invoice()), headers)
    answer = line.getresponse()

    assert int(answer.headers["Content-Length"]) == 2 * 1024**3
    assert answer.read(3_000_000).startswith(b'{"invoiceNumber":"9')
    line.close()
    assert fbr.summary()["recorded"] == 1


def test_silence_lasts_until_the_client_gives_up_and_hinders_no_stop(fbr):
    fbr.script([{"fault": "accept_then_silence", "count": 2}])
    with pytest.raises(TimeoutError):
        ask(fbr, "POST", PRODUCTION, invoice(), PRODUCTION_TOKEN, timeout=0.2)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        waiting = pool.submit(ask, fbr, "POST", PRODUCTION, invoice(), PRODUCTION_TOKEN)
        while fbr.summary()["recorded"] < 2:
            time.sleep(0.01)
        began = time.monotonic()

        fbr.stop()

        assert time.monotonic() - began < 5
        assert isinstance(waiting.exception(), ConnectionError)
    assert fbr.summary()["max_in_flight"] == 1


def test_a_script_is_used_up_in_order_by_the_requests_that_match(fbr):
    other = {"token": "other", "seller": "1111111", "environment": "production"}
    fbr.add_tokens([other])
    fbr.script(
        [
            {"fault": "502", "seller": "1111111"},
            {"fault": "503", "path": "/pdi/v1/uom"},
            {"fault": "500", "count": 2},
            {"fault": "504", "path": "any", "environment": "sandbox", "count": None},
        ]
    )

    def status(path, token, method="POST"):
        return ask(fbr, method, path, invoice(), token)[0]

    assert [status(PRODUCTION, PRODUCTION_TOKEN) for _ in range(3)] == [500, 500, 200]
    assert [status(PRODUCTION, "other") for _ in range(2)] == [502, 200]
    assert [status("/pdi/v1/uom", PRODUCTION_TOKEN, "GET") for _ in range(2)] == [503, 200]
    assert [status(path, SANDBOX_TOKEN) for path in (POST, VALIDATE, POST)] == [504] * 3
    assert [rule["fault"] for rule in get(fbr, "/_script")] == ["504"]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ({"fault": "ok"}, "JSON list"),
        (["ok"], "object"),
        ([{"fault": "sulk"}], "Known: ok, slow"),
        ([{"fault": "ok", "colour": 1}], "unknown colour"),
        ([{"fault": "ok", "count": 0}], "count"),
        ([{"fault": "ok", "chance": 2}], "chance"),
        ([{"fault": "ok", "path": "record"}], "path"),
        ([{"fault": "silence", "recorded": True}], "unknown recorded"),
        ([{"fault": "slow", "after_ms": "soon"}], "whole number"),
        ([{"fault": "reset_before", "at": "dawn"}], "at is one of"),
        ([{"fault": "tls_abort", "seller": "7000007"}], "at accept"),
        ([{"fault": "gateway_fault", "code": 1}], "900802"),
        (b"{", "not JSON"),
    ],
)
def test_a_script_with_an_unknown_word_is_refused_and_changes_nothing(fbr, script, words):
    fbr.script([{"fault": "500"}])

    status, answer = control(fbr, "/_script", script)

    assert status == 400
    assert words in answer["error"]
    assert [rule["fault"] for rule in get(fbr, "/_script")] == ["500"]


def test_chance_is_drawn_by_the_seed():
    def faults(seed):
        with FakeFbr(seed=seed) as fbr:
            fbr.script([{"fault": "500", "chance": 0.5, "count": None}])
            for _ in range(20):
                ask(fbr, "POST", PRODUCTION, invoice(), PRODUCTION_TOKEN)
            return [row["fault"] for row in fbr.ledger()["requests"]]

    assert faults(5) == faults(5)
    assert set(faults(5)) == {"500", None}
