from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """A purge asks of each signature which entries of the book name it, and so does its key."""

    dependencies = [("invoices", "0010_buyers_set_aside")]

    operations = [
        migrations.AddIndex(
            model_name="bookentry",
            index=models.Index(
                fields=["tenant", "signature"],
                condition=Q(signature__isnull=False),
                name="book_of_signature",
            ),
        ),
    ]
