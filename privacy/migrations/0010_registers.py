import django.db.models.deletion
import django.db.models.expressions
from django.conf import settings
from django.db import migrations, models

import smartinvoicing.ids
from smartinvoicing.pg.operations import append_only

# A row of a register. Arguments of the trigger: the column that says it is done, after which
# nothing changes any more ('' for none); then the columns that may change before that.
ROWS = """
CREATE FUNCTION register_row() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
DECLARE
    refusal text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        refusal := 'a register keeps its rows';
    ELSIF to_jsonb(NEW) - TG_ARGV[1:] <> to_jsonb(OLD) - TG_ARGV[1:] THEN
        refusal := 'it was written once';
    ELSIF TG_ARGV[0] <> '' AND to_jsonb(OLD) ->> TG_ARGV[0] IS NOT NULL THEN
        refusal := 'it is over';
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION '%: %', TG_TABLE_NAME, refusal
            USING ERRCODE = '23514', CONSTRAINT = 'register_row';
    END IF;
    RETURN NEW;
END $f$;
"""
KEPT = {
    "transfer": ("ended_at", "ended_at"),
    "disclosure": (
        *("refused_at", "refused_at", "approved_at", "approved_by_id"),
        *("told_at", "exported_at", "sha256"),
    ),
    "finding": ("closed_at", "closed_at", "how"),
    "dpo": ("until", "until"),
}

# What was approved stays as it was approved; a year later it counts no more.
DPIA = """
CREATE FUNCTION dpia_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
DECLARE
    refusal text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        refusal := 'a register keeps its rows';
    ELSIF TG_OP = 'UPDATE' AND OLD.withdrawn_at IS NOT NULL THEN
        refusal := 'it was withdrawn';
    ELSIF TG_OP = 'UPDATE' AND OLD.approved_at IS NOT NULL
            AND to_jsonb(NEW) - 'withdrawn_at' <> to_jsonb(OLD) - 'withdrawn_at' THEN
        refusal := 'it was approved as it is';
    ELSIF NEW.review_on > (NEW.approved_at AT TIME ZONE 'Asia/Karachi')::date
            + interval '12 months' THEN
        refusal := 'an approval counts for a year at most';
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'impact assessment: %', refusal
            USING ERRCODE = '23514', CONSTRAINT = 'dpia_guard';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER dpia_guard BEFORE INSERT OR UPDATE OR DELETE ON privacy_dpia
    FOR EACH ROW EXECUTE FUNCTION dpia_guard();

CREATE FUNCTION flag_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
DECLARE
    refusal text;
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.is_high_risk AND NOT NEW.is_high_risk THEN
        refusal := 'a high risk does not become a low one by saying so';
    ELSIF NEW.is_on AND NEW.is_high_risk AND NEW.environment = 'production' AND NOT EXISTS (
        SELECT 1 FROM privacy_dpia d
        WHERE d.id = NEW.dpia_id AND d.approved_at IS NOT NULL AND d.withdrawn_at IS NULL
          AND d.review_on > (now() AT TIME ZONE 'Asia/Karachi')::date
    ) THEN
        refusal := 'no approved impact assessment that still counts';
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'switch %: %', NEW.name, refusal
            USING ERRCODE = '23514', CONSTRAINT = 'flag_guard';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER flag_guard BEFORE INSERT OR UPDATE ON privacy_featureflag
    FOR EACH ROW EXECUTE FUNCTION flag_guard();
"""

# Switched on: told to everybody before, unless the service began with it; abroad only with a
# row of the register of transfers. What has ended stays as it was.
PROCESSOR = """
CREATE FUNCTION processor_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
DECLARE
    refusal text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        IF current_user = 'purge' THEN
            RETURN OLD;
        END IF;
        refusal := 'a register keeps its rows';
    ELSIF TG_OP = 'UPDATE' AND OLD.ended_at IS NOT NULL THEN
        refusal := 'it has ended';
    ELSIF NEW.enabled_at IS NOT NULL AND NEW.ended_at IS NULL THEN
        IF NEW.laid = '' AND NOT EXISTS (
            SELECT 1 FROM privacy_campaign c WHERE c.id = NEW.announcement_id
              AND c.kind = 'subprocessor' AND c.carried_out_at IS NOT NULL
        ) THEN
            refusal := 'people were not told';
        ELSIF NOT privacy_may_transfer(NEW.country) THEN
            refusal := 'no transfer to this country is on record';
        END IF;
    END IF;
    IF refusal IS NOT NULL THEN
        RAISE EXCEPTION 'processor: %', refusal
            USING ERRCODE = '23514', CONSTRAINT = 'processor_guard';
    END IF;
    RETURN NEW;
END $f$;
CREATE FUNCTION privacy_may_transfer(place text) RETURNS boolean LANGUAGE sql STABLE
SET search_path = pg_catalog, public AS $f$
    SELECT lower(trim(place)) = 'pakistan' OR EXISTS (
        SELECT 1 FROM privacy_transfer t
        WHERE lower(t.country) = lower(trim(place)) AND t.ended_at IS NULL
    )
$f$;
CREATE TRIGGER processor_guard BEFORE INSERT OR UPDATE OR DELETE ON privacy_processor
    FOR EACH ROW EXECUTE FUNCTION processor_guard();

CREATE FUNCTION allowedhost_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM privacy_processor p
        WHERE p.enabled_at IS NOT NULL AND p.ended_at IS NULL AND p.hosts ? NEW.host
          AND p.is_optional = NEW.is_optional
    ) THEN
        RAISE EXCEPTION 'host %: no processor that is switched on has it', NEW.host
            USING ERRCODE = '23514', CONSTRAINT = 'allowedhost_guard';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER allowedhost_guard BEFORE INSERT OR UPDATE ON smartinvoicing_allowedhost
    FOR EACH ROW EXECUTE FUNCTION allowedhost_guard();

CREATE FUNCTION disclosure_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public AS $f$
BEGIN
    IF (NEW.approved_at, NEW.exported_at) IS DISTINCT FROM (OLD.approved_at, OLD.exported_at)
            AND NOT privacy_may_transfer(NEW.country) THEN
        RAISE EXCEPTION 'disclosure: no transfer to this country is on record'
            USING ERRCODE = '23514', CONSTRAINT = 'disclosure_guard';
    ELSIF OLD.approved_at IS NOT NULL AND (NEW.approved_at, NEW.approved_by_id)
            IS DISTINCT FROM (OLD.approved_at, OLD.approved_by_id) THEN
        RAISE EXCEPTION 'disclosure: it was approved once'
            USING ERRCODE = '23514', CONSTRAINT = 'disclosure_guard';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER disclosure_guard BEFORE UPDATE ON privacy_disclosure
    FOR EACH ROW EXECUTE FUNCTION disclosure_guard();
"""
UNDO = """
DROP TRIGGER disclosure_guard ON privacy_disclosure;
DROP TRIGGER allowedhost_guard ON smartinvoicing_allowedhost;
DROP TRIGGER processor_guard ON privacy_processor;
DROP TRIGGER flag_guard ON privacy_featureflag;
DROP TRIGGER dpia_guard ON privacy_dpia;
DROP FUNCTION disclosure_guard();
DROP FUNCTION allowedhost_guard();
DROP FUNCTION processor_guard();
DROP FUNCTION privacy_may_transfer(text);
DROP FUNCTION flag_guard();
DROP FUNCTION dpia_guard();
"""
# One officer at a time.
ONE_OFFICER = """
CREATE UNIQUE INDEX dpo_one_at_a_time ON privacy_dpo ((1)) WHERE until IS NULL;
"""


def kept():
    for name, words in KEPT.items():
        arguments = ", ".join(f"'{word}'" for word in words)
        yield f"""
            CREATE TRIGGER register_row BEFORE UPDATE OR DELETE ON privacy_{name}
                FOR EACH ROW EXECUTE FUNCTION register_row({arguments});
        """
    for name in (*KEPT, "dpia", "processor"):
        yield f"REVOKE DELETE ON privacy_{name} FROM app;"


def not_kept():
    for name in KEPT:
        yield f"DROP TRIGGER register_row ON privacy_{name};"
    yield "DROP FUNCTION register_row();"


class Migration(migrations.Migration):
    """The registers."""

    dependencies = [
        ("privacy", "0009_breaches"),
        ("accounts", "0015_training"),
        ("smartinvoicing", "0004_hosts"),
    ]

    operations = [
        migrations.CreateModel(
            name="Dpia",
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
                ("feature", models.CharField(max_length=120, verbose_name="what is new")),
                ("necessity", models.TextField(max_length=4000, verbose_name="why it is needed")),
                (
                    "risks",
                    models.TextField(max_length=4000, verbose_name="what may happen to people"),
                ),
                (
                    "measures",
                    models.TextField(max_length=4000, verbose_name="what we do against it"),
                ),
                (
                    "residual",
                    models.CharField(
                        choices=[("low", "Low"), ("medium", "Medium"), ("high", "High")],
                        max_length=6,
                        verbose_name="risk that is left",
                    ),
                ),
                (
                    "opinion",
                    models.TextField(
                        blank=True, max_length=4000, verbose_name="what the privacy officer says"
                    ),
                ),
                ("written_at", models.DateTimeField(verbose_name="written")),
                (
                    "approved_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="approved"),
                ),
                ("review_on", models.DateField(blank=True, null=True, verbose_name="counts until")),
                (
                    "withdrawn_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="withdrawn"),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "written_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "impact assessment",
                "verbose_name_plural": "impact assessments",
            },
        ),
        migrations.CreateModel(
            name="Dpo",
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
                ("contact", models.CharField(max_length=200, verbose_name="contact")),
                (
                    "conflicts",
                    models.TextField(max_length=1000, verbose_name="other tasks of theirs"),
                ),
                ("since", models.DateTimeField(verbose_name="since")),
                ("until", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                (
                    "deputy",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="deputy",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="officer",
                    ),
                ),
            ],
            options={
                "verbose_name": "data protection officer",
                "verbose_name_plural": "data protection officers",
            },
        ),
        migrations.CreateModel(
            name="FeatureFlag",
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
                ("name", models.SlugField(max_length=40, verbose_name="switch")),
                ("environment", models.CharField(max_length=12, verbose_name="where")),
                ("about", models.CharField(max_length=200, verbose_name="what it does")),
                ("basis", models.CharField(blank=True, max_length=60, verbose_name="legal basis")),
                ("is_high_risk", models.BooleanField(default=False, verbose_name="high risk")),
                ("is_on", models.BooleanField(default=False, verbose_name="on")),
                ("changed_at", models.DateTimeField(verbose_name="since")),
                (
                    "dpia",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="flags",
                        to="privacy.dpia",
                    ),
                ),
            ],
            options={
                "verbose_name": "switch",
                "verbose_name_plural": "switches",
            },
        ),
        migrations.CreateModel(
            name="Processor",
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
                            ("processor", "Helps us, on our instructions"),
                            ("authority", "Gets it by law"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("laid", models.CharField(blank=True, max_length=10)),
                ("name", models.CharField(max_length=120, verbose_name="name")),
                ("purpose", models.CharField(max_length=200, verbose_name="what for")),
                ("data", models.CharField(max_length=300, verbose_name="what data")),
                ("country", models.CharField(blank=True, max_length=60, verbose_name="country")),
                ("hosts", models.JSONField(default=list, verbose_name="machines")),
                (
                    "is_optional",
                    models.BooleanField(default=False, verbose_name="the service works without it"),
                ),
                (
                    "agreement_on",
                    models.DateField(blank=True, null=True, verbose_name="agreement signed"),
                ),
                (
                    "reviewed_on",
                    models.DateField(blank=True, null=True, verbose_name="security looked at"),
                ),
                (
                    "deletion_proof",
                    models.TextField(
                        blank=True, max_length=1000, verbose_name="how deletion is proved"
                    ),
                ),
                (
                    "subprocessors",
                    models.TextField(
                        blank=True, max_length=1000, verbose_name="helpers of its own"
                    ),
                ),
                (
                    "exit_plan",
                    models.TextField(blank=True, max_length=1000, verbose_name="how we leave it"),
                ),
                ("written_at", models.DateTimeField(verbose_name="written down")),
                (
                    "enabled_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="switched on"),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "announcement",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="privacy.campaign",
                    ),
                ),
            ],
            options={
                "verbose_name": "processor or recipient",
                "verbose_name_plural": "processors and recipients",
            },
        ),
        migrations.CreateModel(
            name="SecurityReview",
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
                            ("scan", "Scan for known weaknesses"),
                            ("internal", "Review of our own"),
                            ("external", "Review by somebody else"),
                        ],
                        max_length=10,
                        verbose_name="kind",
                    ),
                ),
                ("scope", models.CharField(max_length=300, verbose_name="what was looked at")),
                ("done_on", models.DateField(verbose_name="done")),
                ("done_by", models.CharField(max_length=120, verbose_name="by whom")),
                ("summary", models.TextField(max_length=4000, verbose_name="what came out")),
                ("next_on", models.DateField(verbose_name="next one due")),
                ("written_at", models.DateTimeField(verbose_name="written down")),
            ],
            options={
                "verbose_name": "security review",
                "verbose_name_plural": "security reviews",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("next_on__gt", models.F("done_on"))),
                        name="review_goes_on",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Finding",
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
                ("what", models.CharField(max_length=300, verbose_name="weakness")),
                (
                    "severity",
                    models.CharField(
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
                ("due_on", models.DateField(verbose_name="to be closed by")),
                ("written_at", models.DateTimeField(verbose_name="written down")),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                ("how", models.CharField(blank=True, max_length=300, verbose_name="how")),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="whose it is",
                    ),
                ),
                (
                    "review",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="findings",
                        to="privacy.securityreview",
                    ),
                ),
            ],
            options={
                "verbose_name": "finding",
                "verbose_name_plural": "findings",
            },
        ),
        migrations.CreateModel(
            name="Transfer",
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
                    "sender",
                    models.CharField(default="Pakistan", max_length=60, verbose_name="from"),
                ),
                ("country", models.CharField(max_length=60, verbose_name="to")),
                ("recipient", models.CharField(max_length=120, verbose_name="who gets it")),
                ("data", models.CharField(max_length=300, verbose_name="what data")),
                ("basis", models.CharField(max_length=200, verbose_name="on what basis")),
                (
                    "safeguards",
                    models.TextField(max_length=1000, verbose_name="how it is kept safe"),
                ),
                (
                    "assessment",
                    models.TextField(max_length=2000, verbose_name="what we think of it"),
                ),
                ("keeps_copy", models.BooleanField(verbose_name="a copy stays in Pakistan")),
                ("written_at", models.DateTimeField(verbose_name="written down")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
            ],
            options={
                "verbose_name": "transfer",
                "verbose_name_plural": "transfers",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("country", ""), _negated=True),
                            models.Q(("basis", ""), _negated=True),
                            models.Q(("safeguards", ""), _negated=True),
                            models.Q(("assessment", ""), _negated=True),
                        ),
                        name="transfer_thought_through",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Disclosure",
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
                ("authority", models.CharField(max_length=200, verbose_name="authority")),
                (
                    "country",
                    models.CharField(default="Pakistan", max_length=60, verbose_name="its country"),
                ),
                (
                    "instrument",
                    models.CharField(max_length=200, verbose_name="paper: law, order, number"),
                ),
                ("received_on", models.DateField(verbose_name="received")),
                ("from_on", models.DateField(verbose_name="first day")),
                ("to_on", models.DateField(verbose_name="last day")),
                ("parts", models.JSONField(verbose_name="what of it")),
                ("tells_tenant", models.BooleanField(verbose_name="the business is told")),
                (
                    "untold_why",
                    models.CharField(
                        blank=True, max_length=300, verbose_name="what forbids telling it"
                    ),
                ),
                ("asked_at", models.DateTimeField(verbose_name="written down")),
                (
                    "approved_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="approved"),
                ),
                (
                    "told_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="business told"),
                ),
                (
                    "exported_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="handed over"),
                ),
                ("sha256", models.CharField(blank=True, max_length=64)),
                (
                    "refused_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="not followed"),
                ),
                (
                    "approved_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "asked_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "disclosure",
                "verbose_name_plural": "disclosures",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("to_on__gte", models.F("from_on"))),
                        name="disclosure_days",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("tells_tenant", True),
                            models.Q(("untold_why", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="disclosure_told_or_why",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("approved_at", None), ("approved_by", None)),
                            models.Q(
                                ("approved_at__isnull", False),
                                ("approved_by__isnull", False),
                                models.Q(("approved_by", models.F("asked_by")), _negated=True),
                                ("refused_at", None),
                            ),
                            _connector="OR",
                        ),
                        name="disclosure_by_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("exported_at", None), ("sha256", "")),
                            models.Q(
                                ("approved_at__isnull", False),
                                ("exported_at__isnull", False),
                                models.Q(("sha256", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="disclosure_approved_first",
                    ),
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="dpia",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("approved_at", None), ("approved_by", None), ("review_on", None)),
                    models.Q(
                        ("approved_at__isnull", False),
                        ("approved_by__isnull", False),
                        ("review_on__isnull", False),
                        models.Q(("approved_by", models.F("written_by")), _negated=True),
                        models.Q(("opinion", ""), _negated=True),
                        models.Q(("residual", "high"), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="dpia_approved_by_two",
            ),
        ),
        migrations.AddConstraint(
            model_name="dpo",
            constraint=models.CheckConstraint(
                condition=models.Q(("person", models.F("deputy")), _negated=True),
                name="dpo_has_a_deputy",
            ),
        ),
        migrations.AddConstraint(
            model_name="dpo",
            constraint=models.CheckConstraint(
                condition=models.Q(("conflicts", ""), _negated=True), name="dpo_says_conflicts"
            ),
        ),
        migrations.AddConstraint(
            model_name="featureflag",
            constraint=models.UniqueConstraint(fields=("name", "environment"), name="flag_once"),
        ),
        migrations.AddConstraint(
            model_name="featureflag",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("is_on", False), models.Q(("basis", ""), _negated=True), _connector="OR"
                ),
                name="flag_on_a_basis",
            ),
        ),
        migrations.AddConstraint(
            model_name="processor",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None)), fields=("name",), name="processor_once"
            ),
        ),
        migrations.AddConstraint(
            model_name="processor",
            constraint=models.UniqueConstraint(
                condition=models.Q(("ended_at", None), models.Q(("laid", ""), _negated=True)),
                fields=("laid",),
                name="processor_laid_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="processor",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("enabled_at", None),
                    ("kind", "authority"),
                    ("agreement_on__isnull", False),
                    _connector="OR",
                ),
                name="processor_with_agreement",
            ),
        ),
        migrations.AddConstraint(
            model_name="processor",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("enabled_at", None), models.Q(("country", ""), _negated=True), _connector="OR"
                ),
                name="processor_somewhere",
            ),
        ),
        migrations.AddConstraint(
            model_name="finding",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("closed_at", None), ("how", "")),
                    models.Q(("closed_at__isnull", False), models.Q(("how", ""), _negated=True)),
                    _connector="OR",
                ),
                name="finding_closed_somehow",
            ),
        ),
        migrations.RunSQL(ROWS + "".join(kept()), "".join(not_kept())),
        migrations.RunSQL(DPIA + PROCESSOR, UNDO),
        migrations.RunSQL(ONE_OFFICER, "DROP INDEX dpo_one_at_a_time;"),
        append_only("privacy_securityreview"),
    ]
