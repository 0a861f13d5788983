-- 0007 holders: keys of members reach the accounts of a holder.
--
-- Phase:     before   (the previous release does not name the column; its keys have no holder)
-- Locks:     ACCESS EXCLUSIVE on api_keys, which is small, for a moment: the default is no rewrite.
-- Undo:      none     (a journal is never dropped; restore a backup instead)
-- Also kept: by ledger/core. Every check here is the second pair of eyes.

-- The holder that account lines have, 16 random bytes; empty where a key names none.
ALTER TABLE tequio.api_keys
    ADD COLUMN IF NOT EXISTS holder bytea NOT NULL DEFAULT '' CHECK (length(holder) IN (0, 16));
