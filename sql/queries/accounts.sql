-- Queries of readers about what accounts did. They lock nothing.
--
-- The account index (migration 0009) has all up to the cursor `accounts`, and nothing of it
-- counts that is beyond. What comes after is filtered out of the rows themselves, in the same
-- statement: so that both are of one moment, and everybody reads what he wrote. Where amounts are summed up, only rows that moved
-- are: phase 0 and 3.
--
-- What was known at a sequence is the sum of the whole parts before, and of the rows that follow
-- these: of `base`, which is the cursor where that is not beyond the sequence.

-- name: transfers_of
-- $1 ledger, $2 accounts, $3 after which sequence, $4 first and $5 last business date or NULL
-- each, $6 at most.  Those of any of the accounts, in order, each once; where dates are asked
-- for some may be of other days, and none is missing that comes before the last.
WITH followed AS (
    SELECT coalesce(max(done), 0) AS done FROM tequio.cursors
    WHERE ledger_id = $1 AND name = 'accounts'
),
found AS MATERIALIZED (
    SELECT DISTINCT own.sequence
    FROM unnest($2::bigint[]) AS asked (account)
    CROSS JOIN LATERAL (
        SELECT one.sequence
        FROM tequio.account_transfers AS chunks
        CROSS JOIN LATERAL unnest(chunks.sequences) AS one (sequence)
        WHERE chunks.ledger_id = $1
            AND chunks.account = asked.account
            AND chunks.last > $3
            AND chunks.last <= (SELECT done FROM followed)
            AND ($4::date IS NULL OR chunks.last_date >= $4)
            AND ($5::date IS NULL OR chunks.first_date <= $5)
            AND one.sequence > $3
        ORDER BY chunks.last, one.sequence
        LIMIT $6
    ) AS own
    ORDER BY own.sequence
    LIMIT $6
)
SELECT sequence, debit_account, credit_account, amount, debit_balance, credit_balance,
    batch_number, position, business_date, phase
FROM found
JOIN tequio.transfers USING (sequence)
WHERE ledger_id = $1
UNION ALL
(
    SELECT sequence, debit_account, credit_account, amount, debit_balance, credit_balance,
        batch_number, position, business_date, phase
    FROM tequio.transfers
    WHERE ledger_id = $1
        AND sequence > greatest($3::bigint, (SELECT done FROM followed))
        AND (SELECT count(*) FROM found) < $6
        AND (debit_account = ANY ($2) OR credit_account = ANY ($2))
        AND ($4::date IS NULL OR business_date >= $4)
        AND ($5::date IS NULL OR business_date <= $5)
    ORDER BY sequence
    LIMIT $6
)
ORDER BY sequence
LIMIT $6;

-- name: balance_below
-- $1 ledger, $2 account, $3 sequence or NULL.  One row; NULL: it never moved before.
-- The account's last row has the balance, whatever its phase: after the cursor, looked for from
-- the end, or in the row of the index that has the sequence, or in the one before that.
WITH followed AS (
    SELECT coalesce(max(done), 0) AS done FROM tequio.cursors
    WHERE ledger_id = $1 AND name = 'accounts'
)
SELECT coalesce(
    (
        SELECT CASE WHEN debit_account = $2 THEN debit_balance ELSE credit_balance END
        FROM tequio.transfers
        WHERE ledger_id = $1
            AND sequence > (SELECT done FROM followed)
            AND ($3::bigint IS NULL OR sequence < $3)
            AND (debit_account = $2 OR credit_account = $2)
        ORDER BY sequence DESC
        LIMIT 1
    ),
    (
        SELECT CASE WHEN debit_account = $2 THEN debit_balance ELSE credit_balance END
        FROM tequio.transfers
        WHERE ledger_id = $1
            AND sequence = (
                SELECT max(one.sequence)
                FROM (
                    (
                        SELECT sequences FROM tequio.account_transfers
                        WHERE ledger_id = $1
                            AND account = $2
                            AND last >= $3
                            AND last <= (SELECT done FROM followed)
                        ORDER BY last
                        LIMIT 1
                    )
                    UNION ALL
                    (
                        SELECT sequences FROM tequio.account_transfers
                        WHERE ledger_id = $1
                            AND account = $2
                            AND ($3::bigint IS NULL OR last < $3)
                            AND last <= (SELECT done FROM followed)
                        ORDER BY last DESC
                        LIMIT 1
                    )
                ) AS near
                CROSS JOIN LATERAL unnest(near.sequences) AS one (sequence)
                WHERE $3::bigint IS NULL OR one.sequence < $3
            )
    )
);

-- name: balance_before
-- $1 ledger, $2 account, $3 the highest sequence that counts, or NULL, $4 business date, $5
-- whether that day's own rows are before it and only adjustments to its year are not, $6
-- sequences of a part.  One row. Business dates are in no order, so all that went before counts.
WITH followed AS (
    SELECT coalesce(max(done), 0) AS done FROM tequio.cursors
    WHERE ledger_id = $1 AND name = 'accounts'
),
begun AS (
    SELECT done, CASE WHEN $3::bigint < done THEN $3 / $6::bigint * $6 ELSE done END AS base
    FROM followed
),
moved AS (
    SELECT credits - debits AS amount
    FROM tequio.account_days
    WHERE ledger_id = $1
        AND account = $2
        AND part * $6 < (SELECT base FROM begun)
        AND (business_date, adjusting) < ($4::date, $5::boolean)
    UNION ALL
    SELECT CASE WHEN credit_account = $2 THEN amount ELSE -amount END
    FROM (
        SELECT one.sequence
        FROM tequio.account_transfers AS chunks
        CROSS JOIN LATERAL unnest(chunks.sequences) AS one (sequence)
        WHERE chunks.ledger_id = $1
            AND chunks.account = $2
            AND chunks.last > (SELECT base FROM begun)
            AND chunks.last <= (SELECT done FROM begun)
            AND one.sequence > (SELECT base FROM begun)
            AND one.sequence <= $3
    ) AS own
    JOIN tequio.transfers USING (sequence)
    WHERE ledger_id = $1 AND phase IN (0, 3) AND (business_date, phase = 3) < ($4, $5)
    UNION ALL
    SELECT CASE WHEN credit_account = $2 THEN amount ELSE -amount END
    FROM tequio.transfers
    WHERE ledger_id = $1
        AND sequence > (SELECT done FROM followed)
        AND ($3::bigint IS NULL OR sequence <= $3)
        AND (debit_account = $2 OR credit_account = $2)
        AND phase IN (0, 3)
        AND (business_date, phase = 3) < ($4, $5)
)
SELECT coalesce(sum(amount), 0)::text FROM moved;

-- name: movements
-- $1 ledger, $2 first and $3 last business date, $4 and $5 whether it begins, and whether it
-- ends, with the adjustments of that date, which come after its other rows; $6 the highest
-- sequence that counts, or NULL; $7 sequences of a part.  A row for each account, in order.
WITH followed AS (
    SELECT coalesce(max(done), 0) AS done FROM tequio.cursors
    WHERE ledger_id = $1 AND name = 'accounts'
),
begun AS (
    SELECT CASE WHEN $6::bigint < done THEN $6 / $7::bigint * $7 ELSE done END AS base
    FROM followed
),
moved AS (
    SELECT account, business_date, adjusting, debits, credits
    FROM tequio.account_days
    WHERE ledger_id = $1 AND part * $7 < (SELECT base FROM begun)
    UNION ALL
    SELECT account, business_date, adjusting, sum(debit), sum(credit)
    FROM (
        SELECT debit_account AS account, business_date, phase = 3 AS adjusting,
            amount AS debit, 0::bigint AS credit
        FROM tequio.transfers
        WHERE ledger_id = $1
            AND sequence > (SELECT base FROM begun)
            AND ($6::bigint IS NULL OR sequence <= $6)
            AND phase IN (0, 3)
        UNION ALL
        SELECT credit_account, business_date, phase = 3, 0, amount
        FROM tequio.transfers
        WHERE ledger_id = $1
            AND sequence > (SELECT base FROM begun)
            AND ($6::bigint IS NULL OR sequence <= $6)
            AND phase IN (0, 3)
    ) AS postings
    GROUP BY account, business_date, adjusting
)
SELECT
    account,
    coalesce(sum(credits - debits) FILTER (
        WHERE (business_date, adjusting) < ($2::date, $4::boolean)
    ), 0)::text AS opening,
    coalesce(sum(debits) FILTER (
        WHERE (business_date, adjusting) >= ($2::date, $4::boolean)
            AND (business_date, adjusting) <= ($3::date, $5::boolean)
    ), 0)::text AS debits,
    coalesce(sum(credits) FILTER (
        WHERE (business_date, adjusting) >= ($2::date, $4::boolean)
            AND (business_date, adjusting) <= ($3::date, $5::boolean)
    ), 0)::text AS credits
FROM moved
GROUP BY account
ORDER BY account;

-- name: balances_at
-- $1 ledger, $2 first and $3 last account, $4 the days after those that are asked for, in order,
-- $5 the account whose rows stand apart, $6 sequences of a part.  In order of accounts: what moved
-- each by the end of the first day, then by each next one, then after the last; and what it paid
-- to $5. The totals of days have all rows, so those with $5 are taken off: found by the accounts or by
-- $5, whichever has fewer.
WITH followed AS (
    SELECT coalesce(max(done), 0) AS done FROM tequio.cursors
    WHERE ledger_id = $1 AND name = 'accounts'
),
counted AS (
    SELECT
        (
            SELECT coalesce(sum(count), 0) FROM tequio.account_days
            WHERE ledger_id = $1 AND account BETWEEN $2 AND $3
        ) <= (
            SELECT coalesce(sum(count), 0) FROM tequio.account_days
            WHERE ledger_id = $1 AND account = $5
        ) AS is_by_account
),
walked AS (
    SELECT is_by_account,
        CASE WHEN is_by_account THEN $2::bigint ELSE $5::bigint END AS first,
        CASE WHEN is_by_account THEN $3::bigint ELSE $5::bigint END AS last
    FROM counted
),
postings AS (
    SELECT account, width_bucket(business_date, $4::date[]) AS place,
        credits - debits AS moved, 0::bigint AS paid
    FROM tequio.account_days
    WHERE ledger_id = $1
        AND account BETWEEN $2 AND $3
        AND part * $6::bigint < (SELECT done FROM followed)
    UNION ALL
    SELECT side.account, width_bucket(business_date, $4), side.debit - side.credit, side.debit
    FROM (
        SELECT chunks.account, one.sequence
        FROM tequio.account_transfers AS chunks
        CROSS JOIN LATERAL unnest(chunks.sequences) AS one (sequence)
        WHERE chunks.ledger_id = $1
            AND chunks.account BETWEEN (SELECT first FROM walked) AND (SELECT last FROM walked)
            AND chunks.last <= (SELECT done FROM followed)
    ) AS own
    JOIN tequio.transfers USING (sequence)
    CROSS JOIN LATERAL (
        VALUES (debit_account, credit_account, amount, 0::bigint),
            (credit_account, debit_account, 0::bigint, amount)
    ) AS side (account, other, debit, credit)
    WHERE ledger_id = $1
        AND phase IN (0, 3)
        AND side.account BETWEEN $2 AND $3
        AND side.other = $5
        AND own.account = CASE
            WHEN (SELECT is_by_account FROM walked) THEN side.account
            ELSE side.other
        END
    UNION ALL
    SELECT side.account, width_bucket(business_date, $4),
        CASE WHEN side.other = $5 THEN 0 ELSE side.credit - side.debit END,
        CASE WHEN side.other = $5 THEN side.debit ELSE 0 END
    FROM tequio.transfers
    CROSS JOIN LATERAL (
        VALUES (debit_account, credit_account, amount, 0::bigint),
            (credit_account, debit_account, 0::bigint, amount)
    ) AS side (account, other, debit, credit)
    WHERE ledger_id = $1
        AND sequence > (SELECT done FROM followed)
        AND phase IN (0, 3)
        AND side.account BETWEEN $2 AND $3
)
SELECT account, place, sum(moved)::text AS moved, sum(paid)::text AS paid
FROM postings
GROUP BY account, place
ORDER BY account;

-- name: last_above
-- $1 ledger, $2 account, $3 sign, $4 level.  One row: the last sequence with which the account's
-- balance was above, looked for from the end; 0: it never was.
WITH followed AS (
    SELECT coalesce(max(done), 0) AS done FROM tequio.cursors
    WHERE ledger_id = $1 AND name = 'accounts'
)
SELECT coalesce(
    (
        SELECT sequence FROM tequio.transfers
        WHERE ledger_id = $1
            AND sequence > (SELECT done FROM followed)
            AND (
                (debit_account = $2 AND $3::bigint * debit_balance > $4::bigint)
                OR (credit_account = $2 AND $3::bigint * credit_balance > $4::bigint)
            )
        ORDER BY sequence DESC
        LIMIT 1
    ),
    (
        SELECT own.sequence
        FROM (
            SELECT chunks.last, one.sequence
            FROM tequio.account_transfers AS chunks
            CROSS JOIN LATERAL unnest(chunks.sequences) AS one (sequence)
            WHERE chunks.ledger_id = $1
                AND chunks.account = $2
                AND chunks.last <= (SELECT done FROM followed)
            ORDER BY chunks.last DESC, one.sequence DESC
            OFFSET 0  -- Rows are joined one after the other until one will do.
        ) AS own
        JOIN tequio.transfers ON transfers.ledger_id = $1
            AND transfers.sequence = own.sequence
        WHERE (debit_account = $2 AND $3::bigint * debit_balance > $4::bigint)
            OR (credit_account = $2 AND $3::bigint * credit_balance > $4::bigint)
        ORDER BY own.last DESC, own.sequence DESC
        LIMIT 1
    ),
    0
);
