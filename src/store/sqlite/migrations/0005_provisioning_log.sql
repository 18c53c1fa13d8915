-- What provisioning clients asked, how their connections are, and what administrators were told.

CREATE TABLE scim_request (
    number     INTEGER PRIMARY KEY,
    connection TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    token      TEXT,
    request_id TEXT,
    method     TEXT    NOT NULL,
    resource   TEXT    NOT NULL,
    operation  TEXT    NOT NULL,
    target     TEXT,                             -- "user".id, grp.id: names are looked up there
    name       TEXT,                             -- of who has no id, without an address
    effect     TEXT,
    attributes TEXT,                             -- JSON: names, no values
    filter     TEXT,                             -- without literals
    matched    INTEGER,
    status     INTEGER NOT NULL,
    scim_type  TEXT,
    detail     TEXT,
    micros     INTEGER NOT NULL,
    client     TEXT,
    agent      TEXT,
    body       TEXT,                             -- JSON, redacted
    answer     TEXT                              -- JSON, redacted
) STRICT;
CREATE INDEX scim_request_of ON scim_request (connection, at);

CREATE TABLE scim_health (
    connection TEXT PRIMARY KEY,
    health     TEXT NOT NULL                     -- JSON
) STRICT, WITHOUT ROWID;

-- Whose tokens they were that were revoked, so that it is known whose client still comes with one.
CREATE TABLE scim_token_revoked (
    hash       BLOB    PRIMARY KEY,
    id         TEXT    NOT NULL,
    connection TEXT    NOT NULL,
    at         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE notice (
    key    TEXT    PRIMARY KEY,
    at     INTEGER NOT NULL,
    text   TEXT    NOT NULL,
    advice TEXT    NOT NULL,
    detail TEXT    NOT NULL                      -- JSON
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 5;
