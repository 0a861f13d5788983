-- Queries of readers. They lock nothing and see committed rows only.
--
-- An account's transfers are filtered out of a range of sequences, which stops early when the
-- page is full. Absent conditions are NULL: every plan is made for its values, so they fall
-- away. Where amounts are summed up, only rows that moved are: phase 0 and 3.

-- name: transfers
-- $1 ledger, $2 after which sequence, $3 account, $4 first and $5 last business date or NULL
-- each, $6 at most.
SELECT sequence, debit_account, credit_account, amount, debit_balance, credit_balance,
    batch_number, position, business_date, phase
FROM tequio.transfers
WHERE ledger_id = $1
    AND sequence > $2
    AND ($3::bigint IS NULL OR debit_account = $3 OR credit_account = $3)
    AND ($4::date IS NULL OR business_date >= $4)
    AND ($5::date IS NULL OR business_date <= $5)
ORDER BY sequence
LIMIT $6;

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

-- name: balance_below
-- $1 ledger, $2 account, $3 sequence or NULL.  One row, or none: it never moved before.
-- The account's last row has the balance, whatever its phase; looked for from the end.
SELECT CASE WHEN debit_account = $2 THEN debit_balance ELSE credit_balance END
FROM tequio.transfers
WHERE ledger_id = $1
    AND ($3::bigint IS NULL OR sequence < $3)
    AND (debit_account = $2 OR credit_account = $2)
ORDER BY sequence DESC
LIMIT 1;

-- name: balance_before
-- $1 ledger, $2 account, $3 sequence or NULL, $4 business date, $5 whether that day's own rows
-- are before it and only adjustments to its year are not.  One row.
-- Business dates are in no order, so all that went before is summed up.
SELECT coalesce(sum(CASE WHEN credit_account = $2 THEN amount ELSE -amount END), 0)
FROM tequio.transfers
WHERE ledger_id = $1
    AND ($3::bigint IS NULL OR sequence < $3)
    AND (business_date, phase = 3) < ($4::date, $5::boolean)
    AND phase IN (0, 3)
    AND (debit_account = $2 OR credit_account = $2);

-- name: movements
-- $1 ledger, $2 first and $3 last business date, $4 and $5 whether it begins, and whether it
-- ends, with the adjustments of that date, which come after its other rows; $6 the highest
-- sequence that counts, or NULL.  A row for each account, in order.
SELECT
    account,
    coalesce(sum(credit - debit) FILTER (
        WHERE (business_date, phase = 3) < ($2::date, $4::boolean)
    ), 0) AS opening,
    coalesce(sum(debit) FILTER (
        WHERE (business_date, phase = 3) >= ($2::date, $4::boolean)
            AND (business_date, phase = 3) <= ($3::date, $5::boolean)
    ), 0) AS debits,
    coalesce(sum(credit) FILTER (
        WHERE (business_date, phase = 3) >= ($2::date, $4::boolean)
            AND (business_date, phase = 3) <= ($3::date, $5::boolean)
    ), 0) AS credits
FROM tequio.transfers
CROSS JOIN LATERAL (
    VALUES (debit_account, amount, 0::bigint), (credit_account, 0::bigint, amount)
) AS posting (account, debit, credit)
WHERE ledger_id = $1 AND phase IN (0, 3) AND ($6::bigint IS NULL OR sequence <= $6)
GROUP BY account
ORDER BY account;

-- name: balances_at
-- $1 ledger, $2 first and $3 last account, $4 the days after those that are asked for, in order,
-- $5 the account whose rows stand apart.  In order of accounts: what moved each by the end of the
-- first day, then by each next one, then after the last; and what it paid to $5.
SELECT
    account,
    width_bucket(business_date, $4::date[]) AS place,
    coalesce(sum(credit - debit) FILTER (WHERE other <> $5), 0) AS moved,
    coalesce(sum(debit) FILTER (WHERE other = $5), 0) AS paid
FROM tequio.transfers
CROSS JOIN LATERAL (
    VALUES (debit_account, credit_account, amount, 0::bigint),
        (credit_account, debit_account, 0::bigint, amount)
) AS posting (account, other, debit, credit)
WHERE ledger_id = $1 AND phase IN (0, 3) AND account BETWEEN $2 AND $3
GROUP BY account, place
ORDER BY account;

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

-- name: stood_since
-- $1 ledger, $2 account, $3 sign, $4 level.  One row, or none: it is above, or never moved.
-- The last row with which it was above is looked for from the end; the next one began it.
SELECT sequence, debit_account, credit_account, amount, debit_balance, credit_balance,
    batch_number, position, business_date, phase
FROM tequio.transfers
WHERE ledger_id = $1
    AND (debit_account = $2 OR credit_account = $2)
    AND sequence > coalesce(
        (
            SELECT sequence FROM tequio.transfers
            WHERE ledger_id = $1
                AND (
                    (debit_account = $2 AND $3::bigint * debit_balance > $4::bigint)
                    OR (credit_account = $2 AND $3::bigint * credit_balance > $4::bigint)
                )
            ORDER BY sequence DESC
            LIMIT 1
        ),
        0
    )
ORDER BY sequence
LIMIT 1;
