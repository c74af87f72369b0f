from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("fbr", "0012_outages_and_incidents")]

    operations = []
