from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("invoices", "0007_reporting_facts")]

    operations = []
