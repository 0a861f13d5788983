-- Queries of the indexer, which keeps what accounts did, behind the journal.
--
-- One step is one transaction: the set_*, begin_cursor and lock_cursor of follower.sql, the
-- clear_* where the cursor is at 0, last_sequence, a COPY of postings, a COPY into
-- account_transfers, keep_days and move_cursor. The lock makes two processes take turns.

-- name: lags
-- $1 ledgers at most.  Those that posted anything, the farthest behind first.
SELECT heads.ledger_id, newest.sequence AS last, coalesce(cursors.done, 0) AS done
FROM tequio.heads
LEFT JOIN tequio.cursors
    ON cursors.ledger_id = heads.ledger_id AND cursors.name = 'accounts'
CROSS JOIN LATERAL (
    SELECT sequence FROM tequio.transfers
    WHERE transfers.ledger_id = heads.ledger_id
    ORDER BY sequence DESC
    LIMIT 1
) AS newest
ORDER BY newest.sequence - coalesce(cursors.done, 0) DESC
LIMIT $1;

-- name: set_patience
SET LOCAL statement_timeout = '10min';

-- name: set_asynchronous
-- What a step writes can be made again, so its end waits for no disk.
SET LOCAL synchronous_commit = off;

-- name: last_sequence
-- $1 ledger.  One row, or none: nothing was posted.
SELECT sequence FROM tequio.transfers WHERE ledger_id = $1 ORDER BY sequence DESC LIMIT 1;

-- name: is_whole
-- $1 ledger, $2 how far the cursor is.  One row: whether the rows of its last transfer, and of the
-- last that moved anything, are there.
SELECT EXISTS (
    SELECT FROM tequio.transfers
    JOIN tequio.account_transfers AS chunks
        ON chunks.ledger_id = $1
        AND chunks.account = transfers.debit_account
        AND chunks.last = transfers.sequence
    WHERE transfers.ledger_id = $1 AND transfers.sequence = $2
) AND NOT EXISTS (
    SELECT FROM (
        SELECT debit_account, business_date FROM tequio.transfers
        WHERE ledger_id = $1 AND sequence <= $2 AND phase IN (0, 3)
        ORDER BY sequence DESC
        LIMIT 1
    ) AS moved
    WHERE NOT EXISTS (
        SELECT FROM tequio.account_days AS days
        WHERE days.ledger_id = $1
            AND days.account = moved.debit_account
            AND days.business_date = moved.business_date
    )
);

-- name: clear_transfers
-- $1 ledger.
DELETE FROM tequio.account_transfers WHERE ledger_id = $1;

-- name: clear_days
-- $1 ledger.
DELETE FROM tequio.account_days WHERE ledger_id = $1;

-- name: postings
-- $1 ledger, $2 after which sequence, $3 up to which.  For a COPY, in order.
SELECT sequence, debit_account, credit_account, amount, business_date, phase
FROM tequio.transfers
WHERE ledger_id = $1 AND sequence > $2 AND sequence <= $3
ORDER BY sequence;

-- name: keep_days
-- $1 ledger, $2 part, then a column each: account, days since 2000, whether they are adjustments,
-- debits, credits, count.
INSERT INTO tequio.account_days AS kept
    (ledger_id, account, business_date, adjusting, part, debits, credits, count)
SELECT $1, account, date '2000-01-01' + day, adjusting, $2, debits, credits, count
FROM unnest(
    $3::bigint[], $4::integer[], $5::boolean[], $6::bigint[], $7::bigint[], $8::bigint[]
) AS new (account, day, adjusting, debits, credits, count)
ON CONFLICT (ledger_id, account, business_date, adjusting, part) DO UPDATE SET
    debits = kept.debits + excluded.debits,
    credits = kept.credits + excluded.credits,
    count = kept.count + excluded.count;

-- name: has_partition
-- $1 number of a partition.  One row.
SELECT to_regclass('tequio.account_days_' || $1::bigint) IS NOT NULL;

-- name: add_partition
-- $1 number of a partition. By the login role, which owns the tables.
SELECT tequio.add_account_part($1);
