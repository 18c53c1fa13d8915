-- Of several receivers of a channel, those who are not asked again about the parcel that is being sent.

ALTER TABLE notice_channel ADD COLUMN settled TEXT;  -- JSON

PRAGMA user_version = 13;
