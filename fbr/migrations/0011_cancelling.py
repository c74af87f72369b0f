from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("fbr", "0010_resolving")]

    operations = []
