-- Who came for our metadata: operators who change a key want to know who has seen it.

CREATE TABLE metadata_fetch (
    address  text   COLLATE "C" NOT NULL,
    agent    text   COLLATE "C" NOT NULL,             -- what it calls itself
    first_at bigint NOT NULL,
    last_at  bigint NOT NULL,
    visits   bigint NOT NULL,
    PRIMARY KEY (address, agent)
) WITH (fillfactor = 50);

UPDATE meta SET value = 7 WHERE key = 'schema';
