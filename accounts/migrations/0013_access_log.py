from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("accounts", "0012_staff_access")]

    operations: list[migrations.operations.base.Operation] = []
