-- 0003 changes: what changed an account, found by the account.
--
-- Phase:     before   (safe to apply while the previous release is running)
-- Locks:     tequio.leaves against writers, while the index is built
-- Undo:      DROP INDEX tequio.leaves_account
-- Also kept: nowhere. It finds leaves sooner and says nothing that is not in them.

-- Keys of a line are sorted, so a leaf about one account begins with its number. Leaves of
-- refused batches may begin so too, and are no changes.
CREATE INDEX IF NOT EXISTS leaves_account
    ON tequio.leaves (ledger_id, substring(line FROM 1 FOR 28), leaf_index)
    WHERE substring(line FROM 1 FOR 11) = '{"account":'::bytea
        AND position('"line":"refused"'::bytea IN line) = 0;
