from django.db import migrations, models

# A database that came out of a backup stands on another timeline or at another place than the one
# that was armed. It is open again as soon as it says, there, that its erasures were replayed.
REPLAYED = """
CREATE FUNCTION erasures_are_replayed() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM smartinvoicing_installation i
        WHERE i.timeline = current_timeline() AND i.place = current_place()
    ) OR EXISTS (
        SELECT 1 FROM smartinvoicing_installationevent e
        WHERE e.kind = 'replayed' AND e.timeline = current_timeline()
          AND e.place = current_place()
    )
$$;
"""


class Migration(migrations.Migration):
    """Whether those who were erased are gone from a restored database too."""

    dependencies = [("smartinvoicing", "0002_restore")]

    operations = [
        migrations.AlterField(
            model_name="installationevent",
            name="kind",
            field=models.CharField(
                choices=[
                    ("armed", "Armed"),
                    ("disarmed", "Disarmed"),
                    ("quarantined", "Quarantined after a restore"),
                    ("backed_up", "Backed up"),
                    ("restored", "Restored"),
                    ("drilled", "Restore rehearsed"),
                    ("replayed", "Erasures done again after a restore"),
                ],
                max_length=12,
            ),
        ),
        migrations.RunSQL(REPLAYED, "DROP FUNCTION erasures_are_replayed();"),
    ]
