"""The fake FBR is the oracle of the exactly-once tests, so it is tested as one."""

import ast
import base64
import concurrent.futures
import contextlib
import http.client
import json
import re
import signal
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

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

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def fbr():
    with FakeFbr(seed=1, clock=lambda: NOON) as fake:
        yield fake


def test_post_records_and_answers_as_in_the_specification(fbr):
    body = invoice(item(), item(productDescription="Second"))

    answer = send(fbr, body)

    number = answer["invoiceNumber"]
    assert len(number) == 22
    assert number.startswith("7000007DI")
    assert answer == {
        "invoiceNumber": number,
        "dated": "2026-11-21 12:00:00",
        "validationResponse": {
            "statusCode": "00",
            "status": "Valid",
            "error": "",
            "invoiceStatuses": [
                {
                    "itemSNo": str(line),
                    "statusCode": "00",
                    "status": "Valid",
                    "invoiceNo": f"{number}-{line}",
                    "errorCode": "",
                    "error": "",
                }
                for line in (1, 2)
            ],
        },
    }
    assert [row["number"] for row in fbr.ledger()["recorded"]] == [number]


def test_validate_answers_without_a_number_and_records_nothing(fbr):
    answer = send(fbr, invoice(scenarioId="SN001"), VALIDATE, SANDBOX_TOKEN)

    assert answer == {
        "dated": "2026-11-21 12:00:00",
        "validationResponse": {
            "statusCode": "00",
            "status": "Valid",
            "error": "",
            "invoiceStatuses": [
                {
                    "itemSNo": "1",
                    "statusCode": "00",
                    "status": "Valid",
                    "errorCode": None,
                    "error": "",
                }
            ],
        },
    }
    assert fbr.ledger()["recorded"] == []


def test_the_same_body_twice_gets_two_numbers_and_the_seed_fixes_them(fbr):
    numbers = [send(fbr, invoice())["invoiceNumber"] for _ in range(2)]

    with FakeFbr(seed=1, clock=lambda: NOON) as twin:
        again = [send(twin, invoice())["invoiceNumber"] for _ in range(2)]

    assert len(set(numbers)) == 2
    assert numbers == again


@pytest.mark.parametrize(
    ("path", "token", "headers", "status", "code"),
    [
        (PRODUCTION, None, {}, 401, 900902),
        (PRODUCTION, None, {"Authorization": "Basic abc"}, 401, 900902),
        (PRODUCTION, None, {"Authorization": "Bearer "}, 401, 900902),
        (PRODUCTION, "nobody", {}, 401, 900901),
        ("/pdi/v1/provinces", None, {}, 405, None),
        ("/nowhere", PRODUCTION_TOKEN, {}, 404, None),
        (PRODUCTION, PRODUCTION_TOKEN, {"Content-Type": "text/plain"}, 415, None),
    ],
)
def test_the_gateway_refuses(fbr, path, token, headers, status, code):
    answered, _, raw = ask(fbr, "POST", path, invoice(), token, headers=headers)

    assert answered == status
    assert json.loads(raw).get("fault", {}).get("code") == code
    assert fbr.summary()["recorded"] == 0


def test_a_line_is_kept_for_the_next_request_but_not_for_a_body_of_unknown_or_mad_length(fbr):
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {PRODUCTION_TOKEN}"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", fbr.port, timeout=5)) as line:
        unknown = headers | {"Transfer-Encoding": "chunked"}
        for body, sent in (
            (dumps(invoice()), headers),
            (dumps(invoice()), headers),
            (None, unknown),
        ):
            line.request("POST", PRODUCTION, body, sent)
            answer = line.getresponse()
            answer.read()

    mad, _, _ = ask(fbr, "POST", PRODUCTION, b" " * (10 * 1024 * 1024 + 1), PRODUCTION_TOKEN)

    assert (answer.status, answer.headers["Connection"], mad) == (411, "close", 413)
    assert [row["status"] for row in fbr.ledger()["requests"]] == [200, 200, 411, 413]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/_latency", {"ms": 1}, 200),
        ("/_latency", {"ms": -1}, 400),
        ("/_register", [{"number": "5555555", "registered": False}], 200),
        ("/_register", [{"number": "5555555", "registered": "no"}], 400),
        ("/_script?append=1", [{"fault": "ok"}], 200),
        ("/_ledger", {}, 404),
    ],
)
def test_the_controls_take_what_they_know(fbr, path, body, status):
    assert control(fbr, path, body)[0] == status
    assert fbr.ledger()["requests"] == []


def test_a_token_serves_one_seller_in_one_environment(fbr):
    entry = {"token": "other", "seller": "1234567890123", "environment": "sandbox"}
    theirs = invoice(sellerNTNCNIC="1234567890123", scenarioId="SN001")

    assert control(fbr, "/_tokens", [entry]) == (200, {"tokens": 1})
    assert codes(send(fbr, invoice(), PRODUCTION, SANDBOX_TOKEN)) == "0401"
    assert codes(send(fbr, invoice(), PRODUCTION, "other")) == "0401"
    number = send(fbr, theirs, POST, "other")["invoiceNumber"]
    assert number.startswith("1234567890123DI")
    assert len(number) == 28
    for wrong in (
        {},
        [1],
        [entry | {"seller": "12"}],
        [entry | {"environment": "live"}],
        [entry | {"token": "a b"}],
    ):
        assert control(fbr, "/_tokens", wrong)[0] == 400


def test_the_ledger_keeps_every_byte(fbr):
    odd = json.dumps(invoice(buyerAddress="Gulberg \u0644\u0627"), ensure_ascii=False, indent=3)
    bad = b'{"a":"\xff"}'
    number = send(fbr, odd.encode())["invoiceNumber"]
    ask(fbr, "POST", VALIDATE, bad)
    ask(fbr, "GET", "/pdi/v1/uom?x=1")

    book = get(fbr, "/_ledger")

    first, second, third = book["requests"]
    assert (first["body"], first["number"], first["recorded"]) == (odd, number, True)
    assert (first["kind"], first["environment"], first["seller"], first["path"]) == (
        "record",
        "production",
        "7000007",
        PRODUCTION,
    )
    assert (first["seq"], first["status"], first["fault"]) == (1, 200, None)
    assert base64.b64decode(second["body_base64"]) == bad
    assert (second["kind"], second["status"], second["recorded"]) == ("validate", 400, False)
    assert (third["kind"], third["path"]) == ("reference", "/pdi/v1/uom?x=1")
    assert [(row["number"], row["body"]) for row in book["recorded"]] == [(number, odd)]
    assert book["recorded"][0]["body_sha256"] == first["body_sha256"]
    assert get(fbr, "/_ledger?summary=1")["by_kind"] == {"record": 1, "validate": 1, "reference": 1}


def test_reset_empties_ledger_and_script_but_keeps_tokens(fbr):
    fbr.add_tokens([{"token": "other", "seller": "7000007", "environment": "production"}])
    send(fbr, invoice())
    fbr.script([{"fault": "500"}])

    assert control(fbr, "/_reset", b"") == (200, {})

    assert (fbr.ledger()["requests"], get(fbr, "/_script")) == ([], [])
    assert send(fbr, invoice(), token="other")["invoiceNumber"]


def test_requests_at_one_time_are_counted_by_place_and_seller(fbr):
    control(fbr, "/_latency", {"ms": 1500})
    sandbox = invoice(scenarioId="SN001")
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        for _ in range(4):
            pool.submit(send, fbr, invoice())
        for path in (POST, VALIDATE):
            pool.submit(send, fbr, sandbox, path, SANDBOX_TOKEN)

    counts = fbr.summary()

    assert (counts["in_flight"], counts["max_in_flight"], counts["max_recording"]) == (0, 6, 5)
    assert counts["max_recording_by_environment"] == {"production": 4, "sandbox": 1}
    assert counts["max_recording_by_seller"] == {"7000007": 5}


def test_many_at_once_lose_and_double_nothing(fbr):
    bodies = [dumps(invoice(buyerAddress=f"House {n}")) for n in range(300)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda body: send(fbr, body.encode()), bodies))

    recorded = fbr.ledger()["recorded"]

    assert sorted(row["body"] for row in recorded) == sorted(bodies)
    assert {row["number"] for row in recorded} == {one["invoiceNumber"] for one in answers}
    assert len({row["number"] for row in recorded}) == 300


def test_a_client_that_dies_in_its_body_is_in_the_ledger_and_records_nothing(fbr):
    with socket.create_connection(("127.0.0.1", fbr.port)) as line:
        head = f"POST {PRODUCTION} HTTP/1.1\r\nAuthorization: Bearer {PRODUCTION_TOKEN}\r\n"
        line.sendall(f"{head}Content-Length: 900\r\n\r\n".encode() + b'{"invoice')
    while not fbr.ledger()["requests"]:
        time.sleep(0.01)

    (entry,) = fbr.ledger()["requests"]
    assert (entry["body"], entry["body_whole"], entry["status"]) == ('{"invoice', False, None)
    assert not entry["recorded"]


@pytest.mark.parametrize(
    ("path", "row"),
    [
        ("/pdi/v1/provinces", {"stateProvinceCode": 7, "stateProvinceDesc": "PUNJAB"}),
        ("/pdi/v1/doctypecode", {"docTypeId": 9, "docDescription": "Debit Note"}),
        (
            "/pdi/v1/transtypecode",
            {"transactioN_TYPE_ID": 23, "transactioN_DESC": " 3rd Schedule Goods "},
        ),
        ("/pdi/v1/uom", {"uoM_ID": 13, "description": "KG"}),
        ("/pdi/v1/sroitemcode", {"srO_ITEM_ID": 17854, "srO_ITEM_DESC": "51"}),
        (
            "/pdi/v1/SroSchedule?rate_id=413&date=04-Feb-2024&origination_supplier_csv=1",
            {"srO_ID": 8, "srO_DESC": "5th Schedule"},
        ),
        (
            "/pdi/v2/SROItem?date=2025-03-25&sro_id=389",
            {"srO_ITEM_ID": 17853, "srO_ITEM_DESC": "50"},
        ),
        (
            "/pdi/v2/SaleTypeToRate?date=21-Nov-2026&transTypeId=75&originationSupplier=7",
            {"ratE_ID": 728, "ratE_DESC": "18%", "ratE_VALUE": 18},
        ),
        ("/pdi/v2/SaleTypeToRate?date=2026-11-21&transTypeId=75&originationSupplier=7", None),
        (
            "/pdi/v1/SroSchedule?rate_id=2402&date=04-Feb-2026&origination_supplier_csv=7",
            {"srO_ID": 389, "srO_DESC": "EIGHTH SCHEDULE Table 1"},
        ),
        ("/pdi/v2/SroSchedule?rate_id=2402&date=04-Feb-2026&origination_supplier_csv=7", None),
        (
            "/pdi/v2/SROItem?date=2026-11-21&sro_id=450",
            {"srO_ITEM_ID": 450001, "srO_ITEM_DESC": "Region-I"},
        ),
        ("/pdi/v2/SROItem?date=21-Nov-2026&sro_id=450", None),
        ("/pdi/v2/HS_UOM?hs_code=9801.2000&annexure_id=3", {"uoM_ID": 88, "description": "Others"}),
        ("/pdi/v2/HS_UOM?hs_code=9801.2000&annexure_id=1", None),
    ],
)
def test_the_reference_lists(fbr, path, row):
    rows = get(fbr, path)

    assert row in rows if row else rows == []


def test_the_hs_list_is_whole(fbr):
    raw = ask(fbr, "GET", "/pdi/v1/itemdesccode")[2]

    rows = json.loads(raw)
    assert len({row["hS_CODE"] for row in rows}) == len(rows) == 7805
    assert {tuple(row) for row in rows} == {("hS_CODE", "description")}
    assert all(row["description"] for row in rows)
    assert 1_000_000 < len(raw) < 3_000_000


def test_every_rate_and_hs_code_leads_on_to_its_lists(fbr):
    rates = [
        (kind["transactioN_TYPE_ID"], rate["ratE_ID"])
        for kind in get(fbr, "/pdi/v1/transtypecode")
        for rate in get(
            fbr,
            "/pdi/v2/SaleTypeToRate?date=21-Nov-2026&originationSupplier=7"
            f"&transTypeId={kind['transactioN_TYPE_ID']}",
        )
    ]
    schedules = get(
        fbr, "/pdi/v1/SroSchedule?rate_id=734&date=21-Nov-2026&origination_supplier_csv=7"
    )
    units = [
        get(fbr, f"/pdi/v2/HS_UOM?hs_code={code}&annexure_id=3")
        for code in ("0101.2100", "5205.1100", "8432.1010", "9801.2000")
    ]

    assert len({kind for kind, _ in rates}) == 26
    assert len({rate for _, rate in rates}) == len(rates) > 90
    assert [row["srO_ID"] for row in schedules] == [389]
    assert all(units)


def test_the_lookups_of_a_taxpayer(fbr):
    fbr.add_taxpayers([{"number": "3333333", "registered": True}])

    def look(path, body):
        return json.loads(ask(fbr, "POST", f"/dist/v1/{path}", body)[2])

    assert look("statl", {"regno": "3333333", "date": "2026-11-21"})["status"] == "Active"
    assert look("statl", {"regno": "1234567", "date": "2026-11-21"}) == {
        "status code": "01",
        "status": "In-Active",
    }
    assert look("Get_Reg_Type", {"Registration_No": "3333333"}) == {
        "statuscode": "00",
        "REGISTRATION_NO": "3333333",
        "REGISTRATION_TYPE": "Registered",
    }
    assert look("Get_Reg_Type", {"Registration_No": "1"})["REGISTRATION_TYPE"] == "unregistered"


@pytest.mark.parametrize(
    ("manner", "statuses"), [("both", [200, 200]), ("post", [405, 200]), ("get", [200, 405])]
)
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("statl", {"regno": "3333333", "date": "2026-11-21"}),
        ("Get_Reg_Type", {"Registration_No": "3333333"}),
    ],
)
def test_the_lookups_answer_by_the_methods_of_the_day(fbr, manner, statuses, path, body):
    fbr.behave(lookups=manner)

    answered = [ask(fbr, method, f"/dist/v1/{path}", body)[0] for method in ("GET", "POST")]

    assert answered == statuses


def test_a_taxpayer_may_be_registered_and_suspended(fbr):
    entry = {"number": "3333333", "registered": True, "active": False}
    assert control(fbr, "/_register", [entry]) == (200, {"taxpayers": 1})
    assert control(fbr, "/_register", [entry | {"active": "no"}])[0] == 400

    standing = ask(fbr, "POST", "/dist/v1/statl", {"regno": "3333333", "date": "2026-11-21"})[2]
    kind = ask(fbr, "POST", "/dist/v1/Get_Reg_Type", {"Registration_No": "3333333"})[2]

    assert json.loads(standing) == {"status code": "02", "status": "In-Active"}
    assert json.loads(kind)["REGISTRATION_TYPE"] == "Registered"
    assert codes(send(fbr, invoice(buyerNTNCNIC="3333333"))) == [""]
    fbr.add_taxpayers([entry | {"number": "7000007"}])
    assert codes(send(fbr, invoice())) == "0001"
    fbr.add_taxpayers([{"number": "7000007", "registered": True}])
    assert codes(send(fbr, invoice())) == [""]


def test_it_may_be_stopped_and_started_on_the_same_port(fbr):
    number, port = send(fbr, invoice())["invoiceNumber"], fbr.port

    fbr.stop()

    with pytest.raises(ConnectionRefusedError):
        send(fbr, invoice())
    fbr.start()
    assert fbr.port == port
    assert send(fbr, invoice())["invoiceNumber"] != number
    assert fbr.summary()["recorded"] == 2


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_the_process_says_where_it_listens_and_ends_cleanly(tmp_path, end):
    script, tokens = tmp_path / "script.json", tmp_path / "tokens.json"
    script.write_text('[{"fault": "503"}]')
    tokens.write_text('[{"token": "t", "seller": "7000007", "environment": "production"}]')
    command = [sys.executable, "-m", "fbr.fake", "--port", "0", "--seed", "1"]
    command += ["--script", script, "--tokens", tokens]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        greeting = process.stdout.readline()
        port = int(re.match(r"Fake FBR listening on http://127\.0\.0\.1:(\d+);", greeting)[1])
        assert "/FBR/v1/api/Live/PostData (sandbox)" in greeting
        assert "/imsp/v1/api/Live/PostData (production)" in greeting
        fake = SimpleNamespace(port=port)

        status, _, _ = ask(fake, "POST", PRODUCTION, invoice(), "t")
        process.send_signal(end)

        assert (status, process.wait(5), process.stdout.read()) == (503, 0, "")


def test_the_process_says_in_a_line_why_it_cannot_begin(tmp_path):
    script = tmp_path / "script.json"
    script.write_text('[{"fault": "sulk"}]')
    command = [sys.executable, "-m", "fbr.fake", "--port", "0", "--script", script]

    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("The fake FBR cannot begin: Unknown fault 'sulk'.")


def test_without_a_seed_a_restart_repeats_no_number():
    numbers = set()
    for _ in range(3):
        with FakeFbr() as fbr:
            today = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
            numbers.add(send(fbr, invoice(invoiceDate=today))["invoiceNumber"])

    assert len(numbers) == 3


def test_it_imports_nothing_of_the_product():
    allowed = sys.stdlib_module_names
    for file in (ROOT / "fbr" / "fake").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module]
            for name in names:
                ours = name == "fbr.fake" or name.startswith("fbr.fake.")
                assert ours or name.split(".")[0] in allowed, f"{file.name} imports {name}"
