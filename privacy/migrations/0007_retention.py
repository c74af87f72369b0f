import django.db.models.deletion
import smartinvoicing.ids
from django.db import migrations, models

from smartinvoicing.pg.operations import across_tenants, append_only

# The guard of the tax tables learns the fifth scope of a hold.
LEARN = """
DO $do$
DECLARE
    was text := pg_get_functiondef('tax_retention()'::regprocedure);
    became text := replace(was, '{old}', '{new}');
BEGIN
    IF was = became THEN
        RAISE EXCEPTION 'tax_retention() does not read as expected';
    END IF;
    EXECUTE became;
END $do$;
"""
FOUR = "document.original_id, document.legal_entity_id)"
FIVE = "document.original_id, document.legal_entity_id, document.buyer_id)"

# Whoever deletes writes down what, in one transaction; nobody who serves takes it back.
RIGHTS = """
GRANT INSERT ON privacy_purgebatch TO purge;
REVOKE DELETE ON privacy_purgerun, privacy_purgefile FROM app;
"""
NO_RIGHTS = """
GRANT DELETE ON privacy_purgerun, privacy_purgefile TO app;
REVOKE INSERT ON privacy_purgebatch FROM purge;
"""

# The desk's list of holds over all businesses: ids and days, no words of the case.
LISTED = """
CREATE POLICY listed ON privacy_legalhold FOR SELECT TO owner USING (true);
CREATE FUNCTION privacy_holds() RETURNS TABLE (
    id uuid, tenant_id uuid, scope varchar, review_on date, placed_at timestamptz,
    lifted_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT h.id, h.tenant_id, h.scope, h.review_on, h.placed_at, h.lifted_at
    FROM privacy_legalhold h
$$;
CREATE VIEW privacy_holdlisted WITH (security_invoker = true) AS
    SELECT id, tenant_id AS business, scope, review_on, placed_at, lifted_at FROM privacy_holds();
"""
NOT_LISTED = """
DROP VIEW privacy_holdlisted;
DROP FUNCTION privacy_holds();
DROP POLICY listed ON privacy_legalhold;
"""


class Migration(migrations.Migration):
    """Purges: plans, runs, batches, files on their way out, receipts. Holds on one customer."""

    dependencies = [("privacy", "0006_rights")]

    operations = [
        across_tenants(),
        migrations.CreateModel(
            name="PurgeBatch",
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
                ("table", models.CharField(max_length=63)),
                ("business", models.UUIDField(null=True)),
                ("at", models.DateTimeField()),
                ("records", models.PositiveIntegerField()),
                ("rows", models.JSONField()),
                ("digests", models.JSONField()),
            ],
        ),
        migrations.CreateModel(
            name="PurgeFile",
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
                ("path", models.CharField(max_length=300)),
                ("marked_at", models.DateTimeField()),
                ("gone_at", models.DateTimeField(null=True)),
            ],
        ),
        migrations.CreateModel(
            name="PurgePlan",
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
                        choices=[("routine", "Records that no law keeps"), ("tax", "Tax records")],
                        max_length=8,
                        verbose_name="takes",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="clocks read")),
                ("made_by", models.CharField(max_length=80, verbose_name="planned by")),
                ("lines", models.JSONField()),
                ("rows", models.PositiveBigIntegerField(verbose_name="records that would go")),
                ("digest", models.CharField(max_length=64)),
            ],
            options={
                "verbose_name": "purge plan",
                "verbose_name_plural": "purge plans",
                "ordering": ("-at",),
            },
        ),
        migrations.CreateModel(
            name="PurgeReceipt",
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
                ("table", models.CharField(max_length=63, verbose_name="table")),
                ("retention", models.CharField(max_length=12, verbose_name="class")),
                ("rows", models.PositiveBigIntegerField(verbose_name="rows")),
                ("digest", models.CharField(max_length=64, verbose_name="digest of their ids")),
                ("job", models.CharField(max_length=80, verbose_name="job")),
                (
                    "approver",
                    models.CharField(blank=True, max_length=80, verbose_name="agreed to by"),
                ),
                ("at", models.DateTimeField(verbose_name="when")),
            ],
            options={
                "verbose_name": "purge receipt",
                "verbose_name_plural": "purge receipts",
                "ordering": ("-at", "table"),
            },
        ),
        migrations.CreateModel(
            name="PurgeRun",
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
                ("began_at", models.DateTimeField(verbose_name="begun")),
                ("began_by", models.CharField(max_length=80, verbose_name="begun by")),
                (
                    "approved_by",
                    models.CharField(blank=True, max_length=80, verbose_name="agreed to by"),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("stuck", models.JSONField(blank=True, default=dict)),
            ],
            options={
                "verbose_name": "purge",
                "verbose_name_plural": "purges",
                "ordering": ("-began_at",),
            },
        ),
        migrations.RemoveConstraint(
            model_name="legalhold",
            name="hold_covers_what_it_says",
        ),
        migrations.AlterField(
            model_name="legalhold",
            name="scope",
            field=models.CharField(
                choices=[
                    ("tenant", "Everything of the business"),
                    ("entity", "One registered taxpayer"),
                    ("invoice", "One document"),
                    ("period", "Documents of a period"),
                    ("buyer", "Documents to one customer"),
                ],
                max_length=8,
                verbose_name="covers",
            ),
        ),
        migrations.AddConstraint(
            model_name="legalhold",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("covers", None), ("from_on", None), ("scope", "tenant"), ("to_on", None)
                    ),
                    models.Q(
                        ("covers__isnull", False),
                        ("from_on", None),
                        ("scope__in", ["entity", "invoice", "buyer"]),
                        ("to_on", None),
                    ),
                    models.Q(
                        ("covers", None),
                        ("scope", "period"),
                        ("from_on__isnull", False),
                        ("to_on__gte", models.F("from_on")),
                    ),
                    _connector="OR",
                ),
                name="hold_covers_what_it_says",
            ),
        ),
        migrations.AddIndex(
            model_name="purgeplan",
            index=models.Index(fields=["kind", "-at"], name="purgeplan_newest"),
        ),
        migrations.AddField(
            model_name="purgerun",
            name="plan",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="run",
                to="privacy.purgeplan",
            ),
        ),
        migrations.AddField(
            model_name="purgereceipt",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="receipts",
                to="privacy.purgerun",
            ),
        ),
        migrations.AddField(
            model_name="purgefile",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="files",
                to="privacy.purgerun",
            ),
        ),
        migrations.AddField(
            model_name="purgebatch",
            name="run",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="batches",
                to="privacy.purgerun",
            ),
        ),
        migrations.AddConstraint(
            model_name="purgerun",
            constraint=models.CheckConstraint(
                condition=models.Q(("began_by", ""), _negated=True), name="purgerun_by_somebody"
            ),
        ),
        migrations.AddConstraint(
            model_name="purgereceipt",
            constraint=models.UniqueConstraint(fields=("run", "table"), name="purgereceipt_once"),
        ),
        migrations.AddConstraint(
            model_name="purgefile",
            constraint=models.UniqueConstraint(fields=("run", "path"), name="purgefile_once"),
        ),
        append_only("privacy_purgeplan"),
        append_only("privacy_purgebatch"),
        append_only("privacy_purgereceipt"),
        migrations.RunSQL(RIGHTS, NO_RIGHTS),
        migrations.RunSQL(LISTED, NOT_LISTED),
        migrations.CreateModel(
            name="HoldListed",
            fields=[
                ("id", models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ("business", models.UUIDField(verbose_name="business")),
                (
                    "scope",
                    models.CharField(
                        choices=[
                            ("tenant", "Everything of the business"),
                            ("entity", "One registered taxpayer"),
                            ("invoice", "One document"),
                            ("period", "Documents of a period"),
                            ("buyer", "Documents to one customer"),
                        ],
                        max_length=8,
                        verbose_name="covers",
                    ),
                ),
                ("review_on", models.DateField(verbose_name="to be looked at again on")),
                ("placed_at", models.DateTimeField(verbose_name="since")),
                ("lifted_at", models.DateTimeField(null=True, verbose_name="lifted")),
            ],
            options={
                "verbose_name": "legal hold",
                "verbose_name_plural": "legal holds",
                "managed": False,
            },
        ),
        migrations.RunSQL(LEARN.format(old=FOUR, new=FIVE), LEARN.format(old=FIVE, new=FOUR)),
    ]
