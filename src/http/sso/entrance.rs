//! From a valid assertion to a session that is written down.

use async_trait::async_trait;

use super::attempt::Attempt;
use crate::app::Live;
use crate::base::{StoreError, Timestamp};
use crate::identity::{self, Asserter, Identity, IdentityError, Keeper, Kept, Person};
use crate::saml::one_use::Claimer;
use crate::saml::{Claims, ValidAssertion};
use crate::session::{Prepared, TokenHash, Written};
use crate::trust::IdpTrust;

/// Where a valid assertion turns into a session: its one use, the person, the session and the
/// records of it are written together or not at all.
pub(super) struct Entrance<'a, 'g> {
    /// The attempt.
    pub(super) attempt: &'a Attempt<'g>,
    /// Whose assertion it is.
    pub(super) idp: &'a IdpTrust,
    /// The settings.
    pub(super) live: &'a Live,
    /// The session that this browser has, where the sign-in was to add something to it.
    pub(super) before: Option<Identity>,
    /// Who came in.
    pub(super) outcome: Option<Result<(Prepared, Option<TokenHash>), IdentityError>>,
}

#[async_trait]
impl Claimer for Entrance<'_, '_> {
    async fn claim(&mut self, valid: &ValidAssertion, now: Timestamp) -> Result<bool, StoreError> {
        let claims = valid.claims();
        let app = &self.attempt.gateway.app;
        let registry = app.registry();
        let asserter = Asserter {
            idp: &self.idp.settings.name,
            vendor: self.idp.metadata.vendor,
            allow_duplicates: self.idp.settings.allow_duplicate_attributes,
            user_name_suffix: self.idp.settings.user_name_suffix.as_deref(),
            groups_overage: self.idp.settings.groups_overage,
            owner_of: &|domain| registry.owner_of(domain),
        };
        let mut writing = Writing {
            attempt: self.attempt,
            claims,
            before: self.before.as_ref(),
            now,
            written: None,
        };
        let resolved = identity::resolve(
            valid,
            asserter,
            &self.live.identity,
            app.ports.directory.as_ref(),
            &mut writing,
            app.entropy.as_ref(),
            now,
        );
        match resolved.await {
            Ok(()) => {
                let first = writing.written.is_some();
                self.outcome = writing.written.map(Ok);
                Ok(first)
            }
            Err(IdentityError::Store(error)) => Err(error),
            Err(error) => {
                // Nobody came in, and it is used up all the same: it was for this one attempt.
                let one_use = &app.ports.one_use;
                let id = &claims.assertion_id;
                let first = one_use.claim(&claims.issuer, id, claims.expires, now).await?;
                self.outcome = Some(Err(error));
                Ok(first)
            }
        }
    }
}

/// Writes the person that was found, and everything else of the login with them.
struct Writing<'a, 'g> {
    attempt: &'a Attempt<'g>,
    claims: &'a Claims,
    before: Option<&'a Identity>,
    now: Timestamp,
    /// Nothing, if the assertion was used before.
    written: Option<(Prepared, Option<TokenHash>)>,
}

#[async_trait]
impl Keeper for Writing<'_, '_> {
    async fn keep(&mut self, person: Person, mut identity: Identity) -> Result<Kept, StoreError> {
        if let Some(before) = self.before {
            identity.go_on_from(before);
        }
        let app = &self.attempt.gateway.app;
        let browser = self.attempt.evidence.browser;
        let prepared = app.sessions.prepare(identity, browser, app.entropy.as_ref(), self.now);
        let login = self.attempt.login(self.claims, &person, prepared.session());
        Ok(match app.ports.logins.log_in(&login, self.now).await? {
            Written::Done { replaced } => {
                self.written = Some((prepared, replaced));
                Kept::Kept
            }
            Written::Replayed => Kept::Kept,
            Written::Stale => Kept::Stale,
            Written::Taken(field) => Kept::Taken(field),
        })
    }
}
