-- An address of one identity provider's people is compared with another's whatever the case of its letters.
DROP INDEX user_email;
CREATE INDEX user_email ON "user" (lower(substr(email, 1, 256))) WHERE email IS NOT NULL;   -- a key has its limits

UPDATE meta SET value = 13 WHERE key = 'schema';
