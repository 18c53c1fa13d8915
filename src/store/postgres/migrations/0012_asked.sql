-- What the link of a sign-in asked for, with the request that waits: its answer is held to it.
ALTER TABLE pending_login ADD COLUMN asked text NOT NULL DEFAULT '';

UPDATE meta SET value = 12 WHERE key = 'schema';
