from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("smartinvoicing", "0002_restore")]

    operations: list[migrations.operations.base.Operation] = []
