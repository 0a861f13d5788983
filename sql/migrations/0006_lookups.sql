-- 0006 lookups: what became of holds, found by the hold.
--
-- Phase:     before   (safe to apply while the previous release is running; what that resolves of
--                      holds meanwhile is not found here, and such a hold is shown as open)
-- Locks:     none     (new tables only)
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
