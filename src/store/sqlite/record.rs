//! A login whose session is kept elsewhere: the person, and the records of it.

use super::SqliteStore;
use super::row::{Columns, failed};
use super::writer::Batch;
use super::{audit, users};
use crate::base::{StoreError, Timestamp};
use crate::identity::Person;
use crate::session::{Login, Written};

impl SqliteStore {
    /// Writes person, login attempt and audit events of a login, or nothing. The assertion is
    /// remembered here as well, in case whoever claimed it forgets.
    pub(in crate::store) async fn record_login(
        &self,
        login: &Login<'_>,
        now: Timestamp,
    ) -> Result<Written, StoreError> {
        let (statement, user) = match login.person {
            Person::New(user) => (users::CREATE, user),
            Person::Known(user) => (users::UPDATE, user),
        };
        if !user.may_enter() {
            return Ok(Written::Stale);
        }
        let user = users::columns(Columns::default(), user)?;
        let used = Columns::default()
            .with(login.issuer)
            .with(login.assertion_id)
            .with(login.expires.unix_micros());
        let attempt = login.attempt.clone();
        let (accepted, created) = (login.accepted.clone(), login.created.clone());
        self.writer
            .run(move |batch| {
                Box::pin(async move {
                    // What can refuse comes first, and writes nothing if it does.
                    if is_used(batch, &used).await? {
                        return Ok(Written::Replayed);
                    }
                    match user.bind(sqlx::query(statement)).execute(&mut batch.connection).await {
                        Ok(done) if done.rows_affected() == 1 => {}
                        Ok(_) => return Ok(Written::Stale),
                        Err(error) => {
                            let field = users::taken(&error).ok_or_else(|| failed(error))?;
                            return Ok(Written::Taken(field));
                        }
                    }
                    used.bind(sqlx::query(USE))
                        .execute(&mut batch.connection)
                        .await
                        .map_err(failed)?;
                    audit::keep(batch, &attempt).await?;
                    audit::append(batch, &accepted, now).await?;
                    if let Some(created) = &created {
                        audit::append(batch, created, now).await?;
                    }
                    Ok(Written::Done { replaced: None })
                })
            })
            .await
    }
}

async fn is_used(batch: &mut Batch, used: &Columns) -> Result<bool, StoreError> {
    let found = used
        .bind(sqlx::query(
            "SELECT 1 FROM one_use WHERE issuer = ?1 AND id = ?2",
        ))
        .fetch_optional(&mut batch.connection)
        .await
        .map_err(failed)?;
    Ok(found.is_some())
}

const USE: &str = "INSERT INTO one_use (issuer, id, expires) VALUES (?1, ?2, ?3)";
