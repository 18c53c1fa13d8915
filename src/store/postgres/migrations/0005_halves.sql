-- Events in two halves. The chain hashes json, which has the digest of private; private can be erased.
-- Events of before have everything in json.

ALTER TABLE audit_event ADD COLUMN private text;

-- The sequence of the last audit.pruned, which says where the chain begins; 0: at the first event.
INSERT INTO meta (key, value) VALUES ('audit_pruned', 0);

UPDATE meta SET value = 5 WHERE key = 'schema';
