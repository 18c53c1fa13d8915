//! Where an identity provider wants its people to go when signing in came to nothing.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::about::is_link;
use crate::base::Timestamp;

/// `errorURL` of the role, perhaps with places to fill in.
///
/// The places are those of the REFEDS specification *SAML V2.0 Metadata Deployment Profile for
/// errorURL*: `ERRORURL_CODE`, `ERRORURL_TS`, `ERRORURL_RP`, `ERRORURL_TID`, `ERRORURL_CTX`.
///
/// ```
/// use samlgate::base::Timestamp;
/// use samlgate::saml::metadata::{ErrorCategory, ErrorUrl};
/// let url = ErrorUrl::parse("https://idp.example.com/e?c=ERRORURL_CODE&at=ERRORURL_TS&rp=ERRORURL_RP&x=ERRORURL_CTX").unwrap();
/// let now = Timestamp::parse_saml("2026-11-21T12:00:00Z").unwrap();
/// let filled = url.filled(ErrorCategory::Authorization, "https://sp.example.com/", "7F3K-92QA", "", now);
/// assert_eq!(filled, "https://idp.example.com/e?c=AUTHORIZATION_FAILURE&at=1795262400&rp=https%3A%2F%2Fsp.example.com%2F&x=");
/// assert!(ErrorUrl::parse("javascript:alert(1)").is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorUrl(String);

/// What kind of failure it was, in the words of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorCategory {
    /// Attributes that say who somebody is are missing.
    Identification,
    /// Not the authentication that was asked for.
    Authentication,
    /// Known, and not allowed.
    Authorization,
    /// Anything else.
    Other,
}

impl ErrorCategory {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Identification => "IDENTIFICATION_FAILURE",
            Self::Authentication => "AUTHENTICATION_FAILURE",
            Self::Authorization => "AUTHORIZATION_FAILURE",
            Self::Other => "OTHER_ERROR",
        }
    }
}

impl ErrorUrl {
    /// `None` for what is no link to a page.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        is_link(text).then(|| Self(text.to_owned()))
    }

    /// As it stands in the metadata.
    pub fn as_written(&self) -> &str {
        &self.0
    }

    /// The address for one failure. `entity_id` is ours, `reference` the one that the person reads,
    /// and `context` more about it, perhaps nothing. The scheme and host are never a place to fill in.
    #[must_use]
    pub fn filled(
        &self,
        category: ErrorCategory,
        entity_id: &str,
        reference: &str,
        context: &str,
        now: Timestamp,
    ) -> String {
        let encoded = |value: &str| utf8_percent_encode(value, ENCODED).to_string();
        let values = [
            ("ERRORURL_CODE", category.as_str().to_owned()),
            ("ERRORURL_TS", now.unix_seconds().to_string()),
            ("ERRORURL_RP", encoded(entity_id)),
            ("ERRORURL_TID", encoded(reference)),
            ("ERRORURL_CTX", encoded(context)),
        ];
        let host = self.0.find("://").map_or(0, |at| at.saturating_add(3));
        let host_ends = self.0.get(host..).and_then(|rest| rest.find(['/', '?', '#', '\\']));
        let host_ends = host_ends.map_or(self.0.len(), |length| host.saturating_add(length));
        let (origin, rest) = self.0.split_at_checked(host_ends).unwrap_or((&self.0, ""));
        // In one pass, so that a value is never taken for a place.
        let mut filled = origin.to_owned();
        let mut rest = rest;
        while let Some(at) = rest.find("ERRORURL_") {
            let (before, behind) = rest.split_at_checked(at).unwrap_or((rest, ""));
            filled.push_str(before);
            let place = values.iter().find_map(|(name, value)| {
                behind.strip_prefix(name).map(|behind| (value.as_str(), behind))
            });
            let (value, behind) = place.unwrap_or_else(|| {
                behind.split_at_checked("ERRORURL_".len()).unwrap_or((behind, ""))
            });
            filled.push_str(value);
            rest = behind;
        }
        filled.push_str(rest);
        filled
    }
}

/// Everything but RFC 3986's unreserved characters.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_never_taken_for_a_place_nor_put_into_the_host() {
        let fill = |text: &str| {
            let url = ErrorUrl::parse(text).unwrap();
            url.filled(
                ErrorCategory::Other,
                "ERRORURL_TID",
                "a&b",
                "é",
                Timestamp::EPOCH,
            )
        };
        assert_eq!(
            fill(
                "https://a.example/ERRORURL_RP/ERRORURL_TID?ERRORURL_NEW=ERRORURL_CTX#ERRORURL_TS"
            ),
            "https://a.example/ERRORURL_TID/a%26b?ERRORURL_NEW=%C3%A9#0"
        );
        assert_eq!(
            fill("https://errorurl_code.example/"),
            "https://errorurl_code.example/"
        );
        assert_eq!(
            fill("https://a.example?ERRORURL_CODE"),
            "https://a.example?OTHER_ERROR"
        );
        assert_eq!(
            fill("https://ERRORURL_RP.example/"),
            "https://ERRORURL_RP.example/"
        );
        for text in [
            "",
            "/e",
            "mailto:a@example.com",
            "data:text/html,x",
            "https:",
            "https://a b/",
        ] {
            assert_eq!(ErrorUrl::parse(text), None, "{text:?}");
        }
    }
}
