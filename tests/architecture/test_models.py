"""The tenant wall as the database has it: keys, policies, roles. Asked of the catalogue."""

import psycopg2
import pytest
from django.apps import apps
from django.db import connection, models
from django.db.models.fields.related import ForeignKey

from accounts.models import Tenant
from accounts.tenancy import TenantModel
from smartinvoicing.ids import uuid7
from smartinvoicing.pg import roles
from smartinvoicing.pg.constraints import SameTenant
from smartinvoicing.pg.operations import TENANT
from tests.architecture import source

OURS = [model for app in source.APPS for model in apps.get_app_config(app).get_models()]
WALLED = [model for model in OURS if issubclass(model, TenantModel)]
TABLES = {model._meta.db_table for model in WALLED}

# Of nobody, or of a person who may be in many tenants: no row policy binds these.
OUTSIDE = {
    "privacy_ticket",
    "privacy_ticketmessage",
    "privacy_checkresult",
    "privacy_checkrun",
    "privacy_egressstatement",
    "privacy_breachalert",
    "privacy_breachcase",
    "privacy_breachdecision",
    "privacy_breachletter",
    "privacy_breachnotice",
    "privacy_breachrevision",
    "privacy_breachscope",
    "privacy_breachstep",
    "privacy_breachtenant",
    "accounts_accesslog",
    "account_emailaddress",
    "account_emailconfirmation",
    "accounts_approval",
    "accounts_breakglass",
    "accounts_stafflook",
    "accounts_stafftie",
    "accounts_stafftraining",
    "accounts_supportwindow",
    "accounts_auditcheck",
    "accounts_consentevent",
    "accounts_consenttext",
    "accounts_heartbeat",
    "accounts_outgoingmail",
    "accounts_policyacceptance",
    "accounts_policyversion",
    "accounts_staffdeed",
    "accounts_staffseat",
    "accounts_suppression",
    "accounts_user",
    "accounts_user_groups",
    "accounts_user_user_permissions",
    "auth_group",
    "auth_group_permissions",
    "auth_permission",
    "axes_accessattempt",
    "axes_accessattemptexpiration",
    "axes_accessfailurelog",
    "axes_accesslog",
    "django_admin_log",
    "django_content_type",
    "django_migrations",
    "django_session",
    "fbr_alert",
    "fbr_breaker",
    "fbr_linecheck",
    "fbr_outage",
    "fbr_reach",
    "fbr_tally",
    "fbr_unknowncode",
    "fbr_witnessrequest",
    "invoices_documenttyperow",
    "invoices_hscode",
    "invoices_hsunit",
    "invoices_listing",
    "invoices_provincerow",
    "invoices_rateschedule",
    "invoices_ratetext",
    "invoices_referencerun",
    "invoices_referencesync",
    "invoices_saletyperate",
    "invoices_saletyperow",
    "invoices_sroitem",
    "invoices_sroschedule",
    "invoices_unit",
    "mfa_authenticator",
    "privacy_alarm",
    "privacy_campaign",
    "privacy_campaignnotice",
    "privacy_closure",
    "privacy_closurecount",
    "privacy_closurestep",
    "privacy_erasure",
    "privacy_datamapversion",
    "privacy_desktask",
    "privacy_detection",
    "privacy_detectionrun",
    "privacy_fielduse",
    "privacy_exportfile",
    "privacy_identityproof",
    "privacy_requestevent",
    "privacy_subjectrequest",
    "privacy_purgebatch",
    "privacy_purgefile",
    "privacy_purgeplan",
    "privacy_purgereceipt",
    "privacy_purgerun",
    "privacy_taxretention",
    "privacy_usageevent",
    "privacy_disclosure",
    "privacy_dpia",
    "privacy_dpo",
    "privacy_featureflag",
    "privacy_finding",
    "privacy_processor",
    "privacy_securityreview",
    "privacy_transfer",
    "smartinvoicing_allowedhost",
    "smartinvoicing_installation",
    "smartinvoicing_installationevent",
    "usersessions_usersession",
}

# What may be read before the tenant is known: by policies of their own, for reading only.
BEFORE_THE_TENANT = {
    ("accounts_apikey", "bearer"),
    ("accounts_invitation", "bearer"),
    ("accounts_membership", "mine"),
    ("accounts_tenant", "mine"),
    ("invoices_signingkey", "bearer"),
}

# Narrow functions that the owner lends to app: they return ids or counts, or lease one row.
LENT = {
    "privacy_erase_once",
    "privacy_forget_invitations",
    "accounts_keep_access_log",
    "accounts_keep_log_months",
    "privacy_businesses_of",
    "invoices_closings_due",
    "invoices_rounds_due",
    "invoices_unsigned",
    "accounts_audit_chain",
    "accounts_audit_hashes",
    "accounts_audit_heads",
    "accounts_forget_replays",
    "accounts_notices_to_mail",
    "fbr_cancel_calls_due",
    "fbr_cancellations_open",
    "fbr_failing_businesses",
    "fbr_figures",
    "fbr_hanging",
    "fbr_is_due",
    "fbr_offline_businesses",
    "fbr_offline_waits",
    "fbr_paced_s",
    "fbr_probe_with",
    "fbr_registers_due",
    "fbr_reporting_businesses",
    "fbr_set_deadlines",
    "fbr_take",
    "fbr_tenants_to_watch",
    "fbr_tokens_by_lot",
    "fbr_uncovered",
    "fbr_unread_answers",
    "fbr_walks_due",
    "privacy_invoices_said",
    "privacy_holds",
    "tenants_after",
}

# What no two tenants may share: FBR's number, and hashes that nobody can guess.
UNIQUE_FOR_ALL = {
    ("accounts_apikey", ("key_hash",)),
    ("accounts_invitation", ("secret_hash",)),
    ("invoices_invoice", ("environment", "fbr_number")),
}


@pytest.fixture
def ask(db):
    """Rows of one query, as the role app."""

    def rows(sql, *params):
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    return rows


@pytest.fixture
def as_owner(db, owner_url):
    """A cursor of the role owner in a transaction that is rolled back."""
    line = psycopg2.connect(owner_url)
    line.cursor().execute("SET lock_timeout = '5s'")
    yield line.cursor()
    line.rollback()
    line.close()


# --- keys -------------------------------------------------------------------------------------


def inner_keys(model):
    """Foreign keys of `model` to other tables behind the wall."""
    return [
        field
        for field in model._meta.concrete_fields
        if isinstance(field, ForeignKey) and issubclass(field.related_model, TenantModel)
    ]


def test_there_is_a_wall():
    assert len(WALLED) > 12
    assert sum(len(inner_keys(model)) for model in WALLED) > 10


@pytest.mark.parametrize("model", WALLED, ids=lambda model: model._meta.label)
def test_each_key_behind_the_wall_is_kept_by_a_pair(model):
    pairs = [c.field for c in model._meta.constraints if isinstance(c, SameTenant)]
    keys = inner_keys(model)

    assert sorted(pairs) == sorted(field.name for field in keys)
    assert [field.name for field in keys if field.db_constraint] == []


def foreign_keys(ask):
    """(table, its columns, the other table, its columns) of every foreign key."""
    columns = (
        "(SELECT array_agg(a.attname::text ORDER BY u.place) FROM unnest({key})"
        " WITH ORDINALITY u(number, place) JOIN pg_attribute a"
        " ON a.attrelid = {table} AND a.attnum = u.number)"
    )
    found = ask(
        "SELECT k.conrelid::regclass::text, "
        + columns.format(key="k.conkey", table="k.conrelid")
        + ", k.confrelid::regclass::text, "
        + columns.format(key="k.confkey", table="k.confrelid")
        + " FROM pg_constraint k WHERE k.contype = 'f' AND k.convalidated"
    )
    return {(table, tuple(mine), other, tuple(theirs)) for table, mine, other, theirs in found}


def test_the_database_agrees_about_the_pairs(ask):
    wanted = {
        (
            model._meta.db_table,
            ("tenant_id", field.column),
            field.related_model._meta.db_table,
            ("tenant_id", "id"),
        )
        for model in WALLED
        for field in inner_keys(model)
    }
    within = {key for key in foreign_keys(ask) if key[0] in TABLES and key[2] in TABLES}

    assert within == wanted


def test_each_row_behind_the_wall_has_a_tenant(ask):
    wanted = {(table, ("tenant_id",), "accounts_tenant", ("id",)) for table in TABLES}
    nullable = ask(
        "SELECT c.table_name FROM information_schema.columns c"
        " WHERE c.column_name = 'tenant_id' AND c.is_nullable = 'YES'"
        " AND NOT c.table_name = ANY(%s) AND NOT (SELECT relispartition FROM pg_class"
        "  WHERE oid = format('public.%%I', c.table_name)::regclass)",
        sorted(OUTSIDE),
    )

    assert wanted <= foreign_keys(ask)
    assert nullable == []


def test_nothing_is_unique_over_tenants_but_what_may_be(ask):
    found = ask(
        "SELECT i.indrelid::regclass::text, array_agg(a.attname::text ORDER BY k.place)"
        " FROM pg_index i CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(number, place)"
        " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number"
        " WHERE i.indisunique AND NOT i.indisprimary"
        " AND i.indrelid::regclass::text = ANY(%s) GROUP BY i.indexrelid, 1",
        sorted(TABLES),
    )
    over_tenants = {(table, tuple(cols)) for table, cols in found if cols[0] != "tenant_id"}

    assert over_tenants == UNIQUE_FOR_ALL


def test_every_row_is_named_by_an_id_that_nobody_guesses():
    """Version 7, from `ids.uuid7`: made here, so no sequence tells how much a rival sells."""
    keys = {model._meta.label: model._meta.pk for model in [*WALLED, Tenant]}

    assert [n for n, key in keys.items() if not isinstance(key, models.UUIDField)] == []
    assert [n for n, key in keys.items() if key.default is not uuid7] == []


# --- row policies -----------------------------------------------------------------------------


def unguarded(rows):
    """Tables with a tenant that lack something of the third layer.

    rows: asks the catalogue. ENABLE, FORCE, the policy `tenant` for reading and writing alike,
    and an index that begins with the tenant.
    """
    column = {"accounts_tenant": "id"}
    facts = rows(
        "SELECT c.relname::text, c.relrowsecurity AND c.relforcerowsecurity,"
        " EXISTS (SELECT 1 FROM pg_index i JOIN pg_attribute a"
        "  ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE i.indrelid = c.oid"
        "  AND i.indpred IS NULL AND a.attname = CASE c.relname"
        "   WHEN 'accounts_tenant' THEN 'id' ELSE 'tenant_id' END)"
        " FROM pg_class c WHERE c.relkind IN ('r', 'p') AND NOT c.relispartition"
        " AND (c.relname = 'accounts_tenant'"
        "  OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid"
        "   AND a.attname = 'tenant_id' AND NOT a.attisdropped))"
        " AND c.relnamespace = 'public'::regnamespace"
    )
    policies = {
        table: (permissive, cmd, roles_, plain(using), plain(check))
        for table, permissive, cmd, roles_, using, check in rows(
            "SELECT tablename::text, permissive, cmd, roles::text[], qual, with_check"
            " FROM pg_policies WHERE policyname = 'tenant'"
        )
    }
    found = {}
    facts = [fact for fact in facts if fact[0] not in OUTSIDE]
    for table, is_forced, has_index in facts:
        mine = plain(f"{column.get(table, 'tenant_id')} = {TENANT}")
        wanted = ("PERMISSIVE", "ALL", ["public"], mine, mine)
        if not (is_forced and has_index and policies.get(table) == wanted):
            found[table] = (is_forced, has_index, policies.get(table))
    return found, {table for table, *_ in facts}


def plain(condition):
    """A condition without the brackets and casts that the catalogue puts in."""
    words = (condition or "").replace("::text", "").replace("(", " ").replace(")", " ")
    return " ".join(words.split())


def test_every_table_with_a_tenant_is_guarded(ask):
    found, tables = unguarded(ask)

    assert found == {}
    assert tables == TABLES | {"accounts_tenant"}


@pytest.mark.parametrize(
    "sabotage",
    [
        "ALTER TABLE invoices_buyer NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE invoices_buyer DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenant ON invoices_buyer",
        "ALTER POLICY tenant ON invoices_buyer WITH CHECK (true)",
        "CREATE TABLE invoices_forgotten (id uuid PRIMARY KEY, tenant_id uuid NOT NULL)",
    ],
)
def test_a_table_that_lost_its_guard_is_found(as_owner, sabotage):
    def rows(sql):
        as_owner.execute(sql)
        return as_owner.fetchall()

    as_owner.execute(sabotage)

    found, _ = unguarded(rows)

    assert found.keys() <= {"invoices_buyer", "invoices_forgotten"}
    assert len(found) == 1


def test_the_tables_outside_the_wall_are_those_that_we_know(ask):
    bare = ask(
        "SELECT relname::text FROM pg_class WHERE relkind IN ('r', 'p') AND NOT relrowsecurity"
        " AND NOT relispartition AND relnamespace = 'public'::regnamespace"
    )

    assert {name for (name,) in bare} == OUTSIDE


def test_app_has_no_policy_past_the_tenant_but_those_that_we_know(ask):
    """Others are bound to owner or purge; what app may see besides, it may only read."""
    besides = ask(
        "SELECT tablename::text, policyname::text, cmd FROM pg_policies"
        " WHERE policyname <> 'tenant' AND roles::text[] && ARRAY['public', 'app']"
    )

    assert {(table, name) for table, name, _ in besides} == BEFORE_THE_TENANT
    assert {cmd for _, _, cmd in besides} == {"SELECT"}


def test_functions_that_look_over_the_wall_are_those_that_we_know(ask):
    """Each fixes its search path: else a table of another schema could stand in."""
    found = ask(
        "SELECT proname::text, pg_get_userbyid(proowner)::text, proconfig FROM pg_proc"
        " WHERE prosecdef AND pronamespace = 'public'::regnamespace"
    )

    assert {name for name, _, _ in found} == LENT
    assert {owner for _, owner, _ in found} == {"owner"}
    assert [n for n, _, c in found if "search_path=pg_catalog, public" not in (c or [])] == []


def test_no_view_runs_as_its_owner(ask):
    assert (
        ask(
            "SELECT relname FROM pg_class WHERE relkind IN ('v', 'm')"
            " AND relnamespace = 'public'::regnamespace"
            " AND NOT coalesce('security_invoker=true' = ANY(reloptions), false)"
        )
        == []
    )


# --- roles ------------------------------------------------------------------------------------


def test_the_role_that_serves_is_bound_by_the_policies(ask):
    facts = roles.role_facts(connection)
    (attributes,) = ask(
        "SELECT rolcreatedb, rolcreaterole, rolreplication, rolinherit FROM pg_roles"
        " WHERE rolname = current_user"
    )

    assert facts == roles.RoleFacts(
        name="app", is_superuser=False, is_above_policies=False, owns_tables=False
    )
    assert attributes == (False, False, False, False)
    assert (
        ask("SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = 'app'::regrole")
        == []
    )


def test_the_role_that_serves_may_neither_truncate_nor_create(ask):
    too_much = ask(
        "SELECT c.relname, p.name FROM pg_class c,"
        " unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) AS p(name)"
        " WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace"
        " AND has_table_privilege('app', c.oid, p.name)"
    )
    ((schema, create, temporary),) = ask(
        "SELECT has_schema_privilege('app', 'public', 'CREATE'),"
        " has_database_privilege('app', current_database(), 'CREATE'),"
        " has_database_privilege('app', current_database(), 'TEMP')"
    )

    assert too_much == []
    assert (schema, create, temporary) == (False, False, False)


def rights(ask, role, table):
    """What `role` may do with the rows of `table`."""
    found = ask(
        "SELECT p.name FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE'])"
        " AS p(name) WHERE has_table_privilege(%s, %s, p.name)",
        role,
        table,
    )
    return {name for (name,) in found}


def test_what_is_written_once_app_may_only_add_to(ask):
    """A copy that was rendered is never changed either; one of a draft may be thrown away."""
    ledgers = (
        "accounts_auditevent",
        "fbr_lostreport",
        "fbr_numbergap",
        "accounts_auditprivate",
        "accounts_policyacceptance",
        "invoices_buyercheck",
        "invoices_closing",
        "invoices_invoiceevent",
        "invoices_referencesync",
        "invoices_signature",
    )

    assert [t for t in ledgers if rights(ask, "app", t) != {"SELECT", "INSERT"}] == []
    assert rights(ask, "app", "accounts_auditlink") == {"SELECT"}
    assert rights(ask, "app", "accounts_audithead") == {"SELECT"}
    assert rights(ask, "purge", "accounts_auditlink") == {"SELECT"}
    assert rights(ask, "app", "invoices_invoicepdf") == {"SELECT", "INSERT", "DELETE"}


def test_the_history_of_migrations_is_the_owners(ask):
    assert rights(ask, "app", "django_migrations") == {"SELECT"}
    assert rights(ask, "purge", "django_migrations") <= {"SELECT"}


def test_purge_and_readonly_do_what_they_are_called(ask):
    tables = sorted(TABLES | {"accounts_tenant"})

    assert [t for t in tables if rights(ask, "readonly", t) != {"SELECT"}] == []
    assert [t for t in tables if not rights(ask, "purge", t) <= {"SELECT", "DELETE"}] == []


def test_strangers_may_not_even_connect(ask):
    ((others,),) = ask(
        "SELECT has_database_privilege('public', current_database(), 'CONNECT')"
        " OR has_schema_privilege('public', 'public', 'USAGE')"
    )

    assert others is False
