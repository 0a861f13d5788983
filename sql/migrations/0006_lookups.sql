-- 0006 lookups: what became of holds, found by the hold; disputes that ended, without the rest.
--
-- Phase:     before   (safe to apply while the previous release is running; what that resolves of
--                      holds meanwhile is not found here, and such a hold is shown as open)
-- Locks:     tequio.leaves against writers, while the index is built
-- Undo:      none     (a journal is never dropped; restore a backup instead)
-- Also kept: by ledger/core. It finds sooner what the journal says.

-- ---- what became of holds

-- A row (sequence) that posts or voids an amount of a hold (target); sequence 0 where it expired.
-- what: 0 posted, 1 posted and the rest given back, 2 voided, 3 expired (resolutions.Resolved).
CREATE TABLE IF NOT EXISTS tequio.resolutions (
    ledger_id bigint   NOT NULL,
    target    bigint   NOT NULL,
    sequence  bigint   NOT NULL,
    amount    bigint   NOT NULL,
    what      smallint NOT NULL,
    PRIMARY KEY (ledger_id, target, sequence),
    CONSTRAINT what_is_known CHECK (what BETWEEN 0 AND 3),
    CONSTRAINT expired_has_no_row CHECK ((sequence = 0) = (what = 3))
);

GRANT SELECT, INSERT ON tequio.resolutions TO tequio_service;

-- ---- disputes that ended

-- Inside a string of a line a quote is escaped, so what looks like the field is the field.
CREATE INDEX IF NOT EXISTS leaves_dispute_ends
    ON tequio.leaves (ledger_id, leaf_index)
    WHERE position('"line":"dispute_ended"'::bytea IN line) > 0;
