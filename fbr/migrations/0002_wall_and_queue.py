from django.db import migrations

from smartinvoicing.pg.operations import EnableRLS

# Holds that pass by themselves when `run_after` is reached.
DUE = """
CREATE POLICY queue ON fbr_outbox FOR SELECT TO owner USING (true);
CREATE POLICY queue ON fbr_credential FOR SELECT TO owner USING (true);

-- Ids only: what may be sent now, rank inside the credential first, then age.
CREATE FUNCTION fbr_due(cap int, cap_credential int) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH RECURSIVE flying AS (
        SELECT o.environment, o.credential_id, count(*) AS n
        FROM fbr_outbox o WHERE o.lease_until > clock_timestamp() GROUP BY 1, 2
    ), used AS (
        SELECT f.environment, sum(f.n) AS n FROM flying f GROUP BY 1
    ), token (id) AS (
        -- Each token that has work, by hopping through the index: one with 20,000 documents
        -- costs no more than one with a single document.
        (SELECT o.credential_id FROM fbr_outbox o
         WHERE o.state = 'waiting' AND o.credential_id IS NOT NULL
         ORDER BY o.credential_id LIMIT 1)
        UNION ALL
        SELECT (SELECT o.credential_id FROM fbr_outbox o
                WHERE o.state = 'waiting' AND o.credential_id > t.id
                ORDER BY o.credential_id LIMIT 1)
        FROM token t WHERE t.id IS NOT NULL
    ), ranked AS (
        SELECT w.tenant_id, w.id, w.environment, w.run_after,
               coalesce(f.n, 0)
               + row_number() OVER (PARTITION BY w.credential_id ORDER BY w.run_after, w.id) AS rank
        FROM token t
        JOIN fbr_credential c ON c.id = t.id AND c.held_at IS NULL
        CROSS JOIN LATERAL (
            SELECT o.tenant_id, o.id, o.environment, o.credential_id, o.run_after
            FROM fbr_outbox o
            WHERE o.credential_id = t.id AND o.state = 'waiting'
              AND o.hold_reason IN ('', 'clock', 'endpoint')
              AND o.run_after <= clock_timestamp()
              AND (o.lease_until IS NULL OR o.lease_until <= clock_timestamp())
            ORDER BY o.run_after, o.id LIMIT cap_credential
        ) w
        LEFT JOIN flying f ON f.environment = w.environment AND f.credential_id = w.credential_id
    ), fair AS (
        SELECT r.*, row_number() OVER (PARTITION BY r.environment
                                       ORDER BY r.rank, r.run_after, r.id) AS place
        FROM ranked r WHERE r.rank <= cap_credential
    )
    SELECT a.tenant_id, a.id FROM fair a LEFT JOIN used u ON u.environment = a.environment
    WHERE a.place <= cap - coalesce(u.n, 0)
    ORDER BY a.place
$$;

-- The lease (T1): one row, under the caps, with the database's clock. The fence, or null.
CREATE FUNCTION fbr_lease(work uuid, who text, seconds int, cap int, cap_credential int)
RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
DECLARE
    wanted fbr_outbox;
    flying int;
    mine int;
    fence int;
BEGIN
    PERFORM pg_advisory_xact_lock(470001);  -- one lease at a time: the caps are exact
    SELECT * INTO wanted FROM fbr_outbox o
        WHERE o.id = work AND o.state = 'waiting' AND o.hold_reason IN ('', 'clock', 'endpoint')
          AND o.run_after <= clock_timestamp()
          AND (o.lease_until IS NULL OR o.lease_until <= clock_timestamp())
          AND o.tenant_id = NULLIF(current_setting('app.tenant_id', true), '')::uuid
        FOR UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    SELECT count(*), count(*) FILTER (WHERE o.credential_id = wanted.credential_id)
        INTO flying, mine
        FROM fbr_outbox o
        WHERE o.lease_until > clock_timestamp() AND o.environment = wanted.environment;
    IF flying >= cap OR mine >= cap_credential THEN
        RETURN NULL;
    END IF;
    UPDATE fbr_outbox o
        SET attempt_no = o.attempt_no + 1, leased_by = who, hold_reason = '',
            lease_until = clock_timestamp() + make_interval(secs => seconds)
        WHERE o.id = work RETURNING o.attempt_no INTO fence;
    RETURN fence;
END $$;

CREATE FUNCTION fbr_hanging(n int) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT o.tenant_id, o.id FROM fbr_outbox o
    WHERE o.state = 'sending' AND o.lease_until <= clock_timestamp()
    ORDER BY o.lease_until LIMIT n
$$;
"""
NOT_DUE = """
DROP FUNCTION fbr_hanging(int);
DROP FUNCTION fbr_lease(uuid, text, int, int, int);
DROP FUNCTION fbr_due(int, int);
DROP POLICY queue ON fbr_credential;
DROP POLICY queue ON fbr_outbox;
"""

# The bytes never change; an attempt's columns are written once.
EVIDENCE = """
CREATE FUNCTION outbox_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.state <> 'done' AND
       (OLD.id, OLD.tenant_id, OLD.invoice_id, OLD.version, OLD.environment, OLD.channel,
        OLD.body, OLD.body_sha256, OLD.lines, OLD.made_at)
       IS NOT DISTINCT FROM
       (NEW.id, NEW.tenant_id, NEW.invoice_id, NEW.version, NEW.environment, NEW.channel,
        NEW.body, NEW.body_sha256, NEW.lines, NEW.made_at)
       AND NEW.attempt_no IN (OLD.attempt_no, OLD.attempt_no + 1) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the bytes for FBR do not change'
        USING ERRCODE = '23514', CONSTRAINT = 'outbox_is_frozen';
END $f$;
CREATE TRIGGER outbox_guard BEFORE UPDATE OR DELETE ON fbr_outbox
    FOR EACH ROW EXECUTE FUNCTION outbox_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fbr_outbox
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION attempt_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    was jsonb;
    became jsonb;
    name text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION 'an attempt is evidence'
            USING ERRCODE = '23514', CONSTRAINT = 'attempt_is_evidence';
    END IF;
    IF OLD.answered_at IS NOT NULL AND OLD.finished_at IS NOT NULL THEN
        RAISE EXCEPTION 'a finished attempt does not change'
            USING ERRCODE = '23514', CONSTRAINT = 'attempt_is_evidence';
    END IF;
    was := to_jsonb(OLD);
    became := to_jsonb(NEW);
    FOR name IN SELECT jsonb_object_keys(was) LOOP
        IF was -> name IS DISTINCT FROM became -> name
           AND was -> name NOT IN ('null'::jsonb, '""'::jsonb) THEN
            RAISE EXCEPTION 'the % of an attempt is written once', name
                USING ERRCODE = '23514', CONSTRAINT = 'attempt_is_evidence';
        END IF;
    END LOOP;
    RETURN NEW;
END $f$;
CREATE TRIGGER attempt_guard BEFORE UPDATE OR DELETE ON fbr_attempt
    FOR EACH ROW EXECUTE FUNCTION attempt_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fbr_attempt
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""
NO_EVIDENCE = """
DROP TRIGGER no_truncate ON fbr_attempt;
DROP TRIGGER attempt_guard ON fbr_attempt;
DROP FUNCTION attempt_guard();
DROP TRIGGER no_truncate ON fbr_outbox;
DROP TRIGGER outbox_guard ON fbr_outbox;
DROP FUNCTION outbox_guard();
"""


class Migration(migrations.Migration):
    """Row security, the queue's three narrow functions, and evidence that does not change."""

    dependencies = [("fbr", "0001_initial"), ("invoices", "0002_wall_and_triggers")]

    operations = [
        EnableRLS("Credential"),
        EnableRLS("Outbox"),
        EnableRLS("Attempt"),
        migrations.RunSQL(DUE, NOT_DUE),
        migrations.RunSQL(EVIDENCE, NO_EVIDENCE),
    ]
