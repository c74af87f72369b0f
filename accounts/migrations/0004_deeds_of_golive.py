from django.db import migrations, models


class Migration(migrations.Migration):
    """The audit trail names the deeds on the way to production."""

    dependencies = [
        ("accounts", "0003_retail_price_setting"),
    ]

    operations = [
        migrations.AlterField(
            model_name="auditevent",
            name="action",
            field=models.CharField(
                choices=[
                    ("tenant.opened", "Business opened"),
                    ("entity.changed", "Business profile changed"),
                    ("member.invited", "Person invited"),
                    ("member.joined", "Person joined"),
                    ("member.changed", "Role changed"),
                    ("member.removed", "Person removed"),
                    ("key.made", "API key made"),
                    ("key.revoked", "API key revoked"),
                    ("buyer.saved", "Customer saved"),
                    ("product.saved", "Product saved"),
                    ("draft.saved", "Draft saved"),
                    ("draft.deleted", "Draft deleted"),
                    ("invoice.issued", "Invoice issued"),
                    ("invoice.settled", "FBR's answer applied"),
                    ("invoice.voided", "Invoice voided"),
                    ("credential.stored", "FBR token stored"),
                    ("credential.held", "FBR token held"),
                    ("credential.released", "FBR token released"),
                    ("credential.tested", "FBR token tested"),
                    ("golive.ticked", "Step to production ticked"),
                    ("golive.unticked", "Step to production taken back"),
                    ("scenarios.chosen", "Sandbox scenarios chosen"),
                    ("scenario.started", "Sandbox scenario started"),
                    ("environment.switched", "FBR environment switched"),
                ],
                max_length=40,
                verbose_name="what",
            ),
        ),
    ]
