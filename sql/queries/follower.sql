-- Queries of the follower of references, and of the statistics it keeps fresh.
--
-- One step is one transaction: begin_cursor, lock_cursor, page, then insert_references of
-- writer.sql and move_cursor. The lock makes two processes take turns.

-- name: behind
-- $1 cursor, $2 ledgers at most.  Ledgers with leaves the cursor has not passed.
SELECT heads.ledger_id, heads.size
FROM tequio.heads
LEFT JOIN tequio.cursors ON cursors.ledger_id = heads.ledger_id AND cursors.name = $1
WHERE heads.size > coalesce(cursors.done, 0)
ORDER BY heads.ledger_id
LIMIT $2;

-- name: lag
-- $1 ledger, $2 cursor.  One row, or none: no such ledger.
SELECT heads.size, coalesce(cursors.done, 0) AS done
FROM tequio.heads
LEFT JOIN tequio.cursors ON cursors.ledger_id = $1 AND cursors.name = $2
WHERE heads.ledger_id = $1;

-- name: begin_cursor
-- $1 ledger, $2 cursor.
INSERT INTO tequio.cursors (ledger_id, name, done) VALUES ($1, $2, 0)
ON CONFLICT (ledger_id, name) DO NOTHING;

-- name: lock_cursor
-- $1 ledger, $2 cursor.  One row.
SELECT done FROM tequio.cursors WHERE ledger_id = $1 AND name = $2 FOR UPDATE;

-- name: move_cursor
-- $1 ledger, $2 cursor, $3 how far.
UPDATE tequio.cursors SET done = $3 WHERE ledger_id = $1 AND name = $2;

-- name: page
-- $1 ledger, $2 first leaf index, $3 index after the last, $4 batches at most, $5 bytes after
-- which no more are begun.
SELECT leaf_index, first_sequence, body, outcomes
FROM (
    SELECT leaf_index, first_sequence, posted, body, outcomes,
        sum(octet_length(body)) OVER (ORDER BY leaf_index ROWS UNBOUNDED PRECEDING)
            - octet_length(body) AS bytes_before
    FROM (
        SELECT leaf_index, first_sequence, posted, body, outcomes FROM tequio.batches
        WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3 AND posted > 0
        ORDER BY leaf_index
        LIMIT $4
    ) AS page
) AS measured
WHERE bytes_before < $5
ORDER BY leaf_index;

-- name: size_of_all
-- One row: leaves of all journals.
SELECT coalesce(sum(size), 0)::bigint FROM tequio.heads;

-- name: analyze
ANALYZE
    tequio.heads, tequio.leaves, tequio.batches, tequio.transfers, tequio.transfer_references,
    tequio.links, tequio.account_transfers, tequio.account_days;
