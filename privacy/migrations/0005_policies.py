import datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartinvoicing.ids

# A material change is published only with a notice to everybody planned thirty days ahead, and
# holds only when enough people were told and have had their thirty days.
PLANNED = """
CREATE FUNCTION policy_needs_notice() RETURNS trigger LANGUAGE plpgsql
SET search_path = pg_catalog, public, pg_temp AS $f$
DECLARE
    plan privacy_campaign;
BEGIN
    IF NOT NEW.is_material OR NEW.published_at IS NULL THEN
        RETURN NEW;
    END IF;
    SELECT c.* INTO plan FROM privacy_campaign c JOIN accounts_policyversion v
        ON v.id = c.version_id
        WHERE v.kind = NEW.kind AND v.number = NEW.number AND c.withdrawn_at IS NULL;
    IF plan IS NULL OR NEW.effective_at < NEW.published_at + interval '30 days' THEN
        RAISE EXCEPTION 'a material change needs a notice thirty days ahead'
            USING ERRCODE = '23514', CONSTRAINT = 'policy_needs_notice';
    END IF;
    IF NEW.told_at IS NOT NULL AND (
        plan.reached_at IS NULL OR NEW.told_at < plan.reached_at
        OR NEW.effective_at < plan.reached_at + interval '30 days'
    ) THEN
        RAISE EXCEPTION 'too few people were told, or too late'
            USING ERRCODE = '23514', CONSTRAINT = 'policy_needs_telling';
    END IF;
    RETURN NEW;
END $f$;
CREATE TRIGGER policy_needs_notice BEFORE INSERT OR UPDATE ON accounts_policyversion
    FOR EACH ROW EXECUTE FUNCTION policy_needs_notice();
"""
NOT_PLANNED = """
DROP TRIGGER policy_needs_notice ON accounts_policyversion;
DROP FUNCTION policy_needs_notice();
"""


def key():
    return models.UUIDField(
        default=smartinvoicing.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def at(name):
    return models.DateTimeField(null=True, verbose_name=name)


class Migration(migrations.Migration):
    """Notices to everybody, and what became of each."""

    dependencies = [("privacy", "0004_analytics"), ("accounts", "0010_policies")]

    operations = [
        migrations.CreateModel(
            name="Campaign",
            fields=[
                ("id", key()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("policy", "A text of ours changes"),
                            ("transfer", "The business passes to somebody else"),
                            ("subprocessor", "Somebody new helps us"),
                        ],
                        max_length=12,
                        verbose_name="what for",
                    ),
                ),
                ("about", models.TextField(verbose_name="what is coming, in plain words")),
                (
                    "days_ahead",
                    models.PositiveSmallIntegerField(default=30, verbose_name="days ahead"),
                ),
                ("planned_at", models.DateTimeField(verbose_name="planned")),
                ("effective_at", models.DateTimeField(verbose_name="takes effect")),
                ("started_at", at("begun")),
                ("reached_at", at("95 percent tried")),
                ("told_in_app_at", at("bells rung")),
                ("quiet_at", at("bells silent")),
                (
                    "put_off",
                    models.PositiveSmallIntegerField(default=0, verbose_name="times put off"),
                ),
                ("carried_out_at", at("took effect")),
                ("withdrawn_at", at("withdrawn")),
                (
                    "planned_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "version",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="campaign",
                        to="accounts.policyversion",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("kind", "policy"), ("version__isnull", False)),
                            models.Q(
                                models.Q(("kind", "policy"), _negated=True), ("version", None)
                            ),
                            _connector="OR",
                        ),
                        name="campaign_about_one_thing",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("days_ahead__gte", 30)), name="campaign_days_enough"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("carried_out_at", None),
                            models.Q(
                                ("reached_at__isnull", False),
                                ("withdrawn_at", None),
                                ("carried_out_at__gte", models.F("effective_at")),
                                (
                                    "carried_out_at__gte",
                                    models.F("reached_at") + datetime.timedelta(days=30),
                                ),
                            ),
                            _connector="OR",
                        ),
                        name="campaign_told_before_done",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="CampaignNotice",
            fields=[
                ("id", key()),
                ("user_id", models.UUIDField()),
                (
                    "delivery",
                    models.CharField(
                        choices=[
                            ("planned", "Not tried yet"),
                            ("posted", "On its way"),
                            ("sent", "Handed to the mail server"),
                            ("failed", "Did not arrive"),
                        ],
                        default="planned",
                        max_length=8,
                        verbose_name="by mail",
                    ),
                ),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("posted_at", models.DateTimeField(null=True)),
                ("tried_at", at("tried")),
                (
                    "failure",
                    models.CharField(blank=True, max_length=12, verbose_name="why it failed"),
                ),
                ("shown_at", at("shown here")),
                (
                    "campaign",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to="privacy.campaign",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["campaign", "delivery", "id"], name="notice_by_delivery"),
                    models.Index(fields=["user_id"], name="notice_of_user"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("campaign", "user_id"), name="notice_once_a_person"
                    )
                ],
            },
        ),
        migrations.RunSQL(PLANNED, NOT_PLANNED),
    ]
