from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("fbr", "0009_under_fire")]

    operations = []
