-- 0009 account index: what each account did, in order, and its totals of each business day.
--
-- Phase:     before   (the previous release does not know the tables; nobody fills them for it)
-- Locks:     none     (new tables only)
-- Undo:      DROP TABLE tequio.account_transfers, tequio.account_days;
--            DROP FUNCTION tequio.add_account_part;
--            DELETE FROM tequio.cursors WHERE name = 'accounts'
-- Also kept: nowhere. All of it is made from tequio.transfers, again where it is missing: an
--            indexer follows behind the cursor `accounts`, whose `done` is a sequence. What
--            comes after that sequence readers find in tequio.transfers itself.
--
-- Both tables are cut by sequences, each partition 16,777,216 of them, so that an index of old
-- ones is never in the way of new ones, and can be rebuilt or moved by itself. A key of the
-- hot table is in no other order than its rows arrive in, so it need not be cut.

-- Sequences of an account's transfers, whatever became of them, 1,000 in a row at most; `last`
-- is the highest of the row. Business dates of its transfers are not outside these two.
CREATE TABLE IF NOT EXISTS tequio.account_transfers (
    ledger_id  bigint   NOT NULL,
    account    bigint   NOT NULL,
    last       bigint   NOT NULL,
    first_date date     NOT NULL,
    last_date  date     NOT NULL,
    sequences  bigint[] NOT NULL,
    PRIMARY KEY (ledger_id, account, last)
) PARTITION BY RANGE (last);

-- What moved an account on a business day: rows of phase 0, and apart from them the adjustments
-- to its year, of phase 3. A part is 4,194,304 sequences, so that what was known at one of them
-- is the sum of all parts before and of some rows. Totals may pass 64 bits.
CREATE TABLE IF NOT EXISTS tequio.account_days (
    ledger_id     bigint  NOT NULL,
    account       bigint  NOT NULL,
    business_date date    NOT NULL,
    adjusting     boolean NOT NULL,
    part          bigint  NOT NULL,
    debits        numeric NOT NULL,
    credits       numeric NOT NULL,
    count         bigint  NOT NULL,
    PRIMARY KEY (ledger_id, account, business_date, adjusting, part)
) PARTITION BY RANGE (part);

GRANT SELECT, INSERT, DELETE ON tequio.account_transfers TO tequio_service;

GRANT SELECT, INSERT, UPDATE, DELETE ON tequio.account_days TO tequio_service;

-- Partition `number` of both, 0 the first. For the login role, which owns the tables; the
-- service's role may not. Days are updated in place, so their pages keep some room.
CREATE OR REPLACE FUNCTION tequio.add_account_part(number bigint) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS tequio.account_transfers_%s '
        'PARTITION OF tequio.account_transfers FOR VALUES FROM (%s) TO (%s)',
        number, number * 16777216 + 1, (number + 1) * 16777216 + 1
    );
    EXECUTE format(
        'CREATE TABLE IF NOT EXISTS tequio.account_days_%s '
        'PARTITION OF tequio.account_days FOR VALUES FROM (%s) TO (%s) WITH (fillfactor = 80)',
        number, number * 4, (number + 1) * 4
    );
END $$;

SELECT tequio.add_account_part(0);
