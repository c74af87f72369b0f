from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("privacy", "0008_closure")]

    operations: list[migrations.operations.base.Operation] = []
