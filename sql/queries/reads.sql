-- Queries of readers. They lock nothing and see committed rows only.
--
-- Absent conditions are NULL: every plan is made for its values, so they fall away. What
-- accounts did is in accounts.sql.

-- name: transfers
-- $1 ledger, $2 after which sequence, $3 first and $4 last business date or NULL each, $5 at
-- most.
SELECT sequence, debit_account, credit_account, amount, debit_balance, credit_balance,
    batch_number, position, business_date, phase
FROM tequio.transfers
WHERE ledger_id = $1
    AND sequence > $2
    AND ($3::date IS NULL OR business_date >= $3)
    AND ($4::date IS NULL OR business_date <= $4)
ORDER BY sequence
LIMIT $5;

-- name: by_reference
-- $1 ledger, $2 reference, $3 at most.
SELECT transfers.sequence, debit_account, credit_account, amount, debit_balance,
    credit_balance, batch_number, position, business_date, phase
FROM (
    SELECT sequence FROM tequio.transfer_references
    WHERE ledger_id = $1 AND reference = $2
    ORDER BY sequence
    LIMIT $3
) AS found
JOIN tequio.transfers ON transfers.ledger_id = $1 AND transfers.sequence = found.sequence
ORDER BY transfers.sequence;

-- name: details
-- $1 ledger, $2 sequences.
SELECT sequence, text FROM tequio.details
WHERE ledger_id = $1 AND sequence = ANY ($2::bigint[]);

-- name: links
-- $1 ledger, $2 sequences.  Those from and to any of them, in order.
SELECT target, sequence, amount FROM tequio.links
WHERE ledger_id = $1 AND (target = ANY ($2::bigint[]) OR sequence = ANY ($2::bigint[]))
ORDER BY sequence;

-- name: resolutions
-- $1 ledger, $2 sequences of holds.  In the order of their rows, an expiry first.
SELECT target, sequence, amount, what FROM tequio.resolutions
WHERE ledger_id = $1 AND target = ANY ($2::bigint[])
ORDER BY target, sequence;

-- name: size
-- $1 ledger.  One row, or none.
SELECT size FROM tequio.heads WHERE ledger_id = $1;

-- name: rows_below
-- $1 ledger, $2 leaf index.  The last sequence below it; one row, or none.
SELECT first_sequence + posted - 1
FROM tequio.batches
WHERE ledger_id = $1 AND leaf_index < $2 AND number IS NOT NULL
ORDER BY leaf_index DESC
LIMIT 1;

-- name: closings
-- $1 ledger, $2 first and $3 last business date as text, $4 at most.  In order of dates.
SELECT leaf_index, line
FROM (
    SELECT leaf_index, line, convert_from(line, 'UTF8')::jsonb ->> 'date' AS day
    FROM tequio.leaves
    WHERE ledger_id = $1 AND position('"line":"day_closed"'::bytea IN line) > 0
) AS closings
WHERE day BETWEEN $2 AND $3
ORDER BY day
LIMIT $4;

-- name: reclosings
-- $1 ledger, $2 year, $3 month.  In order.
SELECT leaf_index, line
FROM tequio.leaves
WHERE ledger_id = $1
    AND position('"line":"period"'::bytea IN line) > 0
    AND position('"late":['::bytea IN line) > 0
    AND (convert_from(line, 'UTF8')::jsonb ->> 'year')::integer = $2
    AND (convert_from(line, 'UTF8')::jsonb ->> 'month')::integer = $3
ORDER BY leaf_index;

-- name: lines_at
-- $1 ledger, $2 indexes.
SELECT leaf_index, line FROM tequio.leaves
WHERE ledger_id = $1 AND leaf_index = ANY ($2::bigint[]);

-- name: dispute_ends
-- $1 ledger, $2 after which leaf, $3 at most.  In order.
SELECT leaf_index, line
FROM tequio.leaves
WHERE ledger_id = $1
    AND position('"line":"dispute_ended"'::bytea IN line) > 0
    AND leaf_index > $2
ORDER BY leaf_index
LIMIT $3;

-- name: changes_of
-- $1 ledger, $2 $3 what the leaf begins with, and what comes after all that do, $4 after which
-- leaf, $5 at most.  In order.
SELECT leaf_index, line
FROM tequio.leaves
WHERE ledger_id = $1
    AND substring(line FROM 1 FOR 11) = '{"account":'::bytea
    AND position('"line":"refused"'::bytea IN line) = 0
    AND substring(line FROM 1 FOR 28) >= $2
    AND substring(line FROM 1 FOR 28) < $3
    AND leaf_index > $4
ORDER BY leaf_index
LIMIT $5;

-- name: opening_of
-- $1 ledger, $2 account.  One row.
SELECT line
FROM tequio.accounts
JOIN tequio.leaves USING (ledger_id, leaf_index)
WHERE ledger_id = $1
    AND number = $2;
