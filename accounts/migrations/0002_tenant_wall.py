from django.db import migrations

from smartinvoicing.pg.operations import (
    BEARER,
    USER,
    EnableRLS,
    append_only,
    append_only_function,
)

# The dispatcher's cousins: one narrow function, run as the owner, over every tenant.
FORGET = """
CREATE FUNCTION accounts_forget_replays(older_than timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH gone AS (DELETE FROM accounts_idempotencykey WHERE at < older_than RETURNING 1)
    SELECT count(*) FROM gone
$$;
CREATE POLICY old_replays ON accounts_idempotencykey FOR DELETE TO owner USING (true);
CREATE POLICY old_replays_seen ON accounts_idempotencykey FOR SELECT TO owner USING (true);
"""
KEEP = """
DROP POLICY old_replays_seen ON accounts_idempotencykey;
DROP POLICY old_replays ON accounts_idempotencykey;
DROP FUNCTION accounts_forget_replays(timestamptz);
"""


class Migration(migrations.Migration):
    """Row security on every tenant's table, and the audit trail written once."""

    dependencies = [("accounts", "0001_initial")]

    operations = [
        append_only_function(),
        EnableRLS("Membership", also=[("mine", f"user_id = {USER}")]),
        EnableRLS(
            "Tenant",
            column="id",
            also=[
                (
                    "mine",
                    "id IN (SELECT m.tenant_id FROM accounts_membership m"
                    f" WHERE m.user_id = {USER})",
                )
            ],
        ),
        EnableRLS("LegalEntity"),
        EnableRLS("Invitation", also=[("bearer", f"secret_hash = {BEARER}")]),
        EnableRLS("ApiKey", also=[("bearer", f"key_hash = {BEARER}")]),
        EnableRLS("IdempotencyKey"),
        EnableRLS("AuditEvent"),
        append_only("accounts_auditevent"),
        migrations.RunSQL(FORGET, KEEP),
        # Of Django's own bookkeeping the role app reads only.
        migrations.RunSQL(
            "REVOKE INSERT, UPDATE, DELETE ON django_migrations FROM app",
            "GRANT INSERT, UPDATE, DELETE ON django_migrations TO app",
        ),
    ]
