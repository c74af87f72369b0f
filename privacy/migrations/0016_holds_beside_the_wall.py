from importlib import import_module

from django.db import migrations

# Placing a hold waits for whoever deletes in this business, and for whoever deletes rows of many.
GUARD = """
CREATE OR REPLACE FUNCTION legal_hold_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    free text[] := ARRAY['review_on', 'lifted_at', 'lifted_by', 'lifted_why'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- Waits for a purge of this business that is under way, and makes the next one wait.
        PERFORM pg_advisory_xact_lock(hashtextextended('hold ' || NEW.tenant_id, 0));{beside}
        IF NEW.lifted_at IS NULL THEN
            RETURN NEW;
        END IF;
    ELSIF OLD.lifted_at IS NULL AND (to_jsonb(OLD) - free) = (to_jsonb(NEW) - free) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a legal hold is placed and lifted, no more'
        USING ERRCODE = '23514', CONSTRAINT = 'legal_hold_stands';
END $f$;
"""
BESIDE = """
        PERFORM pg_advisory_xact_lock(hashtextextended('hold ', 0));"""

# What of the access log stays although its time is over: proceedings, or a breach that is open.
KEPT = """
CREATE FUNCTION privacy_log_kept() RETURNS uuid[] LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(hashtextextended('hold ', 0));
    RETURN ARRAY(
        SELECT h.tenant_id FROM privacy_legalhold h
        WHERE h.lifted_at IS NULL AND h.scope IN ('tenant', 'entity')
        UNION
        SELECT t.tenant_id FROM privacy_breachtenant t
        JOIN privacy_breachcase c ON c.id = t.case_id WHERE c.closed_at IS NULL
    );
END $f$;
REVOKE EXECUTE ON FUNCTION privacy_log_kept() FROM public, app, purge, readonly;
"""
# The network of an address; the index holds what was not cut to it yet.
NETWORK = (
    "host(network(set_masklen(address, 24 * (family(address) = 4)::int"
    " + 48 * (family(address) = 6)::int)))::inet"
)
UNCUT = f"CREATE INDEX accesslog_uncut ON accounts_accesslog (at) WHERE address <> {NETWORK};"

# Months lock the table, rows do not: each in a transaction of its own, so that no request waits
# for rows to be gone through. Thirty and ninety days stand here and not in an argument.
UPKEEP = f"""
DROP FUNCTION accounts_keep_access_log();

CREATE FUNCTION accounts_keep_log_months(OUT made int, OUT dropped int)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public SET lock_timeout = '3s' AS $f$
DECLARE
    today date := (clock_timestamp() AT TIME ZONE 'UTC')::date;
    kept uuid[] := privacy_log_kept();
    month record;
    is_kept boolean;
BEGIN
    made := 0;
    FOR ahead IN 0..2 LOOP
        IF accounts_make_log_month((today + make_interval(months => ahead))::date) THEN
            made := made + 1;
        END IF;
    END LOOP;

    dropped := 0;
    FOR month IN
        SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent = 'public.accounts_accesslog'::regclass AND c.relname ~ '_y\\d{{4}}m\\d{{2}}$'
          AND (to_date(right(c.relname, 7), 'YYYY"m"MM') + interval '1 month') AT TIME ZONE 'UTC'
              <= clock_timestamp() - interval '90 days'
    LOOP
        EXECUTE format('SELECT EXISTS (SELECT 1 FROM public.%I WHERE tenant_id = ANY ($1))',
                       month.relname) INTO is_kept USING kept;
        CONTINUE WHEN is_kept;
        EXECUTE format('DROP TABLE public.%I', month.relname);
        dropped := dropped + 1;
    END LOOP;
END $f$;

CREATE FUNCTION accounts_keep_access_log(OUT cut int, OUT deleted int)
LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public SET lock_timeout = '3s' AS $f$
DECLARE
    kept uuid[] := privacy_log_kept();
BEGIN
    UPDATE accounts_accesslog SET address = {NETWORK}
        WHERE at < clock_timestamp() - interval '30 days' AND address <> {NETWORK}
          AND NOT coalesce(tenant_id = ANY (kept), false);
    GET DIAGNOSTICS cut = ROW_COUNT;

    DELETE FROM accounts_accesslog
        WHERE at < clock_timestamp() - interval '90 days'
          AND NOT coalesce(tenant_id = ANY (kept), false);
    GET DIAGNOSTICS deleted = ROW_COUNT;
END $f$;
"""


def before():
    """The upkeep as it was laid: both in one, whoever holds what."""
    laid = import_module("accounts.migrations.0013_access_log").KEEPING
    drops = "DROP FUNCTION accounts_keep_access_log(); DROP FUNCTION accounts_keep_log_months();"
    name = "CREATE FUNCTION accounts_keep_access_log"
    return f"{drops}{name}{laid.partition(name)[2]}"


class Migration(migrations.Migration):
    """What stands outside the wall and is of a business stays under its hold, too."""

    dependencies = [("privacy", "0015_erased_everywhere")]

    operations = [
        migrations.RunSQL(GUARD.format(beside=BESIDE), GUARD.format(beside="")),
        migrations.RunSQL(KEPT, "DROP FUNCTION privacy_log_kept();"),
        migrations.RunSQL(UNCUT, "DROP INDEX accesslog_uncut;"),
        migrations.RunSQL(UPKEEP, before()),
    ]
