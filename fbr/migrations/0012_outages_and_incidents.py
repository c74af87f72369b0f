import django.db.models.deletion
from django.db import migrations, models

import smartinvoicing.ids
import smartinvoicing.pg.constraints
from smartinvoicing.pg.operations import EnableRLS, across_tenants, append_only

# A restoration is written once; FBR is told once; what is closed changes no more.
GUARDS = """
CREATE FUNCTION outage_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'an outage is kept' USING ERRCODE = '23514', CONSTRAINT = 'outage_is_kept';
    END IF;
    IF OLD.restored_at IS NULL AND NEW.restored_at IS NOT NULL AND
       (OLD.id, OLD.environment, OLD.channel, OLD.cause, OLD.began_at)
       IS NOT DISTINCT FROM
       (NEW.id, NEW.environment, NEW.channel, NEW.cause, NEW.began_at) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'an outage ends once, and nothing else of it changes'
        USING ERRCODE = '23514', CONSTRAINT = 'outage_ends_once';
END $f$;
CREATE TRIGGER outage_guard BEFORE UPDATE OR DELETE ON fbr_outage
    FOR EACH ROW EXECUTE FUNCTION outage_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fbr_outage
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();

CREATE FUNCTION incident_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'an incident is kept'
            USING ERRCODE = '23514', CONSTRAINT = 'incident_is_kept';
    END IF;
    IF OLD.closed_at IS NULL AND
       (OLD.id, OLD.tenant_id, OLD.kind, OLD.key, OLD.environment, OLD.happened_at,
        OLD.aware_at, OLD.due_at, OLD.opened_by, OLD.why)
       IS NOT DISTINCT FROM
       (NEW.id, NEW.tenant_id, NEW.kind, NEW.key, NEW.environment, NEW.happened_at,
        NEW.aware_at, NEW.due_at, NEW.opened_by, NEW.why)
       AND (OLD.told_at IS NULL OR
            (OLD.told_at, OLD.told_how, OLD.told_reference, OLD.told_by, OLD.late_reason,
             OLD.proof_path, OLD.proof_sha256, OLD.proof_media_type)
            IS NOT DISTINCT FROM
            (NEW.told_at, NEW.told_how, NEW.told_reference, NEW.told_by, NEW.late_reason,
             NEW.proof_path, NEW.proof_sha256, NEW.proof_media_type)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what stands in the register stays as it was written'
        USING ERRCODE = '23514', CONSTRAINT = 'incident_is_evidence';
END $f$;
CREATE TRIGGER incident_guard BEFORE UPDATE OR DELETE ON fbr_incident
    FOR EACH ROW EXECUTE FUNCTION incident_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fbr_incident
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
REVOKE DELETE ON fbr_offlinespell FROM app;
"""
NO_GUARDS = """
GRANT DELETE ON fbr_offlinespell TO app;
DROP TRIGGER no_truncate ON fbr_incident;
DROP TRIGGER incident_guard ON fbr_incident;
DROP FUNCTION incident_guard();
DROP TRIGGER no_truncate ON fbr_outage;
DROP TRIGGER outage_guard ON fbr_outage;
DROP FUNCTION outage_guard();
"""

# Over all tenants, in the scope `across`: ids, lines and instants.
LOOKS = """
CREATE INDEX invoice_offline ON invoices_invoice (tenant_id, state_at) WHERE issued_offline;
CREATE INDEX invoice_offline_open ON invoices_invoice (tenant_id, id)
    WHERE issued_offline AND state IN ('queued', 'submitting', 'uncertain');
CREATE INDEX attempt_lost ON fbr_attempt (finished_at)
    WHERE answered_at IS NULL AND finished_at IS NOT NULL;

-- A deadline for each document issued offline, `grace` after the first restoration that followed
-- its issue. It is set where there is none: no later outage moves it. What a sender holds at this
-- moment gets it at the next look.
CREATE FUNCTION fbr_set_deadlines(grace interval, most int)
RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    WITH offline AS (
        SELECT o.id, r.restored_at
        FROM invoices_invoice i
        JOIN fbr_outbox o ON o.tenant_id = i.tenant_id AND o.invoice_id = i.id
        CROSS JOIN LATERAL (
            SELECT min(g.restored_at) AS restored_at FROM fbr_outage g
            WHERE g.environment = o.environment AND g.channel = o.channel
              AND g.restored_at > o.made_at
        ) r
        WHERE i.issued_offline AND i.state IN ('queued', 'submitting', 'uncertain')
          AND o.deadline IS NULL AND o.state <> 'done' AND r.restored_at IS NOT NULL
        ORDER BY o.id LIMIT most FOR UPDATE OF o SKIP LOCKED
    )
    UPDATE fbr_outbox o SET deadline = f.restored_at + grace
    FROM offline f WHERE o.id = f.id
    RETURNING o.tenant_id, o.id
$$;

-- Lines with documents issued offline that no outage stands for, and since when.
CREATE FUNCTION fbr_uncovered()
RETURNS TABLE (environment text, channel text, since timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT o.environment, o.channel, min(o.made_at)
    FROM invoices_invoice i
    JOIN fbr_outbox o ON o.tenant_id = i.tenant_id AND o.invoice_id = i.id
    WHERE i.issued_offline AND i.state IN ('queued', 'submitting', 'uncertain')
      AND o.deadline IS NULL AND o.state <> 'done'
      AND NOT EXISTS (
          SELECT 1 FROM fbr_outage g
          WHERE g.environment = o.environment AND g.channel = o.channel
            AND (g.restored_at IS NULL OR g.restored_at > o.made_at))
    GROUP BY 1, 2
$$;

CREATE FUNCTION fbr_offline_waits(wanted_environment text, wanted_channel text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (
        SELECT 1 FROM invoices_invoice i
        WHERE i.issued_offline AND i.state IN ('queued', 'submitting', 'uncertain')
          AND i.environment = wanted_environment AND i.channel = wanted_channel)
$$;

CREATE FUNCTION fbr_offline_businesses() RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT i.tenant_id FROM invoices_invoice i
    WHERE i.issued_offline AND i.state IN ('queued', 'submitting', 'uncertain')
    UNION
    SELECT s.tenant_id FROM fbr_offlinespell s WHERE s.drained_at IS NULL
$$;

-- Businesses with a failure that their register does not hold yet, or that FBR has not heard of.
CREATE FUNCTION fbr_failing_businesses() RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT c.tenant_id FROM fbr_credential c
    WHERE c.held_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM fbr_incident i
        WHERE i.tenant_id = c.tenant_id AND i.kind = 'token_refused'
          AND starts_with(i.key, c.id::text) AND i.happened_at = c.held_at)
    UNION
    SELECT a.tenant_id FROM fbr_attempt a
    WHERE a.answered_at IS NULL AND a.finished_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM fbr_incidentdocument d
        JOIN fbr_incident i ON i.tenant_id = d.tenant_id AND i.id = d.incident_id
        WHERE d.tenant_id = a.tenant_id AND d.invoice_id = a.invoice_id
          AND i.kind = 'unclean_stop'
          AND starts_with(i.key, to_char(a.finished_at AT TIME ZONE 'Asia/Karachi', 'YYYY-MM-DD')))
    UNION
    SELECT i.tenant_id FROM fbr_incident i WHERE i.told_at IS NULL AND i.closed_at IS NULL
$$;

-- Businesses whose signatures are looked after: those that FBR has accepted something of.
CREATE FUNCTION fbr_reporting_businesses() RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT r.tenant_id FROM invoices_signatureround r
$$;
"""
NO_LOOKS = """
DROP FUNCTION fbr_reporting_businesses();
DROP FUNCTION fbr_failing_businesses();
DROP FUNCTION fbr_offline_businesses();
DROP FUNCTION fbr_offline_waits(text, text);
DROP FUNCTION fbr_uncovered();
DROP FUNCTION fbr_set_deadlines(interval, int);
DROP INDEX attempt_lost;
DROP INDEX invoice_offline_open;
DROP INDEX invoice_offline;
"""


class Migration(migrations.Migration):
    """Outages and what they meant; the register of failures that FBR must hear of."""

    dependencies = [("fbr", "0011_cancelling"), ("invoices", "0008_signatures_and_closings")]

    operations = [
        across_tenants(),
        migrations.CreateModel(
            name="Incident",
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
                            ("gateway_down", "FBR's system was away"),
                            ("token_refused", "FBR refused the token"),
                            ("unclean_stop", "The sending process stopped midway"),
                            ("integrity", "A kept document is not what it was"),
                            ("double_reported", "A document was reported twice"),
                            ("hardware", "A till or computer is out of order"),
                            ("other", "Something else"),
                        ],
                        max_length=16,
                        verbose_name="what happened",
                    ),
                ),
                ("key", models.CharField(max_length=120)),
                (
                    "environment",
                    models.CharField(
                        choices=[("sandbox", "Sandbox"), ("production", "Production")],
                        max_length=10,
                        verbose_name="environment",
                    ),
                ),
                ("happened_at", models.DateTimeField(verbose_name="since")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                ("aware_at", models.DateTimeField()),
                ("due_at", models.DateTimeField()),
                ("opened_by", models.CharField(max_length=80)),
                ("why", models.CharField(blank=True, max_length=300)),
                (
                    "what",
                    models.TextField(
                        blank=True, max_length=2000, verbose_name="what happened, in your words"
                    ),
                ),
                (
                    "told_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="told FBR at"),
                ),
                (
                    "told_how",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("email", "By e-mail"),
                            ("iris", "Through IRIS"),
                            ("hand", "By hand, against a receipt"),
                            ("post", "By post or courier"),
                            ("other", "In another way"),
                        ],
                        max_length=6,
                        verbose_name="how",
                    ),
                ),
                (
                    "told_reference",
                    models.CharField(blank=True, max_length=120, verbose_name="reference"),
                ),
                ("told_by", models.CharField(blank=True, max_length=80)),
                (
                    "late_reason",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="why it took longer than a day"
                    ),
                ),
                ("proof_path", models.CharField(blank=True, max_length=200)),
                ("proof_sha256", models.CharField(blank=True, max_length=64)),
                ("proof_media_type", models.CharField(blank=True, max_length=40)),
                ("closed_at", models.DateTimeField(blank=True, null=True)),
                ("closed_by", models.CharField(blank=True, max_length=80)),
                (
                    "closed_note",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="what was done about it"
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="IncidentDocument",
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
                    "incident",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="documents",
                        to="fbr.incident",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="incidents",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Outage",
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
                    "environment",
                    models.CharField(
                        choices=[("sandbox", "Sandbox"), ("production", "Production")],
                        max_length=10,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("di", "Digital Invoicing"), ("pos", "Point of sale")],
                        max_length=4,
                    ),
                ),
                (
                    "cause",
                    models.CharField(
                        choices=[
                            ("breaker", "FBR's answers stayed away"),
                            ("network", "FBR's host could not be reached"),
                            ("documents", "Documents were issued while FBR was away"),
                        ],
                        max_length=10,
                    ),
                ),
                ("began_at", models.DateTimeField()),
                ("restored_at", models.DateTimeField(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["environment", "channel", "restored_at"], name="outage_restored"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("restored_at", None)),
                        fields=("environment", "channel"),
                        name="outage_one_at_a_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("restored_at", None),
                            ("restored_at__gt", models.F("began_at")),
                            _connector="OR",
                        ),
                        name="outage_ends_after_it_began",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="OfflineSpell",
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
                ("first_issued_at", models.DateTimeField()),
                ("documents", models.PositiveIntegerField()),
                ("reported", models.PositiveIntegerField(default=0)),
                ("refused", models.PositiveIntegerField(default=0)),
                ("deadline", models.DateTimeField(null=True)),
                ("drained_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
                (
                    "outage",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="spells",
                        to="fbr.outage",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Reach",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "environment",
                    models.CharField(
                        choices=[("sandbox", "Sandbox"), ("production", "Production")],
                        max_length=10,
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("di", "Digital Invoicing"), ("pos", "Point of sale")],
                        max_length=4,
                    ),
                ),
                ("checked_at", models.DateTimeField()),
                ("failed_in_row", models.PositiveIntegerField(default=0)),
                ("failing_since", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("environment", "channel"), name="reach_once")
                ],
            },
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(fields=["tenant", "-aware_at", "-id"], name="incident_newest"),
        ),
        migrations.AddIndex(
            model_name="incident",
            index=models.Index(
                condition=models.Q(("closed_at", None), ("told_at", None)),
                fields=["tenant", "due_at"],
                name="incident_to_tell",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_incident_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.UniqueConstraint(
                condition=models.Q(("closed_at", None)),
                fields=("tenant", "kind", "key"),
                name="incident_once_while_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("told_at", None), ("told_how", "")),
                    models.Q(("told_at__isnull", False), models.Q(("told_how", ""), _negated=True)),
                    _connector="OR",
                ),
                name="incident_told_somehow",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("told_at", None),
                    ("told_at__lte", models.F("due_at")),
                    models.Q(("late_reason", ""), _negated=True),
                    _connector="OR",
                ),
                name="incident_late_with_a_reason",
            ),
        ),
        migrations.AddConstraint(
            model_name="incident",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("closed_at", None),
                    ("told_at__isnull", False),
                    models.Q(("closed_note", ""), _negated=True),
                    _connector="OR",
                ),
                name="incident_closed_told_or_explained",
            ),
        ),
        migrations.AddIndex(
            model_name="incidentdocument",
            index=models.Index(fields=["tenant", "invoice"], name="incidentdocument_of"),
        ),
        migrations.AddConstraint(
            model_name="incidentdocument",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_incidentdocument_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="incidentdocument",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="incident", name="incidentdocument_incident_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="incidentdocument",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="invoice", name="incidentdocument_invoice_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="incidentdocument",
            constraint=models.UniqueConstraint(
                fields=("tenant", "incident", "invoice"), name="incidentdocument_once"
            ),
        ),
        migrations.AddIndex(
            model_name="offlinespell",
            index=models.Index(
                condition=models.Q(("drained_at", None)),
                fields=["tenant"],
                name="offlinespell_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="offlinespell",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_offlinespell_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="offlinespell",
            constraint=models.UniqueConstraint(
                fields=("tenant", "outage"), name="offlinespell_once"
            ),
        ),
        EnableRLS("OfflineSpell"),
        EnableRLS("Incident"),
        EnableRLS("IncidentDocument"),
        append_only("fbr_incidentdocument"),
        migrations.RunSQL(GUARDS, NO_GUARDS),
        migrations.RunSQL(LOOKS, NO_LOOKS),
    ]
