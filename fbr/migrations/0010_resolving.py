import django.db.models.deletion
import smartinvoicing.ids
import smartinvoicing.pg.constraints
from django.db import migrations, models

from smartinvoicing.pg.operations import EnableRLS, append_only

# The last send of a document ended then; where nothing was sent, when it came to its state.
ENDED = """
CREATE FUNCTION fbr_last_attempt(tenant uuid, document uuid) RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
    SELECT a.id FROM fbr_attempt a WHERE a.tenant_id = tenant AND a.invoice_id = document
    ORDER BY a.started_at DESC, a.id DESC LIMIT 1
$$;
CREATE FUNCTION fbr_ended_at(tenant uuid, document uuid) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
    SELECT coalesce(
        (SELECT greatest(a.started_at, a.answered_at, a.finished_at) FROM fbr_attempt a
         WHERE a.tenant_id = tenant AND a.id = fbr_last_attempt(tenant, document)),
        (SELECT i.state_at FROM invoices_invoice i WHERE i.tenant_id = tenant AND i.id = document)
    )
$$;
CREATE FUNCTION fbr_has_said_yes(tenant uuid, document uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, public AS $$
    SELECT EXISTS (
        SELECT 1 FROM fbr_evidence e WHERE e.tenant_id = tenant AND e.invoice_id = document
          AND e.kind = 'late_answer' AND e.outcome = 'accepted'
    )
$$;

-- Answers that were journalled after the sweep had given the send up for lost, and that nobody
-- applied since: who brought them died over it. Ids, in the scope `across`.
CREATE INDEX attempt_unread ON fbr_attempt (finished_at)
    WHERE outcome = 'uncertain' AND answered_at IS NOT NULL;
CREATE FUNCTION fbr_unread_answers(lost text, n int) RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT a.tenant_id, a.id FROM fbr_attempt a
    WHERE a.outcome = 'uncertain' AND a.answered_at IS NOT NULL AND a.why = lost
      AND a.finished_at > clock_timestamp() - interval '30 days'
      AND (a.http_status IS NOT NULL OR a.sent = false)
      AND NOT EXISTS (SELECT 1 FROM fbr_evidence e
                      WHERE e.tenant_id = a.tenant_id AND e.attempt_id = a.id)
    ORDER BY a.finished_at DESC LIMIT n
$$;
"""
NOT_ENDED = """
DROP FUNCTION fbr_unread_answers(text, int);
DROP INDEX attempt_unread;
DROP FUNCTION fbr_has_said_yes(uuid, uuid);
DROP FUNCTION fbr_ended_at(uuid, uuid);
DROP FUNCTION fbr_last_attempt(uuid, uuid);
"""

# Who may confirm, and when: by the database's clock, whatever a caller wrote.
CLAIMS = (
    ENDED
    + """
CREATE FUNCTION claim_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    was jsonb;
    became jsonb;
    name text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        RAISE EXCEPTION 'what somebody said is kept'
            USING ERRCODE = '23514', CONSTRAINT = 'claim_is_kept';
    END IF;
    IF TG_OP = 'INSERT' THEN
        NEW.ripe_at := fbr_ended_at(NEW.tenant_id, NEW.invoice_id) + interval '30 minutes';
        IF NEW.is_alone THEN
            NEW.ripe_at := greatest(NEW.ripe_at, clock_timestamp() + interval '24 hours');
        END IF;
        IF NEW.verdict = 'not_at_fbr' AND NEW.confirmed_at IS NOT NULL THEN
            RAISE EXCEPTION 'one person alone does not say that FBR has not got it'
                USING ERRCODE = '23514', CONSTRAINT = 'claim_needs_two';
        END IF;
        RETURN NEW;
    END IF;
    was := to_jsonb(OLD);
    became := to_jsonb(NEW);
    FOR name IN SELECT jsonb_object_keys(was) LOOP
        IF was -> name IS DISTINCT FROM became -> name
           AND (name NOT IN ('confirmed_at', 'confirmed_by', 'confirmed_person', 'confirmed_as',
                             'withdrawn_at', 'withdrawn_by')
                OR was -> name NOT IN ('null'::jsonb, '""'::jsonb)) THEN
            RAISE EXCEPTION 'the % of a claim is written once', name
                USING ERRCODE = '23514', CONSTRAINT = 'claim_is_kept';
        END IF;
    END LOOP;
    IF was IS DISTINCT FROM became
       AND (OLD.withdrawn_at IS NOT NULL OR OLD.confirmed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'a claim that is settled does not change'
            USING ERRCODE = '23514', CONSTRAINT = 'claim_is_kept';
    END IF;
    IF NEW.confirmed_at IS NULL THEN
        RETURN NEW;
    END IF;
    IF NEW.confirmed_person IS NULL OR NEW.confirmed_person = NEW.made_person
       OR NEW.confirmed_by NOT LIKE 'user:%' THEN
        RAISE EXCEPTION 'a second person confirms'
            USING ERRCODE = '23514', CONSTRAINT = 'claim_needs_two';
    END IF;
    IF NEW.confirmed_as = 'member' THEN
        IF NOT EXISTS (SELECT 1 FROM accounts_membership m
                       WHERE m.tenant_id = NEW.tenant_id AND m.user_id = NEW.confirmed_person) THEN
            RAISE EXCEPTION 'the second person belongs to the business'
                USING ERRCODE = '23514', CONSTRAINT = 'claim_needs_two';
        END IF;
    ELSIF NOT NEW.is_alone
          OR NOT EXISTS (SELECT 1 FROM accounts_user u
                         WHERE u.id = NEW.confirmed_person AND u.is_staff AND u.is_active) THEN
        RAISE EXCEPTION 'a witness is for a business of one, and works for the platform'
            USING ERRCODE = '23514', CONSTRAINT = 'claim_needs_two';
    END IF;
    IF clock_timestamp() < NEW.ripe_at
       OR clock_timestamp() < fbr_ended_at(NEW.tenant_id, NEW.invoice_id) + interval '30 minutes'
    THEN
        RAISE EXCEPTION 'it is too early to be sure'
            USING ERRCODE = '23514', CONSTRAINT = 'claim_is_ripe';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER claim_guard BEFORE INSERT OR UPDATE OR DELETE ON fbr_claim
    FOR EACH ROW EXECUTE FUNCTION claim_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON fbr_claim
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
REVOKE DELETE ON fbr_claim FROM app;
"""
)
NO_CLAIMS = (
    """
GRANT DELETE ON fbr_claim TO app;
DROP TRIGGER no_truncate ON fbr_claim;
DROP TRIGGER claim_guard ON fbr_claim;
DROP FUNCTION claim_guard();
"""
    + NOT_ENDED
)

# The only way back to the queue: two people about this very send, and FBR never said otherwise.
UNCERTAIN = """
CREATE FUNCTION uncertain_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF fbr_has_said_yes(NEW.tenant_id, NEW.id) OR NOT EXISTS (
        SELECT 1 FROM fbr_claim c
        WHERE c.tenant_id = NEW.tenant_id AND c.invoice_id = NEW.id
          AND c.verdict = 'not_at_fbr' AND c.confirmed_at IS NOT NULL
          AND c.confirmed_person <> c.made_person
          AND c.attempt_id IS NOT DISTINCT FROM fbr_last_attempt(NEW.tenant_id, NEW.id)
    ) THEN
        RAISE EXCEPTION 'nobody knows whether FBR has this document: it is not sent again'
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_uncertain_stays';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER uncertain_guard BEFORE UPDATE ON invoices_invoice FOR EACH ROW
    WHEN (OLD.state = 'uncertain' AND NEW.state = 'queued') EXECUTE FUNCTION uncertain_guard();
"""
NOT_UNCERTAIN = """
DROP TRIGGER uncertain_guard ON invoices_invoice;
DROP FUNCTION uncertain_guard();
"""

# What FBR has, by its own answer, waits for a person, however it comes back into the queue.
REPORTED = """
CREATE FUNCTION fbr_hold_reported() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF fbr_has_said_yes(NEW.tenant_id, NEW.invoice_id) THEN
        NEW.hold_reason := 'duplicate_suspect';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER hold_reported BEFORE UPDATE ON fbr_outbox FOR EACH ROW
    WHEN (NEW.state = 'waiting'
          AND (OLD.state <> 'waiting' OR OLD.hold_reason = 'duplicate_suspect'))
    EXECUTE FUNCTION fbr_hold_reported();
CREATE TRIGGER hold_reported_again BEFORE INSERT ON fbr_outbox FOR EACH ROW
    WHEN (NEW.version > 1) EXECUTE FUNCTION fbr_hold_reported();
"""
NOT_REPORTED = """
DROP TRIGGER hold_reported_again ON fbr_outbox;
DROP TRIGGER hold_reported ON fbr_outbox;
DROP FUNCTION fbr_hold_reported();
"""

# Asked by the business, closed by staff or with the claim; never forgotten by a request.
WITNESS = "REVOKE DELETE ON fbr_witnessrequest FROM app"
NO_WITNESS = "GRANT DELETE ON fbr_witnessrequest TO app"


class Migration(migrations.Migration):
    """Evidence and claims about documents of which nobody knows; nothing goes twice by one voice."""

    dependencies = [
        ("fbr", "0009_under_fire"),
        ("accounts", "0006_deeds_of_reporting"),
        ("invoices", "0007_reporting_facts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Statement",
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
                ("name", models.CharField(max_length=200, verbose_name="file")),
                ("path", models.CharField(max_length=200)),
                ("sha256", models.CharField(max_length=64)),
                ("uploaded_at", models.DateTimeField()),
                ("uploaded_by", models.CharField(max_length=80)),
                ("covers_from", models.DateField(null=True, verbose_name="from")),
                ("covers_until", models.DateField(null=True, verbose_name="until")),
                ("read", models.PositiveIntegerField()),
                ("problems", models.JSONField(default=list)),
                (
                    "legal_entity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="statements",
                        to="accounts.legalentity",
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
            name="StatementRow",
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
                ("row", models.PositiveIntegerField()),
                ("number", models.CharField(blank=True, max_length=64)),
                ("fbr_number", models.CharField(max_length=64)),
                ("seller_ntn_cnic", models.CharField(blank=True, max_length=20)),
                ("buyer_ntn_cnic", models.CharField(blank=True, max_length=20)),
                ("buyer_name", models.CharField(blank=True, max_length=200)),
                ("dated_on", models.DateField(null=True)),
                ("value", models.DecimalField(decimal_places=2, max_digits=18, null=True)),
                ("tax", models.DecimalField(decimal_places=2, max_digits=18, null=True)),
                ("lines", models.PositiveIntegerField(null=True)),
                (
                    "statement",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rows",
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
            name="Evidence",
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
                            ("late_answer", "FBR's answer came late"),
                            ("list_row", "Stands in a list from FBR"),
                            ("absent", "Does not stand in a list from FBR"),
                            ("typed", "Number seen in IRIS"),
                            ("another_sale", "A sale of its own"),
                            ("undone", "Second number cancelled at FBR"),
                        ],
                        max_length=12,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("accepted", "Accepted"),
                            ("rejected", "Rejected"),
                            ("retryable", "Not recorded, will be sent again"),
                            ("auth", "Token refused"),
                            ("uncertain", "Uncertain"),
                        ],
                        max_length=10,
                    ),
                ),
                ("fbr_number", models.CharField(blank=True, max_length=64)),
                ("fbr_dated", models.CharField(blank=True, max_length=40)),
                ("note", models.CharField(blank=True, max_length=300)),
                ("proof_path", models.CharField(blank=True, max_length=200)),
                ("proof_sha256", models.CharField(blank=True, max_length=64)),
                ("proof_type", models.CharField(blank=True, max_length=40)),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=80)),
                (
                    "attempt",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evidence",
                        to="fbr.attempt",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evidence",
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
                (
                    "twin",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "statement",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evidence",
                        to="fbr.statement",
                    ),
                ),
                (
                    "row",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="evidence",
                        to="fbr.statementrow",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
            },
        ),
        migrations.CreateModel(
            name="Claim",
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
                    "verdict",
                    models.CharField(
                        choices=[("at_fbr", "FBR has it"), ("not_at_fbr", "FBR does not have it")],
                        max_length=10,
                    ),
                ),
                ("why", models.CharField(max_length=300, verbose_name="where you looked")),
                ("made_at", models.DateTimeField()),
                ("made_by", models.CharField(max_length=80)),
                ("made_person", models.UUIDField()),
                ("is_alone", models.BooleanField(default=False)),
                ("ripe_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(null=True)),
                ("confirmed_by", models.CharField(blank=True, max_length=80)),
                ("confirmed_person", models.UUIDField(null=True)),
                (
                    "confirmed_as",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("member", "Member of the business"),
                            ("witness", "Witness from SmartInvoicing"),
                        ],
                        max_length=8,
                    ),
                ),
                ("withdrawn_at", models.DateTimeField(null=True)),
                ("withdrawn_by", models.CharField(blank=True, max_length=80)),
                (
                    "attempt",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claims",
                        to="fbr.attempt",
                    ),
                ),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claims",
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
                (
                    "evidence",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="claims",
                        to="fbr.evidence",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(fields=["tenant", "invoice", "made_at"], name="claim_of_invoice")
                ],
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "id"), name="fbr_claim_tenant_id"),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="invoice", name="claim_invoice_same_tenant"
                    ),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="attempt", name="claim_attempt_same_tenant"
                    ),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="evidence", name="claim_evidence_same_tenant"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("confirmed_at", None), ("withdrawn_at", None)),
                        fields=("tenant", "invoice"),
                        name="claim_one_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("confirmed_at", None), ("withdrawn_at", None), _connector="OR"
                        ),
                        name="claim_confirmed_or_withdrawn",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="WitnessRequest",
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
                ("business", models.UUIDField(verbose_name="business")),
                ("claim", models.UUIDField(unique=True)),
                ("number", models.CharField(max_length=40, verbose_name="document")),
                (
                    "environment",
                    models.CharField(
                        choices=[("sandbox", "Sandbox"), ("production", "Production")],
                        max_length=10,
                        verbose_name="environment",
                    ),
                ),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("ripe_at", models.DateTimeField(verbose_name="not before")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                (
                    "closed_by",
                    models.CharField(blank=True, max_length=80, verbose_name="closed by"),
                ),
            ],
            options={
                "verbose_name": "claim that asks for a witness",
                "verbose_name_plural": "claims that ask for a witness",
            },
        ),
        migrations.AddIndex(
            model_name="statement",
            index=models.Index(fields=["tenant", "-uploaded_at", "-id"], name="statement_newest"),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_statement_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="statement",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="legal_entity", name="statement_entity_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="statementrow",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_statementrow_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="statementrow",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="statement", name="statementrow_statement_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="statementrow",
            constraint=models.UniqueConstraint(
                fields=("tenant", "statement", "fbr_number"), name="statementrow_once_a_list"
            ),
        ),
        migrations.AddIndex(
            model_name="evidence",
            index=models.Index(fields=["tenant", "invoice", "at"], name="evidence_of_invoice"),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.UniqueConstraint(
                fields=("tenant", "id"), name="fbr_evidence_tenant_id"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="invoice", name="evidence_invoice_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="attempt", name="evidence_attempt_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="twin", name="evidence_twin_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="statement", name="evidence_statement_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=smartinvoicing.pg.constraints.SameTenant(
                field="row", name="evidence_row_same_tenant"
            ),
        ),
        migrations.AddConstraint(
            model_name="evidence",
            constraint=models.UniqueConstraint(
                condition=models.Q(("kind", "late_answer")),
                fields=("tenant", "attempt"),
                name="evidence_one_late_answer",
            ),
        ),
        EnableRLS("Statement"),
        EnableRLS("StatementRow"),
        EnableRLS("Evidence"),
        EnableRLS("Claim"),
        append_only("fbr_statement"),
        append_only("fbr_statementrow"),
        append_only("fbr_evidence"),
        migrations.RunSQL(CLAIMS, NO_CLAIMS),
        migrations.RunSQL(UNCERTAIN, NOT_UNCERTAIN),
        migrations.RunSQL(REPORTED, NOT_REPORTED),
        migrations.RunSQL(WITNESS, NO_WITNESS),
    ]
