//! Addresses that another service provider had before us.
//!
//! Who moves from `mod_shib` or `mod_auth_mellon` leaves the identity provider as it is: it goes on sending
//! its answers to where they always went. Each message is checked against the address at which it
//! arrived ([`Family::acs_at`]); which families are listened to is the operator's choice.

use crate::saml::ServiceProvider;

/// Whose addresses they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// `mod_shib`, at `/Shibboleth.sso`.
    Shibboleth,
    /// `mod_auth_mellon`, at `/mellon`.
    Mellon,
}

impl Family {
    /// All of them, with the words of the configuration.
    pub const ALL: [(&'static str, Self); 2] =
        [("shibboleth", Self::Shibboleth), ("mellon", Self::Mellon)];

    /// The one with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, family)| *family)
    }

    /// `shibboleth`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Shibboleth => "shibboleth",
            Self::Mellon => "mellon",
        }
    }

    /// Everything below it is the family's.
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Shibboleth => "/Shibboleth.sso",
            Self::Mellon => "/mellon",
        }
    }

    /// Where answers are posted.
    pub const fn post(self) -> &'static str {
        match self {
            Self::Shibboleth => "/Shibboleth.sso/SAML2/POST",
            Self::Mellon => "/mellon/postResponse",
        }
    }

    /// Where artifacts are brought.
    pub const fn artifact(self) -> &'static str {
        match self {
            Self::Shibboleth => "/Shibboleth.sso/SAML2/Artifact",
            Self::Mellon => "/mellon/artifactResponse",
        }
    }

    /// Where its metadata is.
    pub const fn metadata(self) -> &'static str {
        match self {
            Self::Shibboleth => "/Shibboleth.sso/Metadata",
            Self::Mellon => "/mellon/metadata",
        }
    }

    /// Where logout messages go, by HTTP-Redirect.
    pub const fn logout(self) -> &'static str {
        match self {
            Self::Shibboleth => "/Shibboleth.sso/SLO/Redirect",
            Self::Mellon => "/mellon/logout",
        }
    }

    /// Where logout messages go, by HTTP-POST.
    pub const fn logout_post(self) -> &'static str {
        match self {
            Self::Shibboleth => "/Shibboleth.sso/SLO/POST",
            Self::Mellon => "/mellon/logout",
        }
    }

    /// Where logout messages go, by SOAP.
    pub const fn logout_soap(self) -> &'static str {
        match self {
            Self::Shibboleth => "/Shibboleth.sso/SLO/SOAP",
            Self::Mellon => "/mellon/logout",
        }
    }

    /// Where a discovery service sends people back, which knows it by the metadata of before.
    pub const fn discovery(self) -> Option<&'static str> {
        match self {
            Self::Shibboleth => Some("/Shibboleth.sso/Login"),
            Self::Mellon => None,
        }
    }

    /// Whether a path is one of the family's.
    pub fn has(self, path: &str) -> bool {
        path.strip_prefix(self.folder())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Us, with one of the family's addresses as the ACS: Destination and Recipient have to name
    /// exactly that one.
    pub fn acs_at(sp: &ServiceProvider, path: &str) -> ServiceProvider {
        ServiceProvider { other_acs: Some(sp.public_url.join(path)), ..sp.clone() }
    }
}

/// Where an identity provider is asked to send its answers (`acs` of `[[idp]]`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcsPath {
    /// To our own ACS.
    Own,
    /// To that of a family, which the identity provider has had all along.
    Legacy(Family),
}

impl AcsPath {
    /// All of them, with the words of the configuration.
    pub const ALL: [(&'static str, Self); 3] = [
        ("samlgate", Self::Own),
        ("shibboleth", Self::Legacy(Family::Shibboleth)),
        ("mellon", Self::Legacy(Family::Mellon)),
    ];

    /// The one with this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(known, _)| *known == name).map(|(_, path)| *path)
    }

    /// `samlgate`
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Own => "samlgate",
            Self::Legacy(family) => family.as_str(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::PublicUrl;

    #[test]
    fn an_address_of_a_family_is_one_address_to_the_byte() {
        let sp = ServiceProvider {
            public_url: PublicUrl::parse("https://app.example.com").unwrap(),
            entity_id: "https://app.example.com/shibboleth".to_owned(),
            clock_skew: ServiceProvider::DEFAULT_CLOCK_SKEW,
            other_acs: None,
        };
        let there = Family::acs_at(&sp, Family::Shibboleth.post());
        assert!(there.is_acs_url("https://app.example.com/Shibboleth.sso/SAML2/POST"));
        for other in [
            "https://app.example.com/saml/acs",
            "https://app.example.com/Shibboleth.sso/SAML2/Artifact",
            "https://app.example.com/mellon/postResponse",
            "https://app.example.com/shibboleth.sso/SAML2/POST",
        ] {
            assert!(!there.is_acs_url(other), "{other}");
        }
        assert_eq!(there.entity_id, sp.entity_id);
    }

    #[test]
    fn a_family_has_what_is_below_its_folder() {
        assert!(Family::Mellon.has("/mellon") && Family::Mellon.has("/mellon/login"));
        assert!(!Family::Mellon.has("/mellonball") && !Family::Mellon.has("/Mellon/login"));
        assert!(Family::Shibboleth.has("/Shibboleth.sso/Session"));
    }

    #[test]
    fn words_and_values_go_both_ways() {
        for (word, family) in Family::ALL {
            assert_eq!(Family::find(word), Some(family));
            assert_eq!(family.as_str(), word);
        }
        for (word, path) in AcsPath::ALL {
            assert_eq!(AcsPath::find(word), Some(path));
            assert_eq!(path.as_str(), word);
        }
    }
}
