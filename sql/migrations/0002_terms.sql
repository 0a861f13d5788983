-- 0002 terms: what a row says of its amount, and which transfers take back earlier ones.
--
-- Phase:     before   (the previous release reads and posts on, but its COPY names no columns:
--                      its groups of more than 256 transfers fail until the new release takes
--                      the ledger; nothing of them is recorded, and clients are told to wait)
-- Locks:     tequio.transfers, for a moment; no row is rewritten. The last of its statements
--                      reads all rows while others write.
-- Undo:      none     (a journal is never dropped; restore a backup instead)
-- Also kept: by ledger/core. Every check here is the second pair of eyes.

-- ---- rows that are not posted

-- 0 posted, 1 held, 2 released by a void, 3 posted as an adjustment to a year that is closed
-- (model.Phase). Only 0 and 3 move balances; the balances in the others are what they were.
-- The amount of a released row is what was left.
ALTER TABLE tequio.transfers ADD COLUMN IF NOT EXISTS phase smallint NOT NULL DEFAULT 0;

-- First for new rows, which takes the lock, then for those that are there, which does not.
ALTER TABLE tequio.transfers
    DROP CONSTRAINT IF EXISTS phase_is_known,
    ADD CONSTRAINT phase_is_known CHECK (phase BETWEEN 0 AND 3) NOT VALID;

ALTER TABLE tequio.transfers VALIDATE CONSTRAINT phase_is_known;

-- ---- transfers about transfers

-- A transfer (sequence) that takes back, or clears out of suspense, an amount of an earlier
-- one (target). What was taken of a target before a sequence is a sum over its links.
CREATE TABLE IF NOT EXISTS tequio.links (
    ledger_id bigint NOT NULL,
    target    bigint NOT NULL,
    sequence  bigint NOT NULL,
    amount    bigint NOT NULL,
    PRIMARY KEY (ledger_id, target, sequence),
    CONSTRAINT amount_above_zero CHECK (amount > 0),
    CONSTRAINT target_is_earlier CHECK (target < sequence)
);

-- For asking whether a transfer is a link itself. It takes back of one other at most.
CREATE UNIQUE INDEX IF NOT EXISTS links_sequence ON tequio.links (ledger_id, sequence);

GRANT SELECT, INSERT ON tequio.links TO tequio_service;
