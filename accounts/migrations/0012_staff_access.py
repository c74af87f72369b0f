import datetime

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q

import smartinvoicing.ids
from smartinvoicing.pg.operations import append_only


def _id() -> tuple[str, models.Field]:
    return "id", models.UUIDField(
        default=smartinvoicing.ids.uuid7, editable=False, primary_key=True, serialize=False
    )


def _person(*, is_known: bool) -> models.ForeignKey:
    optional = {} if is_known else {"blank": True, "null": True}
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
        **optional,
    )


def only_these_change(table: str, *columns: str) -> migrations.RunSQL:
    """The role app may add rows and fill in `columns`; nothing else, and never delete."""
    names = ", ".join(f'"{column}"' for column in columns)
    return migrations.RunSQL(
        f"REVOKE UPDATE, DELETE ON {table} FROM app; GRANT UPDATE ({names}) ON {table} TO app",
        f"GRANT UPDATE, DELETE ON {table} TO app",
    )


class Migration(migrations.Migration):
    """When people of ours may look at a business, and each time that they did."""

    dependencies = [("accounts", "0011_consents")]

    operations = [
        migrations.CreateModel(
            name="SupportWindow",
            fields=[
                _id(),
                ("tenant_id", models.UUIDField()),
                ("reason", models.CharField(max_length=300, verbose_name="why")),
                ("document_id", models.UUIDField(blank=True, null=True)),
                ("granted_by", models.CharField(max_length=80)),
                ("granted_at", models.DateTimeField(verbose_name="since")),
                ("until", models.DateTimeField(verbose_name="until")),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                ("ended_by", models.CharField(blank=True, max_length=80)),
            ],
            options={
                "verbose_name": "support window",
                "verbose_name_plural": "support windows",
                "indexes": [
                    models.Index(fields=["tenant_id", "until"], name="supportwindow_of_tenant")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(until__gt=F("granted_at"))
                        & Q(until__lte=F("granted_at") + datetime.timedelta(hours=24)),
                        name="supportwindow_a_day_at_most",
                    ),
                    models.CheckConstraint(
                        condition=Q(ended_at=None, ended_by="")
                        | (Q(ended_at__isnull=False) & ~Q(ended_by="")),
                        name="supportwindow_ended_whole",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="BreakGlass",
            fields=[
                _id(),
                ("tenant_id", models.UUIDField()),
                ("staff", _person(is_known=True)),
                ("reason", models.CharField(max_length=300, verbose_name="why")),
                ("ticket", models.CharField(max_length=80, verbose_name="ticket")),
                ("opened_at", models.DateTimeField(verbose_name="since")),
                ("confirm_by", models.DateTimeField()),
                ("until", models.DateTimeField(verbose_name="until")),
                ("confirmed_by", _person(is_known=False)),
                (
                    "confirmed_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="second person agreed"
                    ),
                ),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "end",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("by_hand", "Ended by hand"),
                            ("alone", "No second person agreed in time"),
                            ("refused", "The second person refused"),
                            ("time", "Its time was over"),
                        ],
                        max_length=10,
                        verbose_name="how it ended",
                    ),
                ),
                (
                    "legal_bar",
                    models.CharField(blank=True, max_length=300, verbose_name="legal bar"),
                ),
                (
                    "told_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="business told"),
                ),
                ("reviewed_by", _person(is_known=False)),
                (
                    "reviewed_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="reviewed"),
                ),
                (
                    "review",
                    models.CharField(
                        blank=True, max_length=300, verbose_name="what the review found"
                    ),
                ),
            ],
            options={
                "verbose_name": "emergency access",
                "verbose_name_plural": "emergency accesses",
                "indexes": [
                    models.Index(fields=["tenant_id", "until"], name="breakglass_of_tenant")
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(until__lte=F("opened_at") + datetime.timedelta(minutes=60))
                        & Q(confirm_by__lte=F("opened_at") + datetime.timedelta(minutes=15)),
                        name="breakglass_an_hour_at_most",
                    ),
                    models.CheckConstraint(
                        condition=(Q(confirmed_by=None) | ~Q(confirmed_by=F("staff")))
                        & (Q(reviewed_by=None) | ~Q(reviewed_by=F("staff"))),
                        name="breakglass_by_another",
                    ),
                    models.CheckConstraint(
                        condition=~Q(legal_bar="") | Q(told_at__isnull=False),
                        name="breakglass_told_or_barred",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffLook",
            fields=[
                _id(),
                ("at", models.DateTimeField(verbose_name="when")),
                ("who", models.CharField(max_length=80, verbose_name="who")),
                ("role", models.CharField(max_length=20, verbose_name="role")),
                (
                    "hat",
                    models.CharField(
                        choices=[
                            ("processor", "for the business"),
                            ("controller", "for ourselves"),
                        ],
                        default="processor",
                        max_length=10,
                        verbose_name="in whose name",
                    ),
                ),
                ("tenant_id", models.UUIDField()),
                ("page", models.CharField(max_length=40, verbose_name="page")),
                (
                    "object_type",
                    models.CharField(blank=True, max_length=40, verbose_name="of what"),
                ),
                ("object_id", models.CharField(blank=True, max_length=40)),
                ("objects_shown", models.JSONField(default=list)),
                ("rows_shown", models.PositiveIntegerField(default=0, verbose_name="rows")),
                ("fields_revealed", models.JSONField(default=list, verbose_name="unmasked")),
                ("purpose", models.CharField(max_length=300, verbose_name="why")),
                ("window_id", models.UUIDField(blank=True, null=True)),
                ("glass_id", models.UUIDField(blank=True, null=True)),
                ("method", models.CharField(max_length=8)),
                ("result", models.PositiveSmallIntegerField(verbose_name="answer")),
            ],
            options={
                "verbose_name": "look of our staff",
                "verbose_name_plural": "looks of our staff",
                "indexes": [
                    models.Index(fields=["-at", "-id"], name="stafflook_newest"),
                    models.Index(fields=["tenant_id", "-at", "-id"], name="stafflook_of_tenant"),
                    models.Index(fields=["who", "at"], name="stafflook_of_person"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=Q(window_id=None, glass_id__isnull=False)
                        | Q(window_id__isnull=False, glass_id=None),
                        name="stafflook_has_one_grant",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="StaffTie",
            fields=[
                _id(),
                ("staff", _person(is_known=True)),
                ("tenant_id", models.UUIDField(verbose_name="business")),
                ("why", models.CharField(max_length=200, verbose_name="why")),
                ("said_by", models.CharField(max_length=80)),
                ("said_at", models.DateTimeField(verbose_name="since")),
            ],
            options={
                "verbose_name": "tie to a business",
                "verbose_name_plural": "ties to businesses",
                "constraints": [
                    models.UniqueConstraint(fields=("staff", "tenant_id"), name="stafftie_once")
                ],
            },
        ),
        append_only("accounts_stafflook"),
        append_only("accounts_stafftie"),
        only_these_change("accounts_supportwindow", "ended_at", "ended_by"),
        only_these_change(
            "accounts_breakglass",
            *("confirmed_by_id", "confirmed_at", "ended_at", "end", "told_at"),
            *("reviewed_by_id", "reviewed_at", "review"),
        ),
    ]
