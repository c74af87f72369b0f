import django.db.models.deletion
import smartinvoicing.ids
from django.db import migrations, models

# Lines are written once and go with their ticket alone, which the database sees to: the deletion
# that a foreign key does runs inside a trigger, anybody else's does not. The role purge takes both.
TOGETHER = """
ALTER TABLE privacy_ticketmessage ADD CONSTRAINT ticketmessage_goes_with_its_ticket
    FOREIGN KEY (ticket_id) REFERENCES privacy_ticket (id) ON DELETE CASCADE;
CREATE FUNCTION privacy_ticketmessage_once() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' AND (current_user = 'purge' OR pg_trigger_depth() > 1) THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION '% is append-only (%)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = '23514', CONSTRAINT = 'append_only';
END $f$;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON privacy_ticketmessage
    FOR EACH ROW EXECUTE FUNCTION privacy_ticketmessage_once();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON privacy_ticketmessage
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
REVOKE UPDATE, DELETE ON privacy_ticketmessage FROM app;
"""
NOT_TOGETHER = """
GRANT UPDATE, DELETE ON privacy_ticketmessage TO app;
DROP TRIGGER no_truncate ON privacy_ticketmessage;
DROP TRIGGER append_only ON privacy_ticketmessage;
DROP FUNCTION privacy_ticketmessage_once();
ALTER TABLE privacy_ticketmessage DROP CONSTRAINT ticketmessage_goes_with_its_ticket;
"""


class Migration(migrations.Migration):
    """Questions to our support, and what was said."""

    dependencies = [("privacy", "0010_registers")]

    operations = [
        migrations.CreateModel(
            name="Ticket",
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
                    "channel",
                    models.CharField(
                        choices=[
                            ("form", "Contact form"),
                            ("mail", "Mail"),
                            ("portal", "Own page"),
                        ],
                        max_length=6,
                        verbose_name="came by",
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "Waits for us"),
                            ("waiting", "Waits for the person"),
                            ("answered", "Answered"),
                            ("closed", "Closed"),
                        ],
                        default="open",
                        max_length=8,
                        verbose_name="state",
                    ),
                ),
                ("state_at", models.DateTimeField()),
                ("user_id", models.UUIDField(blank=True, null=True)),
                ("tenant_id", models.UUIDField(blank=True, null=True)),
                ("sealed", models.BinaryField()),
                ("address_key", models.CharField(blank=True, max_length=64)),
                ("language", models.CharField(default="en", max_length=5)),
                ("received_at", models.DateTimeField(verbose_name="received")),
                ("rounds", models.PositiveSmallIntegerField(default=1)),
                ("due_at", models.DateTimeField(null=True, verbose_name="answered by")),
                ("first_answer_at", models.DateTimeField(null=True, verbose_name="first answered")),
                ("closed_at", models.DateTimeField(null=True, verbose_name="closed")),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "open")),
                        fields=["due_at", "id"],
                        name="ticket_waits",
                    ),
                    models.Index(fields=["user_id", "-received_at"], name="ticket_of_user"),
                    models.Index(fields=["tenant_id", "-received_at"], name="ticket_of_tenant"),
                    models.Index(fields=["address_key", "-received_at"], name="ticket_of_address"),
                    models.Index(fields=["closed_at"], name="ticket_by_age"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("state__in", ["open", "waiting", "answered", "closed"])
                        ),
                        name="ticket_state_is_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("closed_at__isnull", False), ("state", "closed")),
                            models.Q(
                                models.Q(("state", "closed"), _negated=True), ("closed_at", None)
                            ),
                            _connector="OR",
                        ),
                        name="ticket_closed_when_closed",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("due_at__isnull", False), ("state", "open")),
                            models.Q(models.Q(("state", "open"), _negated=True), ("due_at", None)),
                            _connector="OR",
                        ),
                        name="ticket_clock_runs_while_open",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("user_id__isnull", False),
                            models.Q(("address_key", ""), _negated=True),
                            _connector="OR",
                        ),
                        name="ticket_has_somebody_to_answer",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="TicketMessage",
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
                (
                    "what",
                    models.CharField(
                        choices=[
                            ("wrote", "Wrote"),
                            ("answered", "Answered"),
                            ("asked", "Asked back"),
                            ("window", "Asked for a support window"),
                            ("handed", "Handed to the privacy desk"),
                            ("closed", "Closed"),
                        ],
                        max_length=8,
                        verbose_name="what",
                    ),
                ),
                ("sealed", models.BinaryField(default=bytes)),
                ("mail_key", models.CharField(blank=True, max_length=64, null=True, unique=True)),
                (
                    "ticket",
                    models.ForeignKey(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="messages",
                        to="privacy.ticket",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["ticket", "at", "id"], name="ticketmessage_in_order")
                ],
            },
        ),
        migrations.RunSQL(TOGETHER, NOT_TOGETHER),
    ]
