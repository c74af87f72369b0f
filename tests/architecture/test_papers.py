"""The papers say what is so: their examples are sent, their names are looked up."""

import json
import re

import pytest
from django.conf import settings
from django.urls import Resolver404, resolve

from fbr.outcomes import Hold
from invoices.enums import State
from tests import factories
from tests.architecture import source

API = (source.ROOT / "docs" / "api.md").read_text()
RUNBOOK = (source.ROOT / "docs" / "runbook.md").read_text()
ID = "0192f0c1-7a3b-7c4d-8e5f-60718293a4b5"


def column(text, heading):
    """What stands in `ticks` in the first column of the table under a heading cell."""
    table = text.split(f"| {heading} |", 1)[1].split("\n\n", 1)[0]
    cells = [line.split("|")[1] for line in table.splitlines()[2:]]
    return [word for cell in cells for word in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.django_db(transaction=True)
def test_the_invoice_of_the_api_guide_is_taken(client, business, owner):
    (body,) = re.findall(r"```json\n(.*?)```", API, re.DOTALL)
    headers = {
        "Authorization": f"Bearer {factories.make_key(business, owner)}",
        "Idempotency-Key": "order-1001",
    }

    first = client.post("/api/v1/invoices", body, content_type="application/json", headers=headers)
    again = client.post("/api/v1/invoices", body, content_type="application/json", headers=headers)

    answer = first.json()
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == answer
    assert (answer["state"], answer["hold"]) == ("queued", "credential")
    assert (answer["number"], answer["totals"]["total"]) == (
        factories.number_of_today(1),
        "1180.00",
    )


@pytest.mark.django_db(transaction=True)
def test_the_refusal_of_the_api_guide_is_the_one_that_comes(client, business, owner):
    (body,) = re.findall(r"```json\n(.*?)```", API, re.DOTALL)
    wrong = json.loads(body)
    wrong["lines"][0]["hs_code"] = "9999.9999"
    headers = {"Authorization": f"Bearer {factories.make_key(business, owner)}"}
    shown = re.search(r'```\n(\{"code".*?)```', API, re.DOTALL).group(1)

    refused = client.post(
        "/api/v1/invoices", wrong, content_type="application/json", headers=headers
    )

    assert refused.status_code == 422
    assert refused.json() == json.loads(shown)


def test_every_call_of_the_api_guide_exists():
    missing = []
    for cell in column(API, "call"):
        for path in re.findall(r"/[^\s?]+", cell):
            try:
                resolve(path.replace("{id}", ID))
            except Resolver404:
                missing.append(path)

    assert missing == []


def test_the_api_guide_explains_every_state():
    assert sorted(column(API, "`state`")) == sorted(State.values)


def test_the_runbook_explains_holds_that_there_are():
    explained = set(column(RUNBOOK, "hold"))

    assert explained <= set(Hold.values)
    assert {Hold.CREDENTIAL, Hold.CLOCK, Hold.ENDPOINT} <= explained


def test_the_runbook_explains_every_refusal():
    checks = (source.ROOT / "smartinvoicing" / "checks.py").read_text()

    assert sorted(column(RUNBOOK, "id")) == sorted(set(re.findall(r"E0\d\d", checks)))


def test_the_events_that_the_runbook_names_are_logged():
    code = "".join((source.ROOT / path).read_text() for path in source.modules())
    named = re.findall(r"`((?:fbr|bell|dispatcher)\.\w+)`", RUNBOOK)

    assert named
    assert [name for name in named if f'"{name}"' not in code] == []


def test_the_papers_are_about_this_house():
    """Folders that the README describes are there."""
    readme = (source.ROOT / "README.md").read_text()
    folders = [word.rstrip("/") for word in column(readme, "folder")]

    assert {*source.APPS, "templates", "tests"} <= set(folders)
    assert [f for f in folders if not (source.ROOT / f).is_dir()] == []
    assert settings.STATICFILES_DIRS == [source.ROOT / "static"]


@pytest.mark.parametrize(
    ("paper", "letter", "many", "without"),
    [
        ("reliability.md", "R", 30, ["R23", "R26", "R27", "R30"]),
        ("privacy.md", "P", 20, ["P19"]),
    ],
)
def test_the_proofs_that_are_named_exist(paper, letter, many, without):
    """The papers name tests: each is there, and each guarantee has one, and a twin."""
    text = (source.ROOT / "docs" / paper).read_text()
    there = {
        name
        for path in (source.ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
    }
    rows = [line.split("|") for line in text.splitlines() if re.match(rf"\| {letter}\d+ \|", line)]

    assert set(re.findall(r"`(test_\w+)`", text)) - there == set()
    assert [row[1].strip() for row in rows] == [f"{letter}{n}" for n in range(1, many + 1)]
    bare = [row[1].strip() for row in rows if "`" not in row[3] or "`" not in row[4]]
    assert bare == without
