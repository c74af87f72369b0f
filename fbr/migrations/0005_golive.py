import django.db.models.deletion
import smartinvoicing.ids
import smartinvoicing.pg.constraints
from django.db import migrations, models

from smartinvoicing.pg.operations import EnableRLS


class Migration(migrations.Migration):
    """The way to production: what people tick, which scenarios ran; how a token was tested."""

    dependencies = [
        ("accounts", "0004_deeds_of_golive"),
        ("fbr", "0004_tokens_of_tills"),
        ("invoices", "0004_all_supplies"),
    ]

    operations = [
        migrations.AddField(
            model_name="credential",
            name="test_worked",
            field=models.BooleanField(blank=True, null=True),
        ),
        migrations.CreateModel(
            name="GoLive",
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
                ("iris_typed_at", models.DateTimeField(blank=True, null=True)),
                ("iris_typed_by", models.CharField(blank=True, max_length=80)),
                ("egress_listed_at", models.DateTimeField(blank=True, null=True)),
                ("egress_listed_by", models.CharField(blank=True, max_length=80)),
                (
                    "activities",
                    models.JSONField(
                        blank=True, default=list, verbose_name="further business natures"
                    ),
                ),
                (
                    "scenarios",
                    models.JSONField(
                        blank=True, default=list, verbose_name="scenarios that IRIS asks for"
                    ),
                ),
                ("scenarios_chosen_by", models.CharField(blank=True, max_length=80)),
                (
                    "legal_entity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="golive",
                        to="accounts.legalentity",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "constraints": [
                    models.UniqueConstraint(fields=("tenant", "id"), name="fbr_golive_tenant_id"),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="legal_entity", name="golive_entity_same_tenant"
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "legal_entity"), name="fbr_golive_once"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="ScenarioRun",
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
                ("scenario", models.CharField(max_length=5, verbose_name="sandbox scenario")),
                ("started_at", models.DateTimeField()),
                (
                    "invoice",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="scenario_runs",
                        to="invoices.invoice",
                    ),
                ),
                (
                    "legal_entity",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="scenario_runs",
                        to="accounts.legalentity",
                    ),
                ),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        fields=["tenant", "legal_entity", "scenario", "-started_at", "-id"],
                        name="scenariorun_newest",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="fbr_scenariorun_tenant_id"
                    ),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="legal_entity", name="scenariorun_entity_same_tenant"
                    ),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="invoice", name="scenariorun_invoice_same_tenant"
                    ),
                    models.UniqueConstraint(
                        fields=("tenant", "invoice"), name="scenariorun_once_a_document"
                    ),
                ],
            },
        ),
        EnableRLS("GoLive"),
        EnableRLS("ScenarioRun"),
    ]
