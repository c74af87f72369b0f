import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartinvoicing.ids
from smartinvoicing.pg.operations import append_only

# A year by the calendar: what Django writes as days would be one day off in a leap year.
YEAR = """
ALTER TABLE accounts_stafftraining ADD CONSTRAINT training_a_year_at_most
    CHECK (expires_on > taken_on AND expires_on <= taken_on + interval '12 months');
"""


class Migration(migrations.Migration):
    """Who of ours was taught, and the businesses that want no helper beyond the needed ones."""

    dependencies = [("accounts", "0014_closing")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="needed_processors_only",
            field=models.BooleanField(default=False),
        ),
        migrations.CreateModel(
            name="StaffTraining",
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
                    "course",
                    models.CharField(
                        choices=[
                            ("privacy", "Handling personal data"),
                            ("security", "Safe work with accounts and devices"),
                            ("breaches", "What to do in a breach"),
                        ],
                        max_length=12,
                        verbose_name="course",
                    ),
                ),
                (
                    "version",
                    models.CharField(max_length=20, verbose_name="version of the course"),
                ),
                ("score", models.PositiveSmallIntegerField(verbose_name="points of a hundred")),
                ("taken_on", models.DateField(verbose_name="taken")),
                ("expires_on", models.DateField(verbose_name="counts until")),
                ("recorded_at", models.DateTimeField(verbose_name="written down")),
                ("recorded_by", models.CharField(max_length=80, verbose_name="by")),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="trainings",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="who",
                    ),
                ),
            ],
            options={
                "verbose_name": "training",
                "verbose_name_plural": "trainings",
                "indexes": [
                    models.Index(fields=["person", "course", "-expires_on"], name="training_newest")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("score__lte", 100)), name="training_score_of_hundred"
                    )
                ],
            },
        ),
        migrations.RunSQL(
            YEAR, "ALTER TABLE accounts_stafftraining DROP CONSTRAINT training_a_year_at_most;"
        ),
        append_only("accounts_stafftraining"),
    ]
