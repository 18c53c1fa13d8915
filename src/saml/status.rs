//! What an identity provider reports instead of doing what it was asked for (core 3.2.2.2).
//!
//! In: a [`Status`], which may be anybody's: a Response that reports an error is hardly ever signed.
//! Out: [`StatusCode`], and a sentence for each of two readers. Promised: the person at the browser
//! reads sentences of ours alone; what the message says in its own words goes to admins, cut to a
//! length and without control characters.

use std::borrow::Cow;

use super::schema::Status;
use super::vendor::Vendor;

macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident $name:literal $public:literal $remedy:literal;)*) => {
        /// The status codes of core 3.2.2.2, and the three that say which side is at fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum StatusCode {
            $(#[doc = concat!("`urn:oasis:names:tc:SAML:2.0:status:", $name, "`")] $(#[$doc])* $variant,)*
            /// One that SAML does not define.
            Other,
        }

        impl StatusCode {
            /// All that SAML defines.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The last part of its URN; `other` for what SAML does not define.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $name,)* Self::Other => "other" }
            }

            /// What happened, for the person at the browser; what to do is said by the page.
            pub const fn public(self) -> &'static str {
                match self {
                    $(Self::$variant => $public,)*
                    Self::Other => "Your organisation could not sign you in, and reported an error.",
                }
            }

            /// Which side has to change what, for the admin.
            pub const fn remedy(self) -> &'static str {
                match self {
                    $(Self::$variant => $remedy,)*
                    Self::Other => "IdP: its log says what this status means; SAML does not define it.",
                }
            }
        }
    };
}

codes! {
    Success "Success" "You are signed in." "Nothing to change.";
    Requester "Requester" "Your organisation did not accept the request to sign you in." "IdP: its log says what it dislikes about our request. Most often the application is not set up there, with another entityID or ACS URL, or it wants signed requests (sign_requests).";
    Responder "Responder" "Your organisation could not sign you in, and reported an error of its own." "IdP: its log says what went wrong there; our request was in order.";
    VersionMismatch "VersionMismatch" "Your organisation did not accept the request to sign you in." "IdP: it has to speak SAML 2.0.";
    AuthnFailed "AuthnFailed" "Your organisation could not make sure who you are." "IdP: the person could not prove who they are, or gave up; its log says why.";
    InvalidAttrNameOrValue "InvalidAttrNameOrValue" "Your organisation did not accept the request to sign you in." "IdP: it does not know an attribute that was asked for.";
    InvalidNameIdPolicy "InvalidNameIDPolicy" "Your organisation can not say who you are in the way that was asked for." "Unset name_id_format, or have the IdP issue a NameID of that format for this application.";
    NoAuthnContext "NoAuthnContext" "Your organisation can not sign you in by the method that is needed here." "authn_context asks for a method that the IdP does not have, or that this person has not set up.";
    NoAvailableIdp "NoAvailableIDP" "The organisation that you chose can not be reached at the moment." "IdP: it passes sign-ins on, and none of those that we allow can be reached.";
    NoPassive "NoPassive" "You are not signed in at your organisation." "Nothing to change: it was asked without showing anything to the person, who is not signed in there.";
    NoSupportedIdp "NoSupportedIDP" "Your organisation does not know the one that you chose." "IdP: it passes sign-ins on, and supports none of those that we allow.";
    PartialLogout "PartialLogout" "You are signed out here, but not everywhere. Please close your browser." "IdP: another application did not end its session; its log names it.";
    ProxyCountExceeded "ProxyCountExceeded" "Your organisation may not pass you on to another one." "IdP: it would have to pass the sign-in on, more often than our request allows.";
    RequestDenied "RequestDenied" "Your organisation does not let you in here. Your administrator can tell you why." "IdP: assign the person, or their group, to this application; some also answer so while the application is switched off.";
    RequestUnsupported "RequestUnsupported" "Your organisation did not accept the request to sign you in." "IdP: it does not support what our request asks for; unset authn_context, force_authn and name_id_format one after the other.";
    RequestVersionDeprecated "RequestVersionDeprecated" "Your organisation did not accept the request to sign you in." "IdP: it has to speak SAML 2.0.";
    RequestVersionTooHigh "RequestVersionTooHigh" "Your organisation did not accept the request to sign you in." "IdP: it has to speak SAML 2.0.";
    RequestVersionTooLow "RequestVersionTooLow" "Your organisation did not accept the request to sign you in." "IdP: it has to speak SAML 2.0.";
    ResourceNotRecognized "ResourceNotRecognized" "Your organisation does not know this application." "IdP: set the application up, with our entityID and ACS URL character by character.";
    TooManyResponses "TooManyResponses" "Your organisation could not sign you in, and reported an error." "IdP: there would be more than one answer; its log says why.";
    UnknownAttrProfile "UnknownAttrProfile" "Your organisation did not accept the request to sign you in." "IdP: it does not know the kind of attributes that was asked for.";
    UnknownPrincipal "UnknownPrincipal" "Your organisation does not know you by the name that this application has for you." "IdP: the person was removed or renamed there, or its NameID for this application has changed.";
    UnsupportedBinding "UnsupportedBinding" "Your organisation can not send its answer in the way that was asked for." "IdP: let it answer by HTTP-POST to the ACS URL of our metadata.";
}

const PREFIX: &str = "urn:oasis:names:tc:SAML:2.0:status:";

impl StatusCode {
    /// The URN in messages; empty for [`StatusCode::Other`].
    pub fn uri(self) -> String {
        match self {
            Self::Other => String::new(),
            code => format!("{PREFIX}{}", code.as_str()),
        }
    }

    /// The code of this URN.
    ///
    /// ```
    /// use samlgate::saml::status::StatusCode;
    /// let code = StatusCode::from_uri("urn:oasis:names:tc:SAML:2.0:status:NoPassive");
    /// assert_eq!(code, StatusCode::NoPassive);
    /// assert_eq!(StatusCode::from_uri("NoPassive"), StatusCode::Other);
    /// ```
    pub fn from_uri(uri: &str) -> Self {
        let named = |name: &str| Self::ALL.iter().copied().find(|code| code.as_str() == name);
        uri.strip_prefix(PREFIX).and_then(named).unwrap_or(Self::Other)
    }

    /// Whether this says no more than which side is at fault (core 3.2.2.2, top level).
    const fn is_top_level(self) -> bool {
        matches!(
            self,
            Self::Success | Self::Requester | Self::Responder | Self::VersionMismatch
        )
    }
}

impl Status {
    /// The code that says most: the second one where SAML defines it, else the first.
    pub fn kind(&self) -> StatusCode {
        let top = StatusCode::from_uri(&self.code);
        let second = self.detail.as_deref().map(StatusCode::from_uri);
        match second {
            Some(second) if second != StatusCode::Other => second,
            // Some identity providers send a second-level code alone.
            _ => top,
        }
    }

    /// Whether nobody is signed in there, which was all that a request with IsPassive wanted to
    /// know: no error, and no reason to try it again.
    pub fn is_no_passive(&self) -> bool {
        self.kind() == StatusCode::NoPassive
    }

    /// Who has to change what, in the words of the product where it says more than SAML does.
    pub fn remedy(&self, vendor: Vendor) -> Cow<'static, str> {
        let kind = self.kind();
        let words = [self.message.as_deref(), self.cause.as_deref()];
        let hint = HINTS.iter().find(|hint| hint.is_about(vendor, kind, &words));
        match (hint, vendor) {
            (Some(hint), _) => hint.remedy.into(),
            (None, Vendor::Entra) => match self.message.as_deref().and_then(aadsts) {
                Some(code) => format!(
                    "Entra ID: {code}; its meaning is at https://login.microsoftonline.com/error?code={}",
                    code.trim_start_matches(AADSTS)
                )
                .into(),
                None => kind.remedy().into(),
            },
            // `Requester` or `Responder` alone says nothing; what a product adds may.
            (None, _) if kind.is_top_level() && self.cause.is_some() => {
                "IdP: StatusDetail names the exception in its server; look for it in its log.".into()
            }
            (None, _) => kind.remedy().into(),
        }
    }
}

const AADSTS: &str = "AADSTS";

/// The code of Entra ID in its words: `AADSTS75011: Authentication method …`.
fn aadsts(message: &str) -> Option<&str> {
    let from = message.get(message.find(AADSTS)?..)?;
    let digits = from.get(AADSTS.len()..)?.bytes().take_while(u8::is_ascii_digit).count();
    let code = from.get(..AADSTS.len().saturating_add(digits))?;
    (4..=8).contains(&digits).then_some(code)
}

/// What a product means by one of its errors.
struct Hint {
    vendor: Vendor,
    /// By the code …
    kind: Option<StatusCode>,
    /// … and by a word of its own in StatusMessage or StatusDetail.
    word: &'static str,
    remedy: &'static str,
}

impl Hint {
    fn is_about(&self, vendor: Vendor, kind: StatusCode, words: &[Option<&str>]) -> bool {
        let said = |text: &&str| match self.word.strip_prefix(AADSTS) {
            // Not one of which it is the beginning.
            Some(_) => aadsts(text) == Some(self.word),
            None => text.contains(self.word),
        };
        self.vendor == vendor
            && self.kind.is_none_or(|own| own == kind)
            && (self.word.is_empty() || words.iter().flatten().any(said))
    }
}

const fn entra(word: &'static str, remedy: &'static str) -> Hint {
    Hint { vendor: Vendor::Entra, kind: None, word, remedy }
}

const fn of(vendor: Vendor, kind: StatusCode, remedy: &'static str) -> Hint {
    Hint { vendor, kind: Some(kind), word: "", remedy }
}

/// Microsoft says that its codes may change; so each is a hint, and the message is shown with it.
const HINTS: &[Hint] = &[
    entra(
        "AADSTS75011",
        "Unset authn_context: Entra ID fails people who signed in by another method, such as without a password.",
    ),
    entra(
        "AADSTS50105",
        "Entra ID: the application needs an assignment; add the person or their group under Users and groups.",
    ),
    entra(
        "AADSTS50011",
        "Entra ID: the Reply URL of the application is not our ACS URL; copy it from our metadata.",
    ),
    entra(
        "AADSTS700016",
        "Entra ID: no application with the Identifier that our request names; it must be saml.entity_id.",
    ),
    entra(
        "AADSTS650056",
        "Entra ID: the Identifier of the application is not saml.entity_id.",
    ),
    entra(
        "AADSTS900236",
        "Entra ID takes no Subject in a request; import its metadata again, so that it is recognised as Entra ID.",
    ),
    entra(
        "AADSTS76021",
        "Entra ID: the application requires signed requests; set sign_requests, and upload our certificate there.",
    ),
    entra(
        "AADSTS50058",
        "Nothing to change: it was asked without showing anything to the person, who is not signed in there.",
    ),
    entra(
        "AADSTS53003",
        "Entra ID: a Conditional Access policy keeps this sign-in out; its sign-in log names the policy.",
    ),
    entra(
        "AADSTS50020",
        "Entra ID: the person belongs to another tenant and is no guest here.",
    ),
    of(
        Vendor::Adfs,
        StatusCode::InvalidNameIdPolicy,
        "AD FS: unset name_id_format, or add a claim rule to the relying party that issues a Name ID of that format.",
    ),
    of(
        Vendor::Adfs,
        StatusCode::Requester,
        "AD FS: most often the relying party expects another signature algorithm (Secure hash algorithm: SHA-256), or does not have our certificate; event 364 in its Admin log says which.",
    ),
    of(
        Vendor::Adfs,
        StatusCode::Responder,
        "AD FS: event 364 in its Admin log says what went wrong; access control policies answer so, too.",
    ),
    of(
        Vendor::Okta,
        StatusCode::InvalidNameIdPolicy,
        "Okta: name_id_format must be the Name ID format of the application there; or unset it.",
    ),
    Hint {
        vendor: Vendor::Ping,
        kind: None,
        word: "NameIdPolicy",
        remedy: "PingFederate: unset name_id_format, or add that format to the SP connection's attribute contract.",
    },
    of(
        Vendor::Keycloak,
        StatusCode::Requester,
        "Keycloak: the client does not exist under our entityID, or wants signed requests (Client signature required): set sign_requests.",
    ),
];

/// How much of a text of theirs is kept: what their support asks for fits, and a page in HTML does
/// not.
const MOST: usize = 1024;

/// Words of theirs, to be read by people: at most 1024 characters, on one line.
pub(in crate::saml) fn bounded(text: &str) -> String {
    let mut kept = String::with_capacity(text.len().min(MOST));
    let mut white = false;
    let mut left = MOST;
    for char in text.trim().chars() {
        if char.is_whitespace() || char.is_control() {
            white = true;
            continue;
        }
        // Those that turn the rest of a line around (U+202A to U+202E, U+2066 to U+2069) and those
        // that can not be seen.
        if matches!(char, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
        {
            continue;
        }
        let needed = if white { 2 } else { 1 };
        let Some(rest) = left.checked_sub(needed) else {
            kept.push('…');
            break;
        };
        left = rest;
        if std::mem::take(&mut white) {
            kept.push(' ');
        }
        kept.push(char);
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: StatusCode, second: Option<StatusCode>, message: Option<&str>) -> Status {
        Status {
            code: code.uri(),
            detail: second.map(StatusCode::uri),
            message: message.map(str::to_owned),
            cause: None,
        }
    }

    #[test]
    fn every_code_of_the_standard_is_known_by_its_name_and_has_two_sentences() {
        for code in StatusCode::ALL {
            assert_eq!(StatusCode::from_uri(&code.uri()), *code);
            assert!(
                code.public().ends_with('.') && code.remedy().ends_with('.'),
                "{code:?}"
            );
        }
        assert_eq!(StatusCode::ALL.len(), 23, "core 3.2.2.2 has 4 and 19");
        for other in [
            "",
            PREFIX,
            "urn:oasis:names:tc:SAML:2.0:status:other",
            "urn:x",
        ] {
            assert_eq!(StatusCode::from_uri(other), StatusCode::Other, "{other}");
        }
        assert_eq!(StatusCode::Other.uri(), "");
    }

    #[test]
    fn the_code_that_says_most_decides() {
        use StatusCode::{NoPassive, Other, Requester, Responder};
        assert_eq!(status(Responder, Some(NoPassive), None).kind(), NoPassive);
        assert_eq!(status(Requester, None, None).kind(), Requester);
        assert_eq!(status(NoPassive, None, None).kind(), NoPassive);
        let mut vendor_s = status(Responder, None, None);
        vendor_s.detail = Some("urn:vendor:error".to_owned());
        assert_eq!(vendor_s.kind(), Responder);
        vendor_s.code = "urn:vendor:status".to_owned();
        assert_eq!(vendor_s.kind(), Other);
        assert!(status(Responder, Some(NoPassive), None).is_no_passive());
        assert!(!vendor_s.is_no_passive());
    }

    #[test]
    fn what_a_product_adds_says_who_has_to_change_what() {
        let entra = |message: &str| {
            status(StatusCode::Responder, None, Some(message))
                .remedy(Vendor::Entra)
                .into_owned()
        };
        assert!(entra("AADSTS75011: Authentication method 'X509' …").contains("authn_context"));
        assert!(entra("Error: AADSTS50105: not assigned").contains("Users and groups"));
        // One of which a known code is the beginning, and none at all.
        assert!(entra("AADSTS501051: new").contains("?code=501051"));
        assert_eq!(entra("AADSTS"), StatusCode::Responder.remedy());
        assert_eq!(entra("AADSTS12345678901"), StatusCode::Responder.remedy());
        assert_eq!(entra("no"), StatusCode::Responder.remedy());

        use StatusCode::{InvalidNameIdPolicy, Requester};
        let policy = status(Requester, Some(InvalidNameIdPolicy), None);
        assert!(policy.remedy(Vendor::Adfs).contains("claim rule"));
        assert!(policy.remedy(Vendor::Okta).starts_with("Okta"));
        assert_eq!(policy.remedy(Vendor::Generic), InvalidNameIdPolicy.remedy());
        // The words of another product mean nothing.
        let words = status(StatusCode::Responder, None, Some("AADSTS75011"));
        assert_eq!(words.remedy(Vendor::Okta), StatusCode::Responder.remedy());

        let mut ping = status(StatusCode::Responder, None, None);
        ping.cause = Some("org.sourceid.saml20.domain.NameIdPolicyException".to_owned());
        assert!(ping.remedy(Vendor::Ping).contains("SP connection"));
        ping.cause = Some("java.lang.NullPointerException".to_owned());
        assert!(ping.remedy(Vendor::Ping).contains("StatusDetail"));
    }

    #[test]
    fn words_of_others_are_short_and_on_one_line() {
        assert_eq!(bounded("  a\r\n\tb\u{0}c \u{202e}d "), "a b c d");
        assert_eq!(bounded(""), "");
        let long = bounded(&"x".repeat(5000));
        assert_eq!(long.chars().count(), MOST + 1);
        assert!(long.ends_with('…'));
        assert_eq!(bounded(&"x".repeat(MOST)), "x".repeat(MOST));
        let wide = bounded(&"é ".repeat(5000));
        assert!(wide.chars().count() <= MOST + 1, "{}", wide.chars().count());
    }
}
