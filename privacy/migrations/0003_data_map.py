from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0002_desk")]

    operations: list[migrations.operations.base.Operation] = []
