-- 0005 proposals: requests that wait until others approve or accept them.
--
-- Phase:     before   (the previous release does not know the table, and no line that it writes
--                      needs one)
-- Locks:     none that anybody waits for.
-- Undo:      none     (a journal is never dropped; restore a backup instead)
-- Also kept: by ledger/core. Every check here is the second pair of eyes.

-- The request as it came, compressed. The journal has its digest, salted; here it stands until
-- it is decided, and is then deleted, since it may hold what people wrote.
CREATE TABLE IF NOT EXISTS tequio.proposals (
    ledger_id bigint NOT NULL,
    batch_id  uuid   NOT NULL,
    asked     bytea  NOT NULL,
    PRIMARY KEY (ledger_id, batch_id)
);

GRANT SELECT, INSERT, DELETE ON tequio.proposals TO tequio_service;
