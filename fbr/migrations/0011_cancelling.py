import django.db.models.deletion
from django.db import migrations, models

import smartinvoicing.ids
import smartinvoicing.pg.constraints
from smartinvoicing.pg.operations import EnableRLS, append_only

# Each column is written once; what has ended is evidence.
GUARD = """
CREATE FUNCTION cancellation_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    was jsonb;
    became jsonb;
    name text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'a cancellation is kept'
            USING ERRCODE = '23514', CONSTRAINT = 'cancellation_is_kept';
    END IF;
    IF OLD.confirmed_at IS NOT NULL OR OLD.refused_at IS NOT NULL THEN
        RAISE EXCEPTION 'a cancellation that has ended does not change'
            USING ERRCODE = '23514', CONSTRAINT = 'cancellation_is_kept';
    END IF;
    was := to_jsonb(OLD);
    became := to_jsonb(NEW);
    FOR name IN SELECT jsonb_object_keys(was) LOOP
        IF was -> name IS DISTINCT FROM became -> name
           AND was -> name NOT IN ('null'::jsonb, '""'::jsonb) THEN
            RAISE EXCEPTION 'the % of a cancellation is written once', name
                USING ERRCODE = '23514', CONSTRAINT = 'cancellation_is_kept';
        END IF;
    END LOOP;
    RETURN NEW;
END $f$;
CREATE TRIGGER cancellation_guard BEFORE UPDATE OR DELETE ON fbr_cancellation
    FOR EACH ROW EXECUTE FUNCTION cancellation_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fbr_cancellation
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
REVOKE DELETE ON fbr_cancellation FROM app;
"""
NO_GUARD = """
GRANT DELETE ON fbr_cancellation TO app;
DROP TRIGGER no_truncate ON fbr_cancellation;
DROP TRIGGER cancellation_guard ON fbr_cancellation;
DROP FUNCTION cancellation_guard();
"""

# A document leaves "cancellation requested" only with the request that brought it there: it is
# cancelled when that one is confirmed, and accepted again when it is refused.
PROVEN = """
CREATE FUNCTION invoice_cancel_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id
               AND c.confirmed_at IS NULL AND c.refused_at IS NULL) THEN
        RAISE EXCEPTION 'the cancellation of this document is still open'
            USING ERRCODE = '23514', CONSTRAINT = 'cancel_is_proven';
    END IF;
    IF EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id)
       AND (NEW.state = 'cancelled') IS DISTINCT FROM
           EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id
                   AND c.confirmed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'this is not how the cancellation of this document ended'
            USING ERRCODE = '23514', CONSTRAINT = 'cancel_is_proven';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER invoice_cancel_guard BEFORE UPDATE ON invoices_invoice
    FOR EACH ROW WHEN (OLD.state = 'cancel_requested' AND NEW.state <> OLD.state)
    EXECUTE FUNCTION invoice_cancel_guard();
"""
UNPROVEN = """
DROP TRIGGER invoice_cancel_guard ON invoices_invoice;
DROP FUNCTION invoice_cancel_guard();
"""

# Ids only, over all tenants: whose window ends soon or has ended, and calls nobody has made yet.
OPEN = """
CREATE POLICY queue ON fbr_cancellation FOR SELECT TO owner USING (true);
CREATE FUNCTION fbr_cancellations_open(until timestamptz, n int)
RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT c.tenant_id, c.id FROM fbr_cancellation c
    WHERE c.confirmed_at IS NULL AND c.refused_at IS NULL
      AND c.window_ends_at <= until AND c.way <> 'commissioner'
    ORDER BY c.window_ends_at LIMIT n
$$;
CREATE FUNCTION fbr_cancel_calls_due(at timestamptz, n int)
RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT c.tenant_id, c.id FROM fbr_cancellation c
    WHERE c.confirmed_at IS NULL AND c.refused_at IS NULL
      AND c.way = 'api' AND c.call_at IS NULL AND c.window_ends_at > at
    ORDER BY c.window_ends_at LIMIT n
$$;
"""
NOT_OPEN = """
DROP FUNCTION fbr_cancel_calls_due(timestamptz, int);
DROP FUNCTION fbr_cancellations_open(timestamptz, int);
DROP POLICY queue ON fbr_cancellation;
"""


class Migration(migrations.Migration):
    """Cancellations and letters to the Commissioner; no document is cancelled without proof."""

    dependencies = [
        ("fbr", "0010_resolving"),
        ("invoices", "0007_reporting_facts"),
        ("accounts", "0006_deeds_of_reporting"),
    ]

    operations = [
        migrations.CreateModel(
            name="CancelApplication",
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
                ("reason", models.CharField(max_length=300, verbose_name="reason")),
                ("letter", models.JSONField()),
                ("sha256", models.CharField(max_length=64)),
                ("prepared_at", models.DateTimeField()),
                ("prepared_by", models.CharField(max_length=80)),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="applications",
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
                "indexes": [
                    models.Index(
                        fields=["tenant", "invoice", "-prepared_at"], name="application_of_invoice"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="fbr_cancelapplication_tenant_id"
                    ),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="invoice", name="application_invoice_same_tenant"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Cancellation",
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
                    "way",
                    models.CharField(
                        choices=[
                            ("iris", "By hand in IRIS"),
                            ("api", "By a call to FBR"),
                            ("commissioner", "With the Commissioner's approval, in IRIS"),
                        ],
                        max_length=12,
                    ),
                ),
                ("reason", models.CharField(max_length=300, verbose_name="reason")),
                ("window_ends_at", models.DateTimeField()),
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=80)),
                ("approval_reference", models.CharField(blank=True, max_length=60)),
                ("approval_path", models.CharField(blank=True, max_length=200)),
                ("approval_sha256", models.CharField(blank=True, max_length=64)),
                ("approval_type", models.CharField(blank=True, max_length=40)),
                ("call_at", models.DateTimeField(null=True)),
                ("call_ended_at", models.DateTimeField(null=True)),
                ("call_status", models.PositiveSmallIntegerField(null=True)),
                ("call_answer", models.BinaryField(null=True)),
                ("call_failure", models.CharField(blank=True, max_length=80)),
                (
                    "iris_reference",
                    models.CharField(blank=True, max_length=60, verbose_name="IRIS reference"),
                ),
                ("cancelled_at", models.DateTimeField(null=True)),
                ("proof_path", models.CharField(blank=True, max_length=200)),
                ("proof_sha256", models.CharField(blank=True, max_length=64)),
                ("proof_type", models.CharField(blank=True, max_length=40)),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("confirmed_by", models.CharField(blank=True, max_length=80)),
                ("refused_at", models.DateTimeField(null=True)),
                ("refused_by", models.CharField(blank=True, max_length=80)),
                ("refused_why", models.CharField(blank=True, max_length=300)),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="cancellations",
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
                "indexes": [
                    models.Index(
                        condition=models.Q(("confirmed_at", None), ("refused_at", None)),
                        fields=["window_ends_at"],
                        name="cancellation_open",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="fbr_cancellation_tenant_id"
                    ),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="invoice", name="cancellation_invoice_same_tenant"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("confirmed_at", None), ("refused_at", None)),
                        fields=("tenant", "invoice"),
                        name="cancellation_one_open",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("confirmed_at__isnull", False)),
                        fields=("tenant", "invoice"),
                        name="cancellation_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_at", None), ("refused_at", None), _connector="OR"
                        ),
                        name="cancellation_ends_one_way",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_at", None),
                            models.Q(
                                ("cancelled_at__isnull", False),
                                models.Q(("iris_reference", ""), _negated=True),
                                models.Q(("proof_sha256", ""), _negated=True),
                                models.Q(("confirmed_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="cancellation_is_proven",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("refused_at", None),
                            models.Q(
                                models.Q(("refused_why", ""), _negated=True),
                                models.Q(("refused_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="cancellation_refused_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("way", "commissioner"), _negated=True),
                            models.Q(
                                models.Q(("approval_reference", ""), _negated=True),
                                models.Q(("approval_sha256", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="cancellation_approved",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("way", "commissioner"),
                            ("asked_at__lt", models.F("window_ends_at")),
                            _connector="OR",
                        ),
                        name="cancellation_in_time",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True),
                        name="cancellation_has_reason",
                    ),
                ],
            },
        ),
        EnableRLS("CancelApplication"),
        EnableRLS("Cancellation"),
        append_only("fbr_cancelapplication"),
        migrations.RunSQL(GUARD, NO_GUARD),
        migrations.RunSQL(PROVEN, UNPROVEN),
        migrations.RunSQL(OPEN, NOT_OPEN),
    ]
