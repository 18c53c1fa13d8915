//! A login: decided by Redis, written by the database, and only then answered.
//!
//! 1. One script claims the assertion, and adds the session if it was the first to. Of any number of
//!    nodes one goes on. Nobody holds the token yet.
//! 2. The database writes person, login attempt and audit event in one commit, and refuses what it
//!    would refuse anyway: a person who was changed meanwhile, a name that is taken, an assertion
//!    that it has seen though Redis lost it.
//! 3. If that is done, the session that the browser had before ends; if not, step 1 is taken back.
//!
//! A node that dies between the steps leaves a session whose token nobody has, until it was idle too
//! long, and an assertion that is used up. It never leaves a token that works without its record.

use async_trait::async_trait;

use super::RedisStore;
use super::live_until;
use super::one_use::claim;
use super::sessions::Because;
use crate::base::{StoreError, Timestamp};
use crate::session::{Login, LoginStore, TokenHash, Written};

#[async_trait]
impl LoginStore for RedisStore {
    async fn log_in(&self, login: &Login<'_>, now: Timestamp) -> Result<Written, StoreError> {
        let claim = claim(login.issuer, login.assertion_id);
        let because = Because::Claimed(&claim, live_until(login.expires, now));
        let Some(before) = self.open(login.session, because).await? else {
            return Ok(Written::Replayed);
        };
        let written = self.people.record_login(login, now).await;
        if !matches!(written, Ok(Written::Done { .. })) {
            self.withdraw(login, &claim, before, now).await;
            return written;
        }
        if let Some(before) = before
            && let Err(error) = self.end_those("family_of", &before.0, now).await
        {
            // Its cookie is about to be replaced, and it ends when it was idle.
            tracing::warn!(detail = error.detail, "the session of before goes on");
        }
        Ok(Written::Done { replaced: before })
    }
}

impl RedisStore {
    async fn withdraw(
        &self,
        login: &Login<'_>,
        claim: &[u8; 32],
        before: Option<TokenHash>,
        now: Timestamp,
    ) {
        let mut withdraw = self.scripts.withdraw.prepare_invoke();
        withdraw
            .arg(&login.session.hash.0[..])
            .arg(&claim[..])
            .arg(login.session.browser.as_ref().map_or(&[][..], |browser| browser))
            .arg(before.as_ref().map_or(&[][..], |before| &before.0))
            .arg(now.unix_micros());
        if let Err(error) = self.link.run::<()>(&withdraw).await {
            // The assertion stays used, and the session is one whose token nobody has.
            tracing::warn!(detail = error.detail, "a login could not be taken back");
        }
    }
}
