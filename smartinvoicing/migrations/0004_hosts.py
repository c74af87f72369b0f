from django.db import migrations, models


class Migration(migrations.Migration):
    """Machines that may be reached besides those of the settings."""

    dependencies = [("smartinvoicing", "0003_erasures")]

    operations = [
        migrations.CreateModel(
            name="AllowedHost",
            fields=[
                ("host", models.CharField(max_length=253, primary_key=True, serialize=False)),
                ("is_optional", models.BooleanField(default=True)),
            ],
        ),
    ]
