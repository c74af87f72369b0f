from django.db import migrations, models

import smartinvoicing.ids

# Django cannot write PARTITION BY. What comes at an hour for which there is no month yet lies in
# `rest`, so that no request is ever lost for want of a partition.
TABLE = """
CREATE TABLE accounts_accesslog (
    id uuid NOT NULL,
    at timestamp with time zone NOT NULL,
    user_id uuid NULL,
    tenant_id uuid NULL,
    key_id uuid NULL,
    method varchar(8) NOT NULL,
    route varchar(80) NOT NULL,
    object_id uuid NULL,
    status smallint NOT NULL CHECK (status >= 0),
    address inet NULL,
    agent varchar(200) NOT NULL,
    PRIMARY KEY (id, at)
) PARTITION BY RANGE (at);
CREATE TABLE accounts_accesslog_rest PARTITION OF accounts_accesslog DEFAULT;
CREATE INDEX accesslog_when ON accounts_accesslog (at);
CREATE INDEX accesslog_of_tenant ON accounts_accesslog (tenant_id, at);
CREATE INDEX accesslog_of_user ON accounts_accesslog (user_id, at);

REVOKE UPDATE ON accounts_accesslog FROM app;
REVOKE INSERT, UPDATE, DELETE ON accounts_accesslog_rest FROM app;
"""

# Thirty and ninety days stand here and not in an argument: who serves can cut nothing short.
KEEPING = """
CREATE FUNCTION accounts_make_log_month(day date) RETURNS boolean LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
DECLARE
    first timestamptz := date_trunc('month', day::timestamp) AT TIME ZONE 'UTC';
    next timestamptz := (date_trunc('month', day::timestamp) + interval '1 month')
        AT TIME ZONE 'UTC';
    name text := 'accounts_accesslog_' || to_char(day, '"y"YYYY"m"MM');
BEGIN
    IF to_regclass('public.' || name) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE public.%I (LIKE accounts_accesslog INCLUDING ALL)', name);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON public.%I FROM app', name);
    EXECUTE format('WITH moved AS (DELETE FROM accounts_accesslog_rest WHERE at >= $1 AND at < $2'
                   ' RETURNING *) INSERT INTO public.%I SELECT * FROM moved', name)
        USING first, next;
    EXECUTE format('ALTER TABLE accounts_accesslog ATTACH PARTITION public.%I'
                   ' FOR VALUES FROM (%L) TO (%L)', name, first, next);
    RETURN true;
END $f$;
REVOKE EXECUTE ON FUNCTION accounts_make_log_month(date) FROM public, app, purge, readonly;

CREATE FUNCTION accounts_keep_access_log(OUT made int, OUT cut int, OUT deleted int,
                                         OUT dropped int)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public SET lock_timeout = '3s' AS $f$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    month record;
BEGIN
    made := 0;
    FOR ahead IN 0..2 LOOP
        IF accounts_make_log_month((today + make_interval(months => ahead))::date) THEN
            made := made + 1;
        END IF;
    END LOOP;

    UPDATE accounts_accesslog
        SET address = host(network(set_masklen(address, 24 * (family(address) = 4)::int
                                               + 48 * (family(address) = 6)::int)))::inet
        WHERE at < clock_timestamp() - interval '30 days'
          AND address <> host(network(set_masklen(address, 24 * (family(address) = 4)::int
                                                  + 48 * (family(address) = 6)::int)))::inet;
    GET DIAGNOSTICS cut = ROW_COUNT;

    dropped := 0;
    FOR month IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.accounts_accesslog'::regclass AND c.relname ~ '_y\\d{4}m\\d{2}$'
          AND (to_date(right(c.relname, 7), 'YYYY"m"MM') + interval '1 month') AT TIME ZONE 'UTC'
              <= clock_timestamp() - interval '90 days'
    LOOP
        EXECUTE format('DROP TABLE public.%I', month.relname);
        dropped := dropped + 1;
    END LOOP;

    DELETE FROM accounts_accesslog WHERE at < clock_timestamp() - interval '90 days';
    GET DIAGNOSTICS deleted = ROW_COUNT;
END $f$;
SELECT accounts_keep_access_log();
"""


class Migration(migrations.Migration):
    """Who asked for what: one row a request, cut by months."""

    dependencies = [("accounts", "0012_staff_access")]

    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(TABLE, "DROP TABLE accounts_accesslog CASCADE;"),
                migrations.RunSQL(
                    KEEPING,
                    "DROP FUNCTION accounts_keep_access_log();"
                    " DROP FUNCTION accounts_make_log_month(date);",
                ),
            ],
            state_operations=[
                migrations.CreateModel(
                    name="AccessLog",
                    fields=[
                        (
                            "id",
                            models.UUIDField(
                                default=smartinvoicing.ids.uuid7,
                                editable=False,
                                primary_key=True,
                                serialize=False,
                            ),
                        ),
                        ("at", models.DateTimeField(verbose_name="when")),
                        ("user_id", models.UUIDField(null=True, verbose_name="person")),
                        ("tenant_id", models.UUIDField(null=True, verbose_name="business")),
                        ("key_id", models.UUIDField(null=True, verbose_name="API key")),
                        ("method", models.CharField(max_length=8, verbose_name="method")),
                        ("route", models.CharField(max_length=80, verbose_name="route")),
                        ("object_id", models.UUIDField(null=True)),
                        ("status", models.PositiveSmallIntegerField(verbose_name="answer")),
                        (
                            "address",
                            models.GenericIPAddressField(null=True, verbose_name="network address"),
                        ),
                        (
                            "agent",
                            models.CharField(blank=True, max_length=200, verbose_name="browser"),
                        ),
                    ],
                    options={
                        "indexes": [
                            models.Index(fields=["at"], name="accesslog_when"),
                            models.Index(fields=["tenant_id", "at"], name="accesslog_of_tenant"),
                            models.Index(fields=["user_id", "at"], name="accesslog_of_user"),
                        ],
                    },
                ),
            ],
        ),
    ]
