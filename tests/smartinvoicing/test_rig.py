"""The rig under the tests: what one test leaves must not reach the next."""

import os

import psycopg2
import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection

from smartinvoicing.pg import roles
from smartinvoicing.provision import ROOT

pytest_plugins = ["pytester"]


@pytest.mark.django_db(transaction=True)
def test_committed_rows_are_gone_afterwards(laid_database):
    Group.objects.create(name="committed")

    laid_database.reset()

    assert not Group.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_what_migrations_put_there_is_there_again(laid_database):
    before = sorted(ContentType.objects.values_list("app_label", "model"))
    ContentType.objects.filter(app_label="invoices").update(app_label="gone")

    laid_database.reset()

    assert sorted(ContentType.objects.values_list("app_label", "model")) == before


@pytest.mark.django_db(transaction=True)
def test_a_session_that_a_test_forgot_hinders_nobody(laid_database):
    Group.objects.create(name="committed")
    forgotten = psycopg2.connect(os.environ["DATABASE_URL"])
    with forgotten.cursor() as cursor:
        cursor.execute("UPDATE auth_group SET name = 'locked'")

    laid_database.reset()

    assert not Group.objects.exists()
    forgotten.close()


@pytest.mark.django_db(transaction=True)
def test_a_broken_transaction_of_a_test_hinders_nobody(laid_database):
    Group.objects.create(name="committed")
    with laid_database.cursor() as cursor, pytest.raises(psycopg2.errors.DivisionByZero):
        cursor.execute("BEGIN; UPDATE auth_group SET name = 'locked'; SELECT 1 / 0")

    laid_database.reset()

    assert not Group.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_rows_of_a_test_are_deleted_without_a_copy(laid_database, monkeypatch):
    monkeypatch.setattr(laid_database, "copy", "no such database")
    Group.objects.create(name="committed")

    laid_database.reset()

    assert not Group.objects.exists()


def test_the_address_for_child_processes_names_our_database(db):
    assert roles.database_of(os.environ["DATABASE_URL"]) == connection.settings_dict["NAME"]


@pytest.mark.parametrize("turn", [1, 2])
def test_no_cache_outlives_its_test(turn):
    assert cache.get("rig") is None
    cache.set("rig", turn)


@pytest.mark.workers
@pytest.mark.django_db(transaction=True)
def test_a_worker_is_a_process_that_takes_messages_until_it_is_killed(start_worker):
    worker = start_worker("rig", concurrency=1)

    assert worker.is_alive
    assert worker.pid != os.getpid()
    assert worker.kill() == -9
    assert not worker.is_alive


@pytest.mark.workers
def test_a_command_of_a_test_ends_with_its_exit_code(start_process):
    assert start_process("check", "--deploy", "--fail-level", "DEBUG").wait() == 1
    assert start_process("check").wait() == 0


@pytest.mark.workers
def test_a_process_of_a_test_has_the_settings_that_it_was_given(start_process):
    code = "from django.conf import settings; print(settings.FBR_DI_URL)"

    asked = start_process("shell", "-c", code, env={"FBR_DI_URL": "http://127.0.0.1:12345"})

    assert asked.wait() == 0
    assert "http://127.0.0.1:12345" in asked.log()


@pytest.mark.parametrize(("ci", "outcome"), [("true", "failed"), ("", "skipped")])
def test_a_skip_is_a_failure_under_ci(pytester, monkeypatch, ci, outcome):
    monkeypatch.setenv("CI", ci)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    pytester.makepyfile("import pytest\ndef test_it(): pytest.skip('no browser here')")

    result = pytester.runpytest_subprocess("-p", "no:django", "-p", "tests.no_skips")

    result.assert_outcomes(**{outcome: 1})
    result.stdout.fnmatch_lines(["*no browser here*"])
