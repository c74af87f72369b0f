"""A new installation does not wait for its first night: its start looks at each promise."""

from __future__ import annotations

import pytest
from django.core.management import call_command
from django.urls import reverse

from privacy import demo, tasks
from privacy.models import CheckRun, PromiseState
from privacy.promises import BY_ID
from privacy.services import promises as service
from smartinvoicing import celery
from smartinvoicing import settings as product

HERE = {"host": "127.0.0.1"}
RUNG = [
    *("accounts.heartbeat", "privacy.read_mailbox"),
    *("privacy.first_look", "privacy.prove_promises"),
]
# Red until somebody runs the service: addresses, an officer, agreements, a first check.
OF_AN_OPERATOR = {"S1", "S8", "S25", "S30", "S40", "I17", "S49", "I21"}


@pytest.fixture
def fresh_demo(db, tmp_path, monkeypatch, settings, role_urls, capsys):
    """As `make run` leaves it, with nobody of a real operator's in any register."""
    monkeypatch.setattr(demo.known_secrets, "__defaults__", (tmp_path / "demo.json",))
    settings.PURGE_DATABASE_URL = role_urls.purge
    settings.AUDIT_ANCHOR_DIR = str(tmp_path / "anchors")
    settings.MEDIA_ROOT = str(tmp_path / "media")
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    settings.PASSWORD_HASHERS = product.PASSWORD_HASHERS
    call_command("demo")


def unknown(run):
    """Rows that say nothing: a check that failed, one that is due with no date, one missing."""
    seen = {each.promise: each for each in run.results.all()}
    wrong = {
        code: service.said(each)
        for code, each in seen.items()
        if each.is_fault or (each.state == PromiseState.DUE and each.due_on is None)
    }
    return wrong | dict.fromkeys(set(BY_ID) - set(seen), "was not looked at")


def start(monkeypatch):
    """What beat rings for when it starts, and what is rung for by that, one after the other."""
    rung = []
    monkeypatch.setattr(celery, "tell", rung.append)
    monkeypatch.setattr(tasks, "tell", rung.append)
    celery._begin()
    celery.app.loader.import_default_modules()
    for name in rung:
        celery.app.tasks[name]()
    return rung


@pytest.mark.django_db(transaction=True)
def test_after_it_every_promise_of_a_fresh_demo_is_kept_broken_or_due(
    fresh_demo, client, monkeypatch
):
    assert start(monkeypatch) == RUNG

    run = CheckRun.objects.get()
    red = {each.promise: service.said(each) for each in run.results.filter(state="broken")}
    assert unknown(run) == {}
    assert run.kept + run.broken + run.due == 70
    assert {code: said for code, said in red.items() if code not in OF_AN_OPERATOR} == {}
    html = client.get(reverse("privacy:promises"), headers=HERE).content.decode()
    assert "Not looked at yet" not in html
    assert html.count('<li class="tone-ok') >= run.kept


@pytest.mark.django_db(transaction=True)
def test_twin_a_check_that_fails_is_said_by_name(fresh_demo, monkeypatch):
    def fail(at):
        raise OSError("boom")

    monkeypatch.setattr("privacy.promise_checks.collecting.numbers_are_masked", fail)
    start(monkeypatch)

    assert unknown(CheckRun.objects.get()) == {"S6": "The check itself failed: OSError."}


@pytest.mark.django_db(transaction=True)
def test_a_second_start_of_the_same_day_looks_no_more(fresh_demo, monkeypatch):
    start(monkeypatch)

    assert start(monkeypatch) == RUNG[:3]

    assert CheckRun.objects.count() == 1
