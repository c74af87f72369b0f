from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("accounts", "0010_policies")]

    operations: list[migrations.operations.base.Operation] = []
