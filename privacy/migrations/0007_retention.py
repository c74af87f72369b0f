from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0006_rights")]

    operations: list[migrations.operations.base.Operation] = []
