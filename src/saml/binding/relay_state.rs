//! RelayState: an opaque handle of ours, a path of ours, or nothing at all.
//!
//! Bindings 3.4.3 allows 80 bytes and promises nothing about who writes them, so RelayState is
//! never a redirect target by itself: that would be an open redirect.

use crate::base::{LocalPath, PublicUrl, entropy};

/// What a RelayState turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayState {
    /// Has the form of a handle that we gave out. Whether we did, the store knows.
    Handle(String),
    /// A page on our own origin: where an identity provider's portal wants the person to land.
    Page(LocalPath),
    /// Something else (`relay_state.ignored`; not an error).
    Ignored,
}

impl RelayState {
    /// Sorts what came with a Response.
    ///
    /// ```
    /// use samlgate::base::PublicUrl;
    /// use samlgate::saml::binding::relay_state::RelayState;
    /// let own = PublicUrl::parse("https://app.example.com").unwrap();
    /// assert!(matches!(RelayState::sort(Some("/reports?q=1"), &own), RelayState::Page(_)));
    /// assert_eq!(RelayState::sort(Some("https://evil.example/"), &own), RelayState::Ignored);
    /// ```
    pub fn sort(text: Option<&str>, own: &PublicUrl) -> Self {
        let Some(text) = text else {
            return Self::Ignored;
        };
        if entropy::is_token(text.as_bytes()) {
            return Self::Handle(text.to_owned());
        }
        match LocalPath::parse(text, own) {
            Some(page) if !page.is_gateway_page() => Self::Page(page),
            _ => Self::Ignored,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_page_of_the_application_is_a_page_to_go_to() {
        let own = PublicUrl::parse("https://app.example.com").unwrap();
        let sort = |text: Option<&str>| RelayState::sort(text, &own);
        let page = |text| RelayState::Page(LocalPath::parse(text, &own).unwrap());
        assert_eq!(sort(Some("/reports?q=1")), page("/reports?q=1"));
        assert_eq!(
            sort(Some("https://app.example.com/reports")),
            page("/reports")
        );
        for elsewhere in [
            None,
            Some(""),
            Some("https://evil.example/"),
            Some("//evil.example/"),
            Some("reports"),
            // A page of ours would begin all over again, or end what has just begun.
            Some("/saml/logout"),
            Some("/x/../saml/logout"),
        ] {
            assert_eq!(sort(elsewhere), RelayState::Ignored, "{elsewhere:?}");
        }
        let handle = "x".repeat(entropy::TOKEN_LENGTH);
        assert_eq!(sort(Some(&handle)), RelayState::Handle(handle.clone()));
        let longer = format!("{handle}x");
        assert_eq!(sort(Some(&longer)), RelayState::Ignored);
    }
}
