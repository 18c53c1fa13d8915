-- What the link of a sign-in asked for, with the request that waits: its answer is held to it.
ALTER TABLE pending_login ADD COLUMN asked TEXT NOT NULL DEFAULT '';

PRAGMA user_version = 14;
