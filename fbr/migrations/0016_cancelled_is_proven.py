from django.db import migrations

# As in 0011, and without exception: cancelled is what a confirmed request says, and nothing else.
PROVEN = """
CREATE OR REPLACE FUNCTION invoice_cancel_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    is_confirmed boolean := EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id
                                    AND c.confirmed_at IS NOT NULL);
BEGIN
    IF EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id
               AND c.confirmed_at IS NULL AND c.refused_at IS NULL) THEN
        RAISE EXCEPTION 'the cancellation of this document is still open'
            USING ERRCODE = '23514', CONSTRAINT = 'cancel_is_proven';
    END IF;
    IF (NEW.state = 'cancelled') IS DISTINCT FROM is_confirmed THEN
        RAISE EXCEPTION 'this is not how the cancellation of this document ended'
            USING ERRCODE = '23514', CONSTRAINT = 'cancel_is_proven';
    END IF;
    RETURN NEW;
END $f$;
"""
AS_BEFORE = """
CREATE OR REPLACE FUNCTION invoice_cancel_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id
               AND c.confirmed_at IS NULL AND c.refused_at IS NULL) THEN
        RAISE EXCEPTION 'the cancellation of this document is still open'
            USING ERRCODE = '23514', CONSTRAINT = 'cancel_is_proven';
    END IF;
    IF EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id)
       AND (NEW.state = 'cancelled') IS DISTINCT FROM
           EXISTS (SELECT FROM fbr_cancellation c WHERE c.invoice_id = NEW.id
                   AND c.confirmed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'this is not how the cancellation of this document ended'
            USING ERRCODE = '23514', CONSTRAINT = 'cancel_is_proven';
    END IF;
    RETURN NEW;
END $f$;
"""


class Migration(migrations.Migration):
    """A document without any request could be marked as cancelled by hand."""

    dependencies = [("fbr", "0015_more_alerts")]

    operations = [migrations.RunSQL(PROVEN, AS_BEFORE)]
