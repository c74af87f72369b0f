-- What must be true of one business: (rule, about what, its id, what is wrong), all of one moment.
-- One statement, so that work under way is seen before or after its commit, never in between.

WITH i AS NOT MATERIALIZED (SELECT * FROM invoices_invoice WHERE tenant_id = %(tenant)s),
w AS NOT MATERIALIZED (SELECT * FROM fbr_outbox WHERE tenant_id = %(tenant)s),
a AS NOT MATERIALIZED (SELECT * FROM fbr_attempt WHERE tenant_id = %(tenant)s),
e AS NOT MATERIALIZED (SELECT * FROM invoices_invoiceevent WHERE tenant_id = %(tenant)s),
s AS NOT MATERIALIZED (SELECT * FROM invoices_series WHERE tenant_id = %(tenant)s),
gap AS NOT MATERIALIZED (SELECT * FROM fbr_numbergap WHERE tenant_id = %(tenant)s),
proof AS NOT MATERIALIZED (
    SELECT invoice_id, fbr_number FROM fbr_evidence
    WHERE tenant_id = %(tenant)s AND fbr_number <> ''
),
reported (state) AS (VALUES ('accepted'), ('cancel_requested'), ('cancelled'))

-- R1: at most once at FBR -------------------------------------------------------------------------

SELECT 'R1', 'invoice', min(i.id::text), count(*) || ' documents hold one number of FBR''s'
FROM i WHERE i.fbr_number <> ''
GROUP BY i.environment, i.fbr_number HAVING count(*) > 1

UNION ALL
SELECT 'R1', 'invoice', a.invoice_id::text, count(*) || ' attempts were accepted'
FROM a WHERE a.outcome = 'accepted'
GROUP BY a.invoice_id HAVING count(*) > 1

UNION ALL
SELECT 'R1', 'invoice', i.id::text,
       i.state || ', but no attempt was accepted and nothing else proves it'
FROM i
WHERE i.state IN (SELECT state FROM reported)
  AND NOT EXISTS (SELECT FROM a WHERE a.invoice_id = i.id AND a.outcome = 'accepted')
  AND NOT EXISTS (SELECT FROM proof p WHERE p.invoice_id = i.id AND p.fbr_number = i.fbr_number)

UNION ALL
SELECT 'R1', 'invoice', i.id::text, i.state || ', but an attempt of it was accepted'
FROM i JOIN a ON a.invoice_id = i.id AND a.outcome = 'accepted'
WHERE i.state NOT IN (SELECT state FROM reported)

UNION ALL
SELECT 'R24', 'invoice', i.id::text, 'cancelled, but no request with its proof says so'
FROM i
WHERE i.state = 'cancelled' AND NOT EXISTS (
    SELECT FROM fbr_cancellation c WHERE c.invoice_id = i.id AND c.confirmed_at IS NOT NULL)

-- R5: one attempt at a time -----------------------------------------------------------------------

UNION ALL
SELECT 'R5', 'invoice', a.invoice_id::text, count(*) || ' attempts are open'
FROM a WHERE a.finished_at IS NULL
GROUP BY a.invoice_id HAVING count(*) > 1

UNION ALL
SELECT 'R5', 'attempt', a.id::text,
       'open, but its document is ' || i.state || ' and its work ' || w.state
       || ' at attempt ' || w.attempt_no
FROM a JOIN i ON i.id = a.invoice_id JOIN w ON w.id = a.work_id
WHERE a.finished_at IS NULL
  AND (i.state, w.state, w.attempt_no) <> ('submitting', 'sending', a.attempt_no)

UNION ALL
SELECT 'R5', 'invoice', i.id::text, 'submitting, but no attempt is open'
FROM i
WHERE i.state = 'submitting'
  AND NOT EXISTS (SELECT FROM a WHERE a.invoice_id = i.id AND a.finished_at IS NULL)

UNION ALL
SELECT 'R5', 'attempt', a.id::text,
       'attempt ' || a.attempt_no || ' of work at attempt ' || w.attempt_no
FROM a JOIN w ON w.id = a.work_id
WHERE a.attempt_no > w.attempt_no

-- A document and its work say the same ------------------------------------------------------------

UNION ALL
SELECT 'states', 'invoice', i.id::text,
       i.state || ', but its open work is ' || coalesce(o.states, 'none')
FROM i LEFT JOIN (
    SELECT w.invoice_id, string_agg(w.state, ' and ' ORDER BY w.version) AS states
    FROM w WHERE w.state <> 'done' GROUP BY 1
) o ON o.invoice_id = i.id
WHERE coalesce(o.states, '') <> CASE i.state
    WHEN 'queued' THEN 'waiting' WHEN 'submitting' THEN 'sending' WHEN 'uncertain' THEN 'stopped'
    ELSE '' END

-- Each save raises the version: only what is not issued, or not issued again, may be ahead of FBR.
UNION ALL
SELECT 'states', 'invoice', i.id::text,
       'version ' || i.version || ', but its newest work is ' || coalesce(n.version::text, 'none')
FROM i LEFT JOIN (
    SELECT w.invoice_id, max(w.version) AS version FROM w GROUP BY 1
) n ON n.invoice_id = i.id
WHERE CASE
    WHEN i.state = 'draft' THEN n.version IS NOT NULL
    WHEN i.state IN ('rejected', 'void') THEN coalesce(n.version, 0) NOT BETWEEN 1 AND i.version
    ELSE coalesce(n.version, 0) <> i.version END

UNION ALL
SELECT 'states', 'work', w.id::text,
       'for ' || w.environment || ' ' || w.channel || ', its document for '
       || i.environment || ' ' || i.channel
FROM w JOIN i ON i.id = w.invoice_id
WHERE (w.environment, w.channel) <> (i.environment, i.channel)

-- Each event leaves one state and enters another: what was entered once more than left is where
-- the document stands. That holds in whatever order the events of several machines sort.
UNION ALL
SELECT 'states', 'invoice', i.id::text,
       i.state || ', but its events end at ' || coalesce(walked.at, 'draft')
FROM i LEFT JOIN (
    SELECT step.invoice_id, string_agg(step.state, ' and ' ORDER BY step.state) AS at
    FROM (
        SELECT e.invoice_id, m.state
        FROM e CROSS JOIN LATERAL (VALUES (e.became, 1), (e.was, -1)) m (state, by)
        GROUP BY 1, 2
        HAVING sum(m.by) <> CASE m.state WHEN 'draft' THEN -1 ELSE 0 END
    ) step
    GROUP BY 1
) walked ON walked.invoice_id = i.id
WHERE coalesce(walked.at, 'draft') <> i.state

-- Leases --------------------------------------------------------------------------------------------

UNION ALL
SELECT 'leases', 'work', w.id::text, 'being sent without a lease'
FROM w WHERE w.state = 'sending' AND w.lease_until IS NULL

UNION ALL
SELECT 'leases', 'work', w.id::text, w.state || ', but leased'
FROM w WHERE w.state IN ('done', 'stopped') AND (w.lease_until IS NOT NULL OR w.leased_by <> '')

UNION ALL
SELECT 'leases', 'work', w.id::text, 'being sent since long after its lease ended'
FROM w WHERE w.state = 'sending' AND w.lease_until < clock_timestamp() - interval '15 minutes'

-- R11: numbers without gaps, each once; of runs whose documents law cannot have let go yet -----------

UNION ALL
SELECT 'R11', 'series', s.id::text,
       'the last number is ' || s.last || ', but ' || coalesce(n.held, 0) || ' documents hold '
       || coalesce(n.numbers, 0) || ' numbers up to ' || coalesce(n.highest, 0)
       || ', and ' || coalesce(g.given_up, 0) || ' are written down as given to nobody'
FROM s LEFT JOIN (
    SELECT i.series_id, count(*) AS held, count(DISTINCT i.serial) AS numbers,
           max(i.serial) AS highest
    FROM i WHERE i.series_id IS NOT NULL GROUP BY 1
) n ON n.series_id = s.id LEFT JOIN (
    SELECT gap.series_id, sum(gap.last - gap.first + 1) AS given_up FROM gap GROUP BY 1
) g ON g.series_id = s.id
WHERE s.year > extract(year FROM now()) - 6
  AND (coalesce(n.highest, 0) > s.last
       OR (coalesce(n.held, 0), coalesce(n.numbers, 0))
          <> (s.last - coalesce(g.given_up, 0), s.last - coalesce(g.given_up, 0)))

UNION ALL
SELECT 'R11', 'invoice', i.id::text, 'its number is written down as given to nobody'
FROM i JOIN gap ON gap.series_id = i.series_id AND i.serial BETWEEN gap.first AND gap.last

UNION ALL
SELECT 'R11', 'invoice', min(i.id::text),
       count(*) || ' documents of one taxpayer are called ' || i.number
FROM i WHERE i.number <> ''
GROUP BY i.legal_entity_id, i.environment, i.number HAVING count(*) > 1

UNION ALL
SELECT 'R11', 'invoice', i.id::text, 'numbered outside any run'
FROM i WHERE i.state <> 'draft' AND i.series_id IS NULL

-- R13: what was issued is what was sent ---------------------------------------------------------------

UNION ALL
SELECT 'R13', 'work', w.id::text, 'its bytes are not those that were issued'
FROM w WHERE encode(sha256(w.body), 'hex') <> w.body_sha256

UNION ALL
SELECT 'R13', 'attempt', a.id::text, 'it sent other bytes than its work holds'
FROM a JOIN w ON w.id = a.work_id
WHERE (a.body_sha256, a.invoice_id) <> (w.body_sha256, w.invoice_id)
