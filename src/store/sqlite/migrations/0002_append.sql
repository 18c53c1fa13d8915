-- Rows in the order in which they come, and no index that nobody asks: a login then writes a third
-- of the pages. Sessions are wide, and were kept in the order of their hash: each one on pages of
-- its own, all over the file.

CREATE TABLE session_in_order (
    hash          BLOB    NOT NULL UNIQUE,   -- of the token; the token itself is nowhere
    sid           TEXT    NOT NULL,
    user          TEXT    NOT NULL,
    idp           TEXT    NOT NULL,
    name_id       TEXT,                      -- these two: what single logout looks for
    session_index TEXT,
    identity      TEXT    NOT NULL,          -- JSON
    browser       BLOB,
    opened_at     INTEGER NOT NULL,
    not_after     INTEGER NOT NULL,
    last_seen     INTEGER NOT NULL
) STRICT;
INSERT INTO session_in_order (hash, sid, user, idp, name_id, session_index, identity, browser,
                              opened_at, not_after, last_seen)
    SELECT hash, sid, user, idp, name_id, session_index, identity, browser, opened_at, not_after,
           last_seen
    FROM session ORDER BY opened_at;
DROP TABLE session;
ALTER TABLE session_in_order RENAME TO session;
CREATE INDEX session_user ON session (user);
CREATE INDEX session_browser ON session (browser, opened_at) WHERE browser IS NOT NULL;

-- They come in the order of their time, and are at most a hundred thousand: whoever looks for a
-- reference reads them from the newest on.
DROP INDEX login_attempt_reference;
DROP INDEX login_attempt_at;

PRAGMA user_version = 2;
