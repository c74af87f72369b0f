from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("accounts", "0009_staff_and_mail")]

    operations: list[migrations.operations.base.Operation] = []
