//! An assertion is good for one session.
//!
//! In: a [`ValidAssertion`]. Out: an [`Accepted`], the first time; `proto.replay` ever after
//! (profiles 4.1.4.5). Remembered is issuer and assertion ID, until the assertion would be refused
//! as too old anyway. Logout requests and artifacts are good for one use as well.

use async_trait::async_trait;

use crate::base::{ErrorCode, StoreError, Timestamp};
use crate::saml::artifact::{Artifact, FreshArtifact};
use crate::saml::logout::ValidLogoutRequest;
use crate::saml::{Accepted, ValidAssertion};

/// The only maker of [`Accepted`].
#[derive(Debug)]
pub struct OneUse;

impl OneUse {
    /// Uses the assertion up. Of two racing calls for one assertion exactly one is accepted.
    pub async fn claim(
        store: &dyn OneUseStore,
        valid: ValidAssertion,
        now: Timestamp,
    ) -> Result<Accepted, OneUseError> {
        Self::claim_with(&mut ById(store), valid, now).await
    }

    /// The same, where the one use is written together with what follows from it.
    pub async fn claim_with(
        claimer: &mut dyn Claimer,
        valid: ValidAssertion,
        now: Timestamp,
    ) -> Result<Accepted, OneUseError> {
        let first = claimer.claim(&valid, now).await?;
        let claims = valid.into_claims();
        if first {
            Ok(Accepted::new(claims))
        } else {
            Err(OneUseError::Replayed { issuer: claims.issuer, assertion_id: claims.assertion_id })
        }
    }
}

impl OneUse {
    /// Lets a LogoutRequest count that was not used up: one that comes again would end what was begun
    /// after it.
    ///
    /// It is used up when what it asks for is done ([`Self::use_up`]), and not before: a store that
    /// fails in between would leave a session that nobody can end by it any more. Of several that come
    /// at the same moment each may count, and ends what the others end.
    pub async fn unused_logout(
        store: &dyn OneUseStore,
        valid: ValidLogoutRequest,
        now: Timestamp,
    ) -> Result<UnusedLogout, OneUseError> {
        let id = logout_id(&valid);
        match store.is_claimed(&valid.issuer, &id, now).await? {
            false => Ok(UnusedLogout(valid)),
            true => Err(OneUseError::Replayed { issuer: valid.issuer, assertion_id: id }),
        }
    }

    /// Uses a LogoutRequest up, all of whose sessions have ended.
    pub async fn use_up(
        store: &dyn OneUseStore,
        done: UnusedLogout,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let UnusedLogout(request) = done;
        let id = logout_id(&request);
        store.claim(&request.issuer, &id, request.expires, now).await?;
        Ok(())
    }

    /// Uses an artifact up before it is resolved: the one that comes second is nobody's.
    ///
    /// The identity provider resolves it once as well (bindings 3.6.6), but that is its promise.
    pub async fn claim_artifact(
        store: &dyn OneUseStore,
        artifact: Artifact,
        idp_entity_id: &str,
        now: Timestamp,
    ) -> Result<FreshArtifact, OneUseError> {
        if !artifact.is_from(idp_entity_id) {
            return Err(OneUseError::OtherSource { idp_entity_id: idp_entity_id.to_owned() });
        }
        let id = artifact.one_use_id();
        match store.claim(idp_entity_id, &id, now.plus(Artifact::REMEMBERED), now).await? {
            true => Ok(FreshArtifact::new(artifact, idp_entity_id)),
            false => {
                Err(OneUseError::Replayed { issuer: idp_entity_id.to_owned(), assertion_id: id })
            }
        }
    }
}

/// Not the same name as an assertion, should somebody count both from one.
fn logout_id(request: &ValidLogoutRequest) -> String {
    format!("LogoutRequest {}", request.id)
}

/// A LogoutRequest that was not used up: the sessions that it names end.
///
/// ```compile_fail,E0423
/// use samlgate::saml::UnusedLogout;
/// use samlgate::saml::logout::ValidLogoutRequest;
/// fn again(valid: ValidLogoutRequest) -> UnusedLogout {
///     UnusedLogout(valid)
/// }
/// ```
#[derive(Debug)]
pub struct UnusedLogout(ValidLogoutRequest);

impl UnusedLogout {
    /// What it says.
    pub const fn request(&self) -> &ValidLogoutRequest {
        &self.0
    }
}

/// Uses an assertion up, and writes what follows from that in the same breath, or nothing at all.
#[async_trait]
pub trait Claimer: Send {
    /// Whether this was the first use. Atomic: of any number of racing calls for one assertion, one
    /// is first. What else is written is durable if it was, and not written if it was not.
    async fn claim(&mut self, valid: &ValidAssertion, now: Timestamp) -> Result<bool, StoreError>;
}

/// Nothing follows.
struct ById<'a>(&'a dyn OneUseStore);

#[async_trait]
impl Claimer for ById<'_> {
    async fn claim(&mut self, valid: &ValidAssertion, now: Timestamp) -> Result<bool, StoreError> {
        let claims = valid.claims();
        // IDs are unique for their issuer alone: two identity providers may use the same one.
        self.0.claim(&claims.issuer, &claims.assertion_id, claims.expires, now).await
    }
}

/// Where used assertions are remembered.
#[async_trait]
pub trait OneUseStore: Send + Sync {
    /// Remembers the pair at least until `until`, and says whether it was new. Atomic: of any
    /// number of racing calls one is first.
    async fn claim(
        &self,
        issuer: &str,
        id: &str,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<bool, StoreError>;

    /// Whether it was claimed, by whichever node.
    async fn is_claimed(&self, issuer: &str, id: &str, now: Timestamp) -> Result<bool, StoreError>;
}

/// Why a valid assertion is not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OneUseError {
    /// Profiles 4.1.4.5: a bearer assertion must not be used twice; nor are logout requests and
    /// artifacts.
    #[error("{assertion_id} of {issuer} was used before")]
    Replayed {
        /// Who issued it.
        issuer: String,
        /// Its ID.
        assertion_id: String,
    },
    /// Bindings 3.6.4: an artifact is resolved where it was made, and nowhere else.
    #[error("the artifact was not made by {idp_entity_id}")]
    OtherSource {
        /// Who was to be asked.
        idp_entity_id: String,
    },
    /// Whether it was used before can not be known, so it is not accepted.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl OneUseError {
    /// `proto.replay`, `binding.artifact` or `store.unavailable`.
    pub const fn code(&self) -> ErrorCode {
        match self {
            Self::Replayed { .. } => ErrorCode::ProtoReplay,
            Self::OtherSource { .. } => ErrorCode::BindingArtifact,
            Self::Store(error) => error.code(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::saml::{Attribute, Claims, NameId};

    /// What was used, until when; or nothing at all, when it can not be asked.
    #[derive(Default)]
    struct Used(Option<Mutex<Vec<(String, String, Timestamp)>>>);

    #[async_trait]
    impl OneUseStore for Used {
        async fn claim(
            &self,
            issuer: &str,
            id: &str,
            until: Timestamp,
            _: Timestamp,
        ) -> Result<bool, StoreError> {
            let used = self.0.as_ref().ok_or_else(|| StoreError::new("down"))?;
            let mut used = used.lock().unwrap();
            let is_new = !used.iter().any(|one| (one.0.as_str(), one.1.as_str()) == (issuer, id));
            used.push((issuer.to_owned(), id.to_owned(), until));
            Ok(is_new)
        }

        async fn is_claimed(
            &self,
            issuer: &str,
            id: &str,
            _: Timestamp,
        ) -> Result<bool, StoreError> {
            let used = self.0.as_ref().ok_or_else(|| StoreError::new("down"))?;
            let used = used.lock().unwrap();
            Ok(used.iter().any(|one| (one.0.as_str(), one.1.as_str()) == (issuer, id)))
        }
    }

    fn now() -> Timestamp {
        Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap()
    }

    fn seconds(count: u64) -> Timestamp {
        now().plus(std::time::Duration::from_secs(count))
    }

    fn claims(issuer: &str) -> Claims {
        Claims {
            issuer: issuer.to_owned(),
            assertion_id: "_a".to_owned(),
            expires: seconds(480),
            name_id: Some(NameId {
                value: "alice@example.com".to_owned(),
                format: Some(NameId::EMAIL.to_owned()),
                name_qualifier: None,
                sp_name_qualifier: None,
                sp_provided_id: None,
            }),
            session_index: Some("_session".to_owned()),
            other_session_indexes: Vec::new(),
            authn_instant: seconds(1),
            authn_context: Some("urn:strong".to_owned()),
            session_not_on_or_after: Some(seconds(3600)),
            attributes: vec![Attribute {
                name: "mail".to_owned(),
                friendly_name: None,
                values: Default::default(),
                complex: false,
            }],
        }
    }

    async fn claim(store: &Used, issuer: &str) -> Result<Accepted, &'static str> {
        let valid = ValidAssertion::new(claims(issuer));
        let claimed = OneUse::claim(store, valid, now()).await;
        claimed.map_err(|error| error.code().as_str())
    }

    #[tokio::test]
    async fn an_assertion_is_accepted_once_and_then_it_is_proto_replay() {
        let (idp, other) = ("https://idp.example.com", "https://other.example.com");
        let store = Used(Some(Mutex::default()));
        assert!(claim(&store, idp).await.is_ok());
        assert_eq!(claim(&store, idp).await.unwrap_err(), "proto.replay");
        // IDs are unique for their issuer alone.
        assert!(claim(&store, other).await.is_ok());
        let used = store.0.unwrap().into_inner().unwrap();
        assert!(used.iter().all(|one| one.2 == seconds(480)));
        let down = claim(&Used::default(), idp).await;
        assert_eq!(down.unwrap_err(), "store.unavailable");
    }

    #[tokio::test]
    async fn what_is_accepted_says_what_was_valid() {
        let store = Used(Some(Mutex::default()));
        let accepted = claim(&store, "https://idp.example.com").await.unwrap();
        let claims = claims("https://idp.example.com");
        assert_eq!(accepted.claims(), &claims);
        assert_eq!(accepted.issuer(), "https://idp.example.com");
        assert_eq!(accepted.assertion_id(), "_a");
        assert_eq!(accepted.name_id(), claims.name_id.as_ref());
        assert_eq!(accepted.session_index(), Some("_session"));
        assert_eq!(accepted.attributes(), claims.attributes);
        assert_eq!(accepted.authn_instant(), seconds(1));
        assert_eq!(accepted.authn_context(), Some("urn:strong"));
        assert_eq!(accepted.session_not_on_or_after(), Some(seconds(3600)));
        assert_eq!(accepted.expires(), seconds(480));
    }

    #[tokio::test]
    async fn a_logout_request_counts_until_it_is_done_and_then_it_is_proto_replay() {
        let request = || ValidLogoutRequest {
            id: "_a".to_owned(),
            issuer: "https://idp.example.com".to_owned(),
            name_id: claims("").name_id.unwrap(),
            session_indexes: Vec::new(),
            expires: seconds(60),
            exceptions: crate::saml::Exceptions::NONE,
        };
        let store = Used(Some(Mutex::default()));
        let first = OneUse::unused_logout(&store, request(), now()).await.unwrap();
        assert_eq!(first.request(), &request());
        // What it asks for could not be done: it comes again.
        let first = OneUse::unused_logout(&store, request(), now()).await.unwrap();
        OneUse::use_up(&store, first, now()).await.unwrap();
        let second = OneUse::unused_logout(&store, request(), now()).await;
        assert_eq!(second.unwrap_err().code().as_str(), "proto.replay");
        // An assertion may have the same ID.
        assert!(claim(&store, "https://idp.example.com").await.is_ok());
        let down = OneUse::unused_logout(&Used::default(), request(), now()).await;
        assert_eq!(down.unwrap_err().code().as_str(), "store.unavailable");
    }

    #[tokio::test]
    async fn an_artifact_is_asked_for_once_and_only_where_it_was_made() {
        // Made from https://idp.example.com/metadata.
        let idp = "https://idp.example.com/metadata";
        let text = {
            use base64::Engine as _;
            let mut bytes = vec![0, 4, 0, 0];
            bytes.extend(openssl::sha::sha1(idp.as_bytes()));
            bytes.extend([7; 20]);
            base64::engine::general_purpose::STANDARD.encode(bytes)
        };
        let store = Used(Some(Mutex::default()));
        let claim =
            |idp| OneUse::claim_artifact(&store, Artifact::parse(&text).unwrap(), idp, now());
        let code = |result: Result<FreshArtifact, OneUseError>| {
            result.map(|_| ()).map_err(|error| error.code().as_str())
        };
        assert_eq!(
            code(claim("https://other.example.com").await),
            Err("binding.artifact")
        );
        assert_eq!(code(claim(idp).await), Ok(()));
        assert_eq!(code(claim(idp).await), Err("proto.replay"));
        let used = store.0.as_ref().unwrap().lock().unwrap();
        assert!(
            used.iter().all(|one| !one.1.contains(&text)),
            "a copy of it is worth nothing"
        );
    }
}
