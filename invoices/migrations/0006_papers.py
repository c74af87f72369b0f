from django.db import migrations, models

KINDS = [
    ("sale_invoice", "Sale invoice"),
    ("debit_note", "Debit note"),
    ("credit_note", "Credit note"),
]


class Migration(migrations.Migration):
    """Copies on two papers, notes of tills, advance receipts found by customer."""

    dependencies = [("invoices", "0005_reference")]

    operations = [
        migrations.RemoveConstraint(model_name="invoicepdf", name="pdf_once_a_version"),
        migrations.AddField(
            model_name="invoicepdf",
            name="paper",
            field=models.CharField(
                choices=[("a4", "A4"), ("receipt", "Receipt of 80 mm")],
                default="a4",
                max_length=7,
            ),
        ),
        migrations.AddConstraint(
            model_name="invoicepdf",
            constraint=models.UniqueConstraint(
                fields=("tenant", "invoice", "shows", "version", "paper"),
                name="pdf_once_a_version",
            ),
        ),
        migrations.AlterField(
            model_name="invoice",
            name="document_type",
            field=models.CharField(
                choices=KINDS,
                default="sale_invoice",
                max_length=14,
                verbose_name="document",
            ),
        ),
        migrations.AlterField(
            model_name="series",
            name="document_type",
            field=models.CharField(choices=KINDS, max_length=14),
        ),
        migrations.AlterField(
            model_name="invoiceline",
            name="further_tax_why",
            field=models.CharField(
                blank=True,
                choices=[
                    ("charged", "Customer is not registered"),
                    ("registered", "Customer is registered"),
                    ("exempt", "Exempt supply"),
                    ("zero_rated", "Zero-rated supply"),
                    ("third_schedule", "Third Schedule goods"),
                    ("dtre", "DTRE goods"),
                    ("typed", "Typed by hand"),
                    ("consumer", "Final consumer at a till"),
                    ("none_in_force", "Not in force on that day"),
                ],
                max_length=14,
            ),
        ),
        migrations.AddIndex(
            model_name="invoice",
            index=models.Index(
                condition=models.Q(("is_advance", True)),
                fields=["tenant", "buyer_ntn_cnic"],
                name="invoice_advances",
            ),
        ),
    ]
