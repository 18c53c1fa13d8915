-- People whom an administrator linked to what another identity provider calls them.

CREATE TABLE user_link (
    idp        text   COLLATE "C" NOT NULL,
    name_id    text   COLLATE "C" NOT NULL,           -- as it is sent
    person     text   COLLATE "C" NOT NULL,           -- user.id
    created_at bigint NOT NULL,
    PRIMARY KEY (idp, name_id),
    UNIQUE (person, idp)
);

UPDATE meta SET value = 8 WHERE key = 'schema';
