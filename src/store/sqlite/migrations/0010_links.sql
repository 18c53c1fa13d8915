-- People whom an administrator linked to what another identity provider calls them.

CREATE TABLE user_link (
    idp        TEXT    NOT NULL,
    name_id    TEXT    NOT NULL,                 -- as it is sent
    person     TEXT    NOT NULL,                 -- user.id
    created_at INTEGER NOT NULL,
    PRIMARY KEY (idp, name_id),
    UNIQUE (person, idp)
) STRICT, WITHOUT ROWID;

PRAGMA user_version = 10;
