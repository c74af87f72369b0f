import django.db.models.deletion
import smartinvoicing.ids
from django.db import migrations, models

from smartinvoicing.pg.operations import EnableRLS

# The dispatcher's cousin again: which notices nobody has mailed yet, ids only.
TO_MAIL = """
CREATE POLICY watch ON accounts_notice FOR SELECT TO owner USING (true);
CREATE FUNCTION accounts_notices_to_mail(instant timestamptz, n int)
RETURNS TABLE (tenant_id uuid, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public AS $$
    SELECT a.tenant_id, a.id FROM accounts_notice a
    WHERE a.mailed_at IS NULL AND a.cleared_at IS NULL AND a.mail_after <= instant
      AND a.posted_at > instant - interval '3 days'
    ORDER BY a.posted_at, a.id LIMIT n
$$;
"""
NOT_TO_MAIL = """
DROP FUNCTION accounts_notices_to_mail(timestamptz, int);
DROP POLICY watch ON accounts_notice;
"""


class Migration(migrations.Migration):
    """What the bell rings for, behind the wall; its mail waits in the same row."""

    dependencies = [("accounts", "0007_audit_chain")]

    operations = [
        migrations.CreateModel(
            name="Notice",
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
                    "kind",
                    models.CharField(
                        choices=[
                            ("uncertain", "Nobody knows whether FBR has this document"),
                            ("claim_waits", "A second person is asked"),
                            ("duplicate_suspect", "A document looks like a duplicate"),
                            ("double_reported", "A document was reported twice"),
                            ("rejected", "FBR refused a document"),
                            ("credential_held", "FBR refused the token"),
                            ("token_ends", "A token runs out"),
                            ("outage", "FBR is away"),
                            ("waits_long", "A document waits for long"),
                            ("deadline_near", "A deadline to report is near"),
                            ("deadline_passed", "A deadline to report has passed"),
                            ("incident_due", "FBR must be told of an incident"),
                            ("cancel_window", "A cancellation must be done in time"),
                            ("signature_broken", "A signature does not fit its document"),
                            ("closing_late", "A day, week or month is not closed"),
                            ("quarantined", "Documents were set aside after a restore"),
                        ],
                        max_length=20,
                    ),
                ),
                ("object_type", models.CharField(max_length=40)),
                ("object_id", models.UUIDField()),
                ("facts", models.JSONField(default=dict)),
                ("step", models.CharField(blank=True, max_length=20)),
                ("posted_at", models.DateTimeField()),
                ("due_at", models.DateTimeField(null=True)),
                ("cleared_at", models.DateTimeField(null=True)),
                ("mail_after", models.DateTimeField()),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "tenant",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.tenant",
                    ),
                ),
            ],
            options={
                "abstract": False,
                "base_manager_name": "objects",
                "indexes": [
                    models.Index(
                        condition=models.Q(("cleared_at", None), ("mailed_at", None)),
                        fields=["mail_after"],
                        name="notice_to_mail",
                    )
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("tenant", "id"), name="accounts_notice_tenant_id"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("cleared_at", None)),
                        fields=("tenant", "kind", "object_type", "object_id"),
                        name="notice_once_while_open",
                    ),
                ],
            },
        ),
        EnableRLS("Notice"),
        migrations.RunSQL(TO_MAIL, NOT_TO_MAIL),
    ]
