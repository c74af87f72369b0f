from django.db import migrations, models

import smartinvoicing.ids


class Migration(migrations.Migration):
    dependencies = [("privacy", "0003_data_map")]

    operations = [
        migrations.CreateModel(
            name="UsageEvent",
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
                ("at", models.DateTimeField(verbose_name="when")),
                ("visitor", models.CharField(max_length=43)),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("page", "Page opened"),
                            ("deed", "Button used"),
                            ("screen", "Screen told"),
                        ],
                        max_length=8,
                        verbose_name="what",
                    ),
                ),
                ("page", models.CharField(max_length=60, verbose_name="page")),
                (
                    "os",
                    models.CharField(
                        choices=[
                            ("android", "Android"),
                            ("ios", "iPhone or iPad"),
                            ("windows", "Windows"),
                            ("macos", "macOS"),
                            ("linux", "Linux"),
                            ("other", "Other"),
                        ],
                        max_length=8,
                        verbose_name="system",
                    ),
                ),
                (
                    "screen",
                    models.CharField(
                        blank=True,
                        choices=[("narrow", "Phone"), ("middle", "Tablet"), ("wide", "Desk")],
                        max_length=8,
                        verbose_name="screen",
                    ),
                ),
            ],
            options={
                "verbose_name": "use of the service",
                "verbose_name_plural": "use of the service",
                "indexes": [
                    models.Index(fields=["visitor"], name="usage_of_visitor"),
                    models.Index(fields=["at"], name="usage_by_age"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("name__in", ["page", "deed", "screen"]),
                            ("page__regex", "^[a-z][a-z0-9_-]*(:[a-z][a-z0-9_-]*)?$"),
                            ("os__in", ["android", "ios", "windows", "macos", "linux", "other"]),
                            ("screen__in", ["", "narrow", "middle", "wide"]),
                            models.Q(("visitor", ""), _negated=True),
                        ),
                        name="usage_says_no_more",
                    )
                ],
            },
        ),
    ]
