from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0005_policies")]

    operations: list[migrations.operations.base.Operation] = []
