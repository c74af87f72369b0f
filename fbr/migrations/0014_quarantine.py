import django.db.models.deletion
import smartinvoicing.ids
import smartinvoicing.pg.constraints
from django.db import migrations, models

from smartinvoicing.pg.operations import EnableRLS, across_tenants, append_only

# What waits does not go while FBR's list is awaited. A hold that somebody has to lift stays what
# it is; lifted meanwhile, it becomes this one.
HOLDS = """
CREATE POLICY queue ON fbr_quarantine FOR SELECT TO owner USING (true);

CREATE FUNCTION quarantine_holds() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF EXISTS (SELECT 1 FROM fbr_quarantine q WHERE q.tenant_id = NEW.tenant_id
               AND q.environment = NEW.environment AND q.resumed_at IS NULL) THEN
        NEW.hold_reason := 'disarmed';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER quarantine_holds BEFORE INSERT OR UPDATE ON fbr_outbox FOR EACH ROW
    WHEN (NEW.state = 'waiting' AND NEW.hold_reason IN ('', 'clock', 'endpoint', 'breaker'))
    EXECUTE FUNCTION quarantine_holds();
"""
NO_HOLDS = """
DROP TRIGGER quarantine_holds ON fbr_outbox;
DROP FUNCTION quarantine_holds();
DROP POLICY queue ON fbr_quarantine;
"""

# Nothing is numbered, issued again or voided, from the first moment of a restored database on: the
# lost one may have done it already.
REFUSES = """
CREATE FUNCTION quarantine_refuses() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF EXISTS (SELECT 1 FROM fbr_quarantine q WHERE q.tenant_id = NEW.tenant_id
               AND q.legal_entity_id = NEW.legal_entity_id
               AND q.environment = NEW.environment AND q.resumed_at IS NULL)
       OR NOT EXISTS (SELECT 1 FROM smartinvoicing_installation i
                      WHERE i.timeline = current_timeline() AND i.place = current_place()) THEN
        RAISE EXCEPTION 'numbers are suspended since a restore'
            USING ERRCODE = '23514', CONSTRAINT = 'numbers_are_suspended';
    END IF;
    IF EXISTS (SELECT 1 FROM fbr_lostreport l
               WHERE l.tenant_id = NEW.tenant_id AND l.invoice_id = NEW.id) THEN
        RAISE EXCEPTION 'FBR has a document of this number that a restore lost here'
            USING ERRCODE = '23514', CONSTRAINT = 'reported_before_the_restore';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER quarantine_refuses BEFORE UPDATE OF state ON invoices_invoice FOR EACH ROW
    WHEN (OLD.state <> NEW.state AND OLD.state IN ('draft', 'rejected', 'queued')
          AND NEW.state IN ('queued', 'void'))
    EXECUTE FUNCTION quarantine_refuses();
"""
NO_REFUSES = """
DROP TRIGGER quarantine_refuses ON invoices_invoice;
DROP FUNCTION quarantine_refuses();
"""

# A run goes on by one, or over numbers that are written down as given to nobody.
SERIES = """
CREATE OR REPLACE FUNCTION series_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'UPDATE' AND (to_jsonb(OLD) - 'last') = (to_jsonb(NEW) - 'last')
       AND (NEW.last = OLD.last + 1 OR EXISTS (
           SELECT 1 FROM fbr_numbergap g WHERE g.tenant_id = NEW.tenant_id
           AND g.series_id = NEW.id AND g.first = OLD.last + 1 AND g.last = NEW.last)) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a run of numbers only goes on by one'
        USING ERRCODE = '23514', CONSTRAINT = 'series_goes_on';
END $f$;
"""
NO_SERIES = """
CREATE OR REPLACE FUNCTION series_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.last = OLD.last + 1
       AND (to_jsonb(OLD) - 'last') = (to_jsonb(NEW) - 'last') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a run of numbers only goes on by one'
        USING ERRCODE = '23514', CONSTRAINT = 'series_goes_on';
END $f$;
"""

# It ends once, by a list, and is never taken back.
GUARD = """
REVOKE DELETE ON fbr_quarantine FROM app;
CREATE FUNCTION quarantine_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    free text[] := ARRAY['resumed_at', 'resumed_by', 'statement_id'];
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'purge' AND OLD.resumed_at IS NOT NULL THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.resumed_at IS NULL
       AND (to_jsonb(OLD) - free) = (to_jsonb(NEW) - free) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a quarantine ends once, by a list from FBR'
        USING ERRCODE = '23514', CONSTRAINT = 'quarantine_stands';
END $f$;
CREATE TRIGGER quarantine_guard BEFORE UPDATE OR DELETE ON fbr_quarantine
    FOR EACH ROW EXECUTE FUNCTION quarantine_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fbr_quarantine
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""
NO_GUARD = """
DROP TRIGGER no_truncate ON fbr_quarantine;
DROP TRIGGER quarantine_guard ON fbr_quarantine;
DROP FUNCTION quarantine_guard();
GRANT DELETE ON fbr_quarantine TO app;
"""


class Migration(migrations.Migration):
    """After a restore: what may be at FBR already waits, and no number is given twice."""

    dependencies = [("fbr", "0013_watching"), ("smartinvoicing", "0002_restore")]

    operations = [
        across_tenants(),
        migrations.CreateModel(
            name="Quarantine",
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
                        verbose_name="environment",
                    ),
                ),
                ("lost_from", models.DateTimeField()),
                ("lost_until", models.DateTimeField()),
                ("began_at", models.DateTimeField()),
                ("resumed_at", models.DateTimeField(null=True)),
                ("resumed_by", models.CharField(blank=True, max_length=80)),
                (
                    "legal_entity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quarantines",
                        to="accounts.legalentity",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="quarantines",
                        to="fbr.statement",
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
            name="NumberGap",
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
                ("first", models.PositiveIntegerField()),
                ("last", models.PositiveIntegerField()),
                (
                    "series",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="gaps",
                        to="invoices.series",
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
                (
                    "quarantine",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="gaps",
                        to="fbr.quarantine",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="LostReport",
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
                ("fbr_number", models.CharField(max_length=64)),
                ("recorded_at", models.DateTimeField()),
                ("recorded_by", models.CharField(max_length=80)),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lost_reports",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "row",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lost",
                        to="fbr.statementrow",
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
                (
                    "quarantine",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lost",
                        to="fbr.quarantine",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_quarantine_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="legal_entity", name="quarantine_entity_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="statement", name="quarantine_statement_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.UniqueConstraint(
                condition=models.Q(("resumed_at", None)),
                fields=("tenant", "legal_entity", "environment"),
                name="quarantine_one_open",
            ),
        ),
        migrations.AddConstraint(
            model_name="quarantine",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("resumed_at", None), ("resumed_by", ""), ("statement", None)),
                    models.Q(
                        ("resumed_at__isnull", False),
                        ("statement__isnull", False),
                        models.Q(("resumed_by", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="quarantine_ended_by_a_list",
            ),
        ),
        migrations.AddConstraint(
            model_name="numbergap",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_numbergap_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="numbergap",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="quarantine", name="numbergap_quarantine_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="numbergap",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="series", name="numbergap_series_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="numbergap",
            constraint=models.UniqueConstraint(
                fields=("tenant", "series", "first"), name="numbergap_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="numbergap",
            constraint=models.CheckConstraint(
                condition=models.Q(("first__gt", 0), ("last__gte", models.F("first"))),
                name="numbergap_goes_up",
            ),
        ),
        migrations.AddIndex(
            model_name="lostreport",
            index=models.Index(
                condition=models.Q(("invoice__isnull", False)),
                fields=["tenant", "invoice"],
                name="lostreport_of_invoice",
            ),
        ),
        migrations.AddConstraint(
            model_name="lostreport",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_lostreport_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="lostreport",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="quarantine", name="lostreport_quarantine_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="lostreport",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="row", name="lostreport_row_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="lostreport",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="invoice", name="lostreport_invoice_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="lostreport",
            constraint=models.UniqueConstraint(
                fields=("tenant", "environment", "fbr_number"), name="lostreport_once"
            ),
        ),
        EnableRLS("Quarantine"),
        EnableRLS("LostReport"),
        EnableRLS("NumberGap"),
        append_only("fbr_lostreport"),
        append_only("fbr_numbergap"),
        migrations.RunSQL(GUARD, NO_GUARD),
        migrations.RunSQL(HOLDS, NO_HOLDS),
        migrations.RunSQL(REFUSES, NO_REFUSES),
        migrations.RunSQL(SERIES, NO_SERIES),
    ]
