-- 0010 reclosings: the leaves that closed a month again and say what came late.
--
-- Phase:     before   (safe to apply while the previous release is running)
-- Locks:     tequio.leaves against writers, while the index is built
-- Undo:      DROP INDEX tequio.leaves_reclosings
-- Also kept: nowhere. It finds leaves sooner and says nothing that is not in them.

-- Few, if any. Inside a string of a line a quote is escaped, so what looks like the fields are
-- the fields.
CREATE INDEX IF NOT EXISTS leaves_reclosings
    ON tequio.leaves (ledger_id, leaf_index)
    WHERE position('"line":"period"'::bytea IN line) > 0
        AND position('"late":['::bytea IN line) > 0;
