//! The products that identity providers run.

use std::fmt;

/// Whose product an identity provider is. It decides defaults and hints, never trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vendor {
    /// Okta
    Okta,
    /// Microsoft Entra ID
    Entra,
    /// Google Workspace
    Google,
    /// JumpCloud
    JumpCloud,
    /// Active Directory Federation Services
    Adfs,
    /// Keycloak
    Keycloak,
    /// OneLogin
    OneLogin,
    /// `PingOne` and `PingFederate`
    Ping,
    /// Auth0
    Auth0,
    /// Shibboleth's identity provider
    Shibboleth,
    /// SimpleSAMLphp
    SimpleSaml,
    /// Anything else that speaks SAML 2.0
    Generic,
}

impl Vendor {
    /// Every vendor.
    pub const ALL: &'static [Self] = &[
        Self::Okta,
        Self::Entra,
        Self::Google,
        Self::JumpCloud,
        Self::Adfs,
        Self::Keycloak,
        Self::OneLogin,
        Self::Ping,
        Self::Auth0,
        Self::Shibboleth,
        Self::SimpleSaml,
        Self::Generic,
    ];

    /// The word for it on the command line and in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Okta => "okta",
            Self::Entra => "entra",
            Self::Google => "google",
            Self::JumpCloud => "jumpcloud",
            Self::Adfs => "adfs",
            Self::Keycloak => "keycloak",
            Self::OneLogin => "onelogin",
            Self::Ping => "ping",
            Self::Auth0 => "auth0",
            Self::Shibboleth => "shibboleth",
            Self::SimpleSaml => "simplesamlphp",
            Self::Generic => "generic",
        }
    }

    /// The vendor of this word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|vendor| vendor.as_str() == text)
    }
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
