from django.db import migrations, models

from smartinvoicing.pg.operations import append_only

# A restore by files begins another timeline. A dump that is read back does not, but it stands on
# another server, in another database, or its table was made anew.
PLACE = """
CREATE FUNCTION current_place() RETURNS text LANGUAGE sql STABLE AS $$
    SELECT concat_ws('/', (SELECT system_identifier FROM pg_control_system()),
                     (SELECT oid FROM pg_database WHERE datname = current_database()),
                     'smartinvoicing_installation'::regclass::oid)
$$;
UPDATE smartinvoicing_installation SET place = current_place();
CREATE OR REPLACE FUNCTION installation_is_armed(instance text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM smartinvoicing_installation i
        WHERE i.armed_at IS NOT NULL AND i.timeline = current_timeline()
          AND i.place = current_place()
          AND i.instance_sha256 = encode(sha256(convert_to(instance, 'UTF8')), 'hex')
    )
$$;
"""
NO_PLACE = """
CREATE OR REPLACE FUNCTION installation_is_armed(instance text) RETURNS boolean
LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT 1 FROM smartinvoicing_installation i
        WHERE i.armed_at IS NOT NULL AND i.timeline = current_timeline()
          AND i.instance_sha256 = encode(sha256(convert_to(instance, 'UTF8')), 'hex')
    )
$$;
DROP FUNCTION current_place();
"""

# What serves may look. Who arms holds the address of the owner, and no serving process does.
OWNERS = """
REVOKE INSERT, UPDATE, DELETE ON smartinvoicing_installation FROM app, purge;
REVOKE INSERT, DELETE ON smartinvoicing_installationevent FROM app, purge;
"""
EVERYBODYS = """
GRANT INSERT, UPDATE, DELETE ON smartinvoicing_installation TO app;
GRANT DELETE ON smartinvoicing_installation TO purge;
GRANT INSERT, DELETE ON smartinvoicing_installationevent TO app;
"""


class Migration(migrations.Migration):
    """Where the database stood when it was armed, and the installation's history."""

    dependencies = [
        ("smartinvoicing", "0001_installation"),
        ("accounts", "0002_tenant_wall"),
    ]

    operations = [
        migrations.AddField(
            model_name="installation",
            name="place",
            field=models.CharField(default="", max_length=60),
        ),
        migrations.CreateModel(
            name="InstallationEvent",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("armed", "Armed"),
                            ("disarmed", "Disarmed"),
                            ("quarantined", "Quarantined after a restore"),
                            ("backed_up", "Backed up"),
                            ("restored", "Restored"),
                            ("drilled", "Restore rehearsed"),
                        ],
                        max_length=12,
                    ),
                ),
                ("by", models.CharField(max_length=254)),
                ("why", models.CharField(blank=True, max_length=300)),
                ("timeline", models.CharField(max_length=8)),
                ("place", models.CharField(max_length=60)),
                ("facts", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["kind", "-at"], name="installationevent_newest"),
                ],
            },
        ),
        append_only("smartinvoicing_installationevent"),
        migrations.RunSQL(PLACE, NO_PLACE),
        migrations.RunSQL(OWNERS, EVERYBODYS),
    ]
