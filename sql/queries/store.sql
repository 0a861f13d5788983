-- Queries of the store outside a commit. Each is a transaction of its own unless it says more.

-- name: ledgers
-- All rows, in order of id.
SELECT ledger_id, code FROM tequio.ledgers ORDER BY ledger_id;

-- name: create_ledger
-- $1 code. First of three in one transaction.
INSERT INTO tequio.ledgers (code) VALUES ($1) ON CONFLICT (code) DO NOTHING;

-- name: create_head
-- $1 code. Second of three.
INSERT INTO tequio.heads (ledger_id)
SELECT ledger_id FROM tequio.ledgers WHERE code = $1
ON CONFLICT (ledger_id) DO NOTHING;

-- name: find_unopened
-- $1 code. Last of three.  One row, or none: the journal is not empty.
SELECT ledgers.ledger_id
FROM tequio.ledgers JOIN tequio.heads ON heads.ledger_id = ledgers.ledger_id
WHERE ledgers.code = $1 AND heads.size = 0;

-- name: head
-- $1 ledger.  One row, or none: no such ledger.
SELECT size, root, epoch FROM tequio.heads WHERE ledger_id = $1;

-- name: used_references
-- $1 ledger, $2 sources, $3 references in the same order, $4 below which sequence.
SELECT used.source, used.reference
FROM unnest($2::text[], $3::text[]) AS asked (source, reference)
JOIN tequio.transfer_references AS used
    ON used.ledger_id = $1
    AND used.reference = asked.reference
    AND used.source = asked.source
WHERE used.sequence < $4;

-- name: past
-- $1 ledger, $2 sequences, $3 below which all that counts stands.  At most one row for each.
SELECT sequence, debit_account, credit_account, amount, phase, batch_number,
    (
        SELECT coalesce(sum(links.amount), 0)::bigint FROM tequio.links
        WHERE links.ledger_id = $1
            AND links.target = transfers.sequence
            AND links.sequence < $3
    ) AS taken,
    EXISTS (
        SELECT FROM tequio.links
        WHERE links.ledger_id = $1 AND links.sequence = transfers.sequence
    ) AS is_link
FROM tequio.transfers
WHERE ledger_id = $1
    AND sequence = ANY ($2::bigint[])
    AND sequence < $3;

-- name: detail_salts
-- $1 ledger, $2 sequences.
SELECT sequence, salt FROM tequio.details
WHERE ledger_id = $1 AND sequence = ANY ($2::bigint[]);

-- name: proposals
-- $1 ledger.  The requests that wait for others.
SELECT batch_id, asked FROM tequio.proposals WHERE ledger_id = $1;

-- name: keep_checkpoint
-- $1 ledger, $2 size, $3 note. Also inside a commit.
INSERT INTO tequio.checkpoints (ledger_id, size, note) VALUES ($1, $2, $3)
ON CONFLICT (ledger_id) DO UPDATE SET size = excluded.size, note = excluded.note
WHERE checkpoints.size < excluded.size;

-- name: checkpoint
-- $1 ledger.  One row, or none.
SELECT note FROM tequio.checkpoints WHERE ledger_id = $1;

-- name: tile
-- $1 ledger, $2 level, $3 index.  One row, or none.
SELECT hashes FROM tequio.tiles WHERE ledger_id = $1 AND level = $2 AND tile_index = $3;

-- name: lines
-- $1 ledger, $2 first index, $3 index after the last.
SELECT line FROM tequio.leaves
WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3
ORDER BY leaf_index;

-- name: replay
-- $1 ledger, $2 first index, $3 index after the last, $4 leaves at most, $5 bytes after which
-- no more are begun. A body's length is read without the body.
SELECT leaf_index, line, body
FROM (
    SELECT
        page.leaf_index, page.line, batches.body,
        sum(octet_length(page.line) + coalesce(octet_length(batches.body), 0))
            OVER (ORDER BY page.leaf_index ROWS UNBOUNDED PRECEDING)
            - octet_length(page.line) - coalesce(octet_length(batches.body), 0) AS bytes_before
    FROM (
        SELECT ledger_id, leaf_index, line FROM tequio.leaves
        WHERE ledger_id = $1 AND leaf_index >= $2 AND leaf_index < $3
        ORDER BY leaf_index
        LIMIT $4
    ) AS page
    LEFT JOIN tequio.batches
        ON batches.ledger_id = $1
        AND batches.leaf_index = page.leaf_index
) AS measured
WHERE bytes_before < $5
ORDER BY leaf_index;

-- name: snapshots
-- $1 ledger.  Newest first.
SELECT snapshots.leaf_index, leaves.line
FROM tequio.snapshots
JOIN tequio.leaves ON leaves.ledger_id = $1 AND leaves.leaf_index = snapshots.leaf_index
WHERE snapshots.ledger_id = $1
ORDER BY snapshots.leaf_index DESC;

-- name: drop_other_chunk
-- $1 ledger, $2 size, $3 number, $4 hash. First of two in one transaction: a chunk of a
-- history that was thrown away.
DELETE FROM tequio.snapshot_chunks
WHERE ledger_id = $1 AND size = $2 AND number = $3 AND hash <> $4;

-- name: keep_chunk
-- $1 ledger, $2 size, $3 number, $4 hash, $5 data. Last of two.
INSERT INTO tequio.snapshot_chunks (ledger_id, size, number, hash, data)
VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (ledger_id, size, number) DO NOTHING;

-- name: chunks
-- $1 ledger, $2 size.  In order.
SELECT number, hash FROM tequio.snapshot_chunks
WHERE ledger_id = $1 AND size = $2
ORDER BY number;

-- name: chunk
-- $1 ledger, $2 size, $3 number.  One row, or none.
SELECT data FROM tequio.snapshot_chunks WHERE ledger_id = $1 AND size = $2 AND number = $3;

-- name: drop_snapshots
-- $1 ledger, $2 sizes to keep.
DELETE FROM tequio.snapshot_chunks WHERE ledger_id = $1 AND size <> ALL ($2::bigint[]);
