from django.db import migrations, models


class Migration(migrations.Migration):
    """All that one person ever did, in whichever business: asked when that person is erased."""

    dependencies = [("accounts", "0015_training")]

    operations = [
        migrations.AddIndex(
            model_name="auditevent",
            index=models.Index(fields=["actor", "tenant"], name="accounts_audit_of_person"),
        ),
    ]
