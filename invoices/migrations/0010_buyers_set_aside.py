from django.db import migrations, models


class Migration(migrations.Migration):
    """Who was set aside: asked at each search by name, and few."""

    dependencies = [("invoices", "0009_people")]

    operations = [
        migrations.AddIndex(
            model_name="buyer",
            index=models.Index(
                condition=models.Q(("restricted_at__isnull", False)),
                fields=["tenant", "id"],
                name="invoices_buyer_set_aside",
            ),
        ),
    ]
