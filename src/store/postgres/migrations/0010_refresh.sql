-- How metadata goes on over time: what came of asking for it, what waits for an administrator, and
-- who of several nodes does the asking.

ALTER TABLE metadata_copy ADD COLUMN picked_by text;  -- who had signed the aggregate that it is from

CREATE TABLE idp_refresh (
    idp        text   COLLATE "C" PRIMARY KEY,
    url        text   NOT NULL,
    tried_at   bigint NOT NULL,
    fetched_at bigint,                               -- when it last went well
    failures   bigint NOT NULL,                      -- since then
    result     text   NOT NULL,                      -- ok, or an error code
    detail     text   NOT NULL,
    next_at    bigint NOT NULL
);

-- Keys that are not in the metadata: somebody signed by them, and an administrator decides.
CREATE TABLE idp_key (
    idp         text   COLLATE "C" NOT NULL,
    fingerprint text   COLLATE "C" NOT NULL,
    entity_id   text   NOT NULL,                     -- whose key it may be: a name can move on
    certificate bytea  NOT NULL,
    standing    text   NOT NULL,                     -- pending, approved, rejected
    seen        bigint NOT NULL,
    first_seen  bigint NOT NULL,
    last_seen   bigint NOT NULL,
    PRIMARY KEY (idp, fingerprint)
);

-- New metadata that does not count yet.
CREATE TABLE idp_change (
    idp           text   COLLATE "C" PRIMARY KEY,
    url           text   NOT NULL,
    metadata      text   NOT NULL,
    picked_by     text,
    change        text   NOT NULL,                   -- JSON
    standing      text   NOT NULL,                   -- pending, rejected
    seen_at       bigint NOT NULL
);

CREATE TABLE lease (
    name   text   COLLATE "C" PRIMARY KEY,
    holder text   NOT NULL,
    until  bigint NOT NULL
);

UPDATE meta SET value = 10 WHERE key = 'schema';
