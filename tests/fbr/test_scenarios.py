"""The 28 sandbox scenarios: whole, and through the command that proves them."""

from __future__ import annotations

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from fbr import scenarios
from invoices import sale_types
from privacy import demo
from smartinvoicing.env import BASE_DIR

GOLDEN = BASE_DIR / "tests" / "fbr" / "golden"


@pytest.fixture
def demo_at(tmp_path, monkeypatch, settings, fake_fbr):
    """The demo's own file in a place of this test's, and the fake where FBR would be."""
    settings.FBR_DI_URL = fake_fbr.url
    monkeypatch.setattr(demo.known_secrets, "__defaults__", (tmp_path / "demo.json",))


def run(**options):
    told = StringIO()
    call_command("run_scenarios", golden=GOLDEN, stdout=told, stderr=StringIO(), **options)
    return told.getvalue().splitlines()


def test_there_are_twenty_eight_and_each_kind_of_supply_knows_its_own():
    assert list(scenarios.SCENARIOS) == [f"SN{number:03d}" for number in range(1, 29)]
    shown = {kind: set(each.scenarios) for kind, each in sale_types.KINDS.items()}
    for name, scenario in scenarios.SCENARIOS.items():
        assert name in shown[scenario.sale_type]


@pytest.mark.django_db(transaction=True)
def test_all_of_them_are_accepted_golden_and_counted_to_the_paisa(fake_fbr, demo_at):
    lines = run()

    assert [line.split("\t")[1:3] for line in lines[:28]] == [["accepted", "golden"]] * 28
    assert lines[-1].startswith("28 of 28 accepted, 28 equal to their golden file")
    refused, asked = [int(word) for word in lines[-1].split() if word.isdecimal()][-2:]
    assert refused == asked > 150
    assert len(fake_fbr.ledger()["recorded"]) == 28


@pytest.mark.django_db(transaction=True)
def test_one_that_differs_from_its_golden_file_is_no_pass(fake_fbr, demo_at, tmp_path):
    other = json.loads((GOLDEN / "SN001.json").read_text())
    other["bytes"] = other["bytes"].replace("180", "181")
    (tmp_path / "SN001.json").write_text(json.dumps(other))

    with pytest.raises(CommandError, match="Not every scenario"):
        call_command("run_scenarios", only="SN001", golden=tmp_path, stdout=StringIO())


@pytest.mark.django_db(transaction=True)
def test_one_that_fbr_refuses_is_no_pass(fake_fbr, demo_at):
    fake_fbr.script([{"fault": "invalid", "code": "0052"}])

    with pytest.raises(CommandError, match="Not every scenario"):
        run(only="SN001")


def test_a_scenario_that_fbr_does_not_have_is_said():
    with pytest.raises(CommandError, match="SN099"):
        run(only="SN001,SN099")
