import django.db.models.deletion
from django.db import migrations, models

import smartinvoicing.ids
from smartinvoicing.pg.operations import EnableRLS, across_tenants

# When a tax record may go. Source: Sales Tax Act 1990, s. 24: six years after the end of the tax
# period, longer while proceedings run; Income Tax Ordinance 2001, s. 174(3): six years after the
# end of the tax year, 30 June. Both are kept whatever the term is.
TERM = """
INSERT INTO privacy_taxretention (id, years) VALUES (1, 7);
REVOKE INSERT, UPDATE, DELETE ON privacy_taxretention FROM app;
REVOKE DELETE ON privacy_taxretention FROM purge;

CREATE FUNCTION tax_kept_until(day date) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(
        date_trunc('month', day::timestamp) + interval '1 month' + make_interval(years => r.years),
        make_date(extract(year FROM day)::int, 7, 1)::timestamp
            + make_interval(years => 6 + (extract(month FROM day) > 6)::int)
    ) AT TIME ZONE 'Asia/Karachi'
    FROM privacy_taxretention r
$$;

-- Its own name, so that a test can set it; nobody who serves can.
CREATE FUNCTION purge_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$
    SELECT clock_timestamp()
$$;
"""
NO_TERM = """
DROP FUNCTION purge_clock();
DROP FUNCTION tax_kept_until(date);
DELETE FROM privacy_taxretention;
"""

# The last word on a DELETE of a tax record, whoever asks and whatever they computed before.
#
# way: `of` <column>       it goes with the document that the column names
#      `instant` <column>  its month is that of an instant; null: it is still in use
#      `day` <column>      the same, of a date
#      `year` <column>     its last month is December of that year
RETENTION = """
CREATE FUNCTION tax_retention() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $f$
DECLARE
    way text := TG_ARGV[0];
    tenant uuid := (to_jsonb(OLD) ->> 'tenant_id')::uuid;
    named text := to_jsonb(OLD) ->> TG_ARGV[1];
    document invoices_invoice;
    day date;
    refusal text;
BEGIN
    IF way = 'of' THEN
        SELECT * INTO document FROM invoices_invoice i
            WHERE i.id = named::uuid AND i.tenant_id = tenant;
        IF document.state = 'draft' THEN
            RETURN OLD;
        END IF;
        day := document.invoice_date;
    ELSIF way = 'via' THEN
        EXECUTE format('SELECT (p.%I AT TIME ZONE ''Asia/Karachi'')::date FROM %I p'
                       ' WHERE p.id = $1 AND p.tenant_id = $2', TG_ARGV[3], TG_ARGV[2])
            INTO day USING named::uuid, tenant;
    ELSIF way = 'instant' THEN
        day := (named::timestamptz AT TIME ZONE 'Asia/Karachi')::date;
    ELSIF way = 'day' THEN
        day := named::date;
    ELSIF way = 'year' THEN
        day := make_date(named::int, 12, 31);
    END IF;

    IF current_user <> 'purge' THEN
        refusal := 'tax records are deleted by the role purge alone';
    ELSIF current_setting('transaction_isolation') <> 'read committed' THEN
        refusal := 'a hold that was placed meanwhile would not be seen';
    ELSIF day IS NULL THEN
        refusal := 'still in use, or its document is not to be seen';
    ELSIF document.state IN ('queued', 'submitting', 'uncertain', 'cancel_requested') THEN
        refusal := 'its matter with FBR is open';
    ELSIF purge_clock() >= tax_kept_until(day) IS NOT TRUE THEN
        refusal := 'law wants it kept until ' || coalesce(tax_kept_until(day)::text, 'further notice');
    ELSE
        -- A hold that is being placed is waited for; the next statement sees it.
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('hold ' || tenant, 0));
        IF EXISTS (
            SELECT 1 FROM privacy_legalhold h
            WHERE (h.tenant_id = tenant OR tenant IS NULL) AND h.lifted_at IS NULL
              AND (document.id IS NULL OR h.scope = 'tenant'
                   OR h.covers IN (document.id, document.original_id, document.legal_entity_id)
                   OR document.invoice_date BETWEEN h.from_on AND h.to_on)
        ) THEN
            refusal := 'a legal hold covers it';
        END IF;
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '% stays: %', TG_TABLE_NAME, refusal
            USING ERRCODE = '23514', CONSTRAINT = 'tax_retention';
    END IF;
    RETURN OLD;
END $f$;
"""

# Which way each table goes, and where the retention is not asked: a draft is nobody's record yet,
# and its lines are judged by their own guard.
KEPT = {
    "accounts_auditevent": ("instant", "at"),
    "accounts_audithead": ("never",),
    "accounts_auditlink": ("instant", "at"),
    "fbr_attempt": ("of", "invoice_id"),
    "fbr_cancelapplication": ("of", "invoice_id"),
    "fbr_cancellation": ("of", "invoice_id"),
    "fbr_claim": ("of", "invoice_id"),
    "fbr_evidence": ("of", "invoice_id"),
    "fbr_incident": ("instant", "closed_at"),
    "fbr_incidentdocument": ("of", "invoice_id"),
    "fbr_lostreport": ("instant", "recorded_at"),
    "fbr_numbergap": ("via", "quarantine_id", "fbr_quarantine", "resumed_at"),
    "fbr_offlinespell": ("instant", "first_issued_at"),
    "fbr_outage": ("instant", "restored_at"),
    "fbr_outbox": ("of", "invoice_id"),
    "fbr_quarantine": ("instant", "resumed_at"),
    "fbr_statement": ("instant", "uploaded_at"),
    "fbr_statementrow": ("via", "statement_id", "fbr_statement", "uploaded_at"),
    "invoices_advanceuse": ("of", "invoice_id"),
    "invoices_bookentry": ("of", "invoice_id"),
    "invoices_closing": ("day", "ends_on"),
    "invoices_invoice": ("of", "id"),
    "invoices_invoiceevent": ("of", "invoice_id"),
    "invoices_invoiceline": ("of", "invoice_id"),
    "invoices_invoicepdf": ("of", "invoice_id"),
    "invoices_series": ("year", "year"),
    "invoices_signature": ("of", "invoice_id"),
    "invoices_signingkey": ("instant", "made_at"),
    "invoices_till": ("instant", "retired_at"),
    "privacy_legalhold": ("instant", "lifted_at"),
}
UNLESS = {
    "invoices_invoice": "OLD.state = 'draft'",
    "invoices_invoicepdf": "OLD.shows = 'draft'",
    "invoices_invoiceline": "current_user <> 'purge'",
    "invoices_advanceuse": "current_user <> 'purge'",
}
# The older guards refuse every DELETE; for the role purge the retention decides from now on.
# table: (trigger, its events besides DELETE)
STAYS = {
    "invoices_invoice": ("invoice_guard", "INSERT OR UPDATE"),
    "invoices_invoiceline": ("invoice_line_guard", "INSERT OR UPDATE"),
    "invoices_advanceuse": ("invoice_line_guard", "INSERT OR UPDATE"),
    "invoices_series": ("series_guard", "UPDATE"),
    "fbr_outbox": ("outbox_guard", "UPDATE"),
    "fbr_attempt": ("attempt_guard", "UPDATE"),
}
UNTRUNCATED = ("accounts_audithead", "fbr_offlinespell", "invoices_till", "privacy_legalhold")


def retained():
    for table, way in KEPT.items():
        condition = f"WHEN (NOT ({UNLESS[table]})) " if table in UNLESS else ""
        words = ", ".join(f"'{word}'" for word in way)
        yield (
            f"CREATE TRIGGER tax_retention BEFORE DELETE ON {table} FOR EACH ROW"
            f" {condition}EXECUTE FUNCTION tax_retention({words});"
        )
    for table, (guard, events) in STAYS.items():
        yield (
            f"DROP TRIGGER {guard} ON {table};"
            f"CREATE TRIGGER {guard} BEFORE {events} ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {guard}();"
            f"CREATE TRIGGER {guard}_of_delete BEFORE DELETE ON {table} FOR EACH ROW"
            f" WHEN (current_user <> 'purge') EXECUTE FUNCTION {guard}();"
        )
    for table in UNTRUNCATED:
        yield (
            f"CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table}"
            " FOR EACH STATEMENT EXECUTE FUNCTION append_only();"
        )


def unretained():
    for table in UNTRUNCATED:
        yield f"DROP TRIGGER no_truncate ON {table};"
    for table, (guard, events) in STAYS.items():
        yield (
            f"DROP TRIGGER {guard}_of_delete ON {table};"
            f"DROP TRIGGER {guard} ON {table};"
            f"CREATE TRIGGER {guard} BEFORE {events} OR DELETE ON {table}"
            f" FOR EACH ROW EXECUTE FUNCTION {guard}();"
        )
    for table in KEPT:
        yield f"DROP TRIGGER tax_retention ON {table};"


# A hold is placed, looked at again, lifted once; and the role purge sees each of them, whatever
# it says about its scope.
HOLDS = """
REVOKE DELETE ON privacy_legalhold FROM app;
CREATE POLICY asked ON privacy_legalhold FOR SELECT TO purge USING (true);

CREATE FUNCTION legal_hold_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    free text[] := ARRAY['review_on', 'lifted_at', 'lifted_by', 'lifted_why'];
BEGIN
    IF TG_OP = 'INSERT' THEN
        -- Waits for a purge of this business that is under way, and makes the next one wait.
        PERFORM pg_advisory_xact_lock(hashtextextended('hold ' || NEW.tenant_id, 0));
        IF NEW.lifted_at IS NULL THEN
            RETURN NEW;
        END IF;
    ELSIF OLD.lifted_at IS NULL AND (to_jsonb(OLD) - free) = (to_jsonb(NEW) - free) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a legal hold is placed and lifted, no more'
        USING ERRCODE = '23514', CONSTRAINT = 'legal_hold_stands';
END $f$;
CREATE TRIGGER legal_hold_guard BEFORE INSERT OR UPDATE ON privacy_legalhold
    FOR EACH ROW EXECUTE FUNCTION legal_hold_guard();
"""
NO_HOLDS = """
DROP TRIGGER legal_hold_guard ON privacy_legalhold;
DROP FUNCTION legal_hold_guard();
DROP POLICY asked ON privacy_legalhold;
"""

# Whom a nightly check walks over: ids, and nothing about them.
TENANTS = """
CREATE POLICY listed ON accounts_tenant FOR SELECT TO owner USING (true);
CREATE FUNCTION tenants_after(last uuid, n int) RETURNS TABLE (id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT t.id FROM accounts_tenant t WHERE t.id > last ORDER BY t.id LIMIT n
$$;
"""
NO_TENANTS = """
DROP FUNCTION tenants_after(uuid, int);
DROP POLICY listed ON accounts_tenant;
"""

# The rights by default never gave these; a server that others prepared may have.
RIGHTS = """
REVOKE TRUNCATE, REFERENCES, TRIGGER ON ALL TABLES IN SCHEMA public FROM app, purge, readonly;
REVOKE CREATE ON SCHEMA public FROM app, purge, readonly;
"""


class Migration(migrations.Migration):
    """Tax records go by the role purge alone, after their time, and under no hold."""

    initial = True
    # After every table of the lower floors that law wants kept.
    dependencies = [
        ("accounts", "0008_notices"),
        ("invoices", "0008_signatures_and_closings"),
        ("fbr", "0014_quarantine"),
    ]

    operations = [
        across_tenants(),
        migrations.CreateModel(
            name="TaxRetention",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("years", models.PositiveSmallIntegerField(default=7)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="taxretention_is_one"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("years__gte", 6), ("years__lte", 30)),
                        name="taxretention_as_law_wants",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="LegalHold",
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
                    "scope",
                    models.CharField(
                        choices=[
                            ("tenant", "Everything of the business"),
                            ("entity", "One registered taxpayer"),
                            ("invoice", "One document"),
                            ("period", "Documents of a period"),
                        ],
                        max_length=8,
                        verbose_name="covers",
                    ),
                ),
                ("covers", models.UUIDField(blank=True, null=True)),
                ("from_on", models.DateField(blank=True, null=True, verbose_name="first day")),
                ("to_on", models.DateField(blank=True, null=True, verbose_name="last day")),
                ("authority", models.CharField(max_length=200, verbose_name="authority or court")),
                (
                    "reference",
                    models.CharField(max_length=100, verbose_name="reference of the case"),
                ),
                ("review_on", models.DateField(verbose_name="to be looked at again on")),
                ("placed_at", models.DateTimeField()),
                ("placed_by", models.CharField(max_length=80)),
                ("lifted_at", models.DateTimeField(blank=True, null=True)),
                ("lifted_by", models.CharField(blank=True, max_length=80)),
                (
                    "lifted_why",
                    models.CharField(blank=True, max_length=300, verbose_name="why it was lifted"),
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
                        condition=models.Q(("lifted_at", None)),
                        fields=["tenant"],
                        name="hold_in_force",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="privacy_legalhold_tenant_id"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("covers", None),
                                ("from_on", None),
                                ("scope", "tenant"),
                                ("to_on", None),
                            ),
                            models.Q(
                                ("covers__isnull", False),
                                ("from_on", None),
                                ("scope__in", ["entity", "invoice"]),
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
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("lifted_at", None), ("lifted_by", ""), ("lifted_why", "")),
                            models.Q(
                                ("lifted_at__isnull", False),
                                models.Q(("lifted_by", ""), _negated=True),
                                models.Q(("lifted_why", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="hold_lifted_by_somebody",
                    ),
                ],
            },
        ),
        EnableRLS("LegalHold"),
        migrations.RunSQL(TERM, NO_TERM),
        migrations.RunSQL(HOLDS, NO_HOLDS),
        migrations.RunSQL(RETENTION, "DROP FUNCTION tax_retention();"),
        migrations.RunSQL("\n".join(retained()), "\n".join(unretained())),
        migrations.RunSQL(TENANTS, NO_TENANTS),
        migrations.RunSQL(RIGHTS, migrations.RunSQL.noop),
    ]
