import django.db.models.deletion
import smartinvoicing.ids
from django.db import migrations, models

from smartinvoicing.pg.operations import EnableRLS

# Ids only: whose token may be used to ask, and which long job goes on.
ASKING = """
CREATE POLICY queue ON fbr_buyercheckrun FOR SELECT TO owner USING (true);

-- Tokens for Digital Invoicing that nobody holds and that have not run out, in an order that is
-- another one for each seed: who lends the token for the lists changes from day to day.
CREATE FUNCTION fbr_tokens_by_lot(seed text, n int) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT c.tenant_id, c.id FROM fbr_credential c
    WHERE c.channel = 'di' AND c.held_at IS NULL
      AND (c.expires_on IS NULL OR c.expires_on >= current_date)
    ORDER BY md5(c.id::text || seed) LIMIT n
$$;

-- Businesses with such a token whose customers were not walked over since then.
CREATE FUNCTION fbr_registers_due(since timestamptz, n int) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT DISTINCT ON (c.tenant_id) c.tenant_id, c.id FROM fbr_credential c
    WHERE c.channel = 'di' AND c.held_at IS NULL
      AND (c.expires_on IS NULL OR c.expires_on >= current_date)
      AND NOT EXISTS (SELECT 1 FROM fbr_buyercheckrun r
                      WHERE r.tenant_id = c.tenant_id AND r.asked_at >= since)
    ORDER BY c.tenant_id, c.id LIMIT n
$$;

-- Walks that are not at their end, the one that rested longest first; none while one is walked:
-- the register is asked by one worker at a time, so that reporting never waits behind it.
CREATE FUNCTION fbr_walks_due(n int) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT r.tenant_id, r.id FROM fbr_buyercheckrun r
    WHERE r.ended_at IS NULL
      AND NOT EXISTS (SELECT 1 FROM fbr_buyercheckrun o
                      WHERE o.ended_at IS NULL AND o.leased_until > clock_timestamp())
    ORDER BY r.stepped_at, r.id LIMIT n
$$;
"""
NO_ASKING = """
DROP FUNCTION fbr_walks_due(int);
DROP FUNCTION fbr_registers_due(timestamptz, int);
DROP FUNCTION fbr_tokens_by_lot(text, int);
DROP POLICY queue ON fbr_buyercheckrun;
"""


class Migration(migrations.Migration):
    """Walks over all customers through FBR's register, and whose token asks."""

    dependencies = [
        ("accounts", "0003_retail_price_setting"),
        ("fbr", "0005_golive"),
        ("invoices", "0005_reference"),
    ]

    operations = [
        migrations.CreateModel(
            name="BuyerCheckRun",
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
                ("asked_at", models.DateTimeField()),
                ("asked_by", models.CharField(max_length=80, verbose_name="asked by")),
                ("total", models.PositiveIntegerField()),
                ("done", models.PositiveIntegerField(default=0)),
                ("differing", models.PositiveIntegerField(default=0)),
                ("unanswered", models.PositiveIntegerField(default=0)),
                ("after", models.UUIDField(blank=True, null=True)),
                ("stepped_at", models.DateTimeField()),
                ("leased_until", models.DateTimeField(blank=True, null=True)),
                ("ended_at", models.DateTimeField(blank=True, null=True)),
                ("why", models.CharField(blank=True, max_length=200)),
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
                    models.Index(fields=["tenant", "-asked_at"], name="buyercheckrun_newest"),
                    models.Index(
                        condition=models.Q(("ended_at", None)),
                        fields=["stepped_at"],
                        name="buyercheckrun_due",
                    ),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="fbr_buyercheckrun_tenant_id"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("ended_at", None)),
                        fields=("tenant",),
                        name="buyercheckrun_one_at_a_time",
                    ),
                ],
            },
        ),
        EnableRLS("BuyerCheckRun"),
        migrations.RunSQL(ASKING, NO_ASKING),
    ]
