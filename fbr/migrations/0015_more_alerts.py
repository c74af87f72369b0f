from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("fbr", "0014_quarantine"),
    ]

    operations = [
        migrations.AlterField(
            model_name="alert",
            name="kind",
            field=models.CharField(
                choices=[
                    ("queued_old", "Documents wait too long for their turn"),
                    ("submitting_old", "A document is on its way for too long"),
                    ("uncertain_old", "A document is uncertain for too long"),
                    ("uncertain_many", "Many documents are uncertain"),
                    ("cancel_old", "A cancellation is open for too long"),
                    ("leases_expired", "Workers were lost in the middle of a send"),
                    ("breaker_open", "FBR is not answering"),
                    ("line_held", "FBR's address is not answering as it should"),
                    ("anchor_late", "The audit trail is not anchored"),
                    ("audit_broken", "The audit trail was tampered with"),
                    ("backup_late", "There is no fresh backup"),
                    ("drill_late", "No restore was rehearsed lately"),
                    ("drill_failed", "A rehearsed restore failed"),
                    ("invariants_broken", "Something in the tables is not as it must be"),
                    ("number_twice", "FBR gave a number that it had given before"),
                    ("clock_off", "The clocks differ"),
                    ("clock_unknown", "The time server does not answer"),
                    ("broker_away", "The broker is away"),
                    ("disk_full", "A disk is nearly full"),
                    ("process_silent", "A process gives no sign of life"),
                    ("mail_stuck", "Mail does not leave"),
                    ("disarmed", "This installation is not armed: nothing is sent"),
                ],
                max_length=20,
            ),
        ),
    ]
