-- Queries of API keys. The table is small and read by its digest.

-- name: find
-- $1 digest.  One row, or none: unknown or revoked.
SELECT key_id, role, ledger, poster, accounts, holder FROM tequio.api_keys
WHERE digest = $1 AND revoked_at IS NULL;

-- name: add
-- $1 digest, $2 ledger, $3 key, $4 role, $5 poster, $6 accounts, $7 holder. Adding
-- the same again is no harm.
INSERT INTO tequio.api_keys (digest, ledger, key_id, role, poster, accounts, holder)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (digest) DO NOTHING;

-- name: revoke
-- $1 ledger, $2 key.  One row when it worked until now.
UPDATE tequio.api_keys SET revoked_at = now()
WHERE ledger = $1 AND key_id = $2 AND revoked_at IS NULL
RETURNING key_id;

-- name: all_of
-- $1 ledger.  Those that work, in the order they were added.
SELECT key_id, role, ledger, poster, accounts, holder FROM tequio.api_keys
WHERE ledger = $1 AND revoked_at IS NULL
ORDER BY added_at, key_id;
