-- People of several tenants, some of them provisioned; groups, connections, and an index of values.
-- A tenant is 'c:' and a connection, or 'i:' and an identity provider (of nobody: 'i:').
-- tenant < 'd' is said where only provisioned tenants are meant: a login elsewhere writes no row of
-- those indexes.

CREATE TABLE person (
    number        INTEGER PRIMARY KEY,           -- from 1 on; groups have negative ones
    id            TEXT    NOT NULL UNIQUE,
    tenant        TEXT    NOT NULL,
    user_name     TEXT    NOT NULL,
    user_name_key TEXT    NOT NULL,              -- case folded
    claimed       INTEGER NOT NULL,              -- the application knows them by their user_name
    managed       INTEGER NOT NULL DEFAULT 0,    -- document is somebody's to change
    external_id   TEXT,
    idp           TEXT,
    name_id       TEXT,
    email         TEXT,                          -- for look-ups
    profile       TEXT    NOT NULL,              -- JSON: what was asserted last
    active        INTEGER NOT NULL,
    locked        INTEGER NOT NULL DEFAULT 0,    -- by an administrator
    created_at    INTEGER NOT NULL,
    updated_at    INTEGER NOT NULL,
    last_login_at INTEGER,
    revision      INTEGER NOT NULL,              -- of the row
    changed_at    INTEGER NOT NULL,              -- these two: of what a client sees
    version       INTEGER NOT NULL DEFAULT 1,
    deleted_at    INTEGER,
    indexed       INTEGER NOT NULL DEFAULT 0,    -- 1: value has what this row has; 2: of before
    document      TEXT                           -- JSON
) STRICT;

-- Of several names that differ in case alone, the first that signed in is the one that is known.
-- Names that are not ASCII are folded by the program, which then claims them.
INSERT INTO person (id, tenant, user_name, user_name_key, claimed, external_id, idp, name_id, email,
                    profile, active, created_at, updated_at, last_login_at, revision, changed_at)
    SELECT id, 'i:' || coalesce(idp, ''), user_name, lower(user_name),
           row_number() OVER (PARTITION BY lower(user_name)
                              ORDER BY last_login_at IS NULL, created_at) = 1
               AND user_name NOT GLOB ('*[^' || char(1) || '-' || char(127) || ']*'),
           external_id, idp, name_id, email, profile, active, created_at, updated_at, last_login_at,
           revision, updated_at
    FROM user ORDER BY created_at;
DROP TABLE user;
ALTER TABLE person RENAME TO user;

CREATE UNIQUE INDEX user_claimed ON user (user_name_key) WHERE claimed = 1;
CREATE UNIQUE INDEX user_external_id ON user (external_id, tenant) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX user_name_id ON user (idp, name_id) WHERE name_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX user_email ON user (email) WHERE email IS NOT NULL;
-- Provisioned people differ by more than case; others in a tenant may differ by case.
CREATE UNIQUE INDEX user_named ON user (tenant, user_name_key, (iif(managed = 1, '', user_name)))
    WHERE tenant < 'd' AND deleted_at IS NULL;
CREATE INDEX user_of_tenant ON user (tenant, number) WHERE tenant < 'd' AND deleted_at IS NULL;
CREATE INDEX user_changed ON user (tenant, changed_at) WHERE tenant < 'd' AND deleted_at IS NULL;
CREATE INDEX user_inactive ON user (tenant) WHERE tenant < 'd' AND deleted_at IS NULL AND active = 0;
CREATE INDEX user_unindexed ON user (tenant, indexed) WHERE tenant < 'd' AND deleted_at IS NULL AND indexed <> 1;
CREATE INDEX user_unclaimed ON user (user_name_key) WHERE claimed = 0;
CREATE INDEX user_gone_external_id ON user (external_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX user_gone_name_id ON user (name_id) WHERE deleted_at IS NOT NULL;

CREATE TABLE grp (
    number           INTEGER PRIMARY KEY,        -- from -1 downwards
    id               TEXT    NOT NULL UNIQUE,
    tenant           TEXT    NOT NULL,
    display_name     TEXT    NOT NULL,
    display_name_key TEXT    NOT NULL,           -- case folded
    external_id      TEXT,
    created_at       INTEGER NOT NULL,
    changed_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    document         TEXT    NOT NULL            -- JSON
) STRICT;
CREATE UNIQUE INDEX grp_named ON grp (tenant, display_name_key);
CREATE INDEX grp_external_id ON grp (tenant, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX grp_of_tenant ON grp (tenant, number);
CREATE INDEX grp_changed ON grp (tenant, changed_at);

-- Names that a group had: what was asserted before then is no word on who is in it.
CREATE TABLE gone_group (
    tenant           TEXT    NOT NULL,
    display_name_key TEXT    NOT NULL,
    at               INTEGER NOT NULL,
    PRIMARY KEY (tenant, display_name_key)
) STRICT, WITHOUT ROWID;

CREATE TABLE member (
    grp    INTEGER NOT NULL,
    member INTEGER NOT NULL,                     -- a person, or, if it is negative, a group
    PRIMARY KEY (grp, member)
) STRICT, WITHOUT ROWID;
CREATE INDEX member_of ON member (member, grp);

-- One row for each single value of a document. A key is 64 bits of the hash of a tenant and an
-- attribute; negative of attributes that nobody is looked for by alone.
CREATE TABLE value (
    owner   INTEGER NOT NULL,                    -- user.number, grp.number
    key     INTEGER NOT NULL,
    element INTEGER NOT NULL,
    value   TEXT    NOT NULL,                    -- comparable octet by octet
    PRIMARY KEY (owner, key, element)
) STRICT, WITHOUT ROWID;
CREATE INDEX value_is ON value (key, substr(value, 1, 200)) WHERE key > 0;

CREATE TABLE connection (
    name       TEXT    PRIMARY KEY,
    idp        TEXT    UNIQUE,
    settings   TEXT    NOT NULL,                 -- JSON
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    people     INTEGER NOT NULL DEFAULT 0        -- in its tenant, but for those with indexed = 0
) STRICT, WITHOUT ROWID;

CREATE TABLE scim_token (
    id         TEXT    PRIMARY KEY,
    connection TEXT    NOT NULL,
    hash       BLOB    NOT NULL UNIQUE,          -- of the token; the token itself is nowhere
    scopes     TEXT    NOT NULL,                 -- JSON
    created_at INTEGER NOT NULL,
    expires    INTEGER,
    last_used  INTEGER
) STRICT, WITHOUT ROWID;

-- Whose sessions have to be looked at again, for all processes. Without a person: everybody's.
-- AUTOINCREMENT: a sequence number is not given again after the sweep.
CREATE TABLE person_change (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    person   TEXT,
    at       INTEGER NOT NULL
) STRICT;
CREATE INDEX person_change_at ON person_change (at);

PRAGMA user_version = 4;
