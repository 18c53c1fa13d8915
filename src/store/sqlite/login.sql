-- Logins as one statement: INSERT INTO login, with a row for each. SQLite makes it atomic by itself,
-- and the driver is asked once instead of ten times for each. The view holds nothing and
-- belongs to the connection of the writer alone.
--
-- The first constraint that fails takes everything back and says why: one_use, it was used before;
-- user, somebody else has a name; session.user is NULL, the person is not as they were when read.

CREATE TEMP VIEW login AS SELECT
    NULL AS issuer, NULL AS assertion_id, NULL AS expires,
    NULL AS known,   -- 1: the person is there, at this revision
    NULL AS user, NULL AS user_name, NULL AS external_id, NULL AS idp, NULL AS name_id,
    NULL AS email, NULL AS profile, NULL AS active, NULL AS created_at, NULL AS updated_at,
    NULL AS last_login_at, NULL AS revision,
    NULL AS hash, NULL AS sid, NULL AS session_user, NULL AS session_idp, NULL AS session_name_id,
    NULL AS session_index, NULL AS identity, NULL AS browser, NULL AS opened_at, NULL AS not_after,
    NULL AS last_seen,
    NULL AS reference, NULL AS attempt_at, NULL AS attempt_idp, NULL AS outcome,
    NULL AS attempt_user, NULL AS request_id, NULL AS detail,
    NULL AS sequence, NULL AS at, NULL AS kind, NULL AS json, NULL AS link,
    NULL AS second_sequence, NULL AS second_at, NULL AS second_kind, NULL AS second_json,
    NULL AS second_link;

CREATE TEMP TRIGGER log_in INSTEAD OF INSERT ON login BEGIN
    INSERT INTO one_use (issuer, id, expires) VALUES (NEW.issuer, NEW.assertion_id, NEW.expires);

    INSERT INTO user (id, user_name, external_id, idp, name_id, email, profile, active, created_at,
                      updated_at, last_login_at, revision)
        SELECT NEW.user, NEW.user_name, NEW.external_id, NEW.idp, NEW.name_id, NEW.email,
               NEW.profile, NEW.active, NEW.created_at, NEW.updated_at, NEW.last_login_at,
               NEW.revision
        WHERE NOT NEW.known;
    -- By themselves, since they are rarely others than before: what is in an index is written twice.
    UPDATE user
        SET user_name = NEW.user_name, external_id = NEW.external_id, idp = NEW.idp,
            name_id = NEW.name_id, email = NEW.email
        WHERE NEW.known AND id = NEW.user AND revision = NEW.revision
          AND (user_name, external_id, idp, name_id, email)
              IS NOT (NEW.user_name, NEW.external_id, NEW.idp, NEW.name_id, NEW.email);
    UPDATE user
        SET profile = NEW.profile, active = NEW.active, updated_at = NEW.updated_at,
            last_login_at = NEW.last_login_at, revision = revision + 1
        WHERE NEW.known AND id = NEW.user AND revision = NEW.revision;

    -- With the rest of its family.
    INSERT INTO session_end (hash, at)
        SELECT hash, NEW.attempt_at FROM session WHERE sid = (
            SELECT sid FROM session WHERE browser = NEW.browser ORDER BY opened_at DESC LIMIT 1);
    DELETE FROM session WHERE sid = (
        SELECT sid FROM session WHERE browser = NEW.browser ORDER BY opened_at DESC LIMIT 1);
    INSERT INTO session (hash, sid, user, idp, name_id, session_index, identity, browser, opened_at,
                         not_after, last_seen)
        VALUES (NEW.hash, NEW.sid,
                (SELECT id FROM user
                 WHERE id = NEW.user AND revision = NEW.revision + NEW.known AND active = 1),
                NEW.session_idp, NEW.session_name_id, NEW.session_index, NEW.identity, NEW.browser,
                NEW.opened_at, NEW.not_after, NEW.last_seen);

    INSERT INTO login_attempt (reference, at, idp, outcome, user, request_id, detail)
        VALUES (NEW.reference, NEW.attempt_at, NEW.attempt_idp, NEW.outcome, NEW.attempt_user,
                NEW.request_id, NEW.detail);
    INSERT INTO audit_event (sequence, at, kind, json, hash)
        VALUES (NEW.sequence, NEW.at, NEW.kind, NEW.json, NEW.link);
    INSERT INTO audit_event (sequence, at, kind, json, hash)
        SELECT NEW.second_sequence, NEW.second_at, NEW.second_kind, NEW.second_json, NEW.second_link
        WHERE NEW.second_sequence IS NOT NULL;
END;
