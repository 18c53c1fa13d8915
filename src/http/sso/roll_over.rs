//! A message that no key of its identity provider has signed: perhaps the key is new.
//!
//! In: the message, posted or fetched for an artifact, and by whom it should be. Out: the same identity provider with newer metadata, if
//! there is such; the sign-in goes on with that. If there is not, and everything else about the
//! message is as it should be, its certificate is written down for an administrator. It is trusted
//! by nobody for that: what is read on its word is thrown away.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::artifact::Begun;
use crate::app::{App, Own};
use crate::audit::{Event, EventKind};
use crate::base::{Checks, ErrorCode, StoreError, Timestamp};
use crate::dsig::{Trust, TrustedKey, TrustedKeys};
use crate::notice::Notice;
use crate::saml::artifact::Resolved;
use crate::saml::keys::Keys;
use crate::saml::profile::Origin;
use crate::saml::response::{ResponseMessage, SignedResponse};
use crate::saml::{SamlError, ServiceProvider};
use crate::trust::{IdpTrust, SeenKey, Standing};
use crate::xml::{Document, Element, ns};
use crate::xmlenc::{Decryption, DecryptionKeys};

/// So long a person waits for newer metadata. Theirs comes late if the host is slow: the next
/// attempt has it.
const PATIENCE: Duration = Duration::from_secs(5);
/// Certificates of a message that are looked at.
const MOST_CERTIFICATES: usize = 2;

/// By what a message is verified.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// Ourselves.
    pub(super) app: &'a App,
    /// Our keys.
    pub(super) own: &'a Own,
    /// Our names, where the message came.
    pub(super) sp: &'a ServiceProvider,
    /// The time.
    pub(super) now: Timestamp,
}

/// All that came: it can be read again. Of an artifact that is the answer to our question, which is
/// not asked twice.
#[derive(Clone, Copy)]
pub(super) enum Whole<'d> {
    /// A form.
    Posted(&'d Document),
    /// What an artifact stands for.
    Resolved(&'d Resolved),
}

impl<'d> Whole<'d> {
    fn root(self) -> Element<'d> {
        match self {
            Self::Posted(document) => document.root(),
            Self::Resolved(resolved) => resolved.root(),
        }
    }

    /// Verified by these keys.
    fn verify(
        self,
        keys: Keys<'_>,
        clock_skew: Duration,
        checks: &mut Checks,
        now: Timestamp,
    ) -> Result<SignedResponse<'d>, SamlError> {
        let message = match self {
            Self::Posted(document) => ResponseMessage::parse(document, checks),
            Self::Resolved(resolved) => resolved.read(keys.signing, clock_skew, checks, now),
        };
        message?.verify(keys, checks)
    }
}

/// Reads what an artifact stands for, out of a message that may be signed as a whole; where no key of
/// the identity provider fits that, once more with its metadata of now.
pub(super) async fn read<'d>(
    given: Given<'_>,
    resolved: &'d Resolved,
    idp: &Arc<IdpTrust>,
    begun: Option<Begun>,
) -> Result<(ResponseMessage<'d>, Option<Begun>), SamlError> {
    let Given { app, own, sp, now } = given;
    let read = |idp: &IdpTrust| {
        let trust = idp.keys(&own.decryption_keys, now).signing;
        resolved.read(trust, idp.clock_skew(sp), &mut Checks::off(), now)
    };
    match (with_newer_keys(app, idp, now, read).await, begun) {
        (Ok(message), begun) => Ok((message, begun)),
        (Err(error), begun) => {
            if let Some((idp, origin)) = begun.filter(|_| may_be_new_key(&error)) {
                note(app, Whole::Resolved(resolved), &idp, sp, origin, now).await;
            }
            Err(error)
        }
    }
}

/// Verifies a message; where no key of the identity provider fits, once more with its metadata of now.
///
/// For that the message is read again from `whole`. With an error comes the identity provider that was
/// tried last.
pub(super) async fn verify<'d>(
    given: Given<'_>,
    message: ResponseMessage<'d>,
    whole: Whole<'d>,
    idp: Arc<IdpTrust>,
    origin: Origin,
    checks: &mut Checks,
) -> Result<(Arc<IdpTrust>, Origin, SignedResponse<'d>), (Arc<IdpTrust>, SamlError)> {
    let Given { app, own, sp, now } = given;
    let error = match message.verify(idp.keys(&own.decryption_keys, now), checks) {
        Ok(signed) => return Ok((idp, origin, signed)),
        Err(error) if may_be_new_key(&error) => error,
        Err(error) => return Err((idp, error)),
    };
    let newer = newer(app, &idp, now).await;
    let again = match &newer {
        Some(newer) => {
            let keys = newer.keys(&own.decryption_keys, now);
            whole.verify(keys, newer.clock_skew(sp), checks, now)
        }
        None => Err(error),
    };
    let idp = newer.unwrap_or(idp);
    match again {
        Ok(signed) => Ok((idp, origin, signed)),
        Err(error) => {
            if may_be_new_key(&error) {
                note(app, whole, &idp, sp, origin, now).await;
            }
            Err((idp, error))
        }
    }
}

/// Reads a message by the keys of its identity provider; where none fits, once more by those of its
/// metadata of now.
pub(in crate::http) async fn with_newer_keys<T>(
    app: &App,
    idp: &Arc<IdpTrust>,
    now: Timestamp,
    read: impl Fn(&IdpTrust) -> Result<T, SamlError>,
) -> Result<T, SamlError> {
    match read(idp) {
        Err(error) if may_be_new_key(&error) => match newer(app, idp, now).await {
            Some(newer) => read(&newer),
            None => Err(error),
        },
        other => other,
    }
}

/// Whether this may be for want of a key: none fits, or none is of the kind.
fn may_be_new_key(error: &SamlError) -> bool {
    matches!(
        error.code(),
        ErrorCode::SigInvalid | ErrorCode::SigAlgorithm | ErrorCode::BindingQuerySignature
    )
}

/// The same identity provider with other keys, if there are such by now.
async fn newer(app: &App, idp: &Arc<IdpTrust>, now: Timestamp) -> Option<Arc<IdpTrust>> {
    if let Some(told) = app.renewals.want(&idp.settings.name, now) {
        // In time or not, done or given up: what counts is what is there now.
        let _ = tokio::time::timeout(PATIENCE, told).await;
    }
    let current = app.registry().named(&idp.settings.name).cloned()?;
    let prints = |idp: &IdpTrust| -> Vec<String> {
        idp.metadata
            .signing_keys
            .iter()
            .map(|key| key.fingerprint().to_owned())
            .collect()
    };
    let same_one = current.metadata.entity_id == idp.metadata.entity_id;
    (same_one && prints(&current) != prints(idp)).then_some(current)
}

/// Writes the message's certificate down for an administrator, if that is all it wants.
async fn note(
    app: &App,
    whole: Whole<'_>,
    idp: &IdpTrust,
    sp: &ServiceProvider,
    origin: Origin,
    now: Timestamp,
) {
    let Some((certificate, key)) = would_fit(whole, idp, sp, origin, now) else {
        return;
    };
    let seen = SeenKey {
        idp: idp.settings.name.clone(),
        entity_id: idp.metadata.entity_id.clone(),
        fingerprint: key.fingerprint().to_owned(),
        certificate,
        standing: Standing::Pending,
        seen: 1,
        first_seen: now,
        last_seen: now,
    };
    if let Err(error) = write(app, &seen, &key, now).await {
        tracing::warn!(detail = error.detail, "a new key was not written down");
    }
}

/// Whoever can begin a sign-in can show as many keys as they like: about all of them there is one
/// notice, with one entry of the audit, until an administrator has decided.
async fn write(
    app: &App,
    seen: &SeenKey,
    key: &TrustedKey,
    now: Timestamp,
) -> Result<(), StoreError> {
    if !app.ports.idps.saw_key(seen).await? {
        return Ok(());
    }
    let (name, fingerprint) = (&seen.idp, &seen.fingerprint);
    let detail = json!({
        "fingerprint": fingerprint,
        "subject": key.subject(),
        "not_after": key.not_after().to_saml(),
    });
    let notice = Notice {
        key: SeenKey::notice(name),
        text: format!("{name} signs with a key that is not in its metadata."),
        advice: format!(
            "See `samlgate idp keys {name}`, and ask them for the SHA-256 of their new \
             certificate; `samlgate idp approve {name} SHA-256` lets it count, `samlgate idp \
             reject {name} SHA-256` does not."
        ),
        detail: detail.clone(),
        at: now,
    };
    let event = Event {
        idp: Some(name.clone()),
        detail,
        ..Event::new(EventKind::IdpKeySeen)
    };
    if app.ports.notices.raise(&notice, Some(&event), now).await? {
        tracing::warn!(
            idp = name.as_str(),
            fingerprint,
            notice = notice.text,
            "{}",
            notice.advice
        );
    }
    Ok(())
}

/// A certificate out of the message, by whose key everything about it would be right.
///
/// Nothing is decrypted for it: anybody can sign by a key of their own around a ciphertext that they
/// have seen, and must not learn what is in it.
fn would_fit(
    whole: Whole<'_>,
    idp: &IdpTrust,
    sp: &ServiceProvider,
    origin: Origin,
    now: Timestamp,
) -> Option<(Vec<u8>, TrustedKey)> {
    let nothing = DecryptionKeys::from_vec(Vec::new());
    let allowed = idp.keys(&nothing, now).signing.allowed;
    let certificates = whole
        .root()
        .descendants()
        .filter(|element| element.is(ns::DS, "X509Certificate"))
        .take(MOST_CERTIFICATES);
    for element in certificates {
        let text: String = element.text().unwrap_or_default().split_ascii_whitespace().collect();
        let Ok(certificate) = STANDARD.decode(text) else {
            continue;
        };
        let Ok(key) = TrustedKey::from_certificate_der(&certificate) else {
            continue;
        };
        let keys = TrustedKeys::one(key.clone());
        let keys = Keys {
            signing: Trust { keys: &keys, allowed },
            decryption: Decryption {
                keys: &nothing,
                allow_cbc_unsigned: false,
                allow_tripledes: false,
                required: idp.settings.want_encrypted,
            },
        };
        let checks = &mut Checks::off();
        if let Ok(signed) = whole.verify(keys, idp.clock_skew(sp), checks, now) {
            let valid = signed.validate(origin, &idp.expectations(sp), checks, now);
            return valid.is_ok().then_some((certificate, key));
        }
    }
    None
}
