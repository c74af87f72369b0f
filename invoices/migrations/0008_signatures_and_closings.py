from django.db import migrations, models

from smartinvoicing.ids import uuid7
from smartinvoicing.pg.constraints import SameTenant
from smartinvoicing.pg.operations import BEARER, EnableRLS, across_tenants, append_only

# The private half of a key may be sealed anew or wiped; a wiped one stays wiped.
KEYS = """
CREATE FUNCTION signing_key_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'purge' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.sealed IS NOT NULL
       AND (to_jsonb(OLD) - 'sealed') = (to_jsonb(NEW) - 'sealed') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a signing key stays what it is'
        USING ERRCODE = '23514', CONSTRAINT = 'signing_key_stays';
END $f$;
CREATE TRIGGER signing_key_guard BEFORE UPDATE OR DELETE ON invoices_signingkey
    FOR EACH ROW EXECUTE FUNCTION signing_key_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON invoices_signingkey
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
REVOKE DELETE ON invoices_signingkey FROM app;
"""
NO_KEYS = """
GRANT DELETE ON invoices_signingkey TO app;
DROP TRIGGER no_truncate ON invoices_signingkey;
DROP TRIGGER signing_key_guard ON invoices_signingkey;
DROP FUNCTION signing_key_guard();
"""

# What FBR confirmed stands in the book in the same breath, whoever wrote the state.
# The id is a UUID of version 7: PostgreSQL makes them itself only from 18 on.
BOOK = """
CREATE FUNCTION invoices_uuid7() RETURNS uuid LANGUAGE sql VOLATILE AS $$
    SELECT encode(set_bit(set_bit(overlay(
        uuid_send(gen_random_uuid())
        PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3)
        FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid
$$;
CREATE FUNCTION book_write() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    INSERT INTO invoices_bookentry
        (id, tenant_id, legal_entity_id, environment, invoice_id, what, day, entered_at)
    VALUES (invoices_uuid7(), NEW.tenant_id, NEW.legal_entity_id, NEW.environment, NEW.id,
            NEW.state, NEW.invoice_date, NEW.state_at)
    ON CONFLICT (tenant_id, invoice_id, what) DO NOTHING;
    RETURN NULL;
END $f$;
CREATE TRIGGER book_write AFTER UPDATE ON invoices_invoice
    FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state AND NEW.state IN ('accepted', 'cancelled'))
    EXECUTE FUNCTION book_write();

CREATE FUNCTION book_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'purge' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE'
       AND (to_jsonb(OLD) - ARRAY['signature_id', 'closing_id'])
         = (to_jsonb(NEW) - ARRAY['signature_id', 'closing_id'])
       AND (OLD.signature_id IS NULL OR OLD.signature_id IS NOT DISTINCT FROM NEW.signature_id)
       AND (OLD.closing_id IS NULL OR OLD.closing_id IS NOT DISTINCT FROM NEW.closing_id) THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'the book is written once'
        USING ERRCODE = '23514', CONSTRAINT = 'book_is_written_once';
END $f$;
CREATE TRIGGER book_guard BEFORE UPDATE OR DELETE ON invoices_bookentry
    FOR EACH ROW EXECUTE FUNCTION book_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON invoices_bookentry
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
REVOKE DELETE ON invoices_bookentry FROM app;
"""
NO_BOOK = """
GRANT DELETE ON invoices_bookentry TO app;
DROP TRIGGER no_truncate ON invoices_bookentry;
DROP TRIGGER book_guard ON invoices_bookentry;
DROP FUNCTION book_guard();
DROP TRIGGER book_write ON invoices_invoice;
DROP FUNCTION book_write();
DROP FUNCTION invoices_uuid7();
"""

# What FBR confirmed before there was a book. The rows are judged at once: tables change no more
# while a judgement is outstanding.
BEFORE = """
INSERT INTO invoices_bookentry
    (id, tenant_id, legal_entity_id, environment, invoice_id, what, day, entered_at)
SELECT invoices_uuid7(), i.tenant_id, i.legal_entity_id, i.environment, i.id, w.what,
       i.invoice_date, CASE w.what WHEN 'accepted' THEN i.accepted_at ELSE i.state_at END
FROM invoices_invoice i JOIN (VALUES ('accepted'), ('cancelled')) w (what)
  ON w.what = i.state
  OR (w.what = 'accepted' AND i.state IN ('cancel_requested', 'cancelled'));
SET CONSTRAINTS ALL IMMEDIATE;
"""

# Ids only, over all tenants: what is to be signed, checked and closed. The order is drawn by lot:
# those who cannot get on stand in nobody's way.
DUE = """
CREATE POLICY to_close ON accounts_legalentity FOR SELECT TO owner USING (true);
CREATE POLICY to_close ON invoices_invoice FOR SELECT TO owner USING (true);
CREATE POLICY to_close ON invoices_bookentry FOR SELECT TO owner USING (true);
CREATE POLICY to_close ON invoices_closing FOR SELECT TO owner USING (true);
CREATE POLICY to_check ON invoices_signingkey FOR SELECT TO owner USING (true);
CREATE POLICY to_check ON invoices_signatureround FOR SELECT TO owner USING (true);

CREATE FUNCTION invoices_unsigned(n int) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT b.tenant_id FROM invoices_bookentry b
    WHERE b.signature_id IS NULL AND b.what = 'accepted'
    GROUP BY b.tenant_id ORDER BY min(b.entered_at) LIMIT n
$$;

CREATE FUNCTION invoices_rounds_due(today date, n int) RETURNS TABLE (tenant_id uuid)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT k.tenant_id FROM invoices_signingkey k
    WHERE k.seq = 1 AND NOT EXISTS (
        SELECT 1 FROM invoices_signatureround r
        WHERE r.tenant_id = k.tenant_id AND r.day >= today AND r.ended_at IS NOT NULL
    ) ORDER BY random() LIMIT n
$$;

-- A chain is due when something confirmed waits behind an ended day, when yesterday is not
-- closed in the world that the business works in, or when a week or month has ended unclosed.
CREATE FUNCTION invoices_closings_due(today date, n int)
RETURNS TABLE (tenant_id uuid, legal_entity_id uuid, environment text)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT e.tenant_id, e.id, w.environment
    FROM accounts_legalentity e
    CROSS JOIN (VALUES ('sandbox'), ('production')) w (environment)
    WHERE EXISTS (
        SELECT 1 FROM invoices_bookentry b
        WHERE b.tenant_id = e.tenant_id AND b.legal_entity_id = e.id
          AND b.environment = w.environment AND b.closing_id IS NULL AND b.day < today
    ) OR (
        e.environment = w.environment
        AND NOT EXISTS (
            SELECT 1 FROM invoices_closing c
            WHERE c.tenant_id = e.tenant_id AND c.legal_entity_id = e.id
              AND c.environment = w.environment AND c.kind = 'day'
              AND c.starts_on = today - 1 AND c.amends_id IS NULL
        ) AND EXISTS (
            SELECT 1 FROM invoices_invoice i
            WHERE i.tenant_id = e.tenant_id AND i.legal_entity_id = e.id
              AND i.environment = w.environment AND i.state <> 'draft' AND i.invoice_date < today
        )
    ) OR EXISTS (
        SELECT 1 FROM invoices_closing d
        CROSS JOIN LATERAL (VALUES
            ('week', date_trunc('week', d.starts_on)::date,
                date_trunc('week', d.starts_on)::date + 7),
            ('month', date_trunc('month', d.starts_on)::date,
                (date_trunc('month', d.starts_on) + interval '1 month')::date)
        ) s (kind, starts_on, ended_on)
        WHERE d.tenant_id = e.tenant_id AND d.legal_entity_id = e.id
          AND d.environment = w.environment AND d.kind = 'day' AND d.amends_id IS NULL
          AND d.starts_on >= today - 400 AND s.ended_on <= today
          AND NOT EXISTS (
            SELECT 1 FROM invoices_closing c
            WHERE c.tenant_id = e.tenant_id AND c.legal_entity_id = e.id
              AND c.environment = w.environment AND c.kind = s.kind
              AND c.starts_on = s.starts_on AND c.amends_id IS NULL
          )
    ) ORDER BY random() LIMIT n
$$;
"""
NOT_DUE = """
DROP FUNCTION invoices_closings_due(date, int);
DROP FUNCTION invoices_rounds_due(date, int);
DROP FUNCTION invoices_unsigned(int);
DROP POLICY to_check ON invoices_signatureround;
DROP POLICY to_check ON invoices_signingkey;
DROP POLICY to_close ON invoices_closing;
DROP POLICY to_close ON invoices_bookentry;
DROP POLICY to_close ON invoices_invoice;
DROP POLICY to_close ON accounts_legalentity;
"""


class Migration(migrations.Migration):
    """Signatures of accepted documents, the book of what FBR confirmed, and its closings."""

    dependencies = [
        ("invoices", "0007_reporting_facts"),
    ]

    operations = [
        across_tenants(),
        migrations.CreateModel(
            name="Closing",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "environment",
                    models.CharField(
                        choices=[("sandbox", "Sandbox"), ("production", "Production")],
                        max_length=10,
                    ),
                ),
                ("seq", models.PositiveIntegerField()),
                (
                    "kind",
                    models.CharField(
                        choices=[("day", "Day"), ("week", "Week"), ("month", "Month")], max_length=5
                    ),
                ),
                ("starts_on", models.DateField()),
                ("ends_on", models.DateField()),
                ("documents", models.PositiveIntegerField()),
                ("cancelled", models.PositiveIntegerField()),
                ("content", models.JSONField()),
                ("made_at", models.DateTimeField()),
                ("prev_hash", models.CharField(blank=True, max_length=64)),
                ("hash", models.CharField(max_length=64)),
                (
                    "amends",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=models.PROTECT,
                        related_name="later",
                        to="invoices.closing",
                    ),
                ),
                (
                    "legal_entity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="closings",
                        to="accounts.legalentity",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
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
            name="Signature",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("layout", models.PositiveSmallIntegerField()),
                ("content", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                ("signature", models.BinaryField()),
                ("signed_at", models.DateTimeField()),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="signatures",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
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
            name="BookEntry",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid7, editable=False, primary_key=True, serialize=False
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
                    "what",
                    models.CharField(
                        choices=[("accepted", "Accepted"), ("cancelled", "Cancelled")], max_length=9
                    ),
                ),
                ("day", models.DateField()),
                ("entered_at", models.DateTimeField()),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="book",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "legal_entity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="book",
                        to="accounts.legalentity",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
                (
                    "closing",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=models.PROTECT,
                        related_name="book",
                        to="invoices.closing",
                    ),
                ),
                (
                    "signature",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=models.PROTECT,
                        related_name="book",
                        to="invoices.signature",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="SignatureRound",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("day", models.DateField()),
                ("after", models.UUIDField(null=True)),
                ("checked", models.PositiveIntegerField(default=0)),
                ("broken", models.JSONField(default=list)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
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
            name="SigningKey",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=uuid7, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("seq", models.PositiveIntegerField()),
                ("key_id", models.CharField(max_length=16)),
                ("public_key", models.BinaryField()),
                ("sealed", models.BinaryField(null=True)),
                ("made_at", models.DateTimeField()),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
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
        migrations.AddField(
            model_name="signature",
            name="key",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=models.PROTECT,
                related_name="signatures",
                to="invoices.signingkey",
            ),
        ),
        migrations.AddIndex(
            model_name="closing",
            index=models.Index(
                fields=["tenant", "legal_entity", "environment", "kind", "starts_on", "seq"],
                name="closing_by_stretch",
            ),
        ),
        migrations.AddConstraint(
            model_name="closing",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="invoices_closing_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="closing",
            constraint=SameTenant(field="legal_entity", name="closing_entity_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="closing",
            constraint=SameTenant(field="amends", name="closing_amends_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="closing",
            constraint=models.UniqueConstraint(
                fields=("tenant", "legal_entity", "environment", "seq"), name="closing_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="closing",
            constraint=models.UniqueConstraint(
                condition=models.Q(("amends", None)),
                fields=("tenant", "legal_entity", "environment", "kind", "starts_on"),
                name="closing_once",
            ),
        ),
        migrations.AddIndex(
            model_name="bookentry",
            index=models.Index(
                condition=models.Q(("closing", None)),
                fields=["tenant", "legal_entity", "environment", "day"],
                name="book_to_close",
            ),
        ),
        migrations.AddIndex(
            model_name="bookentry",
            index=models.Index(
                condition=models.Q(("signature", None), ("what", "accepted")),
                fields=["entered_at"],
                name="book_to_sign",
            ),
        ),
        migrations.AddIndex(
            model_name="bookentry",
            index=models.Index(
                condition=models.Q(("closing__isnull", False)),
                fields=["tenant", "closing"],
                name="book_of_closing",
            ),
        ),
        migrations.AddConstraint(
            model_name="bookentry",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="invoices_bookentry_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="bookentry",
            constraint=SameTenant(field="legal_entity", name="book_entity_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="bookentry",
            constraint=SameTenant(field="invoice", name="book_invoice_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="bookentry",
            constraint=SameTenant(field="signature", name="book_signature_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="bookentry",
            constraint=SameTenant(field="closing", name="book_closing_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="bookentry",
            constraint=models.UniqueConstraint(
                fields=("tenant", "invoice", "what"), name="book_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="signatureround",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="invoices_signatureround_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="signatureround",
            constraint=models.UniqueConstraint(fields=("tenant",), name="signature_round_once"),
        ),
        migrations.AddIndex(
            model_name="signingkey",
            index=models.Index(fields=["key_id"], name="signing_key_by_name"),
        ),
        migrations.AddConstraint(
            model_name="signingkey",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="invoices_signingkey_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="signingkey",
            constraint=models.UniqueConstraint(
                fields=("tenant", "seq"), name="signing_key_in_order"
            ),
        ),
        migrations.AddConstraint(
            model_name="signingkey",
            constraint=models.CheckConstraint(
                condition=models.Q(("seq__gt", 0)), name="signing_key_counts_from_one"
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="invoices_signature_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=SameTenant(field="invoice", name="signature_invoice_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=SameTenant(field="key", name="signature_key_same_tenant"),
        ),
        migrations.AddConstraint(
            model_name="signature",
            constraint=models.UniqueConstraint(fields=("tenant", "invoice"), name="signature_once"),
        ),
        EnableRLS("SigningKey", also=[("bearer", f"key_id = {BEARER}")]),
        EnableRLS("Signature"),
        EnableRLS("SignatureRound"),
        EnableRLS("Closing"),
        EnableRLS("BookEntry"),
        migrations.RunSQL(KEYS, NO_KEYS),
        append_only("invoices_signature"),
        append_only("invoices_closing"),
        migrations.RunSQL(BOOK, NO_BOOK),
        migrations.RunSQL(DUE, NOT_DUE),
        migrations.RunSQL(BEFORE, migrations.RunSQL.noop),
    ]
