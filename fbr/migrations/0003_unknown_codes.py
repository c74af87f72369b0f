import smartinvoicing.ids
from django.db import migrations, models


class Migration(migrations.Migration):
    """Codes of FBR's that nobody explains yet. Of no tenant; kept, so app may not delete."""

    dependencies = [("fbr", "0002_wall_and_queue")]

    operations = [
        migrations.CreateModel(
            name="UnknownCode",
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
                    "channel",
                    models.CharField(
                        choices=[("di", "Digital Invoicing"), ("pos", "Point of sale")],
                        max_length=4,
                        verbose_name="channel",
                    ),
                ),
                ("code", models.CharField(max_length=20, verbose_name="code")),
                (
                    "text",
                    models.CharField(
                        blank=True, max_length=500, verbose_name="FBR's words, masked"
                    ),
                ),
                ("first_seen_at", models.DateTimeField(verbose_name="first seen")),
                ("last_seen_at", models.DateTimeField(verbose_name="last seen")),
                ("times", models.PositiveBigIntegerField(default=1, verbose_name="times")),
                (
                    "reviewed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="reviewed"),
                ),
                (
                    "reviewed_by",
                    models.CharField(blank=True, max_length=254, verbose_name="reviewed by"),
                ),
                ("note", models.CharField(blank=True, max_length=500, verbose_name="note")),
            ],
            options={
                "verbose_name": "unknown code of FBR's",
                "verbose_name_plural": "unknown codes of FBR's",
                "constraints": [
                    models.UniqueConstraint(fields=("channel", "code"), name="unknowncode_once"),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("reviewed_at", None), ("reviewed_by", "")),
                            models.Q(
                                ("reviewed_at__isnull", False),
                                models.Q(("reviewed_by", ""), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="unknowncode_reviewed_by_somebody",
                    ),
                ],
            },
        ),
        migrations.RunSQL(
            "REVOKE DELETE ON fbr_unknowncode FROM app",
            "GRANT DELETE ON fbr_unknowncode TO app",
        ),
    ]
