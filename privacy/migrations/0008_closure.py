import django.db.models.deletion
from django.db import migrations, models

import smartinvoicing.ids

# A business that is being closed gets no new rows, whichever door they come through.
OPEN = """
CREATE FUNCTION tenant_is_open() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $f$
BEGIN
    IF EXISTS (
        SELECT 1 FROM accounts_tenant t WHERE t.id = NEW.tenant_id AND t.closing_at IS NOT NULL
    ) THEN
        RAISE EXCEPTION 'tenant_is_open: this account is being closed'
            USING ERRCODE = '23514', CONSTRAINT = 'tenant_is_open';
    END IF;
    RETURN NEW;
END $f$;
"""
GROWING = (
    *("accounts_apikey", "accounts_invitation", "accounts_membership"),
    *("invoices_invoice", "invoices_buyer", "invoices_product", "fbr_outbox"),
)


def watched():
    for table in GROWING:
        yield (
            f"CREATE TRIGGER tenant_is_open BEFORE INSERT ON {table}"
            " FOR EACH ROW EXECUTE FUNCTION tenant_is_open();"
        )
    yield (
        "CREATE TRIGGER tenant_is_open BEFORE INSERT OR UPDATE OF token_sealed ON fbr_credential"
        " FOR EACH ROW WHEN (octet_length(NEW.token_sealed) > 0)"
        " EXECUTE FUNCTION tenant_is_open();"
    )


def unwatched():
    for table in (*GROWING, "fbr_credential"):
        yield f"DROP TRIGGER tenant_is_open ON {table};"


# The days of a closure are those with which it began; it moves forward, and nothing is deleted
# before its day. The clock is the one that a purge goes by.
GUARD = """
CREATE FUNCTION closure_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $f$
DECLARE
    fixed text[] := ARRAY['id', 'tenant_id', 'path', 'begun_at', 'begun_by', 'purge_from',
                          'purge_by', 'ends_by'];
    refusal text;
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'begun' OR NEW.purge_from < NEW.begun_at + interval '30 days' THEN
            refusal := 'it begins with thirty days in which it can be opened again';
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        refusal := 'its record stays';
    ELSIF EXISTS (
        SELECT 1 FROM unnest(fixed) f WHERE to_jsonb(OLD) -> f IS DISTINCT FROM to_jsonb(NEW) -> f
    ) THEN
        refusal := 'its days are fixed';
    ELSIF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('begun', 'purging'), ('begun', 'revoked'), ('purging', 'purged'), ('purged', 'sealed')
    ) THEN
        refusal := 'it only goes forward';
    ELSIF NEW.state = 'purging' AND OLD.state = 'begun' AND purge_clock() < NEW.purge_from THEN
        refusal := 'it can still be opened again';
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'closure: %', refusal
            USING ERRCODE = '23514', CONSTRAINT = 'closure_guard';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER closure_guard BEFORE INSERT OR UPDATE OR DELETE ON privacy_closure
    FOR EACH ROW EXECUTE FUNCTION closure_guard();
REVOKE DELETE ON privacy_closure, privacy_closurestep, privacy_closurecount, privacy_erasure
    FROM app;
"""
NO_GUARD = """
GRANT DELETE ON privacy_closure, privacy_closurestep, privacy_closurecount, privacy_erasure TO app;
DROP TRIGGER closure_guard ON privacy_closure;
DROP FUNCTION closure_guard();
"""

# Two tables are written once and yet are no tax record. What stands in them of somebody who was
# erased, or of a business whose time has come, goes through this function alone.
ONCE = """
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' AND (
        current_user = 'purge'
        OR (current_user = 'owner' AND current_setting('app.erasing', true) = TG_TABLE_NAME
            AND TG_TABLE_NAME IN ('accounts_auditprivate', 'invoices_buyercheck'))
    ) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only (%)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = '23514', CONSTRAINT = 'append_only';
END $f$;

CREATE FUNCTION privacy_erase_once(what text, tenant uuid, whom uuid, most int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $f$
DECLARE
    may boolean;
    gone bigint;
BEGIN
    IF whom IS NULL THEN
        may := EXISTS (
            SELECT 1 FROM privacy_closure c WHERE c.tenant_id = tenant AND c.state = 'purging'
        );
    ELSIF what = 'accounts_auditprivate' THEN
        may := EXISTS (
            SELECT 1 FROM accounts_user u
            WHERE u.id = whom AND NOT u.is_active AND u.email LIKE '%@erased.invalid'
        );
    ELSIF what = 'invoices_buyercheck' THEN
        may := NOT EXISTS (
            SELECT 1 FROM invoices_buyer b
            WHERE b.tenant_id = tenant AND b.id = whom AND (b.name <> '' OR b.ntn_cnic <> '')
        );
    END IF;
    IF may IS NOT TRUE THEN
        RAISE EXCEPTION 'nobody was erased whose rows these are'
            USING ERRCODE = '23514', CONSTRAINT = 'privacy_erase_once';
    END IF;
    PERFORM set_config('app.erasing', what, true);
    IF what = 'accounts_auditprivate' THEN
        DELETE FROM accounts_auditprivate p WHERE p.tenant_id = tenant AND p.id IN (
            SELECT q.id FROM accounts_auditprivate q
            JOIN accounts_auditevent e ON e.tenant_id = q.tenant_id AND e.id = q.id
            WHERE q.tenant_id = tenant
              AND (whom IS NULL OR e.actor = 'user:' || whom OR e.object_id = whom)
            LIMIT most
        );
    ELSIF what = 'invoices_buyercheck' THEN
        DELETE FROM invoices_buyercheck p WHERE p.tenant_id = tenant AND p.id IN (
            SELECT q.id FROM invoices_buyercheck q
            WHERE q.tenant_id = tenant AND (whom IS NULL OR q.buyer_id = whom)
            LIMIT most
        );
    END IF;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('app.erasing', '', true);
    RETURN gone;
END $f$;
"""
# Of an address, wherever a seat is kept for it: how many there were, and not where.
INVITED = """
CREATE FUNCTION privacy_forget_invitations(address text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $f$
DECLARE
    before text := current_setting('app.across', true);
    gone bigint;
BEGIN
    PERFORM set_config('app.across', 'on', true);
    DELETE FROM accounts_invitation i WHERE lower(i.email) = lower(address);
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('app.across', coalesce(before, ''), true);
    RETURN gone;
END $f$;
"""
NOT_ONCE = """
DROP FUNCTION privacy_erase_once(text, uuid, uuid, int);
CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'purge' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only (%)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = '23514', CONSTRAINT = 'append_only';
END $f$;
"""


class Migration(migrations.Migration):
    """Accounts that are closed, people that are erased, and what the database says to it."""

    dependencies = [
        ("privacy", "0007_retention"),
        ("accounts", "0014_closing"),
        ("invoices", "0009_people"),
    ]

    operations = [
        migrations.CreateModel(
            name="Closure",
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
                ("tenant_id", models.UUIDField(verbose_name="business")),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("begun", "Can be read and opened again"),
                            ("purging", "Being deleted"),
                            ("purged", "Deleted; backups run out"),
                            ("sealed", "Closed; tax records are kept"),
                            ("revoked", "Opened again"),
                        ],
                        default="begun",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                (
                    "path",
                    models.CharField(
                        choices=[
                            ("owner", "An owner"),
                            ("representative", "Whoever acts for an owner who cannot"),
                        ],
                        default="owner",
                        max_length=14,
                        verbose_name="asked by",
                    ),
                ),
                ("begun_at", models.DateTimeField(verbose_name="begun")),
                ("begun_by", models.CharField(max_length=80)),
                ("purge_from", models.DateTimeField(verbose_name="deleted from")),
                ("purge_by", models.DateTimeField(verbose_name="deleted until")),
                ("ends_by", models.DateTimeField(verbose_name="promised until")),
                ("purged_at", models.DateTimeField(blank=True, null=True, verbose_name="deleted")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("open_items", models.JSONField(default=list)),
                ("sealed", models.BinaryField(default=bytes)),
                ("receipt", models.JSONField(default=list)),
                ("receipt_sha256", models.CharField(blank=True, max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="ClosureCount",
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
                ("retention", models.CharField(max_length=10, verbose_name="class")),
                ("deed", models.CharField(max_length=10, verbose_name="what happened")),
                ("count", models.PositiveBigIntegerField(default=0, verbose_name="rows")),
            ],
        ),
        migrations.CreateModel(
            name="ClosureStep",
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
                ("step", models.CharField(max_length=12, verbose_name="step")),
                ("place", models.PositiveSmallIntegerField()),
                ("due_at", models.DateTimeField(verbose_name="until")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                ("facts", models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name="Erasure",
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
                ("subject_kind", models.CharField(max_length=8, verbose_name="who")),
                ("subject_key", models.CharField(max_length=64)),
                ("user_id", models.UUIDField(blank=True, null=True)),
                ("tenant_id", models.UUIDField(blank=True, null=True)),
                ("buyer_id", models.UUIDField(blank=True, null=True)),
                ("asked_by", models.CharField(max_length=80)),
                ("request_id", models.UUIDField(blank=True, null=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("begun", "Under way"),
                            ("held", "Done, but for what law holds"),
                            ("done", "Done"),
                        ],
                        default="begun",
                        max_length=5,
                        verbose_name="state",
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="when")),
                ("done_at", models.DateTimeField(blank=True, null=True, verbose_name="done")),
                (
                    "resumes_on",
                    models.DateField(blank=True, null=True, verbose_name="goes on by itself on"),
                ),
                ("receipt", models.JSONField(default=list)),
                ("receipt_sha256", models.CharField(blank=True, max_length=64)),
                ("mail_key", models.CharField(blank=True, max_length=120)),
            ],
        ),
        migrations.AddIndex(
            model_name="closure",
            index=models.Index(
                condition=models.Q(("ended_at", None)), fields=["begun_at"], name="closure_open"
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.UniqueConstraint(
                condition=models.Q(("state", "revoked"), _negated=True),
                fields=("tenant_id",),
                name="closure_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("purge_by__gt", models.F("purge_from")), ("ends_by__gt", models.F("purge_by"))
                ),
                name="closure_days_in_order",
            ),
        ),
        migrations.AddConstraint(
            model_name="closure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("state__in", ["begun", "purging"])),
                    models.Q(("ended_at", None), ("purged_at__isnull", False), ("state", "purged")),
                    models.Q(
                        ("ended_at__isnull", False),
                        ("purged_at__isnull", False),
                        ("state", "sealed"),
                    ),
                    models.Q(
                        ("ended_at__isnull", False), ("purged_at", None), ("state", "revoked")
                    ),
                    _connector="OR",
                ),
                name="closure_state_is_true",
            ),
        ),
        migrations.AddField(
            model_name="closurecount",
            name="closure",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="counts",
                to="privacy.closure",
            ),
        ),
        migrations.AddField(
            model_name="closurestep",
            name="closure",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="steps",
                to="privacy.closure",
            ),
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(fields=["subject_key"], name="erasure_of_subject"),
        ),
        migrations.AddIndex(
            model_name="erasure",
            index=models.Index(
                condition=models.Q(("state", "done"), _negated=True),
                fields=["resumes_on"],
                name="erasure_goes_on",
            ),
        ),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("done_at", None), ("state", "begun")),
                    models.Q(
                        ("done_at__isnull", False), ("resumes_on__isnull", False), ("state", "held")
                    ),
                    models.Q(
                        ("buyer_id", None),
                        ("done_at__isnull", False),
                        ("state", "done"),
                        ("user_id", None),
                    ),
                    _connector="OR",
                ),
                name="erasure_state_is_true",
            ),
        ),
        migrations.AddConstraint(
            model_name="closurecount",
            constraint=models.UniqueConstraint(
                fields=("closure", "table", "deed"), name="closurecount_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="closurestep",
            constraint=models.UniqueConstraint(fields=("closure", "step"), name="closurestep_once"),
        ),
        migrations.RunSQL(
            "\n".join([OPEN, *watched()]),
            "\n".join([*unwatched(), "DROP FUNCTION tenant_is_open();"]),
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
        migrations.RunSQL(ONCE, NOT_ONCE),
        migrations.RunSQL(INVITED, "DROP FUNCTION privacy_forget_invitations(text);"),
    ]
