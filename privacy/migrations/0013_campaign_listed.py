from django.db import migrations, models


class Migration(migrations.Migration):
    """When everybody was last known to stand on the list of a notice."""

    dependencies = [("privacy", "0012_promises")]

    operations = [
        migrations.AddField(
            model_name="campaign", name="listed_at", field=models.DateTimeField(null=True)
        ),
    ]
