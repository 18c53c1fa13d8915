//! A login whose session is kept elsewhere: the person, and the records of it.

use super::one_use::short;
use super::row::{failed, taken};
use super::{Decision, PostgresStore};
use super::{audit, users};
use crate::base::{StoreError, Timestamp};
use crate::identity::Person;
use crate::session::{Login, Written};

const USE: &str = "
    INSERT INTO one_use (issuer, id, expires) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";

impl PostgresStore {
    /// Writes person, login attempt and audit events of a login, or nothing. The assertion is
    /// remembered here as well, in case whoever claimed it forgets.
    pub(in crate::store) async fn record_login(
        &self,
        login: &Login<'_>,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let (Person::New(user) | Person::Known(user)) = login.person;
        if !user.may_enter() {
            return Ok(Written::Stale);
        }
        let is_new = matches!(login.person, Person::New(_));
        let user = users::Row::of(user)?;
        let (issuer, id) = (short(login.issuer), short(login.assertion_id));
        let expires = login.expires.unix_micros();
        let attempt = login.attempt.clone();
        let accepted = audit::unchained(&login.accepted, now)?;
        let created = login.created.as_ref().map(|event| audit::unchained(event, now));
        let created = created.transpose()?;
        self.decide(move |connection| {
            Box::pin(async move {
                let mut head = audit::lock_head(connection).await?;
                let used = sqlx::query(USE).bind(issuer).bind(id).bind(expires);
                let used = used.execute(&mut *connection).await.map_err(failed)?;
                if used.rows_affected() == 0 {
                    return Ok(Decision::TakeBack(Written::Replayed));
                }
                match user.write(is_new, connection).await {
                    Ok(true) => {}
                    Ok(false) => return Ok(Decision::TakeBack(Written::Stale)),
                    Err(error) => {
                        let field = taken(&error).ok_or_else(|| failed(error))?;
                        return Ok(Decision::TakeBack(Written::Taken(field)));
                    }
                }
                audit::keep(connection, attempt).await?;
                let events = std::iter::once(&accepted).chain(&created).collect::<Vec<_>>();
                audit::append(connection, &mut head, &events).await?;
                Ok(Decision::Keep(Written::Done { replaced: None }))
            })
        })
        .await
    }
}
