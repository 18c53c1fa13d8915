//! Our two cookies: `Cookie` header in, token out; token in, `Set-Cookie` out.
//!
//! A `Cookie` header is whatever a client sends. Nothing here fails on it: what is not a cookie of
//! ours is not seen, and what is passed on to the application is passed on byte for byte.

use std::borrow::Cow;

use crate::base::{PublicUrl, entropy};
use crate::session::SessionToken;

/// What our cookies are called, which depends on how browsers reach us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CookieNames {
    /// The session cookie.
    pub session: &'static str,
    /// The cookie that ties a login to the browser which began it.
    pub login: &'static str,
    secure: bool,
}

/// All our names: each is kept from the application, whichever are in use.
pub const NAMES: [&str; 4] = [
    "__Host-samlgate",
    "__Host-samlgate-login",
    "samlgate",
    "samlgate-login",
];

impl CookieNames {
    /// `__Host-` names on https: no other host, and no plain-http page, can set those (RFC 6265bis,
    /// 4.1.3.2). On loopback without TLS browsers would refuse them.
    pub fn of(url: &PublicUrl) -> Self {
        if url.is_secure() {
            Self {
                session: "__Host-samlgate",
                login: "__Host-samlgate-login",
                secure: true,
            }
        } else {
            Self { session: "samlgate", login: "samlgate-login", secure: false }
        }
    }

    /// `Set-Cookie` that hands out a session. It has no `Max-Age`: how long the session lasts is
    /// the store's decision, and the browser forgets it when it is closed.
    pub fn set_session(&self, token: &SessionToken) -> String {
        // Lax, not Strict: a link from a mail must find the person signed in.
        format!(
            "{}={}; Path=/; HttpOnly; SameSite=Lax{}",
            self.session,
            token.reveal(),
            self.secure()
        )
    }

    /// `Set-Cookie` that takes the session back.
    pub fn clear_session(&self) -> String {
        format!(
            "{}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{}",
            self.session,
            self.secure()
        )
    }

    /// `Set-Cookie` that ties a login to this browser; the value is a token as well.
    ///
    /// The answer is a POST from the identity provider's site, which carries `SameSite=None`
    /// cookies alone. Those must be `Secure`; without TLS the attribute is left out, and browsers
    /// then send the cookie with such a POST for its first two minutes.
    ///
    /// No `Max-Age` here either. A login is over after fifteen minutes in the store; the cookie
    /// goes on telling that an answer which is loaded again comes from this browser.
    pub fn set_login(&self, value: &str) -> String {
        format!(
            "{}={value}; Path=/; HttpOnly{}",
            self.login,
            self.cross_site()
        )
    }

    /// `Set-Cookie` that forgets the login.
    pub fn clear_login(&self) -> String {
        format!(
            "{}=; Path=/; Max-Age=0; HttpOnly{}",
            self.login,
            self.cross_site()
        )
    }

    const fn secure(&self) -> &'static str {
        if self.secure { "; Secure" } else { "" }
    }

    const fn cross_site(&self) -> &'static str {
        if self.secure {
            "; SameSite=None; Secure"
        } else {
            ""
        }
    }
}

/// The first value of a cookie in a `Cookie` header that can be one of our tokens.
///
/// ```
/// use samlgate::session::cookie::find;
/// let header = format!("theme=dark; __Host-samlgate={}", "a".repeat(43));
/// assert_eq!(find(header.as_bytes(), "__Host-samlgate"), Some("a".repeat(43).as_str()));
/// assert_eq!(find(b"__Host-samlgate=short", "__Host-samlgate"), None);
/// ```
pub fn find<'a>(header: &'a [u8], name: &str) -> Option<&'a str> {
    pairs(header).find_map(|pair| {
        // Most pairs are somebody else's; they are told by their first bytes.
        let pair = pair.trim_ascii_start();
        if !pair.starts_with(name.as_bytes()) {
            return None;
        }
        let (found, value) = split(pair);
        (found == name.as_bytes() && entropy::is_token(value))
            .then(|| str::from_utf8(value).ok())?
    })
}

/// What is between semicolons.
fn pairs(header: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(header);
    std::iter::from_fn(move || {
        let pairs = rest?;
        let end = memchr::memchr(b';', pairs);
        rest = end.and_then(|end| pairs.get(end.saturating_add(1)..));
        pairs.get(..end.unwrap_or(pairs.len()))
    })
}

/// A `Cookie` header without our cookies; `None` when nothing is left.
///
/// ```
/// use samlgate::session::cookie::strip;
/// let kept = strip(b"theme=dark; __Host-samlgate=secret; lang=en").unwrap();
/// assert_eq!(&*kept, b"theme=dark; lang=en");
/// assert_eq!(strip(b"__Host-samlgate=secret"), None);
/// ```
pub fn strip(header: &[u8]) -> Option<Cow<'_, [u8]>> {
    let blank = |pair: &&[u8]| pair.trim_ascii().is_empty();
    if pairs(header).all(|pair| !is_ours(pair)) {
        return (!pairs(header).all(|pair| blank(&pair))).then_some(Cow::Borrowed(header));
    }
    let kept: Vec<&[u8]> = pairs(header)
        .filter(|pair| !is_ours(pair) && !blank(pair))
        .map(<[u8]>::trim_ascii)
        .collect();
    (!kept.is_empty()).then(|| Cow::Owned(kept.join(&b"; "[..])))
}

/// Whether `name=value`, or the beginning of a `Set-Cookie`, is one of our cookies.
pub fn is_ours(pair: &[u8]) -> bool {
    // All our names begin with one of two letters; most pairs begin with another.
    if !matches!(pair.trim_ascii_start().first(), Some(b'_' | b's')) {
        return false;
    }
    let (name, _) = split(pair);
    NAMES.iter().any(|own| own.as_bytes() == name)
}

/// Name and value of `name=value`, without the white space around each.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
    let (name, value) = pair.split_at_checked(end).unwrap_or_default();
    (
        name.trim_ascii(),
        value.get(1..).unwrap_or_default().trim_ascii(),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::base::entropy::SystemEntropy;

    fn names(url: &str) -> CookieNames {
        CookieNames::of(&PublicUrl::parse(url).unwrap())
    }

    #[test]
    fn a_session_cookie_is_host_bound_and_short() {
        let token = SessionToken::draw(&SystemEntropy);
        let cookie = names("https://app.example.com").set_session(&token);
        let value = token.reveal();
        assert_eq!(
            cookie,
            format!("__Host-samlgate={value}; Path=/; HttpOnly; SameSite=Lax; Secure")
        );
        assert!(cookie.len() < 200);
        assert_eq!(find(cookie.as_bytes(), "__Host-samlgate"), Some(value));
    }

    #[test]
    fn without_tls_no_cookie_asks_for_it() {
        let names = names("http://127.0.0.1:8080");
        for cookie in [
            names.set_session(&SessionToken::draw(&SystemEntropy)),
            names.set_login("value"),
            names.clear_session(),
            names.clear_login(),
        ] {
            assert!(cookie.starts_with("samlgate"), "{cookie}");
            assert!(
                !cookie.contains("Secure") && !cookie.contains("None"),
                "{cookie}"
            );
        }
    }

    #[test]
    fn the_login_cookie_travels_with_a_post_from_another_site() {
        assert_eq!(
            names("https://app.example.com").set_login("value"),
            "__Host-samlgate-login=value; Path=/; HttpOnly; SameSite=None; Secure"
        );
    }

    #[test]
    fn a_name_that_only_begins_like_ours_is_not_ours() {
        let value = "a".repeat(43);
        let header = format!("samlgate-theme={value}; xsamlgate={value}; SAMLGATE={value}");
        assert_eq!(find(header.as_bytes(), "samlgate"), None);
        assert_eq!(
            strip(header.as_bytes()).unwrap(),
            Cow::Borrowed(header.as_bytes())
        );
    }

    #[test]
    fn each_of_our_cookies_is_stripped_wherever_it_stands() {
        let stripped =
            |header: &[u8]| strip(header).map(|kept| String::from_utf8(kept.into_owned()).unwrap());
        for name in NAMES {
            for (header, kept) in [
                (format!("{name}=x"), None),
                (name.to_owned(), None),
                (format!(" {name} = x ;"), None),
                (format!("{name}=x; {name}=y"), None),
                (format!("a=1; {name}=x"), Some("a=1")),
                (format!("{name}=x; a=1"), Some("a=1")),
                (format!("a=1;{name}=x;b=\"2\"; c"), Some("a=1; b=\"2\"; c")),
                (format!("\t{name}=x\t;a==;"), Some("a==")),
            ] {
                assert_eq!(stripped(header.as_bytes()).as_deref(), kept, "{header:?}");
            }
        }
        assert_eq!(strip(b""), None);
        assert_eq!(strip(b" ; "), None);
    }

    proptest! {
        #[test]
        fn no_cookie_header_is_too_strange(header in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = find(&header, "samlgate");
            if let Some(kept) = strip(&header) {
                prop_assert!(kept.split(|byte| *byte == b';').all(|pair| !is_ours(pair)));
            }
        }

        #[test]
        fn stripping_leaves_no_cookie_of_ours_among_others(
            before in "[a-z=; ]{0,20}",
            name in prop::sample::select(vec!["samlgate", "__Host-samlgate", "samlgate-login"]),
            after in "[a-z=; ]{0,20}",
        ) {
            let header = format!("{before};{name}={};{after}", "t".repeat(43));
            let kept = strip(header.as_bytes()).map(Cow::into_owned).unwrap_or_default();
            prop_assert!(!kept.windows(43).any(|window| window == "t".repeat(43).as_bytes()));
        }
    }
}
