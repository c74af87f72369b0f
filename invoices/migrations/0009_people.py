from django.db import migrations, models


class Migration(migrations.Migration):
    """What a customer says of their own data: that it is wrong, or that it is to be left alone."""

    dependencies = [("invoices", "0008_signatures_and_closings")]

    operations = [
        migrations.AddField(
            model_name="buyer",
            name="disputed_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="disputed"),
        ),
        migrations.AddField(
            model_name="buyer",
            name="restricted_at",
            field=models.DateTimeField(blank=True, null=True, verbose_name="set aside"),
        ),
    ]
