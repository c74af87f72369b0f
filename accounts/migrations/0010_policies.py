import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartinvoicing.ids
from smartinvoicing.pg.operations import append_only

# A text is what its hash says, and changes no more once it is published. Only a material change
# may still be put off until enough people were told, and noted as told; nothing brings it forward.
GUARD = """
CREATE FUNCTION policy_version_guard() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $f$
BEGIN
    IF TG_OP <> 'INSERT' AND OLD.published_at IS NOT NULL THEN
        IF TG_OP = 'DELETE' OR NOT OLD.is_material OR OLD.told_at IS NOT NULL
            OR NEW.effective_at < OLD.effective_at
            OR to_jsonb(NEW) - 'effective_at' - 'told_at'
            <> to_jsonb(OLD) - 'effective_at' - 'told_at' THEN
            RAISE EXCEPTION 'a published text does not change (%)', TG_OP
                USING ERRCODE = '23514', CONSTRAINT = 'policy_immutable';
        END IF;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF NEW.sha256 <> encode(sha256(convert_to(NEW.body, 'UTF8')), 'hex') THEN
        RAISE EXCEPTION 'the hash is not that of the text'
            USING ERRCODE = '23514', CONSTRAINT = 'policy_hash';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER policy_version_guard BEFORE INSERT OR UPDATE OR DELETE ON accounts_policyversion
    FOR EACH ROW EXECUTE FUNCTION policy_version_guard();

-- An answer is about exactly the text that its version has, and about one that is published.
CREATE FUNCTION policy_acceptance_fits() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $f$
BEGIN
    PERFORM 1 FROM accounts_policyversion v WHERE v.id = NEW.version_id
        AND v.sha256 = NEW.version_sha256 AND v.published_at IS NOT NULL;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'an answer to a text that is not published'
            USING ERRCODE = '23514', CONSTRAINT = 'acceptance_of_exact_text';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER policy_acceptance_fits BEFORE INSERT ON accounts_policyacceptance
    FOR EACH ROW EXECUTE FUNCTION policy_acceptance_fits();
"""
NO_GUARD = """
DROP TRIGGER policy_acceptance_fits ON accounts_policyacceptance;
DROP FUNCTION policy_acceptance_fits();
DROP TRIGGER policy_version_guard ON accounts_policyversion;
DROP FUNCTION policy_version_guard();
"""

KINDS = [
    ("privacy", "Privacy policy"),
    ("terms", "Terms of service"),
    ("cookies", "Cookies"),
    ("dpa", "Data processing agreement"),
    ("subprocessors", "Who helps us"),
    ("fbr_sharing", "What FBR gets"),
]
CHANNELS = [
    ("sign_up", "Opening an account"),
    ("asked", "After a sign-in"),
    ("go_live", "On the way to production"),
]


def key():
    return models.UUIDField(
        default=smartinvoicing.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def person():
    return models.ForeignKey(
        blank=True,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    """Texts of ours in their versions, and who answered them how."""

    dependencies = [("accounts", "0009_staff_and_mail")]

    operations = [
        migrations.CreateModel(
            name="PolicyVersion",
            fields=[
                ("id", key()),
                ("kind", models.CharField(choices=KINDS, max_length=14, verbose_name="text")),
                (
                    "language",
                    models.CharField(
                        choices=[("en", "English"), ("ur", "اردو")],
                        max_length=2,
                        verbose_name="language",
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="number")),
                ("title", models.CharField(max_length=120, verbose_name="title")),
                ("body", models.TextField()),
                ("sha256", models.CharField(max_length=64)),
                (
                    "is_material",
                    models.BooleanField(default=False, verbose_name="changes what we do with data"),
                ),
                ("summary", models.TextField(verbose_name="what changes, in short")),
                ("diff", models.TextField(blank=True)),
                ("drafted_at", models.DateTimeField(verbose_name="drafted")),
                ("author", person()),
                ("approver", person()),
                ("published_at", models.DateTimeField(null=True, verbose_name="published")),
                ("effective_at", models.DateTimeField(null=True, verbose_name="in force from")),
                ("told_at", models.DateTimeField(null=True, verbose_name="people were told")),
            ],
            options={
                "indexes": [models.Index(fields=["sha256"], name="policyversion_by_hash")],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("kind", "language", "number"), name="policyversion_once"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("published_at", None)),
                        fields=("kind", "language"),
                        name="policyversion_one_draft",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                ("effective_at", None), ("published_at", None), ("told_at", None)
                            ),
                            models.Q(
                                ("effective_at__gte", models.F("published_at")),
                                ("published_at__isnull", False),
                                models.Q(
                                    ("is_material", True),
                                    ("told_at__isnull", False),
                                    _connector="OR",
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="policyversion_published_whole",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("author", None),
                            ("approver", None),
                            models.Q(("author", models.F("approver")), _negated=True),
                            _connector="OR",
                        ),
                        name="policyversion_by_two",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_material", False),
                            ("published_at", None),
                            ("approver__isnull", False),
                            _connector="OR",
                        ),
                        name="policyversion_material_approved",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="PolicyAcceptance",
            fields=[
                ("id", key()),
                ("version_sha256", models.CharField(max_length=64)),
                ("user_id", models.UUIDField()),
                ("tenant_id", models.UUIDField(blank=True, null=True)),
                ("is_accepted", models.BooleanField(default=True)),
                ("channel", models.CharField(choices=CHANNELS, max_length=8)),
                ("at", models.DateTimeField(verbose_name="when")),
                ("address_prefix", models.CharField(blank=True, max_length=45)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="answers",
                        to="accounts.policyversion",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["user_id", "-at"], name="acceptance_of_user")],
            },
        ),
        migrations.RunSQL(GUARD, NO_GUARD),
        append_only("accounts_policyacceptance"),
    ]
