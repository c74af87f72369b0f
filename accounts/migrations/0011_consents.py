from django.db import migrations, models

import smartinvoicing.ids
from smartinvoicing.pg.operations import append_only


class Migration(migrations.Migration):
    dependencies = [("accounts", "0010_policies")]

    operations = [
        migrations.CreateModel(
            name="ConsentText",
            fields=[
                ("hash", models.CharField(max_length=64, primary_key=True, serialize=False)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("analytics", "How the service is used"),
                            ("preferences", "Preferences that we need not know"),
                            ("marketing_email", "News by e-mail"),
                            ("marketing_sms", "News by text message"),
                            ("research", "Questions about the service"),
                        ],
                        max_length=20,
                    ),
                ),
                ("language", models.CharField(max_length=5)),
                ("body", models.TextField(verbose_name="words")),
                ("first_at", models.DateTimeField(verbose_name="first shown")),
            ],
        ),
        migrations.CreateModel(
            name="ConsentEvent",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField(verbose_name="when")),
                ("user_id", models.UUIDField(blank=True, null=True)),
                ("visitor", models.CharField(blank=True, max_length=43)),
                ("address_key", models.CharField(blank=True, max_length=64)),
                (
                    "purpose",
                    models.CharField(
                        choices=[
                            ("analytics", "How the service is used"),
                            ("preferences", "Preferences that we need not know"),
                            ("marketing_email", "News by e-mail"),
                            ("marketing_sms", "News by text message"),
                            ("research", "Questions about the service"),
                        ],
                        max_length=20,
                        verbose_name="purpose",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("asked", "Waits for the link in the mail"),
                            ("given", "Agreed"),
                            ("refused", "Refused"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        max_length=10,
                        verbose_name="state",
                    ),
                ),
                ("text_hash", models.CharField(max_length=64, verbose_name="words")),
                ("language", models.CharField(max_length=5, verbose_name="language")),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("banner", "Banner"),
                            ("page", "Page of choices"),
                            ("mail_link", "Link in a mail"),
                            ("signal", "Signal of the browser (GPC)"),
                            ("staff", "Our staff, as asked"),
                            ("system", "The service itself"),
                        ],
                        max_length=10,
                        verbose_name="by",
                    ),
                ),
                ("ip_prefix", models.CharField(blank=True, max_length=43, verbose_name="net")),
                ("answers", models.BigIntegerField(null=True, unique=True)),
                ("evidence", models.JSONField(default=dict)),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user_id", "purpose", "-id"], name="consent_of_user"),
                    models.Index(
                        condition=models.Q(("visitor", ""), _negated=True),
                        fields=["visitor", "purpose", "-id"],
                        name="consent_of_visitor",
                    ),
                    models.Index(
                        condition=models.Q(("address_key", ""), _negated=True),
                        fields=["address_key", "purpose", "-id"],
                        name="consent_of_address",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("user_id__isnull", False),
                            models.Q(("visitor", ""), _negated=True),
                            models.Q(("address_key", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="consent_of_somebody",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="Suppression",
            fields=[
                (
                    "id",
                    models.UUIDField(
                        default=smartinvoicing.ids.uuid7,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("address_key", models.CharField(max_length=64)),
                (
                    "purpose",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("analytics", "How the service is used"),
                            ("preferences", "Preferences that we need not know"),
                            ("marketing_email", "News by e-mail"),
                            ("marketing_sms", "News by text message"),
                            ("research", "Questions about the service"),
                        ],
                        max_length=20,
                        verbose_name="purpose",
                    ),
                ),
                (
                    "why",
                    models.CharField(
                        choices=[
                            ("withdrew", "Consent withdrawn"),
                            ("erased", "Data erased"),
                            ("complained", "Complained"),
                            ("bounced", "Mail came back"),
                        ],
                        max_length=10,
                        verbose_name="why",
                    ),
                ),
                ("since", models.DateTimeField(verbose_name="since")),
                ("lifted_at", models.DateTimeField(null=True, verbose_name="lifted")),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at", None)),
                        fields=("address_key", "purpose"),
                        name="suppression_once",
                    )
                ],
            },
        ),
        append_only("accounts_consenttext"),
        append_only("accounts_consentevent"),
    ]
