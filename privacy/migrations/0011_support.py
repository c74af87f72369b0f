from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0010_registers")]

    operations: list[migrations.operations.base.Operation] = []
