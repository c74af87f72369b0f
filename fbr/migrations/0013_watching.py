import smartinvoicing.ids
from django.db import migrations, models

# A clock that ran away holds all sending. A look that is old says nothing any more.
SANE = """
CREATE OR REPLACE FUNCTION clock_is_sane() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT NOT EXISTS (
        SELECT 1 FROM fbr_linecheck c
        WHERE c.holds AND c.checked_at > clock_timestamp() - interval '10 minutes'
    )
$$;
"""
NOT_SANE = """
CREATE OR REPLACE FUNCTION clock_is_sane() RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT true $$;
"""

# Over all tenants, counts and ages alone. Each state of each tenant is one step into an index.
FIGURES = """
CREATE POLICY watch ON accounts_tenant FOR SELECT TO owner USING (true);
CREATE POLICY watch ON invoices_invoice FOR SELECT TO owner USING (true);

CREATE FUNCTION fbr_figures() RETURNS TABLE (name text, label text, n bigint, oldest timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT 'state', s.state, count(i.state_at), min(i.state_at)
    FROM unnest(ARRAY['queued', 'submitting', 'uncertain', 'cancel_requested']) AS s(state)
    CROSS JOIN accounts_tenant t
    CROSS JOIN LATERAL (
        SELECT v.state_at FROM invoices_invoice v WHERE v.tenant_id = t.id AND v.state = s.state
    ) i
    GROUP BY 2
  UNION ALL
    SELECT 'waiting', CASE WHEN o.hold_reason <> '' THEN o.hold_reason
                           WHEN o.credential_id IS NULL OR c.held_at IS NOT NULL THEN 'credential'
                           WHEN o.is_bulk THEN 'bulk' ELSE 'none' END,
           count(*), min(o.made_at)
    FROM fbr_outbox o LEFT JOIN fbr_credential c ON c.id = o.credential_id
    WHERE o.state = 'waiting' GROUP BY 2
  UNION ALL
    SELECT 'hanging', '', count(*), min(o.lease_until)
    FROM fbr_outbox o WHERE o.lease_until <= clock_timestamp() AND o.state = 'sending'
  UNION ALL
    SELECT 'mail', '', count(*), min(a.posted_at)
    FROM accounts_notice a WHERE a.mailed_at IS NULL AND a.cleared_at IS NULL
$$;
"""
NO_FIGURES = """
DROP FUNCTION fbr_figures();
DROP POLICY watch ON invoices_invoice;
DROP POLICY watch ON accounts_tenant;
"""

# Whom the bell may ring for, or still rings for: ids only.
TO_WATCH = """
CREATE FUNCTION fbr_tenants_to_watch(waits_since timestamptz, ends_by date)
RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT o.tenant_id FROM fbr_outbox o WHERE o.state = 'stopped'
    UNION SELECT o.tenant_id FROM fbr_outbox o
        WHERE o.state = 'waiting' AND o.hold_reason = '' AND o.made_at <= waits_since
    UNION SELECT c.tenant_id FROM fbr_credential c
        WHERE c.held_at IS NOT NULL OR c.expires_on <= ends_by
    UNION SELECT a.tenant_id FROM accounts_notice a
        WHERE a.cleared_at IS NULL
          AND a.kind IN ('uncertain', 'rejected', 'credential_held', 'token_ends', 'waits_long')
$$;
"""
NOT_TO_WATCH = "DROP FUNCTION fbr_tenants_to_watch(timestamptz, date)"


class Migration(migrations.Migration):
    """Alerts, the clocks, and what the watchdog may know of all tenants: ages and counts."""

    dependencies = [
        ("fbr", "0012_outages_and_incidents"),
        ("accounts", "0008_notices"),
    ]

    operations = [
        migrations.CreateModel(
            name="Alert",
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
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("queued_old", "Documents wait too long for their turn"),
                            ("submitting_old", "A document is on its way for too long"),
                            ("uncertain_old", "A document is uncertain for too long"),
                            ("uncertain_many", "Many documents are uncertain"),
                            ("cancel_old", "A cancellation is open for too long"),
                            ("leases_expired", "Workers were lost in the middle of a send"),
                            ("breaker_open", "FBR is not answering"),
                            ("line_held", "FBR's address is not answering as it should"),
                            ("anchor_late", "The audit trail is not anchored"),
                            ("audit_broken", "The audit trail was tampered with"),
                            ("backup_late", "There is no fresh backup"),
                            ("drill_late", "No restore was rehearsed lately"),
                            ("clock_off", "The clocks differ"),
                            ("clock_unknown", "The time server does not answer"),
                            ("broker_away", "The broker is away"),
                            ("disk_full", "A disk is nearly full"),
                            ("process_silent", "A process gives no sign of life"),
                            ("mail_stuck", "Mail does not leave"),
                            ("disarmed", "This installation is not armed: nothing is sent"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=100)),
                ("details", models.JSONField(default=dict)),
                ("raised_at", models.DateTimeField()),
                ("cleared_at", models.DateTimeField(null=True)),
                ("tell_after", models.DateTimeField()),
                ("told_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None)),
                        fields=("kind", "key"),
                        name="alert_once_while_open",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="LineCheck",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("skew_ms", models.IntegerField()),
                ("ntp_skew_ms", models.IntegerField(null=True)),
                ("checked_at", models.DateTimeField()),
                ("holds", models.BooleanField(default=False)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("id", 1)), name="linecheck_is_one")
                ],
            },
        ),
        migrations.CreateModel(
            name="Tally",
            fields=[
                ("name", models.CharField(max_length=40, primary_key=True, serialize=False)),
                ("count", models.PositiveBigIntegerField(default=0)),
                ("last_at", models.DateTimeField()),
            ],
        ),
        migrations.RunSQL(SANE, NOT_SANE),
        migrations.RunSQL(FIGURES, NO_FIGURES),
        migrations.RunSQL(TO_WATCH, NOT_TO_WATCH),
    ]
