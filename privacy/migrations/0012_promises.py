from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0011_support")]

    operations: list[migrations.operations.base.Operation] = []
