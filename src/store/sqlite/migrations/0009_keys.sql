-- Who came for our metadata: operators who change a key want to know who has seen it.

CREATE TABLE metadata_fetch (
    address  TEXT    NOT NULL,
    agent    TEXT    NOT NULL,                   -- what it calls itself
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    visits   INTEGER NOT NULL,
    PRIMARY KEY (address, agent)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 9;
