-- Public keys, by which clients show who they are in the place of a token (RFC 7523).
-- scim_access.token is scim_token.id or scim_key.id; those of keys begin with a k.

CREATE TABLE scim_key (
    id         TEXT    PRIMARY KEY,
    connection TEXT    NOT NULL,
    hash       BLOB    NOT NULL,                 -- of the key
    kid        TEXT,                             -- what its owner calls it
    public     TEXT    NOT NULL,                 -- PEM
    scopes     TEXT    NOT NULL,                 -- JSON
    created_at INTEGER NOT NULL,
    expires    INTEGER,
    last_used  INTEGER,
    UNIQUE (connection, hash)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 8;
