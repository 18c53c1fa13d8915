//! What is kept of an identity provider besides its metadata: how asking for it went, and what waits
//! for an administrator.

use openssl::sha::sha256;
use serde_json::Value;

use super::store::MetadataCopy;
use crate::base::entropy::hex;
use crate::base::{IdpName, Timestamp};

/// How asking for somebody's metadata went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshState {
    /// Whose.
    pub idp: IdpName,
    /// Where: another address begins anew.
    pub url: String,
    /// When it was tried last.
    pub tried_at: Timestamp,
    /// When it went well last.
    pub fetched_at: Option<Timestamp>,
    /// How often it went wrong since.
    pub failures: u32,
    /// `ok`, or the error code.
    pub result: String,
    /// The error as a sentence; else empty.
    pub detail: String,
    /// When it is to be tried again.
    pub next_at: Timestamp,
}

/// What an administrator has said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing yet: it counts for nothing.
    Pending,
    /// It counts.
    Approved,
    /// It counts for nothing, and is not asked about again.
    Rejected,
}

impl Standing {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
        }
    }

    /// The standing with this word.
    pub fn find(text: &str) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Rejected]
            .into_iter()
            .find(|standing| standing.as_str() == text)
    }
}

/// A key that is not in an identity provider's metadata, by which a message was signed that was
/// right in every other way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenKey {
    /// Whose key it may be.
    pub idp: IdpName,
    /// The entityID that this name had when the key was seen: for another one it counts for nothing.
    pub entity_id: String,
    /// SHA-256 of the certificate, in lower-case hexadecimal digits.
    pub fingerprint: String,
    /// The certificate, from the message: it proves nothing.
    pub certificate: Vec<u8>,
    /// What an administrator says about it.
    pub standing: Standing,
    /// In how many messages.
    pub seen: u64,
    /// In the first of them.
    pub first_seen: Timestamp,
    /// In the last of them.
    pub last_seen: Timestamp,
}

impl SeenKey {
    /// Pending keys of one identity provider: the newest, and of the others those that were seen most,
    /// the oldest first. Whoever can begin a sign-in can show keys of their own; those push out each
    /// other, and not the one that everybody's messages are signed by.
    pub const MOST: usize = 4;

    /// The key of the one notice about all pending keys of an identity provider. The store clears it
    /// when none is pending any more.
    pub fn notice(idp: &IdpName) -> String {
        format!("idp-key/{idp}")
    }
}

/// New metadata that an administrator has to see before it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingChange {
    /// The metadata, and whose.
    pub copy: MetadataCopy,
    /// What is other, as JSON of [`crate::saml::metadata::MetadataChange`].
    pub change: Value,
    /// What an administrator says about it.
    pub standing: Standing,
    /// Since when it is there.
    pub seen_at: Timestamp,
}

impl WaitingChange {
    /// What the word for a change begins with: it is not taken for a fingerprint.
    pub const WORD: &str = "change-";

    /// The word by which an administrator says which change is meant, who has read it.
    pub fn word(&self) -> String {
        let digest = sha256(self.change.to_string().as_bytes());
        let digits: String = hex(&digest).chars().take(16).collect();
        format!("{}{digits}", Self::WORD)
    }

    /// The key of the notice about it.
    pub fn notice(idp: &IdpName) -> String {
        format!("idp-change/{idp}")
    }
}
