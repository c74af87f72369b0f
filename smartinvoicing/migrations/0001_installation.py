import hashlib

from django.conf import settings
from django.db import migrations, models


# Whose database this is, in one question that every sender asks with its own secret.
ARMED = """
CREATE FUNCTION current_timeline() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)
$$;
CREATE FUNCTION installation_is_armed(instance text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM smartinvoicing_installation i
        WHERE i.armed_at IS NOT NULL AND i.timeline = current_timeline()
          AND i.instance_sha256 = encode(sha256(convert_to(instance, 'UTF8')), 'hex')
    )
$$;
"""
# For statements that go many at a time: the one that misses its row takes them all back.
EXPECT = """
CREATE FUNCTION expect_one(changed bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF changed <> 1 THEN
        RAISE EXCEPTION 'one row was expected, % were changed', changed USING ERRCODE = 'SI001';
    END IF;
END $$;
"""
NOT_ARMED = """
DROP FUNCTION installation_is_armed(text);
DROP FUNCTION current_timeline();
"""


def arm_the_first(apps, schema_editor):
    """Whoever lays the tables owns them: here is nothing yet that a copy could send again."""
    sha256 = hashlib.sha256(settings.INSTANCE_ID.encode()).hexdigest()
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO smartinvoicing_installation"
            " (id, instance_sha256, timeline, armed_at, armed_by, why)"
            " VALUES (1, %s, current_timeline(), now(), 'migrate', 'the tables were laid')",
            [sha256],
        )


class Migration(migrations.Migration):
    """One row that says whose database this is, and a question to it."""

    initial = True
    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Installation",
            fields=[
                (
                    "id",
                    models.PositiveSmallIntegerField(
                        default=1, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("instance_sha256", models.CharField(max_length=64)),
                ("timeline", models.CharField(max_length=8)),
                ("armed_at", models.DateTimeField(null=True)),
                ("armed_by", models.CharField(blank=True, max_length=254)),
                ("why", models.CharField(blank=True, max_length=300)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("id", 1)), name="installation_is_one"
                    )
                ],
            },
        ),
        migrations.RunSQL(ARMED, NOT_ARMED),
        migrations.RunSQL(EXPECT, "DROP FUNCTION expect_one(bigint)"),
        migrations.RunPython(arm_the_first, migrations.RunPython.noop),
    ]
