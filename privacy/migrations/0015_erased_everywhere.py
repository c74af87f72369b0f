from django.db import migrations, models
from django.db.models import Q

# Where a person ever did something, member or not: ids of businesses, and nothing about them.
ACTED = """
CREATE FUNCTION privacy_businesses_of(whom uuid) RETURNS TABLE (tenant_id uuid)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public AS $f$
DECLARE
    before text := current_setting('app.across', true);
BEGIN
    PERFORM set_config('app.across', 'on', true);
    RETURN QUERY
        SELECT DISTINCT e.tenant_id FROM accounts_auditevent e WHERE e.actor = 'user:' || whom;
    PERFORM set_config('app.across', coalesce(before, ''), true);
END $f$;
"""
TRUE = (
    Q(state="begun", done_at=None)
    | Q(state="held", resumes_on__isnull=False, done_at__isnull=False)
    | Q(state="done", done_at__isnull=False, user_id=None, buyer_id=None, sealed=b"")
)


class Migration(migrations.Migration):
    """An erasure reaches the businesses that somebody left, and knows its address until it ends."""

    dependencies = [("privacy", "0014_field_use"), ("accounts", "0016_audit_of_person")]

    operations = [
        migrations.RunSQL(ACTED, "DROP FUNCTION privacy_businesses_of(uuid);"),
        migrations.AddField(
            model_name="erasure",
            name="sealed",
            field=models.BinaryField(default=bytes),
        ),
        migrations.RemoveConstraint(model_name="erasure", name="erasure_state_is_true"),
        migrations.AddConstraint(
            model_name="erasure",
            constraint=models.CheckConstraint(condition=TRUE, name="erasure_state_is_true"),
        ),
    ]
