from django.db import migrations, models


class Migration(migrations.Migration):
    """Since when a business is being closed."""

    dependencies = [("accounts", "0013_access_log")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="closing_at",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
