"""Which table goes by which clock: all of them, as their guards say, children first."""

from __future__ import annotations

from collections import Counter

import pytest

from privacy import rules

pytestmark = pytest.mark.django_db


def uncovered():
    """Tables that have a class, and neither a clock nor a word why not."""
    return [
        table
        for table in sorted(rules._models())
        if rules.retention_of(table) is not None
        and rules.rule_of(table) is None
        and not rules.why_no_clock(table)
    ]


def test_each_table_with_a_class_has_a_clock_or_says_why_not():
    assert uncovered() == []


def test_twin_a_table_that_nobody_thought_of_is_found(monkeypatch):
    known = {table: why for table, why in rules.BY_TABLE.items() if table != "accounts_heartbeat"}
    monkeypatch.setattr(rules, "BY_TABLE", known)

    assert uncovered() == ["accounts_heartbeat"]


def said_twice():
    tables = Counter(t for rule in (*rules.TAX_RULES, *rules.ROW_RULES) for t in rule.tables)
    return [table for table, times in tables.items() if times > 1]


def test_no_table_has_two_clocks():
    assert said_twice() == []


def test_twin_a_rule_that_is_written_twice_is_found(monkeypatch):
    monkeypatch.setattr(rules, "ROW_RULES", (*rules.ROW_RULES, rules.rule_of("privacy_checkrun")))

    assert set(said_twice()) == {"privacy_checkrun", "privacy_checkresult"}


def test_no_table_has_both():
    both = [table for table in rules.BY_TABLE if rules.rule_of(table) is not None]

    assert both == []


def test_rules_and_the_guards_of_the_tables_say_the_same(laid_database):
    """What the trigger of each table goes by, and what the plan counts by."""
    with laid_database.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, encode(tgargs, 'escape') FROM pg_trigger"
            " WHERE tgname = 'tax_retention'"
        )
        guards = {table: args.split("\\000")[:-1] for table, args in cursor.fetchall()}
    found = {}
    for rule in rules.TAX_RULES:
        way = "of" if rule.table == rules.DOCUMENT else rule.kind
        column = "id" if way == "of" else rule.clock.removeprefix("r.")
        found[rule.table] = [way, column]
        for table, link in rule.along:
            if table != "fbr_scenariorun":  # of the class ACC; it goes along with its document
                found[table] = ["of", link] if way == "of" else ["along", link]
    never = {"accounts_audithead": ["never"], "accounts_auditlink": ["instant", "at"]}
    apart = {"fbr_numbergap", "fbr_statementrow"}  # their guard looks at the record they go with

    assert {t: a for t, a in found.items() if t not in apart} == {
        t: a for t, a in guards.items() if t not in apart | never.keys()
    }
    assert {guards[table][0] for table in apart} == {"via"}


def test_children_go_before_what_they_name():
    order = [rule.table for rule in rules.rules()]

    assert order.index("invoices_invoice") < order.index("invoices_series")
    assert order.index("fbr_offlinespell") < order.index("fbr_outage")
    document = rules.rule_of("invoices_invoice")
    along = [table for table, _ in document.along]
    assert along.index("fbr_claim") < along.index("fbr_evidence") < along.index("fbr_attempt")
    assert along.index("fbr_attempt") < along.index("fbr_outbox")


def roles_that_take_files():
    return {rules.rule_of(table).role for table in rules.FILES}


def test_files_go_by_purge_alone():
    """Their marks are committed apart from the batch, which only works for its own connection."""
    assert roles_that_take_files() == {"purge"}


def test_twin_a_table_of_app_with_a_file_is_found(monkeypatch):
    files = {**rules.FILES, "accounts_outgoingmail": ("context",)}
    monkeypatch.setattr(rules, "FILES", files)

    assert roles_that_take_files() == {"purge", "app"}


@pytest.mark.parametrize("rule", rules.rules(), ids=lambda rule: rule.table)
def test_the_role_of_each_rule_may_delete(laid_database, rule):
    with laid_database.cursor() as cursor:
        for table in rule.tables:
            cursor.execute("SELECT has_table_privilege(%s, %s, 'DELETE')", [rule.role, table])
            assert cursor.fetchone()[0], table
