from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("accounts", "0011_consents")]

    operations: list[migrations.operations.base.Operation] = []
