-- Queries of the writer: taking a ledger, and one transaction for each group.
--
-- Taking: end_sessions by a session of the login role until all it finds have ended, then
-- take by the new writer's own. Committing: BEGIN, the insert_* that have rows (many
-- transfers go by COPY instead), move_head last, COMMIT. The head's row lock is held from
-- move_head to COMMIT only, and no other lock is waited for.

-- name: end_sessions
-- $1 application name, $2 milliseconds to wait for each, $3 only this one, or NULL for all.
-- A row for each session found.
SELECT pid, pg_terminate_backend(pid, $2) AS ended
FROM pg_stat_activity
WHERE application_name = $1
    AND usename = session_user
    AND datname = current_database()
    AND ($3::integer IS NULL OR pid = $3)
    AND pid <> pg_backend_pid();

-- name: take
-- $1 ledger, $2 owner, $3 the epoch it must have, or NULL.  One row, or none: another epoch.
-- An owner who has moved it on itself and never heard so may do it again.
UPDATE tequio.heads SET epoch = epoch + 1, owner = $2
WHERE ledger_id = $1
    AND ($3::bigint IS NULL OR epoch = $3 OR (epoch = $3 + 1 AND owner = $2))
RETURNING size, root, epoch;

-- name: insert_transfers
-- $1 ledger, then a column each.
INSERT INTO tequio.transfers (
    ledger_id, sequence, debit_account, credit_account, amount, debit_balance,
    credit_balance, batch_number, position, business_date, phase
)
SELECT $1, new.*
FROM unnest(
    $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
    $7::bigint[], $8::bigint[], $9::smallint[], $10::date[], $11::smallint[]
) AS new;

-- name: insert_leaves
-- $1 ledger, then a column each: index, line, hash.
INSERT INTO tequio.leaves (ledger_id, leaf_index, line, hash)
SELECT $1, new.* FROM unnest($2::bigint[], $3::bytea[], $4::bytea[]) AS new;

-- name: insert_batches
-- $1 ledger, then a column each.
INSERT INTO tequio.batches (
    ledger_id, batch_id, leaf_index, number, first_sequence, posted, body, outcomes
)
SELECT $1, new.*
FROM unnest(
    $2::uuid[], $3::bigint[], $4::bigint[], $5::bigint[], $6::integer[],
    $7::bytea[], $8::bytea[]
) AS new;

-- name: insert_accounts
-- $1 ledger, then a column each.
INSERT INTO tequio.accounts (ledger_id, number, code, currency, nature, kind, holder)
SELECT $1, new.*
FROM unnest(
    $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bytea[]
) AS new;

-- name: insert_references
-- $1 ledger, then a column each: source, reference, sequence.
INSERT INTO tequio.transfer_references (ledger_id, source, reference, sequence)
SELECT $1, new.* FROM unnest($2::text[], $3::text[], $4::bigint[]) AS new;

-- name: insert_details
-- $1 ledger, then a column each: sequence, salt, text.
INSERT INTO tequio.details (ledger_id, sequence, salt, text)
SELECT $1, new.* FROM unnest($2::bigint[], $3::bytea[], $4::text[]) AS new;

-- name: insert_links
-- $1 ledger, then a column each: target, sequence, amount.
INSERT INTO tequio.links (ledger_id, target, sequence, amount)
SELECT $1, new.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[]) AS new;

-- name: insert_resolutions
-- $1 ledger, then a column each: target, sequence, amount, what.
INSERT INTO tequio.resolutions (ledger_id, target, sequence, amount, what)
SELECT $1, new.* FROM unnest($2::bigint[], $3::bigint[], $4::bigint[], $5::smallint[]) AS new;

-- name: insert_proposals
-- $1 ledger, then a column each: batch, the request that waits.
INSERT INTO tequio.proposals (ledger_id, batch_id, asked)
SELECT $1, new.* FROM unnest($2::uuid[], $3::bytea[]) AS new;

-- name: delete_proposals
-- $1 ledger, $2 batches that wait no more.
DELETE FROM tequio.proposals WHERE ledger_id = $1 AND batch_id = ANY($2::uuid[]);

-- name: insert_tiles
-- $1 ledger, then a column each: level, index, hashes.
INSERT INTO tequio.tiles (ledger_id, level, tile_index, hashes)
SELECT $1, new.* FROM unnest($2::smallint[], $3::bigint[], $4::bytea[]) AS new;

-- name: insert_snapshots
-- $1 ledger, then a column each: leaf index, size.
INSERT INTO tequio.snapshots (ledger_id, leaf_index, size)
SELECT $1, new.* FROM unnest($2::bigint[], $3::bigint[]) AS new;

-- name: move_head
-- $1 ledger, $2 $3 $4 size, root and epoch it must have, $5 $6 the new size and root.
-- One row: microseconds since 1970 by the database's clock. None: another was here.
UPDATE tequio.heads SET size = $5, root = $6
WHERE ledger_id = $1 AND size = $2 AND root = $3 AND epoch = $4
RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;

-- name: write_posts
-- Everything of a small group of posts in one round trip, instead of five: it takes effect
-- as a whole or, where the head is elsewhere, is rolled back by whoever sees no row.
-- $1 ledger; $2 to $11 transfers, $12 to $14 leaves, $15 to $21 batches, a column each; $22 $23
-- size and note of the checkpoint; $24 to $28 as move_head has them.  One row, or none.
WITH posted AS (
    INSERT INTO tequio.transfers (
        ledger_id, sequence, debit_account, credit_account, amount, debit_balance,
        credit_balance, batch_number, position, business_date, phase
    )
    SELECT $1, new.*
    FROM unnest(
        $2::bigint[], $3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[],
        $7::bigint[], $8::bigint[], $9::smallint[], $10::date[], $11::smallint[]
    ) AS new
),
written AS (
    INSERT INTO tequio.leaves (ledger_id, leaf_index, line, hash)
    SELECT $1, new.* FROM unnest($12::bigint[], $13::bytea[], $14::bytea[]) AS new
),
spent AS (
    INSERT INTO tequio.batches (
        ledger_id, batch_id, leaf_index, number, first_sequence, posted, body, outcomes
    )
    SELECT $1, new.*
    FROM unnest(
        $15::uuid[], $16::bigint[], $17::bigint[], $18::bigint[], $19::integer[],
        $20::bytea[], $21::bytea[]
    ) AS new
),
kept AS (
    INSERT INTO tequio.checkpoints (ledger_id, size, note)
    SELECT $1, $22::bigint, $23::bytea WHERE $23 <> ''::bytea
    ON CONFLICT (ledger_id) DO UPDATE SET size = excluded.size, note = excluded.note
    WHERE tequio.checkpoints.size < excluded.size
)
UPDATE tequio.heads SET size = $27, root = $28
WHERE ledger_id = $1 AND size = $24 AND root = $25 AND epoch = $26
RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
