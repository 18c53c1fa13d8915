-- Times are microseconds since 1970, UTC. Hashes are SHA-256 as 32-byte blobs.
-- Identifiers compare with SQLite's BINARY collation, that is verbatim.

CREATE TABLE meta (
    key   TEXT    PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO meta (key, value) VALUES ('idp_revision', 0), ('audit_events', 0);

CREATE TABLE user (
    id            TEXT    PRIMARY KEY,
    user_name     TEXT    NOT NULL UNIQUE,
    external_id   TEXT,
    idp           TEXT,
    name_id       TEXT,
    email         TEXT,               -- the profile's, for look-ups
    profile       TEXT    NOT NULL,   -- JSON
    active        INTEGER NOT NULL,
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    revision      INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX user_external_id ON user (idp, external_id) WHERE idp IS NOT NULL AND external_id IS NOT NULL;
CREATE UNIQUE INDEX user_unbound_external_id ON user (external_id) WHERE idp IS NULL AND external_id IS NOT NULL;
CREATE UNIQUE INDEX user_name_id ON user (idp, name_id) WHERE name_id IS NOT NULL;
CREATE INDEX user_email ON user (email) WHERE email IS NOT NULL;

CREATE TABLE session (
    hash          BLOB    PRIMARY KEY,   -- of the token; the token itself is nowhere
    sid           TEXT    NOT NULL UNIQUE,
    user          TEXT    NOT NULL,
    idp           TEXT    NOT NULL,
    name_id       TEXT,                  -- these two: what single logout looks for
    session_index TEXT,
    identity      TEXT    NOT NULL,      -- JSON
    browser       BLOB,
    opened_at     INTEGER NOT NULL,
    not_after     INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX session_user ON session (user);
CREATE INDEX session_name_id ON session (idp, name_id);
CREATE INDEX session_browser ON session (browser, opened_at) WHERE browser IS NOT NULL;
CREATE INDEX session_not_after ON session (not_after);

-- Sessions that were ended before their time, for the caches of other processes.
-- AUTOINCREMENT: a sequence number is not given again after the sweep.
CREATE TABLE session_end (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    hash     BLOB    NOT NULL,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX session_end_at ON session_end (at);

CREATE TABLE one_use (
    issuer  TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (issuer, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX one_use_expires ON one_use (expires);

CREATE TABLE pending_login (
    handle     BLOB    PRIMARY KEY,      -- hash of the RelayState
    browser    BLOB    NOT NULL,         -- hash of the login cookie
    request_id TEXT    NOT NULL UNIQUE,
    idp        TEXT    NOT NULL,
    return_to  TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    used       INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE INDEX pending_login_browser ON pending_login (browser, created_at);
CREATE INDEX pending_login_created_at ON pending_login (created_at);

CREATE TABLE login_attempt (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    reference  TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    idp        TEXT,
    outcome    TEXT    NOT NULL,         -- 'ok' or an error code
    user       TEXT,
    request_id TEXT,
    detail     TEXT    NOT NULL          -- JSON
) STRICT;
CREATE INDEX login_attempt_reference ON login_attempt (reference);
CREATE INDEX login_attempt_at ON login_attempt (at);

CREATE TABLE audit_event (
    sequence INTEGER PRIMARY KEY,        -- 1, 2, 3 … without gaps
    at       INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    json     TEXT    NOT NULL,           -- the text that is hashed
    hash     BLOB    NOT NULL            -- SHA-256(hash of the event before, json)
) STRICT;
CREATE INDEX audit_event_at ON audit_event (at);

CREATE TABLE idp (
    name       TEXT    PRIMARY KEY,
    settings   TEXT    NOT NULL,         -- JSON
    metadata   TEXT    NOT NULL,
    url        TEXT,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE metadata_copy (
    idp           TEXT    PRIMARY KEY,
    url           TEXT    NOT NULL,
    metadata      TEXT    NOT NULL,
    etag          TEXT,
    last_modified TEXT,
    fetched_at    INTEGER NOT NULL
) STRICT;

PRAGMA application_id = 1935764812;      -- 'samL'
PRAGMA user_version = 1;
