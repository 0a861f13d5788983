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
-- $1 ledger, $2 account, $3 sequence or NULL, $4 business date.  One row.
-- Business dates are in no order, so all that went before is summed up.
SELECT coalesce(sum(CASE WHEN credit_account = $2 THEN amount ELSE -amount END), 0)
FROM tequio.transfers
WHERE ledger_id = $1
    AND ($3::bigint IS NULL OR sequence < $3)
    AND business_date < $4
    AND phase IN (0, 3)
    AND (debit_account = $2 OR credit_account = $2);

-- name: movements
-- $1 ledger, $2 first and $3 last business date.  A row for each account, in order.
SELECT
    account,
    coalesce(sum(credit - debit) FILTER (WHERE business_date < $2), 0) AS opening,
    coalesce(sum(debit) FILTER (WHERE business_date BETWEEN $2 AND $3), 0) AS debits,
    coalesce(sum(credit) FILTER (WHERE business_date BETWEEN $2 AND $3), 0) AS credits
FROM tequio.transfers
CROSS JOIN LATERAL (
    VALUES (debit_account, amount, 0::bigint), (credit_account, 0::bigint, amount)
) AS posting (account, debit, credit)
WHERE ledger_id = $1 AND phase IN (0, 3)
GROUP BY account
ORDER BY account;

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
