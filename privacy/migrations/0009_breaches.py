import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

import smartinvoicing.ids

# What no program may do to a case, whoever asks. `breachcase_guard` judges each change by itself;
# `breachcase_revised` waits for the end of the transaction, where its revision has to stand.
CASE = """
CREATE FUNCTION breachcase_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
DECLARE
    refusal text;
    undecided text;
    unsent text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' AND OLD.closed_at <= purge_clock() - interval '7 years' THEN
            RETURN OLD;
        END IF;
        refusal := 'a case is kept for seven years after it was closed';
    ELSIF OLD.closed_at IS NOT NULL THEN
        refusal := 'this case is closed';
    ELSIF NEW.revision IS DISTINCT FROM OLD.revision + 1 THEN
        refusal := 'each change has the next revision';
    ELSIF NEW.aware_at > OLD.aware_at THEN
        refusal := 'aware_at moves no later';
    ELSIF (NEW.id, NEW.created_at, NEW.opened_by)
            IS DISTINCT FROM (OLD.id, OLD.created_at, OLD.opened_by) THEN
        refusal := 'who opened it, and when, stays';
    ELSIF NEW.closed_at IS NOT NULL THEN
        SELECT string_agg(a.name, ', ') INTO undecided
            FROM unnest(ARRAY['authority', 'fbr', 'tenants', 'subjects', 'processors', 'insurer',
                              'police']) AS a(name)
            WHERE NOT EXISTS (SELECT 1 FROM privacy_breachdecision d
                              WHERE d.case_id = NEW.id AND d.audience = a.name);
        SELECT string_agg(d.audience, ', ') INTO unsent
            FROM (SELECT DISTINCT ON (audience) audience, tells FROM privacy_breachdecision
                  WHERE case_id = NEW.id ORDER BY audience, at DESC, id DESC) d
            WHERE d.tells AND NOT EXISTS (
                SELECT 1 FROM privacy_breachletter l WHERE l.case_id = NEW.id
                AND l.audience = d.audience AND l.sent_at IS NOT NULL);
        IF undecided IS NOT NULL THEN
            refusal := 'nobody decided about: ' || undecided;
        ELSIF unsent IS NOT NULL THEN
            refusal := 'not yet told: ' || unsent;
        ELSIF NEW.late_reason = '' AND EXISTS (
            SELECT 1 FROM privacy_breachletter l WHERE l.case_id = NEW.id
            AND l.audience = 'authority'
            HAVING min(l.sent_at) >= NEW.aware_at + interval '72 hours'
        ) THEN
            refusal := 'the authority was told late, and nobody said why';
        END IF;
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'breach: %', refusal
            USING ERRCODE = '23514', CONSTRAINT = 'breachcase_guard';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER breachcase_guard BEFORE UPDATE OR DELETE ON privacy_breachcase
    FOR EACH ROW EXECUTE FUNCTION breachcase_guard();

CREATE FUNCTION breachcase_revised() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM privacy_breachrevision r
                   WHERE r.case_id = NEW.id AND r.number = NEW.revision) THEN
        RAISE EXCEPTION 'breach: this change has no revision'
            USING ERRCODE = '23514', CONSTRAINT = 'breachcase_revised';
    END IF;
    RETURN NULL;
END $f$;
CREATE CONSTRAINT TRIGGER breachcase_revised AFTER INSERT OR UPDATE ON privacy_breachcase
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION breachcase_revised();
REVOKE DELETE ON privacy_breachcase FROM app;
"""
NO_CASE = """
DROP TRIGGER breachcase_revised ON privacy_breachcase;
DROP TRIGGER breachcase_guard ON privacy_breachcase;
DROP FUNCTION breachcase_revised();
DROP FUNCTION breachcase_guard();
"""

# What hangs on a case. Arguments of the trigger: `open` where nothing is added to a closed case;
# the column that says it is done, after which nothing changes ('' for none); then the columns
# that may change before that. No column: written once.
PARTS = """
CREATE FUNCTION breach_part() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
DECLARE
    refusal text;
    closed timestamptz;
    owner_id uuid := coalesce((to_jsonb(coalesce(NEW, OLD)) ->> 'case_id')::uuid,
        (SELECT l.case_id FROM privacy_breachletter l
         WHERE l.id = (to_jsonb(coalesce(NEW, OLD)) ->> 'letter_id')::uuid));
BEGIN
    SELECT c.closed_at INTO closed FROM privacy_breachcase c WHERE c.id = owner_id;
    IF TG_OP = 'INSERT' THEN
        IF TG_ARGV[0] = 'open' AND closed IS NOT NULL THEN
            refusal := 'its case is closed';
        END IF;
    ELSIF TG_OP = 'DELETE' THEN
        IF current_user <> 'purge' OR closed <= purge_clock() - interval '7 years' IS NOT TRUE THEN
            refusal := 'it stays as long as its case';
        END IF;
    ELSIF to_jsonb(NEW) - TG_ARGV[2:] <> to_jsonb(OLD) - TG_ARGV[2:] THEN
        refusal := 'it was written once';
    ELSIF TG_ARGV[1] <> '' AND to_jsonb(OLD) ->> TG_ARGV[1] IS NOT NULL THEN
        refusal := 'it was done already';
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%: %', TG_TABLE_NAME, refusal
            USING ERRCODE = '23514', CONSTRAINT = 'breach_part';
    END IF;
    RETURN coalesce(NEW, OLD);
END $f$;
"""
KEPT = {
    "revision": ("any", ""),
    "tenant": ("open", "", "incident_id"),
    "step": ("open", "done_at", "done_at", "done_by", "note"),
    "decision": ("open", ""),
    "letter": ("open", "sent_at", "sent_at", "sent_by", "recipient", "proof"),
    "notice": ("any", "", "state", "state_at", "note"),
    "scope": ("open", ""),
    "alert": ("any", ""),
}


def parts():
    for name, words in KEPT.items():
        table = f"privacy_breach{name}"
        arguments = ", ".join(f"'{word}'" for word in words)
        yield f"""
            CREATE TRIGGER breach_part BEFORE INSERT OR UPDATE OR DELETE ON {table}
                FOR EACH ROW EXECUTE FUNCTION breach_part({arguments});
            CREATE TRIGGER no_truncate BEFORE TRUNCATE ON {table}
                FOR EACH STATEMENT EXECUTE FUNCTION append_only();
            REVOKE {"DELETE" if words[2:] else "UPDATE, DELETE"} ON {table} FROM app;
        """


def no_parts():
    for name in KEPT:
        yield f"DROP TRIGGER no_truncate ON privacy_breach{name};"
        yield f"DROP TRIGGER breach_part ON privacy_breach{name};"
    yield "DROP FUNCTION breach_part();"


class Migration(migrations.Migration):
    """The register of breaches."""

    dependencies = [("privacy", "0008_closure"), ("accounts", "0013_access_log")]

    operations = [
        migrations.CreateModel(
            name="BreachCase",
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
                ("title", models.CharField(max_length=120, verbose_name="in a few words")),
                (
                    "occurred_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="happened"),
                ),
                ("detected_at", models.DateTimeField(verbose_name="detected")),
                ("aware_at", models.DateTimeField(verbose_name="we knew")),
                ("created_at", models.DateTimeField(verbose_name="written down")),
                ("opened_by", models.CharField(max_length=80)),
                (
                    "hat",
                    models.CharField(
                        choices=[
                            ("controller", "Ours: users, visitors, staff"),
                            ("processor", "A business's: its customers and documents"),
                            ("both", "Both"),
                        ],
                        max_length=10,
                        verbose_name="whose data",
                    ),
                ),
                (
                    "is_confidentiality",
                    models.BooleanField(verbose_name="somebody saw it who may not"),
                ),
                ("is_integrity", models.BooleanField(verbose_name="it was changed")),
                (
                    "is_availability",
                    models.BooleanField(verbose_name="it was lost or cannot be reached"),
                ),
                (
                    "touches_invoicing",
                    models.BooleanField(verbose_name="the invoicing system is affected"),
                ),
                ("data_classes", models.JSONField(default=list)),
                (
                    "what",
                    models.TextField(blank=True, max_length=4000, verbose_name="what happened"),
                ),
                (
                    "subjects_low",
                    models.PositiveIntegerField(default=0, verbose_name="persons, at least"),
                ),
                (
                    "subjects_high",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="persons, at most"
                    ),
                ),
                (
                    "records_low",
                    models.PositiveIntegerField(default=0, verbose_name="records, at least"),
                ),
                (
                    "records_high",
                    models.PositiveIntegerField(
                        blank=True, null=True, verbose_name="records, at most"
                    ),
                ),
                (
                    "likely_harm",
                    models.TextField(blank=True, max_length=4000, verbose_name="likely harm"),
                ),
                (
                    "measures",
                    models.TextField(
                        blank=True, max_length=4000, verbose_name="what was done about it"
                    ),
                ),
                (
                    "severity",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("low", "Low"),
                            ("medium", "Medium"),
                            ("high", "High"),
                            ("severe", "Severe"),
                        ],
                        max_length=8,
                        verbose_name="severity",
                    ),
                ),
                (
                    "severity_why",
                    models.TextField(blank=True, max_length=2000, verbose_name="why this severity"),
                ),
                (
                    "acknowledged_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="taken in hand"),
                ),
                ("acknowledged_by", models.CharField(blank=True, max_length=80)),
                (
                    "root_cause",
                    models.TextField(blank=True, max_length=4000, verbose_name="root cause"),
                ),
                ("lessons", models.TextField(blank=True, max_length=4000, verbose_name="lessons")),
                (
                    "late_reason",
                    models.CharField(blank=True, max_length=500, verbose_name="why it took longer"),
                ),
                ("signed_at", models.DateTimeField(blank=True, null=True, verbose_name="signed")),
                ("signed_by", models.CharField(blank=True, max_length=80)),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                ("closed_by", models.CharField(blank=True, max_length=80)),
                ("revision", models.PositiveIntegerField(default=1)),
            ],
            options={
                "verbose_name": "breach",
                "verbose_name_plural": "breaches",
                "indexes": [
                    models.Index(
                        condition=models.Q(("closed_at", None)),
                        fields=["aware_at"],
                        name="breach_open",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("aware_at__lte", models.F("created_at"))),
                        name="breach_known_before_written",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_confidentiality", True),
                            ("is_integrity", True),
                            ("is_availability", True),
                            _connector="OR",
                        ),
                        name="breach_of_something",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("subjects_high", None),
                                ("subjects_high__gte", models.F("subjects_low")),
                                _connector="OR",
                            ),
                            models.Q(
                                ("records_high", None),
                                ("records_high__gte", models.F("records_low")),
                                _connector="OR",
                            ),
                        ),
                        name="breach_ranges_go_up",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("severity", ""), ("severity_why", "")),
                            models.Q(
                                models.Q(("severity", ""), _negated=True),
                                models.Q(("severity_why", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="breach_graded_with_reason",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("signed_at", None), ("signed_by", "")),
                            models.Q(
                                ("signed_at__isnull", False),
                                models.Q(("signed_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="breach_signed_by_somebody",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at", None), ("closed_by", "")),
                            models.Q(
                                ("closed_at__isnull", False),
                                ("signed_at__isnull", False),
                                models.Q(("closed_by", ""), _negated=True),
                                models.Q(("root_cause", ""), _negated=True),
                                models.Q(("severity", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="breach_closed_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BreachLetter",
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
                    "audience",
                    models.CharField(
                        choices=[
                            ("authority", "Authority"),
                            ("fbr", "FBR and the Commissioner"),
                            ("tenants", "Businesses"),
                            ("subjects", "Persons"),
                            ("processors", "Processors"),
                            ("insurer", "Insurer"),
                            ("police", "Police"),
                        ],
                        max_length=10,
                        verbose_name="audience",
                    ),
                ),
                ("language", models.CharField(max_length=5, verbose_name="language")),
                ("phase", models.PositiveSmallIntegerField(default=1)),
                ("is_partial", models.BooleanField(default=False)),
                ("by_machine", models.BooleanField(default=False)),
                ("subject", models.CharField(max_length=200, verbose_name="subject")),
                ("body", models.TextField(max_length=12000, verbose_name="letter")),
                ("body_sha256", models.CharField(max_length=64)),
                ("written_at", models.DateTimeField(verbose_name="written")),
                ("written_by", models.CharField(max_length=80)),
                ("sent_at", models.DateTimeField(null=True, verbose_name="sent")),
                ("sent_by", models.CharField(blank=True, max_length=80)),
                ("recipient", models.CharField(blank=True, max_length=254, verbose_name="to")),
                ("proof", models.CharField(blank=True, max_length=300, verbose_name="proof")),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="letters",
                        to="privacy.breachcase",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BreachNotice",
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
                ("tenant_id", models.UUIDField(null=True)),
                ("user_id", models.UUIDField(null=True)),
                ("mail_key", models.CharField(max_length=120, null=True, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("queued", "Waits"),
                            ("sent", "Handed to the mail server"),
                            ("came_back", "Came back"),
                            ("seen", "Read in the portal"),
                            ("elsewhere", "Told in another way"),
                        ],
                        default="queued",
                        max_length=10,
                    ),
                ),
                ("made_at", models.DateTimeField()),
                ("state_at", models.DateTimeField()),
                ("note", models.CharField(blank=True, max_length=300)),
                (
                    "letter",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="privacy.breachletter",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BreachRevision",
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
                ("number", models.PositiveIntegerField()),
                ("at", models.DateTimeField(verbose_name="when")),
                ("who", models.CharField(max_length=80, verbose_name="who")),
                ("why", models.CharField(blank=True, max_length=300, verbose_name="why")),
                ("before", models.JSONField(default=dict)),
                ("after", models.JSONField(default=dict)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="revisions",
                        to="privacy.breachcase",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BreachScope",
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
                ("at", models.DateTimeField()),
                ("who", models.CharField(max_length=80)),
                ("asked", models.JSONField(default=dict)),
                ("found", models.JSONField(default=dict)),
                ("digest", models.CharField(max_length=64)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="scopes",
                        to="privacy.breachcase",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BreachStep",
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
                            ("evidence", "Evidence to keep"),
                            ("credential", "Secrets to renew"),
                        ],
                        max_length=10,
                    ),
                ),
                ("name", models.CharField(max_length=40)),
                ("done_at", models.DateTimeField(null=True)),
                ("done_by", models.CharField(blank=True, max_length=80)),
                ("note", models.CharField(blank=True, max_length=300, verbose_name="note")),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="steps",
                        to="privacy.breachcase",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BreachTenant",
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
                ("tenant_id", models.UUIDField()),
                ("since", models.DateTimeField()),
                ("incident_id", models.UUIDField(null=True)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="tenants",
                        to="privacy.breachcase",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BreachAlert",
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
                ("step", models.CharField(max_length=40)),
                ("due_at", models.DateTimeField()),
                ("at", models.DateTimeField()),
                ("late_s", models.PositiveIntegerField(default=0)),
                ("told", models.JSONField(default=list)),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="alerts",
                        to="privacy.breachcase",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["case", "at"], name="breachalert_of_case")],
            },
        ),
        migrations.CreateModel(
            name="BreachDecision",
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
                    "audience",
                    models.CharField(
                        choices=[
                            ("authority", "Authority"),
                            ("fbr", "FBR and the Commissioner"),
                            ("tenants", "Businesses"),
                            ("subjects", "Persons"),
                            ("processors", "Processors"),
                            ("insurer", "Insurer"),
                            ("police", "Police"),
                        ],
                        max_length=10,
                        verbose_name="audience",
                    ),
                ),
                ("tells", models.BooleanField(verbose_name="is told")),
                ("why", models.CharField(max_length=1000, verbose_name="why")),
                ("at", models.DateTimeField(verbose_name="when")),
                ("who", models.CharField(max_length=80, verbose_name="who")),
                (
                    "case",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="decisions",
                        to="privacy.breachcase",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        fields=["case", "audience", "-at", "-id"], name="breachdecision_newest"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("why", ""), _negated=True),
                        name="breachdecision_has_a_reason",
                    )
                ],
            },
        ),
        migrations.AddIndex(
            model_name="breachletter",
            index=models.Index(
                fields=["case", "audience", "-written_at"], name="breachletter_newest"
            ),
        ),
        migrations.AddConstraint(
            model_name="breachletter",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("sent_at", None), ("sent_by", "")),
                    models.Q(("sent_at__isnull", False), models.Q(("sent_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="breachletter_sent_by_somebody",
            ),
        ),
        migrations.AddIndex(
            model_name="breachnotice",
            index=models.Index(fields=["tenant_id"], name="breachnotice_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="breachnotice",
            index=models.Index(
                condition=models.Q(("state", "queued")),
                fields=["made_at"],
                name="breachnotice_waits",
            ),
        ),
        migrations.AddConstraint(
            model_name="breachnotice",
            constraint=models.UniqueConstraint(
                condition=models.Q(("mail_key", None)),
                fields=("letter", "tenant_id"),
                name="breachnotice_once_a_business",
            ),
        ),
        migrations.AddConstraint(
            model_name="breachrevision",
            constraint=models.UniqueConstraint(
                fields=("case", "number"), name="breachrevision_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="breachstep",
            constraint=models.UniqueConstraint(
                fields=("case", "kind", "name"), name="breachstep_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="breachstep",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("done_at", None), ("done_by", "")),
                    models.Q(("done_at__isnull", False), models.Q(("done_by", ""), _negated=True)),
                    _connector="OR",
                ),
                name="breachstep_done_by_somebody",
            ),
        ),
        migrations.AddConstraint(
            model_name="breachtenant",
            constraint=models.UniqueConstraint(
                fields=("case", "tenant_id"), name="breachtenant_once"
            ),
        ),
        migrations.RunSQL(CASE, NO_CASE),
        migrations.RunSQL(PARTS + "\n".join(parts()), "\n".join(no_parts())),
    ]
