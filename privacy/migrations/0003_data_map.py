import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartinvoicing.ids
from smartinvoicing.pg.operations import append_only

ID = models.UUIDField(
    default=smartinvoicing.ids.uuid7, editable=False, primary_key=True, serialize=False
)


class Migration(migrations.Migration):
    """Approved versions of the data map, and what the detectors came upon."""

    dependencies = [
        ("privacy", "0002_desk"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DataMapVersion",
            fields=[
                ("id", ID.clone()),
                ("digest", models.CharField(max_length=64)),
                ("rows", models.JSONField()),
                ("approved_at", models.DateTimeField(verbose_name="approved")),
                (
                    "approved_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["-approved_at", "-id"], name="datamap_newest")],
            },
        ),
        migrations.CreateModel(
            name="Detection",
            fields=[
                ("id", ID.clone()),
                ("table", models.CharField(max_length=63)),
                ("field", models.CharField(max_length=63)),
                ("kind", models.CharField(max_length=12)),
                ("found", models.PositiveIntegerField()),
                ("first_at", models.DateTimeField(verbose_name="first seen")),
                ("last_at", models.DateTimeField(verbose_name="last seen")),
                ("cleared_at", models.DateTimeField(null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None)),
                        fields=("table", "field", "kind"),
                        name="detection_open_once",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="DetectionRun",
            fields=[
                ("id", ID.clone()),
                ("at", models.DateTimeField()),
                ("fields", models.PositiveIntegerField()),
                ("values", models.PositiveIntegerField()),
                ("found", models.PositiveIntegerField()),
            ],
            options={
                "indexes": [models.Index(fields=["-at"], name="detectionrun_newest")],
            },
        ),
        append_only("privacy_datamapversion"),
        append_only("privacy_detectionrun"),
    ]
