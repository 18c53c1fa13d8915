-- Of several receivers of a channel, those who are not asked again about the parcel that is being sent:
-- the equal of SQLite's.

ALTER TABLE notice_channel ADD COLUMN settled text;  -- JSON

UPDATE meta SET value = 11 WHERE key = 'schema';
