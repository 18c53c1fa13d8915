-- People of several tenants, some of them provisioned; groups, connections, and an index of values:
-- the equal of SQLite's. A tenant is 'c:' and a connection, or 'i:' and an identity provider (of
-- nobody: 'i:'). tenant < 'd' is said where only provisioned tenants are meant: a login elsewhere
-- writes no row of those indexes.

ALTER TABLE "user"
    ADD COLUMN number        bigint GENERATED ALWAYS AS IDENTITY,    -- from 1 on; groups have negative ones
    ADD COLUMN tenant        text   COLLATE "C",
    ADD COLUMN user_name_key text   COLLATE "C",          -- case folded
    ADD COLUMN claimed       bigint,                      -- the application knows them by their user_name
    ADD COLUMN managed       bigint NOT NULL DEFAULT 0,   -- document is somebody's to change
    ADD COLUMN locked        bigint NOT NULL DEFAULT 0,   -- by an administrator
    ADD COLUMN changed_at    bigint,                      -- these two: of what a client sees
    ADD COLUMN version       bigint NOT NULL DEFAULT 1,
    ADD COLUMN deleted_at    bigint,
    ADD COLUMN indexed       bigint NOT NULL DEFAULT 0,   -- 1: value has what this row has; 2: of before
    ADD COLUMN document      text;                        -- JSON

-- Of several names that differ in case alone, the first that signed in is the one that is known.
-- Names that are not ASCII are folded by the program, which then claims them.
UPDATE "user"
    SET tenant = 'i:' || coalesce(idp, ''), user_name_key = lower(user_name), changed_at = updated_at,
        claimed = CASE WHEN known.place = 1 AND octet_length(user_name) = char_length(user_name)
                       THEN 1 ELSE 0 END
    FROM (SELECT id, row_number() OVER (PARTITION BY lower(user_name)
                                        ORDER BY last_login_at IS NULL, created_at) AS place
          FROM "user") AS known
    WHERE known.id = "user".id;

ALTER TABLE "user"
    ALTER COLUMN tenant SET NOT NULL,
    ALTER COLUMN user_name_key SET NOT NULL,
    ALTER COLUMN claimed SET NOT NULL,
    ALTER COLUMN changed_at SET NOT NULL,
    DROP CONSTRAINT user_user_name;
DROP INDEX user_external_id;
DROP INDEX user_unbound_external_id;
DROP INDEX user_name_id;
DROP INDEX user_email;

CREATE UNIQUE INDEX user_number ON "user" (number);
CREATE UNIQUE INDEX user_claimed ON "user" (user_name_key) WHERE claimed = 1;
CREATE UNIQUE INDEX user_external_id ON "user" (external_id, tenant) WHERE external_id IS NOT NULL AND deleted_at IS NULL;
CREATE UNIQUE INDEX user_name_id ON "user" (idp, name_id) WHERE name_id IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX user_email ON "user" (substr(email, 1, 256)) WHERE email IS NOT NULL;   -- a key has its limits
-- Provisioned people differ by more than case; others in a tenant may differ by case.
CREATE UNIQUE INDEX user_named ON "user" (tenant, user_name_key, (CASE WHEN managed = 1 THEN '' ELSE md5(user_name) END))
    WHERE tenant < 'd' AND deleted_at IS NULL;
CREATE INDEX user_of_tenant ON "user" (tenant, number) WHERE tenant < 'd' AND deleted_at IS NULL;
CREATE INDEX user_changed ON "user" (tenant, changed_at) WHERE tenant < 'd' AND deleted_at IS NULL;
CREATE INDEX user_inactive ON "user" (tenant) WHERE tenant < 'd' AND deleted_at IS NULL AND active = 0;
CREATE INDEX user_unindexed ON "user" (tenant, indexed) WHERE tenant < 'd' AND deleted_at IS NULL AND indexed <> 1;
CREATE INDEX user_unclaimed ON "user" (user_name_key) WHERE claimed = 0;
CREATE INDEX user_gone_external_id ON "user" (external_id) WHERE deleted_at IS NOT NULL;
CREATE INDEX user_gone_name_id ON "user" (name_id) WHERE deleted_at IS NOT NULL;

CREATE TABLE grp (
    number           bigint GENERATED ALWAYS AS IDENTITY (INCREMENT BY -1) PRIMARY KEY,   -- from -1 downwards
    id               text   COLLATE "C" NOT NULL UNIQUE,
    tenant           text   COLLATE "C" NOT NULL,
    display_name     text   COLLATE "C" NOT NULL,
    display_name_key text   COLLATE "C" NOT NULL,     -- case folded
    external_id      text   COLLATE "C",
    created_at       bigint NOT NULL,
    changed_at       bigint NOT NULL,
    version          bigint NOT NULL,
    document         text   NOT NULL                  -- JSON
) WITH (fillfactor = 85);
CREATE UNIQUE INDEX grp_named ON grp (tenant, display_name_key);
CREATE INDEX grp_external_id ON grp (tenant, external_id) WHERE external_id IS NOT NULL;
CREATE INDEX grp_of_tenant ON grp (tenant, number);
CREATE INDEX grp_changed ON grp (tenant, changed_at);

-- Names that a group had: what was asserted before then is no word on who is in it.
CREATE TABLE gone_group (
    tenant           text   COLLATE "C" NOT NULL,
    display_name_key text   COLLATE "C" NOT NULL,
    at               bigint NOT NULL,
    PRIMARY KEY (tenant, display_name_key)
);

CREATE TABLE member (
    grp    bigint NOT NULL,
    member bigint NOT NULL,                           -- a person, or, if it is negative, a group
    PRIMARY KEY (grp, member)
);
CREATE INDEX member_of ON member (member, grp);

-- One row for each single value of a document. A key is 64 bits of the hash of a tenant and an
-- attribute; negative of attributes that nobody is looked for by alone.
CREATE TABLE value (
    owner   bigint NOT NULL,                          -- "user".number, grp.number
    key     bigint NOT NULL,
    element bigint NOT NULL,
    value   text   COLLATE "C" NOT NULL,              -- comparable octet by octet
    PRIMARY KEY (owner, key, element)
);
CREATE INDEX value_is ON value (key, substr(value, 1, 200)) WHERE key > 0;

CREATE TABLE connection (
    name       text   COLLATE "C" PRIMARY KEY,
    idp        text   COLLATE "C" UNIQUE,
    settings   text   NOT NULL,                       -- JSON
    created_at bigint NOT NULL,
    updated_at bigint NOT NULL,
    people     bigint NOT NULL DEFAULT 0              -- in its tenant, but for those with indexed = 0
) WITH (fillfactor = 50);

CREATE TABLE scim_token (
    id         text   COLLATE "C" PRIMARY KEY,
    connection text   COLLATE "C" NOT NULL,
    hash       bytea  NOT NULL UNIQUE,                -- of the token; the token itself is nowhere
    scopes     text   NOT NULL,                       -- JSON
    created_at bigint NOT NULL,
    expires    bigint,
    last_used  bigint
) WITH (fillfactor = 50);

-- Whose sessions have to be looked at again, for all nodes. Without a person: everybody's. Whoever
-- writes here has locked the end of the audit, so numbers become visible in their order.
CREATE TABLE person_change (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person   text   COLLATE "C",
    at       bigint NOT NULL
);
CREATE INDEX person_change_at ON person_change (at);
-- The last number whose row was swept away.
INSERT INTO meta (key, value) VALUES ('person_changes', 0);

UPDATE meta SET value = 2 WHERE key = 'schema';
