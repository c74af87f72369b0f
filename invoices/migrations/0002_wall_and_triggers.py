from django.db import migrations

from smartinvoicing.pg.operations import EnableRLS, append_only

# The pairs of `lifecycle.NEXT` as they were on this day; a test walks all 81.
STEP = """
CREATE FUNCTION invoice_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    free text[];
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.state <> 'draft' THEN
            RAISE EXCEPTION 'a document begins as a draft'
                USING ERRCODE = '23514', CONSTRAINT = 'invoice_begins_as_draft';
        END IF;
        RETURN NEW;
    END IF;
    IF TG_OP = 'DELETE' THEN
        IF OLD.state <> 'draft' THEN
            RAISE EXCEPTION 'a numbered document is never deleted'
                USING ERRCODE = '23514', CONSTRAINT = 'invoice_is_kept';
        END IF;
        RETURN OLD;
    END IF;
    IF OLD.state <> NEW.state AND (OLD.state, NEW.state) NOT IN (
        ('draft', 'queued'),
        ('queued', 'submitting'), ('queued', 'void'),
        ('submitting', 'accepted'), ('submitting', 'rejected'),
        ('submitting', 'uncertain'), ('submitting', 'queued'),
        ('rejected', 'queued'), ('rejected', 'void'),
        ('uncertain', 'accepted'), ('uncertain', 'queued'),
        ('accepted', 'cancel_requested'),
        ('cancel_requested', 'cancelled'), ('cancel_requested', 'accepted')
    ) THEN
        RAISE EXCEPTION 'a document that is % does not become %', OLD.state, NEW.state
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_state_step';
    END IF;
    -- What may still change, by the state the document was in.
    -- (buyer_key is derived, and not yet known in a BEFORE trigger.)
    free := ARRAY['buyer_key'];
    IF OLD.state <> NEW.state THEN
        free := free || ARRAY['state', 'state_at'];
    END IF;
    IF OLD.state IN ('queued', 'submitting', 'uncertain') THEN
        free := free || ARRAY['problems', 'fbr_number', 'fbr_dated', 'accepted_at', 'void_reason'];
    ELSIF OLD.state = 'rejected' THEN
        free := NULL;
        IF (OLD.tenant_id, OLD.legal_entity_id, OLD.environment, OLD.document_type,
            OLD.series_id, OLD.serial, OLD.number, OLD.made_at)
           IS DISTINCT FROM
           (NEW.tenant_id, NEW.legal_entity_id, NEW.environment, NEW.document_type,
            NEW.series_id, NEW.serial, NEW.number, NEW.made_at) THEN
            RAISE EXCEPTION 'a number stays with its document'
                USING ERRCODE = '23514', CONSTRAINT = 'invoice_number_stays';
        END IF;
    ELSIF OLD.state = 'draft' THEN
        free := NULL;
        IF (OLD.id, OLD.tenant_id) IS DISTINCT FROM (NEW.id, NEW.tenant_id) THEN
            RAISE EXCEPTION 'a document stays itself'
                USING ERRCODE = '23514', CONSTRAINT = 'invoice_number_stays';
        END IF;
    END IF;
    IF free IS NOT NULL AND (to_jsonb(OLD) - free) IS DISTINCT FROM (to_jsonb(NEW) - free) THEN
        RAISE EXCEPTION 'an issued document does not change'
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_is_frozen';
    END IF;
    RETURN NEW;
END $f$;

CREATE FUNCTION invoice_line_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
DECLARE
    closed bigint;
BEGIN
    SELECT count(*) INTO closed FROM invoices_invoice i
        WHERE i.id IN (CASE WHEN TG_OP <> 'INSERT' THEN OLD.invoice_id END,
                       CASE WHEN TG_OP <> 'DELETE' THEN NEW.invoice_id END)
          AND i.state NOT IN ('draft', 'rejected');
    IF closed > 0 THEN
        RAISE EXCEPTION 'the lines of an issued document do not change'
            USING ERRCODE = '23514', CONSTRAINT = 'invoice_is_frozen';
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $f$;

CREATE TRIGGER invoice_guard BEFORE INSERT OR UPDATE OR DELETE ON invoices_invoice
    FOR EACH ROW EXECUTE FUNCTION invoice_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON invoices_invoice
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
CREATE TRIGGER invoice_line_guard BEFORE INSERT OR UPDATE OR DELETE ON invoices_invoiceline
    FOR EACH ROW EXECUTE FUNCTION invoice_line_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON invoices_invoiceline
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""
BACK = """
DROP TRIGGER no_truncate ON invoices_invoiceline;
DROP TRIGGER invoice_line_guard ON invoices_invoiceline;
DROP TRIGGER no_truncate ON invoices_invoice;
DROP TRIGGER invoice_guard ON invoices_invoice;
DROP FUNCTION invoice_line_guard();
DROP FUNCTION invoice_guard();
"""

# Numbers never go back: not by a mistake, not by hand.
SERIES = """
CREATE FUNCTION series_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.last = OLD.last + 1
       AND (to_jsonb(OLD) - 'last') = (to_jsonb(NEW) - 'last') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a run of numbers only goes on by one'
        USING ERRCODE = '23514', CONSTRAINT = 'series_goes_on';
END $f$;
CREATE TRIGGER series_guard BEFORE UPDATE OR DELETE ON invoices_series
    FOR EACH ROW EXECUTE FUNCTION series_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON invoices_series
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""
NO_SERIES = """
DROP TRIGGER no_truncate ON invoices_series;
DROP TRIGGER series_guard ON invoices_series;
DROP FUNCTION series_guard();
"""


# A copy of a numbered document is evidence of what the buyer was given; a draft's is a scrap.
COPIES = """
REVOKE UPDATE ON invoices_invoicepdf FROM app;
CREATE FUNCTION copy_guard() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
    IF TG_OP = 'DELETE' AND (OLD.shows = 'draft' OR current_user = 'purge') THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the copies of a numbered document are kept'
        USING ERRCODE = '23514', CONSTRAINT = 'append_only';
END $f$;
CREATE TRIGGER copy_guard BEFORE UPDATE OR DELETE ON invoices_invoicepdf
    FOR EACH ROW EXECUTE FUNCTION copy_guard();
CREATE TRIGGER no_truncate BEFORE TRUNCATE ON invoices_invoicepdf
    FOR EACH STATEMENT EXECUTE FUNCTION append_only();
"""
NO_COPIES = """
DROP TRIGGER no_truncate ON invoices_invoicepdf;
DROP TRIGGER copy_guard ON invoices_invoicepdf;
DROP FUNCTION copy_guard();
GRANT UPDATE ON invoices_invoicepdf TO app;
"""


class Migration(migrations.Migration):
    """Row security, the state machine in the database, frozen documents, gap-free runs."""

    dependencies = [("invoices", "0001_initial"), ("accounts", "0002_tenant_wall")]

    operations = [
        *(
            EnableRLS(name)
            for name in (
                "Buyer",
                "Product",
                "Series",
                "Invoice",
                "InvoiceLine",
                "InvoiceEvent",
                "InvoicePdf",
            )
        ),
        append_only("invoices_invoiceevent"),
        migrations.RunSQL(COPIES, NO_COPIES),
        migrations.RunSQL(STEP, BACK),
        migrations.RunSQL(SERIES, NO_SERIES),
        # FBR's lists are changed by migrations and the sync, not by requests.
        migrations.RunSQL(
            "REVOKE DELETE ON invoices_hscode, invoices_unit, invoices_ratetext FROM app",
            "GRANT DELETE ON invoices_hscode, invoices_unit, invoices_ratetext TO app",
        ),
    ]
