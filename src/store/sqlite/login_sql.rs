//! The statements that write logins.
//!
//! `OR FAIL` leaves what was written before the constraint that failed: whoever asks takes all of it
//! back. SQLite need not be prepared to take back the one statement, and so copies no pages.
//!
//! The first constraint that fails says why: `one_use`, it was used before; `user`, somebody else
//! has a name; `session.user` is NULL, the person is not as they were when read.

/// For so many logins there is a statement, the largest first: to ask the driver costs as much as
/// half a login.
pub(super) const SIZES: [usize; 6] = [MOST, 16, 8, 4, 2, 1];
/// As many as can be written together.
pub(super) const MOST: usize = 32;

/// What there is to be written of a login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind {
    /// The person is there, at the revision that was read.
    pub(super) known: bool,
    /// There is a second event.
    pub(super) created: bool,
}

/// What of a login a table wants.
#[derive(Clone, Copy, Debug)]
pub(super) enum Part {
    Person,
    Session,
}

impl Kind {
    const ALL: [Self; 4] = [
        Self { known: false, created: true },
        Self { known: true, created: false },
        Self { known: false, created: false },
        Self { known: true, created: true },
    ];

    /// The order of the person and the session. Who is new is written before their session. Who is
    /// known has to have the revision that was read when the session is written, and is changed
    /// then.
    pub(super) const fn person_and_session(self) -> &'static [Part] {
        if self.known {
            &[Part::Session, Part::Person, Part::Person]
        } else {
            &[Part::Person, Part::Session]
        }
    }
}

/// Each for a kind and a number of logins. Their values: of all of them for `one_use`, then for
/// [`Kind::person_and_session`], for the attempt, for the events.
pub(super) fn all() -> Vec<(Kind, usize, String)> {
    let sizes = |kind| SIZES.into_iter().map(move |rows| (kind, rows, statement(kind, rows)));
    Kind::ALL.into_iter().flat_map(sizes).collect()
}

fn statement(kind: Kind, rows: usize) -> String {
    let events = if kind.created {
        rows.saturating_mul(2)
    } else {
        rows
    };
    let session = format!(
        "{SESSION}{};",
        repeat(&format!("({} {WHO})", "?, ".repeat(10)), rows)
    );
    let person = if kind.known {
        session + &written(RENAME, rows) + &written(UPDATE, rows)
    } else {
        written(CREATE, rows) + &session
    };
    [
        ONE_USE,
        &values(3, rows),
        ";",
        &person,
        ATTEMPT,
        &values(7, rows),
        ";",
        EVENT,
        &values(6, events),
    ]
    .concat()
}

fn written(statement: &str, rows: usize) -> String {
    statement.replace("ROWS", &values(13, rows)).replace("TENANT", TENANT)
}

/// So many rows of so many columns.
fn values(columns: usize, rows: usize) -> String {
    repeat(&format!("({})", vec!["?"; columns].join(",")), rows)
}

fn repeat(row: &str, rows: usize) -> String {
    vec![row; rows].join(",")
}

const ONE_USE: &str = "INSERT OR FAIL INTO one_use (issuer, id, expires) VALUES ";

const CREATE: &str = "
INSERT OR FAIL INTO user (id, user_name, external_id, idp, name_id, email, profile, active,
    created_at, updated_at, last_login_at, revision, user_name_key, tenant, claimed, changed_at)
    SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9,
        column10, column11, column12, column13, TENANT, 1, column10
    FROM (VALUES ROWS) AS new;";

/// By themselves, since they are rarely others than before: what is in an index is written twice.
/// Of who is provisioned, names and address are not a login's to change. Whoever signs in holds
/// their name, or is refused.
const RENAME: &str = "
UPDATE OR FAIL user
    SET user_name = iif(managed, user.user_name, new.column2),
        user_name_key = iif(managed, user.user_name_key, new.column13),
        external_id = iif(managed, user.external_id, new.column3),
        email = iif(managed, user.email, new.column6),
        tenant = iif(tenant = 'i:', TENANT, tenant),
        idp = new.column4, name_id = new.column5, claimed = 1,
        changed_at = iif(managed, changed_at, new.column10),
        version = iif(managed, version, version + 1),
        indexed = iif(managed OR indexed = 0 OR tenant = 'i:', indexed, 2)
    FROM (VALUES ROWS) AS new
    WHERE user.id = new.column1 AND user.revision = new.column12
      AND (claimed = 0
           OR (user.user_name, user.external_id, user.idp, user.name_id, user.email)
              IS NOT (new.column2, new.column3, new.column4, new.column5, new.column6)
           OR (tenant < 'd' AND NOT managed AND user.updated_at <> new.column10));";

const UPDATE: &str = "
UPDATE OR FAIL user
    SET profile = new.column7, updated_at = new.column10, last_login_at = new.column11,
        revision = revision + 1
    FROM (VALUES ROWS) AS new
    WHERE user.id = new.column1 AND user.revision = new.column12;";

/// The tenant of the people of an identity provider.
const TENANT: &str = "coalesce((SELECT 'c:' || name FROM connection WHERE idp = new.column4), \
                      'i:' || coalesce(new.column4, ''))";

const SESSION: &str = "
INSERT OR FAIL INTO session (hash, sid, idp, name_id, session_index, identity, browser, opened_at,
    not_after, last_seen, user) VALUES ";
/// The person, if they are there at this revision.
const WHO: &str = "(SELECT id FROM user WHERE id = ? AND revision = ? AND active = 1 AND locked = 0 \
                   AND deleted_at IS NULL)";

const ATTEMPT: &str = "
INSERT OR FAIL INTO login_attempt (reference, at, idp, outcome, user, request_id, detail) VALUES ";

const EVENT: &str = "
INSERT OR FAIL INTO audit_event (sequence, at, kind, json, private, hash) VALUES ";
