"""The tenant wall: what Python refuses, and what the database refuses when Python does not."""

import threading
from uuid import uuid4

import pytest
from django.db import IntegrityError, ProgrammingError, connection, models, transaction

from accounts import tenancy
from accounts.enums import Role
from accounts.models import AuditEvent, Invitation, LegalEntity, Membership, Tenant
from accounts.secret_hash import hash_of
from accounts.tenancy import NoTenant, across_tenants, as_bearer, as_person, in_tenant
from smartinvoicing.pg import scope
from smartinvoicing.pg.base import OutsideTransaction
from tests.accounts.cast import NOON, PARTICULARS, join, person, shop_of


def variable(name="app.tenant_id"):
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting(%s, true), '')", [name])
        return cursor.fetchone()[0]


def names_by_sql():
    """Past every manager of ours: what the role app is shown by the policies alone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM accounts_legalentity ORDER BY name")
        return [name for (name,) in cursor.fetchall()]


# --- without a scope --------------------------------------------------------------------------


@pytest.mark.parametrize("model", [Membership, LegalEntity, Tenant, AuditEvent])
def test_a_query_without_a_scope_is_a_mistake(shop, model):
    with pytest.raises(NoTenant):
        model.objects.count()


def test_a_row_is_not_saved_without_a_scope(shop):
    with pytest.raises(NoTenant):
        LegalEntity(tenant=shop.tenant, **PARTICULARS | {"ntn_cnic": "3456789"}).save()

    with in_tenant(shop.tenant.pk):
        assert LegalEntity.objects.count() == 1


def test_the_tenant_of_no_scope_is_a_mistake():
    with pytest.raises(NoTenant):
        tenancy.current_tenant_id()


def test_raw_sql_without_a_scope_sees_nothing(shop, rival):
    assert names_by_sql() == []


def test_across_tenants_gives_the_role_app_nothing(shop, rival):
    with across_tenants(why="a test"):
        assert list(LegalEntity.objects.all()) == []
        assert names_by_sql() == []


@pytest.mark.django_db(transaction=True)
def test_a_scoped_query_outside_a_transaction_is_a_mistake():
    shop = shop_of(person("ayesha@mills.example"))

    with in_tenant(shop.tenant.pk), pytest.raises(OutsideTransaction):
        LegalEntity.objects.count()


# --- another tenant's rows --------------------------------------------------------------------


def test_inside_only_ones_own_rows_exist(open_shop, rival):
    assert [entity.name for entity in LegalEntity.objects.all()] == ["Lahore Yarn Mills"]
    assert [tenant.pk for tenant in Tenant.objects.all()] == [open_shop.tenant.pk]
    assert names_by_sql() == ["Lahore Yarn Mills"]


@pytest.mark.django_db(transaction=True)
def test_the_manager_alone_keeps_tenants_apart(laid_database):
    """The policies' sabotage twin: asked as a superuser, whom no policy binds."""
    shop = shop_of(person("ayesha@mills.example"))
    shop_of(person("bilal@rival.example"), name="Rival Traders", ntn_cnic="3456789")
    with in_tenant(shop.tenant.pk):
        asked, parameters = LegalEntity.objects.values_list("name").query.sql_with_params()

    with laid_database.cursor() as cursor:
        cursor.execute(asked, parameters)
        seen = cursor.fetchall()
        cursor.execute("SELECT count(*) FROM accounts_legalentity")

        assert cursor.fetchone() == (2,)
    assert seen == [("Lahore Yarn Mills",)]


def test_the_policies_alone_keep_tenants_apart(open_shop, rival):
    """The manager's sabotage twin: asked by a queryset that it did not make."""
    unscoped = models.QuerySet(LegalEntity)

    assert [entity.name for entity in unscoped] == ["Lahore Yarn Mills"]
    assert unscoped.filter(ntn_cnic="3456789").update(name="Stolen") == 0


def test_a_foreign_row_cannot_be_read_changed_or_deleted(open_shop, rival):
    with in_tenant(rival.tenant.pk):
        foreign = LegalEntity.objects.get()

    with pytest.raises(LegalEntity.DoesNotExist):
        LegalEntity.objects.get(pk=foreign.pk)
    assert LegalEntity.objects.filter(pk=foreign.pk).update(name="Stolen") == 0
    assert LegalEntity.objects.filter(pk=foreign.pk).delete() == (0, {})
    with in_tenant(rival.tenant.pk):
        assert LegalEntity.objects.get().name == "Rival Traders"


def test_raw_sql_cannot_change_or_delete_a_foreign_row(open_shop, rival):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_legalentity SET phone = '1'")
        changed = cursor.rowcount
        cursor.execute("DELETE FROM accounts_invitation")

    assert changed == 1
    with in_tenant(rival.tenant.pk):
        assert LegalEntity.objects.get().phone == ""


def test_save_refuses_another_tenant(open_shop, rival):
    with pytest.raises(NoTenant):
        LegalEntity(tenant=rival.tenant, **PARTICULARS).save()

    with in_tenant(rival.tenant.pk):
        assert LegalEntity.objects.count() == 1


def test_save_refuses_to_move_a_row_to_another_tenant(open_shop, rival):
    entity = LegalEntity.objects.get()
    entity.tenant = rival.tenant

    with pytest.raises(NoTenant):
        entity.save()

    assert LegalEntity.objects.get().tenant_id == open_shop.tenant.pk


def test_the_database_refuses_a_row_for_another_tenant(open_shop, rival):
    foreign = LegalEntity(tenant=rival.tenant, **PARTICULARS)

    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        LegalEntity.objects.bulk_create([foreign])  # does not pass by save()

    with in_tenant(rival.tenant.pk):
        assert LegalEntity.objects.count() == 1


def test_the_database_refuses_to_move_a_row_to_another_tenant(open_shop, rival):
    with pytest.raises(ProgrammingError, match="row-level security"), transaction.atomic():
        LegalEntity.objects.update(tenant=rival.tenant)

    assert LegalEntity.objects.get().tenant_id == open_shop.tenant.pk


def test_one_person_is_one_member_of_a_tenant(open_shop):
    with pytest.raises(IntegrityError), transaction.atomic():
        join(open_shop, open_shop.owner, Role.VIEWER)

    assert Membership.objects.get().role == Role.OWNER


# --- scopes -----------------------------------------------------------------------------------


def test_a_row_gets_the_tenant_of_the_scope(open_shop):
    entity = LegalEntity(**PARTICULARS | {"ntn_cnic": "3456789"})

    entity.save()

    assert entity.tenant_id == open_shop.tenant.pk


def test_a_queryset_made_outside_is_decided_when_it_runs(shop, rival):
    with in_tenant(shop.tenant.pk):
        rows = LegalEntity.objects.all()

    with pytest.raises(NoTenant):
        list(rows.all())
    with in_tenant(rival.tenant.pk):
        assert [entity.name for entity in rows.all()] == ["Rival Traders"]


def test_nested_scopes_restore_the_outer_one(shop, rival):
    with in_tenant(shop.tenant.pk):
        with in_tenant(rival.tenant.pk):
            assert names_by_sql() == ["Rival Traders"]
        assert variable() == str(shop.tenant.pk)
        assert names_by_sql() == ["Lahore Yarn Mills"]
    assert variable() == ""
    assert scope.current() == scope.NOBODY


def test_a_scope_is_restored_after_an_error(shop, rival):
    with in_tenant(shop.tenant.pk):
        with pytest.raises(LegalEntity.DoesNotExist), in_tenant(rival.tenant.pk):
            LegalEntity.objects.get(name="Lahore Yarn Mills")

        assert LegalEntity.objects.get().name == "Lahore Yarn Mills"


def test_the_error_of_a_refused_statement_comes_through_as_it_is(open_shop, rival):
    with pytest.raises(IntegrityError), transaction.atomic(), in_tenant(rival.tenant.pk):
        LegalEntity.objects.update(province=None)

    assert variable() == str(open_shop.tenant.pk)


def test_a_scope_is_restored_after_a_rolled_back_savepoint(shop, rival):
    with in_tenant(shop.tenant.pk):
        with (
            pytest.raises(ProgrammingError),
            transaction.atomic(),
            in_tenant(rival.tenant.pk),
            connection.cursor() as cursor,
        ):
            cursor.execute("SELECT nothing")

        assert variable() == str(shop.tenant.pk)
        assert names_by_sql() == ["Lahore Yarn Mills"]


@pytest.mark.django_db(transaction=True)
def test_each_transaction_is_told_anew_and_keeps_nothing():
    shop = shop_of(person("ayesha@mills.example"))

    with in_tenant(shop.tenant.pk):
        for _time in range(2):
            with transaction.atomic():
                assert variable() == str(shop.tenant.pk)

    assert variable() == ""


# --- before the tenant is known ---------------------------------------------------------------


def test_a_person_sees_their_own_memberships_and_tenants(shop, rival):
    with as_person(shop.owner.pk):
        assert [row.tenant_id for row in Membership.objects.all()] == [shop.tenant.pk]
        assert [row.pk for row in Tenant.objects.all()] == [shop.tenant.pk]
        assert not LegalEntity.objects.exists()


def test_a_person_without_a_tenant_changes_nothing(shop):
    with as_person(shop.owner.pk):
        assert Membership.objects.update(role=Role.VIEWER) == 0

    with in_tenant(shop.tenant.pk):
        assert Membership.objects.get().role == Role.OWNER


def test_a_bearer_sees_the_one_row_and_changes_nothing(shop):
    with in_tenant(shop.tenant.pk):
        for secret in ("one", "two"):
            Invitation(
                email=f"{secret}@mills.example",
                role=Role.VIEWER,
                secret_hash=hash_of(secret),
                invited_by=shop.owner,
                invited_at=NOON,
                expires_at=NOON,
            ).save()

    with as_bearer(hash_of("one")):
        assert Invitation.objects.get().email == "one@mills.example"
        assert Invitation.objects.update(role=Role.OWNER) == 0
        assert Invitation.objects.all().delete() == (0, {})

    with in_tenant(shop.tenant.pk):
        assert set(Invitation.objects.values_list("role", flat=True)) == {Role.VIEWER}
        assert Invitation.objects.count() == 2


def test_an_empty_bearer_sees_nothing(shop):
    with as_bearer(hash_of("")):
        assert not Invitation.objects.exists()


# --- threads ----------------------------------------------------------------------------------


def test_a_thread_starts_with_no_scope():
    found = []

    with in_tenant(uuid4()):
        thread = threading.Thread(target=lambda: found.append(scope.current()))
        thread.start()
        thread.join(5)

    assert found == [scope.NOBODY]


@pytest.mark.django_db(transaction=True)
def test_threads_in_different_tenants_never_meet():
    shops = [
        shop_of(person(f"owner{n}@mills.example"), name=f"Mills {n}", ntn_cnic=f"204600{n}")
        for n in range(4)
    ]
    seen: dict[str, set[str]] = {shop.tenant.name: set() for shop in shops}
    together = threading.Barrier(len(shops))

    def look(own, next_one):
        together.wait(5)
        for _time in range(25):
            with in_tenant(own.tenant.pk), transaction.atomic():
                seen[own.tenant.name].update(names_by_sql())
                with in_tenant(next_one.tenant.pk):
                    LegalEntity.objects.get(name=next_one.tenant.name)
                seen[own.tenant.name].update(e.name for e in LegalEntity.objects.all())
        connection.close()

    threads = [
        threading.Thread(target=look, args=[own, shops[(n + 1) % len(shops)]])
        for n, own in enumerate(shops)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert seen == {name: {name} for name in seen}
