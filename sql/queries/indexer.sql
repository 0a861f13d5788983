-- Queries of the indexer, which keeps what accounts did, behind the journal.
--
-- One step is one transaction: the set_*, begin_cursor and lock_cursor of follower.sql, the
-- clear_* where the cursor is at 0, last_sequence, keep_transfers, keep_days and move_cursor.
-- The lock makes two processes take turns.

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

-- name: set_memory
-- A step sorts its postings. What it writes can be made again, so its end waits for no disk.
SET LOCAL work_mem = '64MB';

-- name: set_patience
SET LOCAL statement_timeout = '10min';

-- name: set_asynchronous
SET LOCAL synchronous_commit = off;

-- name: last_sequence
-- $1 ledger.  One row, or none: nothing was posted.
SELECT sequence FROM tequio.transfers WHERE ledger_id = $1 ORDER BY sequence DESC LIMIT 1;

-- name: is_whole
-- $1 ledger, $2 how far the cursor is.  One row: whether the last step left what it should.
SELECT EXISTS (
    SELECT FROM tequio.transfers
    JOIN tequio.account_transfers AS chunks
        ON chunks.ledger_id = $1
        AND chunks.account = transfers.debit_account
        AND chunks.last = transfers.sequence
    WHERE transfers.ledger_id = $1 AND transfers.sequence = $2
);

-- name: clear_transfers
-- $1 ledger.
DELETE FROM tequio.account_transfers WHERE ledger_id = $1;

-- name: clear_days
-- $1 ledger.
DELETE FROM tequio.account_days WHERE ledger_id = $1;

-- name: keep_transfers
-- $1 ledger, $2 after which sequence, $3 up to which, $4 how many in a row at most.
INSERT INTO tequio.account_transfers
    (ledger_id, account, last, first_date, last_date, sequences)
SELECT
    $1,
    account,
    own[least((slice + 1) * $4::integer, cardinality(own))],
    first_date,
    last_date,
    own[slice * $4 + 1 : (slice + 1) * $4]
FROM (
    SELECT
        account,
        min(business_date) AS first_date,
        max(business_date) AS last_date,
        array_agg(sequence ORDER BY sequence) AS own
    FROM (
        SELECT debit_account AS account, sequence, business_date FROM tequio.transfers
        WHERE ledger_id = $1 AND sequence > $2 AND sequence <= $3
        UNION ALL
        SELECT credit_account, sequence, business_date FROM tequio.transfers
        WHERE ledger_id = $1 AND sequence > $2 AND sequence <= $3
    ) AS postings
    GROUP BY account
    OFFSET 0  -- Each array is made once, and then cut.
) AS accounts
CROSS JOIN LATERAL generate_series(0, (cardinality(own) - 1) / $4) AS slice
ORDER BY account, slice;

-- name: keep_days
-- $1 ledger, $2 after which sequence, $3 up to which, $4 the part they are in.
INSERT INTO tequio.account_days AS kept
    (ledger_id, account, business_date, adjusting, part, debits, credits, count)
SELECT $1, account, business_date, adjusting, $4, sum(debit), sum(credit), count(*)
FROM (
    SELECT debit_account AS account, business_date, phase = 3 AS adjusting,
        amount AS debit, 0::bigint AS credit
    FROM tequio.transfers
    WHERE ledger_id = $1 AND sequence > $2 AND sequence <= $3 AND phase IN (0, 3)
    UNION ALL
    SELECT credit_account, business_date, phase = 3, 0, amount
    FROM tequio.transfers
    WHERE ledger_id = $1 AND sequence > $2 AND sequence <= $3 AND phase IN (0, 3)
) AS postings
GROUP BY account, business_date, adjusting
ORDER BY account, business_date, adjusting  -- As the key is, so that its pages come in turn.
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
