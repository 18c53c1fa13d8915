-- Public keys, by which clients show who they are in the place of a token (RFC 7523).
-- scim_access.token is scim_token.id or scim_key.id; those of keys begin with a k.

CREATE TABLE scim_key (
    id         text   COLLATE "C" PRIMARY KEY,
    connection text   COLLATE "C" NOT NULL,
    hash       bytea  NOT NULL,                       -- of the key
    kid        text   COLLATE "C",                    -- what its owner calls it
    public     text   NOT NULL,                       -- PEM
    scopes     text   NOT NULL,                       -- JSON
    created_at bigint NOT NULL,
    expires    bigint,
    last_used  bigint,
    UNIQUE (connection, hash)
) WITH (fillfactor = 50);

UPDATE meta SET value = 6 WHERE key = 'schema';
