from django.db import migrations

# What was said about a request may be emptied, and nothing else of its history ever changes: its
# words go with those of the request, when its person is erased.
GO = """
CREATE FUNCTION privacy_requestevent_once() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' AND current_user = 'purge' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.sealed = ''
       AND (to_jsonb(OLD) - 'sealed') = (to_jsonb(NEW) - 'sealed')
       AND EXISTS (SELECT 1 FROM privacy_subjectrequest r
                   WHERE r.id = OLD.request_id AND r.sealed = '') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% is append-only (%)', TG_TABLE_NAME, TG_OP
        USING ERRCODE = '23514', CONSTRAINT = 'append_only';
END $f$;
DROP TRIGGER append_only ON privacy_requestevent;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON privacy_requestevent
    FOR EACH ROW EXECUTE FUNCTION privacy_requestevent_once();
GRANT UPDATE (sealed) ON privacy_requestevent TO app;
"""
STAY = """
REVOKE UPDATE (sealed) ON privacy_requestevent FROM app;
DROP TRIGGER append_only ON privacy_requestevent;
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON privacy_requestevent
    FOR EACH ROW EXECUTE FUNCTION append_only();
DROP FUNCTION privacy_requestevent_once();
"""


class Migration(migrations.Migration):
    """What is told in the history of a request goes with its person."""

    dependencies = [("privacy", "0016_holds_beside_the_wall")]

    operations = [migrations.RunSQL(GO, STAY)]
