-- Queries of spent batch ids, for the store and for readers alike.

-- name: by_id
-- $1 ledger, $2 ids.  At most one row for each.
SELECT batches.batch_id, batches.leaf_index, leaves.line, batches.body, batches.outcomes,
    batches.number, batches.first_sequence, batches.posted
FROM tequio.batches
JOIN tequio.leaves ON leaves.ledger_id = $1 AND leaves.leaf_index = batches.leaf_index
WHERE batches.ledger_id = $1 AND batches.batch_id = ANY ($2::uuid[]);

-- name: by_number
-- $1 ledger, $2 numbers.  At most one row for each.
SELECT batches.batch_id, batches.leaf_index, leaves.line, batches.body, batches.outcomes,
    batches.number, batches.first_sequence, batches.posted
FROM tequio.batches
JOIN tequio.leaves ON leaves.ledger_id = $1 AND leaves.leaf_index = batches.leaf_index
WHERE batches.ledger_id = $1 AND batches.number = ANY ($2::bigint[]);

-- name: columns
-- $1 ledger, $2 first sequence, $3 sequence after the last.  One row of columns.
SELECT
    coalesce(array_agg(debit_account), '{}') AS debit,
    coalesce(array_agg(credit_account), '{}') AS credit,
    coalesce(array_agg(amount), '{}') AS amount,
    coalesce(array_agg(debit_balance), '{}') AS debit_balance,
    coalesce(array_agg(credit_balance), '{}') AS credit_balance,
    coalesce(array_agg(phase), '{}') AS phases
FROM (
    SELECT debit_account, credit_account, amount, debit_balance, credit_balance, phase
    FROM tequio.transfers
    WHERE ledger_id = $1 AND sequence >= $2 AND sequence < $3
    ORDER BY sequence
) AS posted;

-- name: leaves
-- $1 ledger, $2 after which leaf index, $3 at most.  In order.
SELECT batches.leaf_index, leaves.line
FROM tequio.batches
JOIN tequio.leaves ON leaves.ledger_id = $1 AND leaves.leaf_index = batches.leaf_index
WHERE batches.ledger_id = $1 AND batches.leaf_index > $2
ORDER BY batches.leaf_index
LIMIT $3;
