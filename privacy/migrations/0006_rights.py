import django.db.models.deletion
import smartinvoicing.ids
from django.db import migrations, models

from smartinvoicing.pg.operations import append_only

# Who is no user proves a fact of an invoice before any business is known: ids only, five at most.
FOUND = """
CREATE POLICY rights ON invoices_invoice FOR SELECT TO owner USING (true);
CREATE FUNCTION privacy_invoices_said(fbr text, ours text, amount numeric, day date)
RETURNS TABLE (tenant_id uuid, invoice_id uuid, buyer_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT a.tenant_id, a.id, a.buyer_id FROM invoices_invoice a
    WHERE (fbr <> '' AND a.fbr_number = fbr)
       OR (fbr = '' AND ours <> '' AND a.number = ours AND a.number <> ''
           AND (a.total = amount OR a.invoice_date = day))
    ORDER BY a.id LIMIT 5
$$;
"""
NOT_FOUND = """
DROP FUNCTION privacy_invoices_said(text, text, numeric, date);
DROP POLICY rights ON invoices_invoice;
"""


def keeps(table: str) -> migrations.RunSQL:
    """No row of it is deleted by whoever serves."""
    return migrations.RunSQL(
        f"REVOKE DELETE ON {table} FROM app", f"GRANT DELETE ON {table} TO app"
    )


class Migration(migrations.Migration):
    """Requests of persons: what they ask, what happened, who proved what, files handed out."""

    dependencies = [("privacy", "0005_policies"), ("invoices", "0009_people")]

    operations = [
        migrations.CreateModel(
            name="SubjectRequest",
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
                (
                    "type",
                    models.CharField(
                        choices=[
                            ("access", "See my data"),
                            ("portability", "Take my data along"),
                            ("rectification", "Correct my data"),
                            ("erasure", "Erase my data"),
                            ("restriction", "Set my data aside"),
                            ("objection", "Object to a use of my data"),
                            ("withdrawal", "Withdraw a consent"),
                            ("complaint", "Complain"),
                            ("why", "Ask why my data is still held"),
                        ],
                        max_length=14,
                        verbose_name="asks for",
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[
                            ("profile", "Own page"),
                            ("form", "Public form"),
                            ("mailbox", "Mailbox"),
                            ("staff", "Entered by staff"),
                        ],
                        max_length=8,
                        verbose_name="came by",
                    ),
                ),
                ("subject_kind", models.CharField(max_length=8)),
                (
                    "hat",
                    models.CharField(
                        choices=[
                            ("controller", "We decide"),
                            ("processor", "The business decides"),
                        ],
                        default="controller",
                        max_length=10,
                        verbose_name="who decides",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("received", "Received"),
                            ("identity_pending", "Waits for a proof of identity"),
                            ("in_progress", "Being worked on"),
                            ("waiting_controller", "Waits for the business"),
                            ("waiting_subject", "Waits for the person"),
                            ("done", "Done"),
                            ("refused", "Refused"),
                            ("withdrawn", "Taken back"),
                        ],
                        default="received",
                        max_length=20,
                        verbose_name="state",
                    ),
                ),
                ("state_at", models.DateTimeField()),
                ("tenant_id", models.UUIDField(blank=True, null=True)),
                ("user_id", models.UUIDField(blank=True, null=True)),
                ("buyer_id", models.UUIDField(blank=True, null=True)),
                ("sealed", models.BinaryField()),
                ("address_key", models.CharField(blank=True, max_length=64)),
                ("mail_key", models.CharField(blank=True, max_length=64, null=True, unique=True)),
                ("language", models.CharField(default="en", max_length=5)),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("due_at", models.DateTimeField(verbose_name="late from")),
                ("human_due_at", models.DateTimeField()),
                ("human_at", models.DateTimeField(blank=True, null=True, verbose_name="looked at")),
                ("looked_up_at", models.DateTimeField(blank=True, null=True)),
                ("proof_asked_at", models.DateTimeField(blank=True, null=True)),
                (
                    "proved_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="identity proved"),
                ),
                (
                    "forwarded_at",
                    models.DateTimeField(
                        blank=True, null=True, verbose_name="handed to the business"
                    ),
                ),
                (
                    "extended_at",
                    models.DateTimeField(blank=True, null=True, verbose_name="extended"),
                ),
                ("closed_at", models.DateTimeField(blank=True, null=True, verbose_name="closed")),
                ("handled_by", models.CharField(blank=True, max_length=80)),
                (
                    "resumes_on",
                    models.DateField(blank=True, null=True, verbose_name="goes on by itself on"),
                ),
                ("receipt", models.JSONField(default=dict)),
                (
                    "duplicate_of",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="duplicates",
                        to="privacy.subjectrequest",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="RequestEvent",
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
                ("at", models.DateTimeField(verbose_name="when")),
                ("by", models.CharField(max_length=80, verbose_name="who")),
                ("what", models.CharField(max_length=24, verbose_name="what")),
                ("was", models.CharField(blank=True, max_length=20)),
                ("became", models.CharField(blank=True, max_length=20)),
                ("sealed", models.BinaryField(default=bytes)),
                ("facts", models.JSONField(default=dict)),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="events",
                        to="privacy.subjectrequest",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="IdentityProof",
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
                (
                    "method",
                    models.CharField(
                        choices=[
                            ("session", "Signed in and proved again"),
                            ("code", "Code to an address"),
                            (
                                "code_and_fact",
                                "Fact of an invoice, and code to the address we hold",
                            ),
                            ("staff", "Checked by a person"),
                        ],
                        max_length=14,
                        verbose_name="how",
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("waiting", "Waits for the code"),
                            ("proved", "Proved"),
                            ("failed", "Too many wrong codes"),
                            ("expired", "Ran out"),
                        ],
                        max_length=8,
                        verbose_name="outcome",
                    ),
                ),
                ("code_hash", models.CharField(blank=True, max_length=64)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("made_at", models.DateTimeField(verbose_name="begun")),
                ("expires_at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(blank=True, null=True, verbose_name="ended")),
                (
                    "request",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="proofs",
                        to="privacy.subjectrequest",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ExportFile",
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
                ("subject_kind", models.CharField(max_length=8)),
                ("user_id", models.UUIDField(blank=True, null=True)),
                ("tenant_id", models.UUIDField(blank=True, null=True)),
                ("buyer_id", models.UUIDField(blank=True, null=True)),
                ("asked_by", models.UUIDField(blank=True, null=True)),
                ("categories", models.JSONField(default=list)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("waiting", "Waits"),
                            ("building", "Being put together"),
                            ("ready", "Ready"),
                            ("gone", "Gone"),
                            ("failed", "Failed"),
                        ],
                        default="waiting",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("done", models.PositiveIntegerField(default=0)),
                ("total", models.PositiveIntegerField(default=0)),
                ("name", models.CharField(blank=True, max_length=120)),
                ("size", models.PositiveBigIntegerField(default=0)),
                ("sha256", models.CharField(blank=True, max_length=64)),
                ("asked_at", models.DateTimeField(verbose_name="asked")),
                ("ready_at", models.DateTimeField(blank=True, null=True, verbose_name="ready")),
                ("expires_at", models.DateTimeField(blank=True, null=True, verbose_name="until")),
                ("lease_until", models.DateTimeField(blank=True, null=True)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                (
                    "downloads",
                    models.PositiveSmallIntegerField(default=0, verbose_name="downloads"),
                ),
                (
                    "request",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="exports",
                        to="privacy.subjectrequest",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="subjectrequest",
            index=models.Index(
                condition=models.Q(("closed_at", None)),
                fields=["due_at", "id"],
                name="request_open",
            ),
        ),
        migrations.AddIndex(
            model_name="subjectrequest",
            index=models.Index(fields=["user_id", "-received_at"], name="request_of_user"),
        ),
        migrations.AddIndex(
            model_name="subjectrequest",
            index=models.Index(fields=["tenant_id", "-received_at"], name="request_of_tenant"),
        ),
        migrations.AddIndex(
            model_name="subjectrequest",
            index=models.Index(fields=["address_key", "-received_at"], name="request_of_address"),
        ),
        migrations.AddIndex(
            model_name="subjectrequest",
            index=models.Index(fields=["-received_at", "-id"], name="request_newest"),
        ),
        migrations.AddConstraint(
            model_name="subjectrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "state__in",
                        [
                            "received",
                            "identity_pending",
                            "in_progress",
                            "waiting_controller",
                            "waiting_subject",
                            "done",
                            "refused",
                            "withdrawn",
                        ],
                    )
                ),
                name="request_state_is_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="subjectrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("state__in", ["done", "refused", "withdrawn"]),
                        ("closed_at__isnull", False),
                    ),
                    models.Q(
                        models.Q(("state__in", ["done", "refused", "withdrawn"]), _negated=True),
                        ("closed_at", None),
                    ),
                    _connector="OR",
                ),
                name="request_closed_when_ended",
            ),
        ),
        migrations.AddConstraint(
            model_name="subjectrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("hat", "controller"), ("tenant_id__isnull", False), _connector="OR"
                ),
                name="request_of_a_business",
            ),
        ),
        migrations.AddConstraint(
            model_name="subjectrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "waiting_controller"), _negated=True),
                    models.Q(("forwarded_at__isnull", False), ("hat", "processor")),
                    _connector="OR",
                ),
                name="request_waits_for_a_business",
            ),
        ),
        migrations.AddIndex(
            model_name="requestevent",
            index=models.Index(fields=["request", "at", "id"], name="requestevent_in_order"),
        ),
        migrations.AddConstraint(
            model_name="identityproof",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ended_at", None), ("outcome", "waiting")),
                    models.Q(
                        models.Q(("outcome", "waiting"), _negated=True),
                        ("code_hash", ""),
                        ("ended_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="proof_keeps_no_code",
            ),
        ),
        migrations.AddConstraint(
            model_name="identityproof",
            constraint=models.CheckConstraint(
                condition=models.Q(("tries__lte", 5)), name="proof_five_tries"
            ),
        ),
        migrations.AddConstraint(
            model_name="identityproof",
            constraint=models.UniqueConstraint(
                condition=models.Q(("outcome", "waiting")),
                fields=("request",),
                name="proof_one_at_a_time",
            ),
        ),
        migrations.AddIndex(
            model_name="exportfile",
            index=models.Index(
                condition=models.Q(("state__in", ["waiting", "building"])),
                fields=["asked_at", "id"],
                name="export_to_build",
            ),
        ),
        migrations.AddIndex(
            model_name="exportfile",
            index=models.Index(fields=["user_id", "-asked_at"], name="export_of_user"),
        ),
        migrations.AddIndex(
            model_name="exportfile",
            index=models.Index(fields=["tenant_id", "-asked_at"], name="export_of_tenant"),
        ),
        migrations.AddConstraint(
            model_name="exportfile",
            constraint=models.CheckConstraint(
                condition=models.Q(("downloads__lte", 3)), name="export_three_downloads"
            ),
        ),
        migrations.AddConstraint(
            model_name="exportfile",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("state", "ready"), _negated=True),
                    models.Q(("expires_at__isnull", False), models.Q(("name", ""), _negated=True)),
                    _connector="OR",
                ),
                name="export_ready_has_a_file",
            ),
        ),
        append_only("privacy_requestevent"),
        keeps("privacy_subjectrequest"),
        keeps("privacy_identityproof"),
        migrations.RunSQL(FOUND, NOT_FOUND),
    ]
