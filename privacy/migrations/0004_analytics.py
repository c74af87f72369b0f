from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0003_data_map")]

    operations: list[migrations.operations.base.Operation] = []
