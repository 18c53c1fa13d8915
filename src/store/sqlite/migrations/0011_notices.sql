-- What is to be told, in the order in which it was raised, and how far each channel has told it.

CREATE TABLE notice_log (
    number INTEGER PRIMARY KEY,                  -- without holes
    key    TEXT    NOT NULL,
    at     INTEGER NOT NULL,
    text   TEXT    NOT NULL,
    advice TEXT    NOT NULL,
    detail TEXT    NOT NULL                      -- JSON
) STRICT;

INSERT INTO notice_log (number, key, at, text, advice, detail)
SELECT row_number() OVER (ORDER BY at, key), key, at, text, advice, detail FROM notice;

CREATE TABLE notice_channel (
    name       TEXT    PRIMARY KEY,
    done       INTEGER NOT NULL,                 -- notice_log.number: took it, and all before
    parcel     INTEGER,                          -- notice_log.number: is being sent up to it
    since      INTEGER NOT NULL,
    holder     TEXT,                             -- the node that sends
    held_until INTEGER NOT NULL,
    attempts   INTEGER NOT NULL,
    next_at    INTEGER,
    error      TEXT,
    sent_at    INTEGER
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 11;
