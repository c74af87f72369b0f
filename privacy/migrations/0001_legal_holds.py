from django.db import migrations


class Migration(migrations.Migration):
    initial = True
    dependencies = [
        ("accounts", "0007_audit_chain"),
        ("invoices", "0008_signatures_and_closings"),
        ("fbr", "0009_under_fire"),
    ]

    operations = []
