//! The keys of an identity provider, as its metadata lists them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::base::Timestamp;
use crate::dsig::{Certificate, TrustedKey};
use crate::saml::schema::{DSIG_NS, METADATA_NS};
use crate::xml::Element;

/// A signing key in the metadata that can not be used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedKey {
    /// The reason, as a sentence.
    pub reason: String,
}

/// What a key is listed for (metadata 2.4.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyUse {
    /// `use="signing"`
    Signing,
    /// `use="encryption"`
    Encryption,
    /// Without `use`: for both.
    Both,
}

impl KeyUse {
    /// Whether signatures may be made with it.
    pub const fn signs(self) -> bool {
        matches!(self, Self::Signing | Self::Both)
    }

    /// Whether one may encrypt to it.
    pub const fn encrypts(self) -> bool {
        matches!(self, Self::Encryption | Self::Both)
    }

    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Encryption => "encryption",
            Self::Both => "signing and encryption",
        }
    }
}

/// A certificate in the metadata, also one whose key we refuse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// What for.
    pub key_use: KeyUse,
    /// The certificate.
    pub certificate: Certificate,
}

/// All that a role lists.
#[derive(Debug, Default)]
pub(super) struct Keys {
    pub(super) listed: Vec<ListedKey>,
    /// The usable ones that sign.
    pub(super) signing: Vec<TrustedKey>,
    pub(super) refused: Vec<RefusedKey>,
}

impl Keys {
    pub(super) fn read(role: Element<'_>) -> Self {
        let mut keys = Self::default();
        for descriptor in role.children().filter(|child| child.is(METADATA_NS, "KeyDescriptor")) {
            let key_use = match descriptor.attribute("use") {
                None => KeyUse::Both,
                Some("signing") => KeyUse::Signing,
                Some("encryption") => KeyUse::Encryption,
                Some(_) => continue,
            };
            keys.descriptor(descriptor, key_use);
        }
        keys
    }

    fn descriptor(&mut self, descriptor: Element<'_>, key_use: KeyUse) {
        let mut certificates = descriptor
            .descendants()
            .filter(|element| element.is(DSIG_NS, "X509Certificate"))
            .peekable();
        if certificates.peek().is_none() && key_use.signs() {
            self.refuse("a KeyDescriptor has no X509Certificate");
        }
        for element in certificates {
            let der = match der(element) {
                Ok(der) => der,
                Err(reason) if key_use.signs() => {
                    self.refuse(reason);
                    continue;
                }
                Err(_) => continue,
            };
            self.certificate(&der, key_use);
        }
    }

    fn certificate(&mut self, der: &[u8], key_use: KeyUse) {
        if key_use.signs() {
            return match Certificate::with_key(der) {
                Ok((certificate, key)) => {
                    self.list(ListedKey { key_use, certificate });
                    match key {
                        Ok(key) => self.signing_key(key),
                        Err(refusal) => self.refuse(&refusal.to_string()),
                    }
                }
                Err(refusal) => self.refuse(&refusal.to_string()),
            };
        }
        // Most list the same for both.
        let known = self.listed.iter().find(|known| known.certificate.der() == der);
        let known = known.map(|known| known.certificate.clone());
        if let Some(certificate) = known.or_else(|| Certificate::from_der(der).ok()) {
            self.list(ListedKey { key_use, certificate });
        }
    }

    fn list(&mut self, key: ListedKey) {
        if !self.listed.contains(&key) {
            self.listed.push(key);
        }
    }

    fn signing_key(&mut self, key: TrustedKey) {
        let is_same = |known: &TrustedKey| known.fingerprint() == key.fingerprint();
        if !self.signing.iter().any(is_same) {
            self.signing.push(key);
        }
    }

    fn refuse(&mut self, reason: &str) {
        self.refused.push(RefusedKey { reason: reason.to_owned() });
    }
}

fn der(element: Element<'_>) -> Result<Vec<u8>, &'static str> {
    let text = element.text().ok_or("an X509Certificate holds elements")?;
    let compact: String = text.split_ascii_whitespace().collect();
    STANDARD.decode(compact).map_err(|_| "an X509Certificate is not base64")
}

/// How the signing certificates of an identity provider stand beside each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAges {
    /// All are current.
    Current,
    /// One has ended or not begun, and a current one stands beside it. Entra ID signs with the other
    /// one at once when the active one has ended, whether somebody has made it active or not.
    Mixed,
    /// None is current.
    NoneCurrent,
}

impl KeyAges {
    pub(super) fn of(listed: &[ListedKey], now: Timestamp) -> Self {
        let mut signing = listed.iter().filter(|key| key.key_use.signs());
        let current = signing.clone().filter(|key| key.certificate.is_current(now)).count();
        match current {
            0 => Self::NoneCurrent,
            _ if signing.all(|key| key.certificate.is_current(now)) => Self::Current,
            _ => Self::Mixed,
        }
    }
}
