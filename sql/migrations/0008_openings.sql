-- 0008 openings: the leaf that opened an account, found by its number.
--
-- Phase:     before   (safe to apply while the previous release is running; of an account that
--                      opens meanwhile the leaf is not found here)
-- Locks:     tequio.accounts for a moment; its rows while they are filled in
-- Undo:      none     (a journal is never dropped; restore a backup instead)
-- Also kept: by ledger/pg, which writes it with the account

ALTER TABLE tequio.accounts ADD COLUMN IF NOT EXISTS leaf_index bigint;

-- Numbers are given from 1 in the order of the leaves. Inside a string of a line a quote is
-- escaped, so what looks like the field is the field.
UPDATE tequio.accounts
SET leaf_index = opened.leaf_index
FROM (
    SELECT ledger_id, leaf_index,
        row_number() OVER (PARTITION BY ledger_id ORDER BY leaf_index) AS number
    FROM tequio.leaves
    WHERE position('"line":"account"'::bytea IN line) > 0
) AS opened
WHERE accounts.leaf_index IS NULL
    AND accounts.ledger_id = opened.ledger_id
    AND accounts.number = opened.number;
