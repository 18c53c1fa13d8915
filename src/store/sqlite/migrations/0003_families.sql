-- Sessions of one login on several hosts, which end together; and what single logout asks for.

ALTER TABLE session ADD COLUMN host TEXT;      -- NULL: the host of public_url
CREATE INDEX session_sid ON session (sid);     -- in the order of time: written at its end
CREATE INDEX session_named ON session (name_id, session_index) WHERE name_id IS NOT NULL;

-- Single-use values: forms that wait for a login, codes for another host.
CREATE TABLE kept (
    key     BLOB    PRIMARY KEY,
    value   BLOB    NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX kept_expires ON kept (expires);

PRAGMA user_version = 3;
