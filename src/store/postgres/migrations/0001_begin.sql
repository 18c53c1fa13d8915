-- The equal of SQLite's tables. Times are microseconds since 1970, UTC, and truth is 1, as there:
-- one text of SQL may then serve both. Texts compare and sort byte by byte (COLLATE "C").

CREATE TABLE meta (
    key   text   COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);
INSERT INTO meta (key, value) VALUES
    ('application', 1935764812),           -- 'samL': these tables are ours
    ('schema', 1),
    ('idp_revision', 0),
    ('session_ends', 0);                   -- the last number in session_end

CREATE TABLE "user" (
    id            text   COLLATE "C" CONSTRAINT user_id PRIMARY KEY,
    user_name     text   COLLATE "C" NOT NULL CONSTRAINT user_user_name UNIQUE,
    external_id   text   COLLATE "C",
    idp           text   COLLATE "C",
    name_id       text   COLLATE "C",
    email         text   COLLATE "C",      -- the profile's, for look-ups
    profile       text   NOT NULL,         -- JSON
    active        bigint NOT NULL,
    created_at    bigint NOT NULL,
    updated_at    bigint NOT NULL,
    last_login_at bigint,
    revision      bigint NOT NULL
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX user_external_id ON "user" (idp, external_id) WHERE idp IS NOT NULL AND external_id IS NOT NULL;
CREATE UNIQUE INDEX user_unbound_external_id ON "user" (external_id) WHERE idp IS NULL AND external_id IS NOT NULL;
CREATE UNIQUE INDEX user_name_id ON "user" (idp, name_id) WHERE name_id IS NOT NULL;
CREATE INDEX user_email ON "user" (left(email, 256)) WHERE email IS NOT NULL;   -- a key has its limits

-- When somebody was last seen is written again and again, and is in no index: with room on its page
-- that costs one page.
CREATE TABLE session (
    hash          bytea  PRIMARY KEY,      -- of the token; the token itself is nowhere
    sid           text   COLLATE "C" NOT NULL,
    "user"        text   COLLATE "C" NOT NULL,
    idp           text   COLLATE "C" NOT NULL,
    name_id       text   COLLATE "C",      -- these two: what single logout looks for
    session_index text   COLLATE "C",
    identity      text   NOT NULL,         -- JSON
    browser       bytea,
    opened_at     bigint NOT NULL,
    not_after     bigint NOT NULL,
    last_seen     bigint NOT NULL,
    host          text   COLLATE "C"       -- NULL: the host of public_url
) WITH (fillfactor = 80);
CREATE INDEX session_of_user ON session ("user");
CREATE INDEX session_browser ON session (browser, opened_at) WHERE browser IS NOT NULL;
CREATE INDEX session_sid ON session (sid);
CREATE INDEX session_named ON session (left(name_id, 256)) WHERE name_id IS NOT NULL;

-- Sessions that were ended before their time, for the caches of other nodes. Numbers come from
-- meta, not from a sequence: they become visible in their order, and a reader skips none.
CREATE TABLE session_end (
    sequence bigint PRIMARY KEY,
    hash     bytea  NOT NULL,
    at       bigint NOT NULL
);
CREATE INDEX session_end_at ON session_end (at);

CREATE TABLE one_use (
    issuer  text   COLLATE "C" NOT NULL,  -- of a long one, its hash; likewise of an id
    id      text   COLLATE "C" NOT NULL,
    expires bigint NOT NULL,
    PRIMARY KEY (issuer, id)
);
CREATE INDEX one_use_expires ON one_use (expires);

CREATE TABLE pending_login (
    number     bigint GENERATED ALWAYS AS IDENTITY,
    handle     bytea  PRIMARY KEY,         -- hash of the RelayState
    browser    bytea  NOT NULL,            -- hash of the login cookie
    request_id text   COLLATE "C" NOT NULL UNIQUE,
    idp        text   COLLATE "C" NOT NULL,
    return_to  text   NOT NULL,
    created_at bigint NOT NULL,
    used       bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 80);
CREATE INDEX pending_login_browser ON pending_login (browser, created_at);
CREATE INDEX pending_login_created_at ON pending_login (created_at);

-- Single-use values: forms that wait for a login, codes for another host.
CREATE TABLE kept (
    key     bytea  PRIMARY KEY,
    value   bytea  NOT NULL,
    expires bigint NOT NULL
);
CREATE INDEX kept_expires ON kept (expires);

-- Who looks for a reference reads them from the newest on.
CREATE TABLE login_attempt (
    number     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    reference  text   COLLATE "C" NOT NULL,
    at         bigint NOT NULL,
    idp        text   COLLATE "C",
    outcome    text   COLLATE "C" NOT NULL, -- 'ok' or an error code
    "user"     text   COLLATE "C",
    request_id text   COLLATE "C",
    detail     text   NOT NULL              -- JSON
);

CREATE TABLE audit_event (
    sequence bigint PRIMARY KEY,           -- 1, 2, 3 … without gaps
    at       bigint NOT NULL,
    kind     text   COLLATE "C" NOT NULL,
    json     text   NOT NULL,              -- the text that is hashed
    hash     bytea  NOT NULL               -- SHA-256(hash of the event before, json)
);
CREATE INDEX audit_event_at ON audit_event (at);

-- The end of the chain, in one row: whoever adds to the chain locks it first.
CREATE TABLE audit_head (
    sequence bigint NOT NULL,
    hash     bytea  NOT NULL
);
INSERT INTO audit_head (sequence, hash) VALUES (0, decode(repeat('00', 32), 'hex'));

CREATE TABLE idp (
    name       text   COLLATE "C" PRIMARY KEY,
    settings   text   NOT NULL,            -- JSON
    metadata   text   NOT NULL,
    url        text,
    updated_at bigint NOT NULL
);

CREATE TABLE metadata_copy (
    idp           text   COLLATE "C" PRIMARY KEY,
    url           text   NOT NULL,
    metadata      text   NOT NULL,
    etag          text,
    last_modified text,
    fetched_at    bigint NOT NULL
);
