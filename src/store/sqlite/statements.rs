//! The statements that a login shares with others, as text that can be put together when compiling.

macro_rules! claim {
    () => {
        "INSERT INTO one_use (issuer, id, expires) VALUES (?, ?, ?)"
    };
}
macro_rules! create {
    () => {
        "INSERT INTO user (id, user_name, external_id, idp, name_id, email, profile, active,
                           created_at, updated_at, last_login_at, revision)
         VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
    };
}
macro_rules! update {
    () => {
        "UPDATE user SET user_name = ?, external_id = ?, idp = ?, name_id = ?, email = ?,
                         profile = ?, active = ?, updated_at = ?, last_login_at = ?,
                         revision = revision + 1
         WHERE id = ? AND revision = ?"
    };
}
macro_rules! append {
    () => {
        "INSERT INTO audit_event (sequence, at, kind, json, hash) VALUES (?, ?, ?, ?, ?)"
    };
}
macro_rules! keep {
    () => {
        "INSERT INTO login_attempt (reference, at, idp, outcome, user, request_id, detail)
         VALUES (?, ?, ?, ?, ?, ?, ?)"
    };
}
pub(super) use {append, claim, create, keep, update};
