from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("smartinvoicing", "0001_installation")]

    operations = []
