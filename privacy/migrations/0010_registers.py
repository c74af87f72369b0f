from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0009_breaches")]

    operations: list[migrations.operations.base.Operation] = []
