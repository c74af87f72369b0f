import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import smartinvoicing.ids
from smartinvoicing.pg.operations import append_only

ID = models.UUIDField(
    default=smartinvoicing.ids.uuid7, editable=False, primary_key=True, serialize=False
)


class Migration(migrations.Migration):
    """How each promise stood, night by night, and the yearly statement about recipients."""

    dependencies = [
        ("privacy", "0011_support"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="CheckRun",
            fields=[
                ("id", ID.clone()),
                ("at", models.DateTimeField(verbose_name="when")),
                ("by", models.CharField(max_length=80, verbose_name="begun by")),
                ("kept", models.PositiveSmallIntegerField(verbose_name="kept")),
                ("broken", models.PositiveSmallIntegerField(verbose_name="broken")),
                ("due", models.PositiveSmallIntegerField(verbose_name="due")),
                ("took_ms", models.PositiveIntegerField(verbose_name="milliseconds")),
            ],
            options={
                "verbose_name": "look at the promises",
                "verbose_name_plural": "looks at the promises",
                "indexes": [models.Index(fields=["-at", "-id"], name="checkrun_newest")],
            },
        ),
        migrations.CreateModel(
            name="EgressStatement",
            fields=[
                ("id", ID.clone()),
                ("signed_at", models.DateTimeField(verbose_name="signed")),
                ("hosts", models.JSONField(verbose_name="machines")),
                ("digest", models.CharField(max_length=64, verbose_name="digest")),
                (
                    "signed_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="signed by",
                    ),
                ),
            ],
            options={
                "verbose_name": "statement about recipients",
                "verbose_name_plural": "statements about recipients",
            },
        ),
        migrations.CreateModel(
            name="CheckResult",
            fields=[
                ("id", ID.clone()),
                ("promise", models.CharField(max_length=4, verbose_name="promise")),
                (
                    "state",
                    models.CharField(
                        choices=[("kept", "Kept"), ("broken", "Broken"), ("due", "Due")],
                        max_length=6,
                        verbose_name="state",
                    ),
                ),
                ("is_fault", models.BooleanField(default=False, verbose_name="the check failed")),
                ("evidence", models.CharField(max_length=300, verbose_name="evidence")),
                ("facts", models.JSONField(default=dict)),
                ("due_on", models.DateField(null=True, verbose_name="due")),
                ("took_ms", models.PositiveIntegerField(verbose_name="milliseconds")),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="results",
                        to="privacy.checkrun",
                    ),
                ),
            ],
            options={
                "verbose_name": "promise",
                "verbose_name_plural": "promises",
                "constraints": [
                    models.UniqueConstraint(fields=("run", "promise"), name="checkresult_once"),
                    models.CheckConstraint(
                        condition=models.Q(("due_on__isnull", False), ("state", "due"))
                        | models.Q(("due_on", None), ("state__in", ["kept", "broken"])),
                        name="checkresult_due_on_a_day",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_fault", False), ("state", "broken"), _connector="OR"
                        ),
                        name="checkresult_fault_is_broken",
                    ),
                ],
            },
        ),
        append_only("privacy_checkrun"),
        append_only("privacy_checkresult"),
        append_only("privacy_egressstatement"),
    ]
