from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0007_retention")]

    operations: list[migrations.operations.base.Operation] = []
