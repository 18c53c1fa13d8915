//! Everything in use → the list of what ends.

use std::path::PathBuf;

use super::own::OwnCertificate;
use super::{DAY, Expiry, What};
use crate::base::Timestamp;
use crate::base::entropy::hex;
use crate::directory::client_key::is_key_id;
use crate::directory::expiry::is_succeeded;
use crate::directory::{ClientKey, ScimToken};
use crate::dsig::{Certificate, TrustedKeys};
use crate::keys::JWT_AGE;
use crate::saml::Vendor;
use crate::saml::metadata::{IdpMetadata, ListedKey};
use crate::trust::{IdpSettings, MetadataSource};

/// What is in use.
#[derive(Clone, Debug, Default)]
pub struct Sources<'a> {
    /// The identity providers, with what their metadata says.
    pub idps: Vec<(&'a IdpSettings, &'a IdpMetadata)>,
    /// Ours.
    pub own: Vec<OwnCertificate>,
    /// Those by which we speak TLS.
    pub tls: Vec<TlsCertificate>,
    /// The tokens of provisioning clients.
    pub tokens: Vec<ScimToken>,
    /// Their keys.
    pub keys: Vec<ClientKey>,
    /// Since when the key of the identity header is in use.
    pub jwt_since: Option<Timestamp>,
}

/// A certificate in a file.
#[derive(Clone, Debug)]
pub struct TlsCertificate {
    /// `server`, or the route whose applications we show it to.
    pub owner: String,
    /// Where it is.
    pub path: PathBuf,
    /// It.
    pub certificate: Certificate,
}

/// Whose token ended so long ago does not miss it.
const TOKEN_GONE_DAYS: u32 = 30;

/// The list, by date. What is switched off is not in it.
pub fn expiries(sources: &Sources<'_>, now: Timestamp) -> Vec<Expiry> {
    let mut all = Vec::new();
    for (settings, metadata) in &sources.idps {
        if settings.enabled {
            of_idp(settings, metadata, &mut all, now);
        }
    }
    for own in &sources.own {
        all.push(of_own(own, &sources.own));
    }
    for tls in &sources.tls {
        all.push(Expiry {
            active: Some(true),
            remedy: format!(
                "renew it in {}; the gateway reads the file again when it changes",
                tls.path.display()
            ),
            ..of_certificate(What::TlsCertificate, &tls.owner, "tls", &tls.certificate)
        });
    }
    of_tokens(sources, &mut all, now);
    if let Some(since) = sources.jwt_since {
        all.push(Expiry {
            what: What::JwtKey,
            owner: "sp".to_owned(),
            key_use: "jwt".to_owned(),
            subject: "key of the identity header".to_owned(),
            not_before: Some(since),
            not_after: since.plus(JWT_AGE),
            fingerprint: since.to_saml(),
            active: Some(true),
            successor: None,
            renews: false,
            remedy:
                "it does not end, but it is two years old then: `samlgate keys rotate --use jwt`"
                    .to_owned(),
        });
    }
    all.sort_by(|a, b| {
        let order = |it: &'_ Expiry| (it.not_after, it.what);
        let text = |a: &Expiry, b: &Expiry| {
            a.owner.cmp(&b.owner).then_with(|| a.fingerprint.cmp(&b.fingerprint))
        };
        order(a).cmp(&order(b)).then_with(|| text(a, b))
    });
    all
}

fn of_certificate(what: What, owner: &str, key_use: &str, certificate: &Certificate) -> Expiry {
    Expiry {
        what,
        owner: owner.to_owned(),
        key_use: key_use.to_owned(),
        subject: certificate.subject().to_owned(),
        not_before: Some(certificate.not_before()),
        not_after: certificate.not_after(),
        fingerprint: certificate.fingerprint().to_owned(),
        active: None,
        successor: None,
        renews: false,
        remedy: String::new(),
    }
}

/// By which its metadata is verified. What ends there fails no sign-in: no newer metadata counts.
fn of_signers(settings: &IdpSettings, all: &mut Vec<Expiry>) {
    let signers: Vec<_> = settings.metadata_signers.iter().flat_map(TrustedKeys::iter).collect();
    for key in &signers {
        let later = signers.iter().map(|other| other.not_after()).max();
        all.push(Expiry {
            what: What::MetadataSigner,
            owner: settings.name.as_str().to_owned(),
            key_use: "metadata".to_owned(),
            subject: key.subject().to_owned(),
            not_before: None,
            not_after: key.not_after(),
            fingerprint: key.fingerprint().to_owned(),
            active: None,
            successor: later.filter(|later| *later > key.not_after()),
            renews: false,
            remedy: format!(
                "ask whoever signs the metadata of {} for the next certificate, and add it to \
                 metadata_signing_certificate",
                settings.name
            ),
        });
    }
}

fn of_idp(settings: &IdpSettings, metadata: &IdpMetadata, all: &mut Vec<Expiry>, now: Timestamp) {
    let owner = settings.name.as_str();
    of_signers(settings, all);
    for key in &metadata.listed_keys {
        // One that stands there for both is watched as what it is needed for.
        let key_use = if key.key_use.signs() {
            "signing"
        } else {
            "encryption"
        };
        let successor = successor_of(key, &metadata.listed_keys, now);
        all.push(Expiry {
            successor,
            remedy: match key.key_use.signs() {
                true => signing_remedy(settings, metadata, successor),
                false => format!("nothing is encrypted to {owner}; tell its administrator"),
            },
            ..of_certificate(What::IdpCertificate, owner, key_use, &key.certificate)
        });
    }
    if let Some(until) = metadata.valid_until {
        all.push(Expiry {
            what: What::Metadata,
            owner: owner.to_owned(),
            key_use: "metadata".to_owned(),
            subject: metadata.entity_id.clone(),
            not_before: None,
            not_after: until,
            fingerprint: until.to_saml(),
            active: Some(true),
            successor: None,
            renews: settings.fetched_from().is_some(),
            remedy: match (settings.fetched_from(), &settings.metadata) {
                (Some(url), _) => {
                    format!(
                        "{url} has to give a newer document: see why it is not fetched, or is old"
                    )
                }
                (None, MetadataSource::File(path)) => {
                    format!("put a newer document at {}", path.display())
                }
                (None, _) => {
                    format!("import a newer document: `samlgate idp import FILE --name {owner}`")
                }
            },
        });
    }
    for (key, until) in [
        ("allow_sha1_until", settings.allow_sha1_until),
        ("allow_tripledes_until", settings.allow_tripledes_until),
    ] {
        let Some(until) = until else { continue };
        all.push(Expiry {
            what: What::Exception,
            owner: owner.to_owned(),
            key_use: key.to_owned(),
            subject: "an exception for this identity provider".to_owned(),
            not_before: None,
            not_after: until,
            fingerprint: until.to_saml(),
            active: Some(true),
            successor: None,
            renews: false,
            remedy: format!(
                "let {owner} use SHA-256 and AES before that day, and remove {key}; \
                 samlgate_idp_exceptions_total says whether it is still needed"
            ),
        });
    }
}

/// Until when the one that lasts longest besides this one is valid, for the same use.
fn successor_of(key: &ListedKey, all: &[ListedKey], now: Timestamp) -> Option<Timestamp> {
    let fits = |other: &&ListedKey| {
        let same = match key.key_use.signs() {
            true => other.key_use.signs(),
            false => other.key_use.encrypts(),
        };
        let certificate = &other.certificate;
        same && certificate.is_current(now) && certificate.not_after() > key.certificate.not_after()
    };
    all.iter().filter(fits).map(|other| other.certificate.not_after()).max()
}

fn signing_remedy(
    settings: &IdpSettings,
    metadata: &IdpMetadata,
    successor: Option<Timestamp>,
) -> String {
    let name = &settings.name;
    if let Some(until) = successor {
        let how = match metadata.vendor {
            Vendor::Entra => {
                "Entra ID signs by it as soon as this one has ended, also while it is not active there"
            }
            _ => "see that it signs by that one before",
        };
        return format!(
            "{name} has another one, valid until {}: {how}",
            until.to_saml()
        );
    }
    let make = match metadata.vendor {
        Vendor::Entra => {
            "in Entra ID, Enterprise applications, Single sign-on, SAML certificates, make a new certificate, and make it active once samlgate has it"
        }
        _ => "ask its administrator for the next certificate",
    };
    let take = match (settings.fetched_from(), &settings.metadata) {
        (Some(url), _) => format!("samlgate fetches it from {url} by itself"),
        (None, MetadataSource::File(path)) => {
            format!("then put the new metadata at {}", path.display())
        }
        (None, _) => {
            format!("then import the new metadata: `samlgate idp import FILE --name {name}`")
        }
    };
    format!("{make}; {take}")
}

fn of_own(own: &OwnCertificate, all: &[OwnCertificate]) -> Expiry {
    let later = |other: &&OwnCertificate| {
        other.key_use == own.key_use && other.certificate.not_after() > own.certificate.not_after()
    };
    let successor = all.iter().filter(later).map(|other| other.certificate.not_after()).max();
    Expiry {
        active: Some(own.active),
        successor,
        remedy: match (successor, own.next_step, own.key_use) {
            (Some(_), None, _) => {
                "its successor is there: `samlgate keys list` says what comes next".to_owned()
            }
            (Some(_), Some(at), _) => format!(
                "its successor is there, and the next step is taken by itself at {}: nothing is to be \
                 done (`samlgate keys list`)",
                at.to_saml()
            ),
            (None, Some(at), _) => format!(
                "its successor is made by itself, from {} on (saml.rotate_keys = \"auto\"): see that \
                 `samlgate keys list` shows it then",
                at.to_saml()
            ),
            (None, None, key_use) => format!(
                "make its successor in time, so that identity providers have it before it is used: \
                 `samlgate keys rotate --use {key_use}`"
            ),
        },
        ..of_certificate(What::OwnCertificate, "sp", own.key_use, &own.certificate)
    }
}

fn of_tokens(sources: &Sources<'_>, all: &mut Vec<Expiry>, now: Timestamp) {
    let mut tokens = sources.tokens.clone();
    tokens.extend(sources.keys.iter().map(ClientKey::as_token));
    for token in &tokens {
        let Some(expires) = token.expires else {
            continue;
        };
        let is_gone = expires.plus(DAY.saturating_mul(TOKEN_GONE_DAYS)) <= now;
        if is_gone || is_succeeded(token, &tokens) {
            continue;
        }
        let connection = &token.connection;
        let is_key = is_key_id(&token.id);
        let fingerprint = match is_key {
            true => hex(&token.hash),
            false => token.id.clone(),
        };
        all.push(Expiry {
            what: What::ScimToken,
            owner: connection.to_string(),
            key_use: "scim".to_owned(),
            subject: format!("{} {}", if is_key { "key" } else { "token" }, token.id),
            not_before: Some(token.created_at),
            not_after: expires,
            fingerprint,
            active: Some(token.last_used.is_some()),
            successor: None,
            renews: false,
            remedy: match is_key {
                true => format!("add the next one: `samlgate scim key add {connection} FILE`"),
                false => format!(
                    "make another one by `samlgate scim token rotate {connection} --overlap 7d`, and \
                     enter it at the identity provider"
                ),
            },
        });
    }
}
