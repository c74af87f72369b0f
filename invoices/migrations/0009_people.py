from django.db import migrations


class Migration(migrations.Migration):
    """To be filled."""

    dependencies = [("invoices", "0008_signatures_and_closings")]

    operations: list[migrations.operations.base.Operation] = []
