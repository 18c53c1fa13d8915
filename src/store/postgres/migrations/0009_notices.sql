-- What is to be told, in the order in which it was raised, and how far each channel has told it: the
-- equal of SQLite's.

CREATE TABLE notice_log (
    number bigint PRIMARY KEY,                        -- without holes
    key    text   COLLATE "C" NOT NULL,
    at     bigint NOT NULL,
    text   text   NOT NULL,
    advice text   NOT NULL,
    detail text   NOT NULL                            -- JSON
);

INSERT INTO notice_log (number, key, at, text, advice, detail)
SELECT row_number() OVER (ORDER BY at, key), key, at, text, advice, detail FROM notice;

CREATE TABLE notice_channel (
    name       text   COLLATE "C" PRIMARY KEY,
    done       bigint NOT NULL,                       -- notice_log.number: took it, and all before
    parcel     bigint,                                -- notice_log.number: is being sent up to it
    since      bigint NOT NULL,
    holder     text   COLLATE "C",                    -- the node that sends
    held_until bigint NOT NULL,
    attempts   bigint NOT NULL,
    next_at    bigint,
    error      text,
    sent_at    bigint
);

UPDATE meta SET value = 9 WHERE key = 'schema';
