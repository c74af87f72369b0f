from django.db import migrations, models


class Migration(migrations.Migration):
    """Why a bill of a till waits: the shop's own computer reports it, not our server."""

    dependencies = [
        ("fbr", "0007_register_and_lists"),
    ]

    operations = [
        migrations.AlterField(
            model_name="outbox",
            name="hold_reason",
            field=models.CharField(
                blank=True,
                choices=[
                    ("credential", "FBR token missing or refused"),
                    ("breaker", "FBR is not answering"),
                    ("endpoint", "FBR's address is not answering as it should"),
                    ("tenant_paused", "Reporting is paused"),
                    ("clock", "Waiting for FBR's calendar day"),
                    ("disarmed", "This installation is not armed"),
                    ("duplicate_suspect", "Looks like a duplicate"),
                    ("till", "This till reports from the shop's own computer"),
                ],
                max_length=20,
            ),
        ),
    ]
