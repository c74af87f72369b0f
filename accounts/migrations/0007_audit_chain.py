import django.db.models.deletion
import smartinvoicing.ids
from django.db import migrations, models

from smartinvoicing.pg.operations import EnableRLS, across_tenants, append_only

# Those that only the one below calls take over its search path: to set it costs time.
# Each hash is reckoned here and, by the verifier, once more in accounts/chain.py.
DIGEST = """
CREATE FUNCTION accounts_audit_digest(e accounts_auditevent) RETURNS bytea
LANGUAGE sql STABLE AS $$
    SELECT sha256(convert_to(to_json(ARRAY[
        e.id::text, e.tenant_id::text,
        to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        e.actor, e.action, e.object_type, e.object_id::text, e.details::text, e.commitment
    ])::text, 'UTF8'))
$$;
"""

# The lock on the head is what makes one chain of many writers.
ADD = """
CREATE FUNCTION accounts_audit_add(e accounts_auditevent) RETURNS void
LANGUAGE plpgsql AS $f$
DECLARE
    head accounts_audithead;
    body bytea := accounts_audit_digest(e);
    fresh bytea;
BEGIN
    LOOP
        SELECT * INTO head FROM accounts_audithead h WHERE h.id = e.tenant_id FOR UPDATE;
        EXIT WHEN FOUND;
        INSERT INTO accounts_audithead (id, tenant_id, seq, hash, changed_at)
            VALUES (e.tenant_id, e.tenant_id, 0, sha256(uuid_send(e.tenant_id)), clock_timestamp())
            ON CONFLICT (id) DO NOTHING;
    END LOOP;
    fresh := sha256(head.hash || int8send(head.seq + 1)
        || int8send((extract(epoch FROM e.at) * 1000000)::bigint) || body);
    INSERT INTO accounts_auditlink (id, tenant_id, seq, at, body, prev, hash)
        VALUES (e.id, e.tenant_id, head.seq + 1, e.at, body, head.hash, fresh);
    UPDATE accounts_audithead SET seq = head.seq + 1, hash = fresh, changed_at = clock_timestamp()
        WHERE id = e.tenant_id;
END $f$;
"""
DROP_ADD = """
DROP FUNCTION accounts_audit_add(accounts_auditevent);
DROP FUNCTION accounts_audit_digest(accounts_auditevent);
"""

# At the commit, as the owner: nobody holds a head while he does other things, and nobody can
# write past it. A transaction that wrote for several tenants takes their heads in one order.
CHAIN = """
CREATE FUNCTION accounts_audit_note() RETURNS trigger
LANGUAGE plpgsql AS $f$
DECLARE
    noted text := coalesce(current_setting('app.audited', true), '');
BEGIN
    IF position(NEW.tenant_id::text IN noted) = 0 THEN
        PERFORM set_config('app.audited', ltrim(noted || ',' || NEW.tenant_id, ','), true);
    END IF;
    RETURN NULL;
END $f$;
CREATE FUNCTION accounts_audit_chain() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $f$
DECLARE
    noted text := coalesce(current_setting('app.audited', true), '');
BEGIN
    IF position(',' IN noted) > 0 THEN
        PERFORM 1 FROM accounts_audithead WHERE id = ANY (string_to_array(noted, ',')::uuid[])
            ORDER BY id FOR UPDATE;
        PERFORM set_config('app.audited', '', true);
    END IF;
    PERFORM accounts_audit_add(NEW);
    RETURN NULL;
END $f$;
CREATE POLICY chain ON accounts_audithead TO owner USING (true) WITH CHECK (true);
CREATE POLICY chain ON accounts_auditlink TO owner USING (true) WITH CHECK (true);
CREATE TRIGGER audit_note AFTER INSERT ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION accounts_audit_note();
CREATE CONSTRAINT TRIGGER audit_chain AFTER INSERT ON accounts_auditevent
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION accounts_audit_chain();
REVOKE INSERT, UPDATE, DELETE ON accounts_audithead, accounts_auditlink FROM app;
REVOKE DELETE ON accounts_audithead, accounts_auditlink FROM purge;
ALTER TABLE accounts_audithead SET (fillfactor = 50);
"""
UNCHAIN = """
DROP TRIGGER audit_chain ON accounts_auditevent;
DROP TRIGGER audit_note ON accounts_auditevent;
DROP POLICY chain ON accounts_auditlink;
DROP POLICY chain ON accounts_audithead;
DROP FUNCTION accounts_audit_chain();
DROP FUNCTION accounts_audit_note();
"""

# What the anchors need of all tenants: numbers and hashes, nothing that tells of a deed.
LOOK = """
CREATE FUNCTION accounts_audit_heads(since timestamptz)
RETURNS TABLE (tenant_id uuid, seq bigint, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT h.tenant_id, h.seq, encode(h.hash, 'hex') FROM accounts_audithead h
    WHERE since IS NULL OR h.changed_at >= since ORDER BY h.tenant_id
$$;
CREATE FUNCTION accounts_audit_hashes(tenants uuid[], seqs bigint[])
RETURNS TABLE (tenant_id uuid, seq bigint, hash text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT l.tenant_id, l.seq, encode(l.hash, 'hex')
    FROM unnest(tenants, seqs) AS asked(tenant_id, seq)
    JOIN accounts_auditlink l ON l.tenant_id = asked.tenant_id AND l.seq = asked.seq
$$;
"""
UNLOOK = """
DROP FUNCTION accounts_audit_hashes(uuid[], bigint[]);
DROP FUNCTION accounts_audit_heads(timestamptz);
"""

# Deeds from before there was a chain, in their order.
EARLIER = """
DO $f$
DECLARE
    e accounts_auditevent;
BEGIN
    FOR e IN SELECT * FROM accounts_auditevent ORDER BY tenant_id, at, id LOOP
        PERFORM accounts_audit_add(e);
    END LOOP;
END $f$;
"""
ONLY_ROW = "INSERT INTO accounts_auditcheck (id, anchor, anchor_sha256, entries, findings) VALUES (1, '', '', 0, '[]')"


def tenant():
    return models.ForeignKey(
        db_index=False,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to="accounts.tenant",
    )


def key():
    return models.UUIDField(
        default=smartinvoicing.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


class Migration(migrations.Migration):
    """Each tenant's deeds become a chain, personal values stand beside it."""

    dependencies = [("accounts", "0006_deeds_of_reporting")]

    operations = [
        across_tenants(),
        migrations.AddField(
            model_name="auditevent",
            name="commitment",
            field=models.CharField(blank=True, db_default="", default="", max_length=64),
        ),
        migrations.CreateModel(
            name="AuditCheck",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("anchored_at", models.DateTimeField(null=True)),
                ("anchor", models.CharField(blank=True, max_length=40)),
                ("anchor_sha256", models.CharField(blank=True, max_length=64)),
                ("signed_at", models.DateTimeField(null=True)),
                ("checked_at", models.DateTimeField(null=True)),
                ("is_right", models.BooleanField(null=True)),
                ("entries", models.BigIntegerField(default=0)),
                ("findings", models.JSONField(default=list)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="auditcheck_is_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                ("id", key()),
                ("seq", models.BigIntegerField()),
                ("hash", models.BinaryField(max_length=32)),
                ("changed_at", models.DateTimeField()),
                ("tenant", tenant()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="accounts_audithead_tenant_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("id", models.F("tenant"))),
                        name="audithead_one_a_tenant",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditLink",
            fields=[
                ("id", key()),
                ("seq", models.BigIntegerField()),
                ("at", models.DateTimeField()),
                ("body", models.BinaryField(max_length=32)),
                ("prev", models.BinaryField(max_length=32)),
                ("hash", models.BinaryField(max_length=32)),
                ("tenant", tenant()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "seq"), name="auditlink_seq")
                ],
            },
        ),
        migrations.CreateModel(
            name="AuditPrivate",
            fields=[
                ("id", key()),
                ("salt", models.CharField(max_length=32)),
                ("facts", models.JSONField()),
                ("tenant", tenant()),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="accounts_auditprivate_tenant_id"
                    )
                ],
            },
        ),
        EnableRLS("AuditHead"),
        EnableRLS("AuditLink"),
        EnableRLS("AuditPrivate"),
        append_only("accounts_auditlink"),
        append_only("accounts_auditprivate"),
        migrations.RunSQL(DIGEST + ADD, DROP_ADD),
        migrations.RunSQL(CHAIN, UNCHAIN),
        migrations.RunSQL(LOOK, UNLOOK),
        migrations.RunSQL(
            "REVOKE INSERT, DELETE ON accounts_auditcheck FROM app", migrations.RunSQL.noop
        ),
        migrations.RunSQL(ONLY_ROW, migrations.RunSQL.noop),
        migrations.RunSQL(EARLIER, migrations.RunSQL.noop),
    ]
