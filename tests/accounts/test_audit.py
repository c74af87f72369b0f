import pytest
from django.db import DatabaseError, connection, transaction

from accounts import audit, selectors
from accounts.access import Actor
from accounts.enums import AuditAction
from accounts.models import AuditEvent, LegalEntity
from accounts.tenancy import in_tenant
from tests.accounts.cast import NOON

ATTACKS = {
    "update": "UPDATE accounts_auditevent SET actor = 'nobody'",
    "delete": "DELETE FROM accounts_auditevent",
    "truncate": "TRUNCATE accounts_auditevent",
    "upsert": (
        "INSERT INTO accounts_auditevent SELECT * FROM accounts_auditevent"
        " ON CONFLICT (id) DO UPDATE SET actor = 'nobody'"
    ),
    "disable trigger": "ALTER TABLE accounts_auditevent DISABLE TRIGGER append_only",
    "drop trigger": "DROP TRIGGER append_only ON accounts_auditevent",
    "drop policy": "DROP POLICY tenant ON accounts_auditevent",
    "disable policies": "ALTER TABLE accounts_auditevent DISABLE ROW LEVEL SECURITY",
    "drop": "DROP TABLE accounts_auditevent",
    "replica": "SET LOCAL session_replication_role = replica",
    "owner": "SET LOCAL ROLE owner",
    "purge": "SET LOCAL ROLE purge",
    "function": (
        "CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql"
        " AS $f$ BEGIN RETURN NEW; END $f$"
    ),
}


def rows():
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(a)::text FROM accounts_auditevent a ORDER BY id")
        return [row for (row,) in cursor.fetchall()]


def test_tests_run_as_a_role_that_is_bound_by_policies(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == ("app", False, False)


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_the_trail_is_append_only_for_the_role_app(open_shop, attack):
    before = rows()

    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(attack)

    assert rows() == before
    assert len(before) == 1


def test_a_written_event_is_not_saved_again(open_shop):
    event = AuditEvent.objects.get()
    event.actor = "nobody"

    with pytest.raises(DatabaseError), transaction.atomic():
        event.save()

    assert AuditEvent.objects.get().actor == open_shop.actor.name


def test_record_writes_who_what_about_which_and_when(open_shop):
    entity = LegalEntity.objects.get()

    audit.record(
        Actor.system("test"), AuditAction.ENTITY_CHANGED, entity, at=NOON, fields=["phone"]
    )

    event = AuditEvent.objects.latest("id")
    assert (event.actor, event.action) == ("system:test", AuditAction.ENTITY_CHANGED)
    assert (event.object_type, event.object_id) == ("legalentity", entity.pk)
    assert (event.at, event.details) == (NOON, {"fields": ["phone"]})


def test_a_deed_that_fails_leaves_no_event(open_shop):
    with transaction.atomic():
        audit.record(open_shop.actor, AuditAction.TENANT_OPENED, open_shop.tenant, at=NOON)
        transaction.set_rollback(True)

    assert AuditEvent.objects.count() == 1


def test_audit_page_goes_back_in_time_without_a_gap(open_shop):
    for _time in range(4):
        audit.record(open_shop.actor, AuditAction.ENTITY_CHANGED, open_shop.tenant, at=NOON)

    first = selectors.audit_page(size=3)
    second = selectors.audit_page(before=first[-1].pk, size=3)

    assert [event.pk for event in first + second] == [
        event.pk for event in AuditEvent.objects.order_by("-at", "-id")
    ]
    assert second[-1].action == AuditAction.TENANT_OPENED


def test_an_event_of_another_tenant_is_not_seen(open_shop, rival):
    with in_tenant(rival.tenant.pk):
        foreign = AuditEvent.objects.get()

    assert foreign not in selectors.audit_page()
    assert selectors.audit_page(before=foreign.pk) == selectors.audit_page()
