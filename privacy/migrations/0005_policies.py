from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0004_analytics")]

    operations: list[migrations.operations.base.Operation] = []
