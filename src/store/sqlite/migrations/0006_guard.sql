-- A guard before very many deactivations at once, and short-lived tokens for long ones.

CREATE TABLE scim_guard (
    connection     TEXT    PRIMARY KEY,
    deactivated    INTEGER NOT NULL DEFAULT 0,   -- rows of scim_deactivation that do not wait
    people         INTEGER NOT NULL DEFAULT 0,   -- who were active when they were last counted
    counted_at     INTEGER,
    paused_at      INTEGER,
    approved_until INTEGER,
    approved       INTEGER                       -- so many more; NULL: any number
) STRICT, WITHOUT ROWID;

-- Who was deactivated within the window, and, waiting = 1, who was not because of the guard.
CREATE TABLE scim_deactivation (
    connection TEXT    NOT NULL,
    person     INTEGER NOT NULL,                 -- user.number
    waiting    INTEGER NOT NULL,
    at         INTEGER NOT NULL,
    PRIMARY KEY (connection, person)
) STRICT, WITHOUT ROWID;
CREATE INDEX scim_deactivation_at ON scim_deactivation (connection, waiting, at);

-- Who is counted in connection.people and is not somebody active whom it provisions.
CREATE INDEX user_uncounted ON user (tenant)
    WHERE tenant < 'd' AND deleted_at IS NULL AND indexed <> 0 AND (active = 0 OR managed = 0);

CREATE TABLE scim_access (
    hash    BLOB    PRIMARY KEY,                 -- of the short-lived token
    token   TEXT    NOT NULL,                    -- scim_token.id
    scopes  TEXT    NOT NULL,                    -- JSON
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX scim_access_of ON scim_access (token, expires);
CREATE INDEX scim_access_expires ON scim_access (expires);

PRAGMA user_version = 6;
