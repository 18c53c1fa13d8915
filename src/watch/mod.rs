//! What runs out: certificates, keys, tokens, metadata, exceptions, and clocks that run away.
//!
//! In: what is in use ([`Sources`]). Out: one list of plain data, [`Expiry`] by [`Expiry`], the most
//! urgent first; from it come `samlgate certs`, a metric, the API and notices. The promise: whatever
//! would stop people from signing in on a certain day is in the list before that day, with what to
//! do about it. Nothing in here asks a clock, a file or a network.

pub mod drift;
pub mod notices;
pub mod own;
pub mod renewed;
pub mod sources;
pub mod stale;

use std::time::Duration;

use serde_json::{Value, json};

use crate::base::Timestamp;

pub use drift::Clocks;
pub use own::OwnCertificate;
pub use sources::{Sources, TlsCertificate, expiries};

/// Something that ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expiry {
    /// What it is.
    pub what: What,
    /// Whose: the name of an identity provider or a connection; `sp`, `server`.
    pub owner: String,
    /// What for: `signing`, `encryption`, `tls`, `metadata`, `scim`, `jwt`, the key of an exception.
    pub key_use: String,
    /// The subject of a certificate; a few words for anything else.
    pub subject: String,
    /// When it began, where that is known.
    pub not_before: Option<Timestamp>,
    /// When it ends.
    pub not_after: Timestamp,
    /// SHA-256 of a certificate; what tells anything else from others of its kind.
    pub fingerprint: String,
    /// Whether it is the one in use, where that is known.
    pub active: Option<bool>,
    /// Until when another one is valid that can take its place, or has done so.
    pub successor: Option<Timestamp>,
    /// Whether it is fetched anew all the time, so that nobody needs to hear that its end is near.
    pub renews: bool,
    /// What to do, in a sentence.
    pub remedy: String,
}

/// What can run out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum What {
    /// A certificate in the metadata of an identity provider.
    IdpCertificate,
    /// A certificate in our own metadata.
    OwnCertificate,
    /// A certificate by which we, or an application's client, speak TLS.
    TlsCertificate,
    /// `validUntil` of the metadata of an identity provider.
    Metadata,
    /// A certificate by which metadata is verified.
    MetadataSigner,
    /// A token of a provisioning client, or its key.
    ScimToken,
    /// The key of the identity header: it does not end, it gets old.
    JwtKey,
    /// Something that is allowed to an identity provider until a day.
    Exception,
}

impl What {
    /// Its name for programs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::IdpCertificate => "idp_certificate",
            Self::OwnCertificate => "own_certificate",
            Self::TlsCertificate => "tls_certificate",
            Self::Metadata => "metadata",
            Self::MetadataSigner => "metadata_signer",
            Self::ScimToken => "scim_token",
            Self::JwtKey => "jwt_key",
            Self::Exception => "exception",
        }
    }

    /// Whether its fingerprint is that of a certificate.
    pub const fn is_certificate(self) -> bool {
        matches!(
            self,
            Self::IdpCertificate
                | Self::OwnCertificate
                | Self::TlsCertificate
                | Self::MetadataSigner
        )
    }
}

/// How soon is soon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// What ends within this is a warning.
    pub warn: Duration,
    /// What ends within this is critical.
    pub critical: Duration,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            warn: DAY.saturating_mul(30),
            critical: DAY.saturating_mul(7),
        }
    }
}

/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// How something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// There is time.
    Fine,
    /// It ends soon, or ends without harm.
    Warning,
    /// It has ended, or is about to.
    Critical,
}

impl Standing {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fine => "ok",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }
}

/// Puts the most urgent first: what is critical, what is worth a warning, the rest; each by its date.
pub fn by_urgency(expiries: &mut [Expiry], thresholds: Thresholds, now: Timestamp) {
    // Those of one day stay as they are.
    expiries.sort_by_key(|expiry| {
        let standing = std::cmp::Reverse(expiry.standing(thresholds, now));
        (standing, expiry.not_after)
    });
}

impl Expiry {
    /// Whether it has ended.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.not_after <= now
    }

    /// How it stands.
    pub fn standing(&self, thresholds: Thresholds, now: Timestamp) -> Standing {
        let within = |time: Duration| self.not_after <= now.plus(time);
        match () {
            () if within(thresholds.critical) && self.is_harmful(now) => Standing::Critical,
            () if within(thresholds.warn) || within(thresholds.critical) => Standing::Warning,
            () => Standing::Fine,
        }
    }

    /// Whether something may stop when it ends.
    fn is_harmful(&self, now: Timestamp) -> bool {
        let is_followed = self.successor.is_some_and(|until| until > now && until > self.not_after);
        let only_encrypts = self.what == What::IdpCertificate && self.key_use == "encryption";
        !is_followed && !only_encrypts && self.what != What::JwtKey
    }

    /// `3 days left`, `ended 2 days ago`.
    pub fn days(&self, now: Timestamp) -> String {
        if self.has_ended(now) {
            return match self.days_left(now).unsigned_abs() {
                0 => "ended within a day".to_owned(),
                1 => "ended 1 day ago".to_owned(),
                ago => format!("ended {ago} days ago"),
            };
        }
        match self.days_left(now) {
            0 => "ends within a day".to_owned(),
            1 => "1 day left".to_owned(),
            left => format!("{left} days left"),
        }
    }

    /// Whole days: those that are left, or below zero those since it ended.
    pub fn days_left(&self, now: Timestamp) -> i64 {
        let ago = now.since(self.not_after).as_secs() / DAY.as_secs();
        match self.has_ended(now) {
            true => i64::try_from(ago).unwrap_or(i64::MAX).saturating_neg(),
            false => self.not_after.days_left(now),
        }
    }

    /// For programs.
    pub fn to_json(&self, thresholds: Thresholds, now: Timestamp) -> Value {
        json!({
            "what": self.what.as_str(),
            "owner": self.owner,
            "use": self.key_use,
            "subject": self.subject,
            "fingerprint": self.fingerprint,
            "not_before": self.not_before.map(Timestamp::to_saml),
            "not_after": self.not_after.to_saml(),
            "days_left": self.days_left(now),
            "ended": self.has_ended(now),
            "active": self.active,
            "successor_until": self.successor.map(Timestamp::to_saml),
            "standing": self.standing(thresholds, now).as_str(),
            "remedy": self.remedy,
        })
    }
}

#[cfg(test)]
mod tests;
