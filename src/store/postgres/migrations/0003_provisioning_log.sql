-- What provisioning clients asked, how their connections are, and what administrators were told:
-- the equal of SQLite's.

CREATE TABLE scim_request (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    connection text   COLLATE "C" NOT NULL,
    at         bigint NOT NULL,
    token      text,
    request_id text,
    method     text   NOT NULL,
    resource   text   NOT NULL,
    operation  text   NOT NULL,
    target     text   COLLATE "C",                    -- "user".id, grp.id: names are looked up there
    name       text,                                  -- of who has no id, without an address
    effect     text,
    attributes text,                                  -- JSON: names, no values
    filter     text,                                  -- without literals
    matched    bigint,
    status     bigint NOT NULL,
    scim_type  text,
    detail     text,
    micros     bigint NOT NULL,
    client     text,
    agent      text,
    body       text,                                  -- JSON, redacted
    answer     text                                   -- JSON, redacted
);
CREATE INDEX scim_request_of ON scim_request (connection, at);

CREATE TABLE scim_health (
    connection text COLLATE "C" PRIMARY KEY,
    health     text NOT NULL                          -- JSON
) WITH (fillfactor = 50);

-- Whose tokens they were that were revoked, so that it is known whose client still comes with one.
CREATE TABLE scim_token_revoked (
    hash       bytea  PRIMARY KEY,
    id         text   NOT NULL,
    connection text   COLLATE "C" NOT NULL,
    at         bigint NOT NULL
);

CREATE TABLE notice (
    key    text   COLLATE "C" PRIMARY KEY,
    at     bigint NOT NULL,
    text   text   NOT NULL,
    advice text   NOT NULL,
    detail text   NOT NULL                            -- JSON
);

UPDATE meta SET value = 3 WHERE key = 'schema';
