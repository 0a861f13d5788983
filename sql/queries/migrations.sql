-- Queries of migrations: what brings the tables up to date, and remembers what it did.
--
-- Order of use: table_exists, create_schema, create_table (each a transaction of its own), then
-- lock by one connection in a transaction it keeps open, and all else by a second one.
-- The lock stops a second migration and lets the rows of the first be inserted.

-- name: table_exists
-- One row.
SELECT to_regclass('tequio.migrations') IS NOT NULL;

-- name: create_schema
CREATE SCHEMA IF NOT EXISTS tequio;

-- name: create_table
CREATE TABLE IF NOT EXISTS tequio.migrations (
    number     integer     PRIMARY KEY CHECK (number > 0),
    name       text        NOT NULL UNIQUE,
    sha256     bytea       NOT NULL CHECK (length(sha256) = 32),
    applied_at timestamptz NOT NULL DEFAULT now()
);

-- name: lock
LOCK TABLE tequio.migrations IN SHARE UPDATE EXCLUSIVE MODE;

-- name: applied
-- All rows, oldest first.
SELECT number, name, sha256 FROM tequio.migrations ORDER BY number;

-- name: record
-- $1 number, $2 file name, $3 SHA-256 of its bytes.
INSERT INTO tequio.migrations (number, name, sha256) VALUES ($1, $2, $3);

-- name: still_locked
-- Fails when the connection is gone, and the lock with it.
SELECT 1;
