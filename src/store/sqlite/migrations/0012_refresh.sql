-- How metadata goes on over time: what came of asking for it, what waits for an administrator, and
-- who of several nodes does the asking.

ALTER TABLE metadata_copy ADD COLUMN picked_by TEXT;  -- who had signed the aggregate that it is from

CREATE TABLE idp_refresh (
    idp        TEXT    PRIMARY KEY,
    url        TEXT    NOT NULL,
    tried_at   INTEGER NOT NULL,
    fetched_at INTEGER,                              -- when it last went well
    failures   INTEGER NOT NULL,                     -- since then
    result     TEXT    NOT NULL,                     -- ok, or an error code
    detail     TEXT    NOT NULL,
    next_at    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Keys that are not in the metadata: somebody signed by them, and an administrator decides.
CREATE TABLE idp_key (
    idp         TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL,
    entity_id   TEXT    NOT NULL,                    -- whose key it may be: a name can move on
    certificate BLOB    NOT NULL,
    standing    TEXT    NOT NULL,                    -- pending, approved, rejected
    seen        INTEGER NOT NULL,
    first_seen  INTEGER NOT NULL,
    last_seen   INTEGER NOT NULL,
    PRIMARY KEY (idp, fingerprint)
) STRICT, WITHOUT ROWID;

-- New metadata that does not count yet.
CREATE TABLE idp_change (
    idp           TEXT    PRIMARY KEY,
    url           TEXT    NOT NULL,
    metadata      TEXT    NOT NULL,
    picked_by     TEXT,
    change        TEXT    NOT NULL,                  -- JSON
    standing      TEXT    NOT NULL,                  -- pending, rejected
    seen_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE lease (
    name   TEXT    PRIMARY KEY,
    holder TEXT    NOT NULL,
    until  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 12;
