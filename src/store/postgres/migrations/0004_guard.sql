-- A guard before very many deactivations at once, and short-lived tokens for long ones: the equal
-- of SQLite's.

CREATE TABLE scim_guard (
    connection     text   COLLATE "C" PRIMARY KEY,
    deactivated    bigint NOT NULL DEFAULT 0,         -- rows of scim_deactivation that do not wait
    people         bigint NOT NULL DEFAULT 0,         -- who were active when they were last counted
    counted_at     bigint,
    paused_at      bigint,
    approved_until bigint,
    approved       bigint                             -- so many more; NULL: any number
) WITH (fillfactor = 50);

-- Who was deactivated within the window, and, waiting = 1, who was not because of the guard.
CREATE TABLE scim_deactivation (
    connection text   COLLATE "C" NOT NULL,
    person     bigint NOT NULL,                       -- "user".number
    waiting    bigint NOT NULL,
    at         bigint NOT NULL,
    PRIMARY KEY (connection, person)
);
CREATE INDEX scim_deactivation_at ON scim_deactivation (connection, waiting, at);

-- Who is counted in connection.people and is not somebody active whom it provisions.
CREATE INDEX user_uncounted ON "user" (tenant)
    WHERE tenant < 'd' AND deleted_at IS NULL AND indexed <> 0 AND (active = 0 OR managed = 0);

CREATE TABLE scim_access (
    hash    bytea  PRIMARY KEY,                       -- of the short-lived token
    token   text   COLLATE "C" NOT NULL,              -- scim_token.id
    scopes  text   NOT NULL,                          -- JSON
    expires bigint NOT NULL
);
CREATE INDEX scim_access_of ON scim_access (token, expires);
CREATE INDEX scim_access_expires ON scim_access (expires);

UPDATE meta SET value = 4 WHERE key = 'schema';
