//! What stands behind the `@` of an e-mail address.

use std::fmt;

use url::Host;

/// A domain in the one writing in which two of them can be compared: the ASCII of IDNA (UTS #46), in
/// lower case, without a dot at its end. That is how mail finds its way, however an address is
/// written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EmailDomain(String);

impl EmailDomain {
    /// The domain that an operator writes; `None` if no mail could go there.
    ///
    /// ```
    /// use samlgate::base::EmailDomain;
    /// let domain = EmailDomain::parse("München.example").unwrap();
    /// assert_eq!(domain.as_str(), "xn--mnchen-3ya.example");
    /// assert!(EmailDomain::parse("alice@example.com").is_none());
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        let Ok(Host::Domain(domain)) = Host::parse(text) else {
            return None;
        };
        let domain = domain.strip_suffix('.').unwrap_or(&domain);
        let label = |label: &str| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        // `Host` reads a host as URLs have it, where `%` stands for another character.
        let fine = !text.contains('%') && domain.len() <= 253 && domain.split('.').all(label);
        fine.then(|| Self(domain.to_owned()))
    }

    /// The domain that somebody says; what is none is only equal to itself.
    ///
    /// ```
    /// use samlgate::base::EmailDomain;
    /// let domain = EmailDomain::read("example.com");
    /// assert_eq!(EmailDomain::read("EXAMPLE。com."), domain);
    /// assert_ne!(EmailDomain::read("example.com.invalid"), domain);
    /// ```
    pub fn read(text: &str) -> Self {
        let domain = match Host::parse(text.trim()) {
            Ok(Host::Domain(domain)) => domain,
            Ok(Host::Ipv4(_) | Host::Ipv6(_)) | Err(_) => text.trim().to_lowercase(),
        };
        Self(domain.trim_end_matches('.').to_owned())
    }

    /// `example.com`
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
