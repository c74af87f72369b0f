import csv
import json
from pathlib import Path

from django.db import migrations

DATA = Path(__file__).resolve().parent.parent / "data"


def rows(name):
    with (DATA / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def fill(apps, schema_editor):
    """HS codes, units and rate texts as FBR listed them in 2026; the sync keeps them fresh."""
    HsCode = apps.get_model("invoices", "HsCode")
    Unit = apps.get_model("invoices", "Unit")
    RateText = apps.get_model("invoices", "RateText")
    headings = {row["heading"]: row["description"] for row in rows("hs_headings.csv")}
    HsCode.objects.bulk_create(
        (
            HsCode(
                code=row["code"],
                description=row["description"] or headings.get(row["code"][:4], ""),
                heading=headings.get(row["code"][:4], ""),
            )
            for row in rows("hs_codes.csv")
        ),
        batch_size=2000,
    )
    lists = json.loads((DATA / "lists.json").read_text(encoding="utf-8"))
    Unit.objects.bulk_create(Unit(name=name) for name in lists["units"])
    RateText.objects.bulk_create(
        RateText(**{**row, "unit": row["unit"] or ""}) for row in lists["rates"]
    )


def empty(apps, schema_editor):
    for name in ("HsCode", "Unit", "RateText"):
        apps.get_model("invoices", name).objects.all().delete()


class Migration(migrations.Migration):
    dependencies = [("invoices", "0002_wall_and_triggers")]
    operations = [migrations.RunPython(fill, empty)]
