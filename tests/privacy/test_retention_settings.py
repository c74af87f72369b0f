"""What a start refuses (P19): more than ninety days, or tax records kept for too short a time."""

from __future__ import annotations

import pytest

from privacy import deadlines
from smartinvoicing import checks
from smartinvoicing.pg import roles


def codes(found):
    return [message.id.partition(".")[2] for message in found]


@pytest.mark.parametrize(
    ("purge_day", "backup_days", "found"),
    [(45, 35, []), (50, 35, []), (51, 35, ["E024"]), (45, 41, ["E024"]), (45, 40, [])],
)
def test_purge_and_backups_end_by_day_ninety(settings, purge_day, backup_days, found):
    settings.CLOSURE_PURGE_DAY, settings.BACKUP_KEPT_DAYS = purge_day, backup_days

    assert codes(checks.closed_accounts_are_gone_in_time()) == found


def test_the_day_of_the_check_is_the_day_of_the_purge(settings):
    assert settings.CLOSURE_PURGE_DAY == deadlines.LIVE_PURGE_DAY


@pytest.mark.parametrize(("years", "found"), [(7, []), (6, []), (5, ["E025"]), (1, ["E025"])])
def test_tax_records_are_kept_as_long_as_law_wants(settings, years, found):
    settings.TAX_KEPT_YEARS = years

    assert codes(checks.tax_records_are_kept()) == found


def test_settings_and_database_say_the_same(db, settings):
    assert checks.tables_keep_what_settings_say(databases=["default"]) == []
    settings.TAX_KEPT_YEARS = 8
    assert codes(checks.tables_keep_what_settings_say(databases=["default"])) == ["E026"]


@pytest.mark.parametrize("wrong", [{"BACKUP_KEPT_DAYS": "60"}, {"TAX_KEPT_YEARS": "5"}])
def test_nothing_starts_that_would_break_the_promise(start_process, wrong):
    process = start_process("check", "--tag", "security", env=wrong)

    assert process.wait(60) != 0
    assert any(code in process.log() for code in ("E024", "E025"))


def test_the_address_of_purge_is_derived_in_development_and_given_in_production():
    boss = "postgresql://boss:secret@127.0.0.1:9/shop"
    theirs = "postgresql://app:x@127.0.0.1:9/shop"

    assert roles.purge_address("development", "", database_url=boss) == roles.derive(boss).purge
    assert roles.purge_address("development", "", database_url=theirs) == ""
    assert roles.purge_address("production", "", database_url=boss) == ""
    assert roles.purge_address("production", "given", database_url=theirs) == "given"
