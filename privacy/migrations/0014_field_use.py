from django.db import migrations, models

import smartinvoicing.ids


class Migration(migrations.Migration):
    """Whether each personal field is used."""

    dependencies = [("privacy", "0013_campaign_listed")]

    operations = [
        migrations.CreateModel(
            name="FieldUse",
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
                ("model", models.CharField(max_length=80)),
                ("field", models.CharField(max_length=63)),
                ("rows", models.PositiveIntegerField(default=0, verbose_name="rows looked at")),
                (
                    "filled",
                    models.PositiveIntegerField(default=0, verbose_name="of them filled"),
                ),
                (
                    "idle",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("empty", "Nobody fills it in"),
                            ("unread", "No part of the program reads it"),
                        ],
                        max_length=8,
                    ),
                ),
                ("idle_since", models.DateTimeField(null=True)),
                ("looked_at", models.DateTimeField()),
                ("agreed_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("model", "field"), name="fielduse_once"),
                    models.CheckConstraint(
                        condition=models.Q(("idle", ""), ("idle_since", None))
                        | models.Q(
                            models.Q(("idle", ""), _negated=True), ("idle_since__isnull", False)
                        ),
                        name="fielduse_idle_since",
                    ),
                ],
            },
        ),
    ]
