from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0012_promises")]

    operations: list[migrations.operations.base.Operation] = []
