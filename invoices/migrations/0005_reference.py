import json
from datetime import date, datetime, timezone
from pathlib import Path

import django.db.models.deletion
import smartinvoicing.ids
import smartinvoicing.pg.constraints
from django.db import migrations, models

from smartinvoicing.pg.operations import EnableRLS, append_only

DATA = Path(__file__).resolve().parent.parent / "data"
LISTS = (
    *("documenttyperow", "hsunit", "listing", "provincerow", "rateschedule", "referencerun"),
    *("referencesync", "saletyperate", "saletyperow", "sroitem", "sroschedule"),
)
TABLES = ", ".join(f"invoices_{name}" for name in LISTS)


def load(name):
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def fill(apps, schema_editor):
    """What is known of FBR's lists before the first token; the sync says the rest."""
    known = load("reference.json")
    day = date.fromisoformat(known["seen"])
    _words(apps)
    _plain_lists(apps, known, {"first_seen": day, "last_seen": day})
    _rates_and_schedules(apps, known, {"first_seen": day, "last_seen": day})
    _units_of_codes(apps, known, {"first_seen": day, "last_seen": day})


def _words(apps):
    """Headings that the tariff's own file leaves out."""
    HsCode = apps.get_model("invoices", "HsCode")
    for heading, words in load("more_headings.json").items():
        rows = HsCode.objects.filter(code__startswith=heading, heading="")
        rows.filter(description="").update(description=words)
        rows.update(heading=words)


def _plain_lists(apps, known, seen):
    for model, name in (
        ("ProvinceRow", "provinces"),
        ("DocumentTypeRow", "document_types"),
        ("SaleTypeRow", "sale_types"),
    ):
        rows = apps.get_model("invoices", model).objects
        rows.bulk_create(rows.model(code=code, text=text, **seen) for code, text in known[name])


def _rates_and_schedules(apps, known, seen):
    def objects(name):
        return apps.get_model("invoices", name).objects

    rates, schedules, items = map(objects, ("SaleTypeRate", "SroSchedule", "SroItem"))
    rates.bulk_create(
        rates.model(sale_type_id=sale_type, text=text, rate_id=rate_id, **seen)
        for sale_type, text, rate_id in known["rates"]
    )
    schedules.bulk_create(
        schedules.model(fbr_id=fbr_id, text=text, **seen) for fbr_id, text in known["schedules"]
    )
    ids = dict(schedules.values_list("text", "id"))
    items.bulk_create(items.model(text=text, **seen) for text in known["serials"])
    items.bulk_create(
        items.model(schedule_id=ids[schedule], text=text, **seen)
        for schedule, texts in known["items"].items()
        for text in texts
    )
    read_at = datetime.combine(seen["last_seen"], datetime.min.time(), timezone.utc)
    objects("Listing").bulk_create(
        objects("Listing").model(
            name="rates", key=f"{sale_type}:", known_since=seen["first_seen"], read_at=read_at
        )
        for sale_type in known["whole_rates"]
    )


def _units_of_codes(apps, known, seen):
    """Units that were seen; only where FBR was asked live are they known to be all of them."""
    HsCode = apps.get_model("invoices", "HsCode")
    HsUnit = apps.get_model("invoices", "HsUnit")
    codes = set(HsCode.objects.values_list("code", flat=True))
    units = {code: known_units for code, known_units in known["hs_units"].items() if code in codes}
    for chapter, texts in known["units_of_chapter"].items():
        units |= {code: texts for code in codes if code.startswith(chapter)}
    HsUnit.objects.bulk_create(
        HsUnit(hs_code_id=code, unit=unit, **seen)
        for code, texts in sorted(units.items())
        for unit in texts
    )
    read_at = datetime.combine(seen["last_seen"], datetime.min.time(), timezone.utc)
    HsCode.objects.filter(code__in=known["whole_hs_units"]).update(units_at=read_at)


class Migration(migrations.Migration):
    """All of FBR's lists, what each reading of them brought, and what its register says."""

    dependencies = [
        ("accounts", "0003_retail_price_setting"),
        ("invoices", "0004_all_supplies"),
    ]

    operations = [
        migrations.CreateModel(
            name="DocumentTypeRow",
            fields=[
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("code", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("text", models.CharField(max_length=60)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="ProvinceRow",
            fields=[
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("code", models.PositiveSmallIntegerField(primary_key=True, serialize=False)),
                ("text", models.CharField(max_length=60)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SaleTypeRow",
            fields=[
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("code", models.PositiveIntegerField(primary_key=True, serialize=False)),
                ("text", models.CharField(max_length=100)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="SroSchedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("fbr_id", models.PositiveIntegerField(null=True, unique=True)),
                ("text", models.CharField(max_length=100, unique=True)),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.AddField(
            model_name="buyer",
            name="checked_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name="buyer",
            name="register_says",
            field=models.CharField(
                blank=True,
                choices=[
                    ("registered", "Registered"),
                    ("unregistered", "Not registered"),
                    ("unknown", "No clear word"),
                ],
                max_length=12,
            ),
        ),
        migrations.AddField(
            model_name="buyer",
            name="standing",
            field=models.CharField(
                blank=True,
                choices=[
                    ("active", "Active"),
                    ("inactive", "Not active"),
                    ("unknown", "No clear word"),
                ],
                max_length=8,
            ),
        ),
        migrations.AddField(
            model_name="hscode",
            name="gone_on",
            field=models.DateField(null=True),
        ),
        migrations.AddField(
            model_name="hscode",
            name="said",
            field=models.TextField(blank=True),
        ),
        migrations.AddField(
            model_name="hscode",
            name="units_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name="unit",
            name="gone_on",
            field=models.DateField(null=True),
        ),
        migrations.CreateModel(
            name="Listing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "name",
                    models.CharField(
                        choices=[
                            ("provinces", "Provinces"),
                            ("document_types", "Kinds of document"),
                            ("sale_types", "Kinds of supply"),
                            ("units", "Units of measure"),
                            ("hs_codes", "HS codes"),
                            ("serials", "Serials of SROs, the older list"),
                            ("rates", "Rates of each kind of supply"),
                            ("schedules", "SROs and schedules of each rate"),
                            ("items", "Serials of each SRO and schedule"),
                            ("hs_units", "Units of each HS code"),
                        ],
                        max_length=20,
                    ),
                ),
                ("key", models.CharField(blank=True, max_length=40)),
                ("known_since", models.DateField()),
                ("read_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("name", "key"), name="listing_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReferenceRun",
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
                ("began_at", models.DateTimeField()),
                ("moved_at", models.DateTimeField()),
                ("plan", models.JSONField(default=list)),
                ("done", models.PositiveIntegerField(default=0)),
                ("found", models.JSONField(default=dict)),
                ("ended_at", models.DateTimeField(null=True)),
                ("failure", models.CharField(blank=True, max_length=200)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.Value(1),
                        condition=models.Q(("ended_at", None)),
                        name="referencerun_one_at_a_time",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="BuyerCheck",
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
                ("ntn_cnic", models.CharField(max_length=13, verbose_name="NTN or CNIC")),
                ("checked_at", models.DateTimeField()),
                (
                    "registration",
                    models.CharField(
                        choices=[
                            ("registered", "Registered"),
                            ("unregistered", "Not registered"),
                            ("unknown", "No clear word"),
                        ],
                        max_length=12,
                        verbose_name="sales tax",
                    ),
                ),
                (
                    "standing",
                    models.CharField(
                        choices=[
                            ("active", "Active"),
                            ("inactive", "Not active"),
                            ("unknown", "No clear word"),
                        ],
                        max_length=8,
                        verbose_name="active taxpayer",
                    ),
                ),
                ("answer", models.CharField(blank=True, max_length=200)),
                ("said_by", models.CharField(max_length=80, verbose_name="asked by")),
                (
                    "buyer",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="checks",
                        to="invoices.buyer",
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
                        fields=["tenant", "ntn_cnic", "-checked_at"], name="buyercheck_newest"
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="invoices_buyercheck_tenant_id"
                    ),
                    smartinvoicing.pg.constraints.SameTenant(
                        field="buyer", name="buyercheck_buyer_same_tenant"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="HsUnit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("unit", models.CharField(max_length=40)),
                (
                    "hs_code",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="units",
                        to="invoices.hscode",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("hs_code", "unit"), name="hsunit_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="ReferenceSync",
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
                    "name",
                    models.CharField(
                        choices=[
                            ("provinces", "Provinces"),
                            ("document_types", "Kinds of document"),
                            ("sale_types", "Kinds of supply"),
                            ("units", "Units of measure"),
                            ("hs_codes", "HS codes"),
                            ("serials", "Serials of SROs, the older list"),
                            ("rates", "Rates of each kind of supply"),
                            ("schedules", "SROs and schedules of each rate"),
                            ("items", "Serials of each SRO and schedule"),
                            ("hs_units", "Units of each HS code"),
                        ],
                        max_length=20,
                    ),
                ),
                ("at", models.DateTimeField()),
                ("rows", models.PositiveIntegerField(default=0)),
                ("diff", models.JSONField(default=dict)),
                ("took_ms", models.PositiveIntegerField(default=0)),
                ("failure", models.CharField(blank=True, max_length=200)),
                (
                    "run",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="lists",
                        to="invoices.referencerun",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["name", "-at"], name="referencesync_newest")],
            },
        ),
        migrations.CreateModel(
            name="SaleTypeRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("rate_id", models.PositiveIntegerField(null=True)),
                ("text", models.CharField(max_length=80)),
                ("province", models.PositiveSmallIntegerField(null=True)),
                (
                    "sale_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rates",
                        to="invoices.saletyperow",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("sale_type", "province", "text", "rate_id"),
                        name="saletyperate_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SroItem",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("fbr_id", models.PositiveIntegerField(null=True)),
                ("text", models.CharField(max_length=40)),
                (
                    "schedule",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="items",
                        to="invoices.sroschedule",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("schedule", "text"), name="sroitem_once", nulls_distinct=False
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="RateSchedule",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("first_seen", models.DateField()),
                ("last_seen", models.DateField()),
                ("gone_on", models.DateField(null=True)),
                ("rate_id", models.PositiveIntegerField()),
                ("province", models.PositiveSmallIntegerField(null=True)),
                (
                    "schedule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="rates",
                        to="invoices.sroschedule",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("rate_id", "province", "schedule"),
                        name="rateschedule_once",
                        nulls_distinct=False,
                    )
                ],
            },
        ),
        EnableRLS("BuyerCheck"),
        append_only("invoices_buyercheck"),
        append_only("invoices_referencesync"),
        # A row that FBR lists no more is marked, never deleted.
        migrations.RunSQL(
            f"REVOKE DELETE ON {TABLES} FROM app", f"GRANT DELETE ON {TABLES} TO app"
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
