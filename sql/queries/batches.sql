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
-- $1 ledger, $2 first sequences, $3 sequences after the last.  A row of columns for each pair
-- that has any rows, by its first sequence.
SELECT
    first_sequence,
    array_agg(debit_account) AS debit,
    array_agg(credit_account) AS credit,
    array_agg(amount) AS amount,
    array_agg(debit_balance) AS debit_balance,
    array_agg(credit_balance) AS credit_balance,
    array_agg(phase) AS phases
FROM (
    SELECT asked.first_sequence, debit_account, credit_account, amount, debit_balance,
        credit_balance, phase
    FROM unnest($2::bigint[], $3::bigint[]) AS asked (first_sequence, end_sequence)
    JOIN tequio.transfers
        ON ledger_id = $1
        AND sequence >= asked.first_sequence
        AND sequence < asked.end_sequence
    ORDER BY asked.first_sequence, sequence
) AS posted
GROUP BY first_sequence;

-- name: leaves
-- $1 ledger, $2 after which leaf index, $3 at most.  In order.
SELECT batches.leaf_index, leaves.line
FROM tequio.batches
JOIN tequio.leaves ON leaves.ledger_id = $1 AND leaves.leaf_index = batches.leaf_index
WHERE batches.ledger_id = $1 AND batches.leaf_index > $2
ORDER BY batches.leaf_index
LIMIT $3;
