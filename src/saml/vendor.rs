//! The products that identity providers run, and how each speaks SAML.
//!
//! Dialects are data, and none of them is trusted with anything: they decide what we send, and what
//! a refusal tells an admin. The one exception is [`Vendor::logout_issuer`], a second name under
//! which an identity provider signs with the same keys.

use std::fmt;

use super::metadata::{Binding, Endpoint};

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

impl Vendor {
    /// What it makes of our requests for authentication.
    pub const fn sign_in(self) -> SignInDialect {
        match self {
            // Microsoft's page on the single sign-on protocol: Comparison is `exact`; a Subject is
            // an error (AADSTS900236), and login_hint does the same; Scoping may hold nothing that
            // we would say; the two indexes are ignored.
            Self::Entra => SignInDialect {
                comparison: Comparisons::Exact,
                subject: SubjectHint::LoginHint,
                scoping: Taken::Refused,
                acs_index: Taken::Refused,
                attribute_index: Taken::Ignored,
            },
            _ => SignInDialect::STANDARD,
        }
    }

    /// How it does single logout.
    pub const fn logout(self) -> LogoutDialect {
        let usual = LogoutDialect::STANDARD;
        match self {
            // The certificate of the application has to be uploaded there, and the NameID has to be
            // the one of the assertion to the last qualifier. Its answers were seen unsigned.
            Self::Okta => LogoutDialect { signs_answers: false, ..usual },
            // No POST; it looks at no NameID, and answers under another name.
            Self::Entra => LogoutDialect { bindings: LogoutBindings::RedirectAlone, ..usual },
            Self::Google => LogoutDialect { bindings: LogoutBindings::None, ..usual },
            // "No active session(s) found matching LogoutRequest" without it.
            Self::Auth0 => LogoutDialect { session_index: SessionIndexes::Needed, ..usual },
            // Its server posts the form itself, without the person's browser and its cookies.
            Self::Keycloak => LogoutDialect { posts_by_itself: true, ..usual },
            // `redirect.sign` is off there by default, for requests and for answers.
            Self::SimpleSaml => {
                LogoutDialect { signs_requests: false, signs_answers: false, ..usual }
            }
            _ => usual,
        }
    }

    /// The other name under which an identity provider with this entityID sends logout messages.
    ///
    /// Entra ID signs people in as `https://sts.windows.net/TENANT/` and out as
    /// `https://login.microsoftonline.com/TENANT/`.
    ///
    /// ```
    /// use samlgate::saml::Vendor;
    /// let tenant = "0a1b2c3d-0000-4000-8000-0123456789ab";
    /// assert_eq!(
    ///     Vendor::Entra.logout_issuer(&format!("https://sts.windows.net/{tenant}/")),
    ///     Some(format!("https://login.microsoftonline.com/{tenant}/")),
    /// );
    /// assert_eq!(Vendor::Okta.logout_issuer("https://sts.windows.net/x/"), None);
    /// ```
    pub fn logout_issuer(self, entity_id: &str) -> Option<String> {
        if self != Self::Entra {
            return None;
        }
        let tenant = entity_id.strip_prefix("https://sts.windows.net/")?.strip_suffix('/')?;
        let is_one = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.';
        let plain = !tenant.is_empty() && tenant.bytes().all(is_one);
        plain.then(|| format!("https://login.microsoftonline.com/{tenant}/"))
    }

    /// Whether the identity provider with this entityID may call itself so in a logout message.
    pub fn signs_out_as(self, entity_id: &str, found: &str) -> bool {
        found == entity_id || self.logout_issuer(entity_id).as_deref() == Some(found)
    }
}

/// Which of the wishes in a request for authentication a product takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignInDialect {
    /// `Comparison` of the RequestedAuthnContext.
    pub comparison: Comparisons,
    /// How it is told who the person probably is.
    pub subject: SubjectHint,
    /// `Scoping`.
    pub scoping: Taken,
    /// `AssertionConsumerServiceIndex`.
    pub acs_index: Taken,
    /// `AttributeConsumingServiceIndex`.
    pub attribute_index: Taken,
}

impl SignInDialect {
    /// As core 3.4.1 has it.
    pub const STANDARD: Self = Self {
        comparison: Comparisons::All,
        subject: SubjectHint::Element,
        scoping: Taken::Understood,
        acs_index: Taken::Understood,
        attribute_index: Taken::Understood,
    };
}

/// Which comparisons of authentication contexts a product knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparisons {
    /// All four.
    All,
    /// `exact` alone. It is sent the list of all that is enough.
    Exact,
}

/// How a product is told who the person probably is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubjectHint {
    /// `saml:Subject` in the request.
    Element,
    /// A parameter `login_hint` in the address.
    LoginHint,
}

/// What becomes of a part of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// What the standard says.
    Understood,
    /// Nothing, which changes nothing for us: it is left out.
    Ignored,
    /// An error, or something else than was asked for: the wish is refused.
    Refused,
}

/// How a product does single logout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogoutDialect {
    /// By which way it is asked.
    pub bindings: LogoutBindings,
    /// Whether a request has to name the session.
    pub session_index: SessionIndexes,
    /// Its requests are signed by default. Ours always are.
    pub signs_requests: bool,
    /// Its answers are signed by default.
    pub signs_answers: bool,
    /// Its server sends the form of HTTP-POST itself, without a browser: no cookie comes with it.
    pub posts_by_itself: bool,
}

impl LogoutDialect {
    /// As profiles 4.4 has it.
    pub const STANDARD: Self = Self {
        bindings: LogoutBindings::AsMetadata,
        session_index: SessionIndexes::Welcome,
        signs_requests: true,
        signs_answers: true,
        posts_by_itself: false,
    };

    /// Whether a request that names these sessions can end any there.
    pub const fn finds(self, session_indexes: &[String]) -> bool {
        match self.session_index {
            SessionIndexes::Welcome => true,
            SessionIndexes::Needed => !session_indexes.is_empty(),
        }
    }

    /// Where the browser is sent to be signed out there as well; `None` where only our own session
    /// can be ended, which the person is told.
    ///
    /// HTTP-Redirect first, as for sign-in: it needs no script.
    pub fn endpoint(self, endpoints: &[Endpoint]) -> Option<&Endpoint> {
        let by = |binding| endpoints.iter().find(|endpoint| endpoint.binding == binding);
        match self.bindings {
            LogoutBindings::None => None,
            LogoutBindings::RedirectAlone => by(Binding::Redirect),
            LogoutBindings::AsMetadata => by(Binding::Redirect).or_else(|| by(Binding::Post)),
        }
    }
}

/// By which way a product takes logout messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogoutBindings {
    /// By those that its metadata lists.
    AsMetadata,
    /// By HTTP-Redirect, whatever its metadata lists.
    RedirectAlone,
    /// Not at all.
    None,
}

/// What a product makes of SessionIndex in our LogoutRequest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionIndexes {
    /// It ends these sessions, or all without.
    Welcome,
    /// It finds no session without.
    Needed,
}

impl fmt::Display for Vendor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_vendor_is_known_by_its_word() {
        for vendor in Vendor::ALL {
            assert_eq!(Vendor::parse(vendor.as_str()), Some(*vendor));
        }
        assert_eq!(Vendor::parse("Okta"), None);
    }

    #[test]
    fn only_entra_signs_people_out_under_another_name_and_only_its_own() {
        let (sts, login) = (
            "https://sts.windows.net/0a1b-2c/",
            "https://login.microsoftonline.com/0a1b-2c/",
        );
        assert!(Vendor::Entra.signs_out_as(sts, login));
        assert!(Vendor::Entra.signs_out_as(sts, sts));
        assert!(
            !Vendor::Entra.signs_out_as(login, sts),
            "not the other way round"
        );
        assert!(!Vendor::Generic.signs_out_as(sts, login));
        let other = "https://login.microsoftonline.com/0a1b-2d/";
        assert!(!Vendor::Entra.signs_out_as(sts, other));
        for odd in [
            "https://sts.windows.net/",
            "https://sts.windows.net//",
            "https://sts.windows.net/a/b/",
            "https://sts.windows.net/a",
            "http://sts.windows.net/a/",
            "https://idp.example.com/a/",
        ] {
            assert_eq!(Vendor::Entra.logout_issuer(odd), None, "{odd}");
        }
    }

    #[test]
    fn a_logout_goes_where_the_product_takes_it() {
        let at = |binding| Endpoint {
            binding,
            location: binding.as_str().to_owned(),
            response_location: None,
        };
        let both = [at(Binding::Post), at(Binding::Redirect)];
        let chosen = |vendor: Vendor, from: &[Endpoint]| {
            vendor.logout().endpoint(from).map(|endpoint| endpoint.binding)
        };
        assert_eq!(chosen(Vendor::Generic, &both), Some(Binding::Redirect));
        assert_eq!(chosen(Vendor::Generic, &both[..1]), Some(Binding::Post));
        assert_eq!(chosen(Vendor::Generic, &[]), None);
        assert_eq!(chosen(Vendor::Entra, &both), Some(Binding::Redirect));
        assert_eq!(chosen(Vendor::Entra, &both[..1]), None);
        assert_eq!(chosen(Vendor::Google, &both), None);
    }
}
