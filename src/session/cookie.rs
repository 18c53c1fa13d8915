//! Our two cookies: `Cookie` header in, token out; token in, `Set-Cookie` out.

use std::borrow::Cow;

use crate::base::PublicUrl;
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

impl CookieNames {
    /// `__Host-` names on https; plain ones on loopback without TLS, where browsers refuse those.
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

    /// `Set-Cookie` that hands out a session.
    pub fn set_session(&self, _token: &SessionToken) -> String {
        String::new()
    }

    /// `Set-Cookie` that takes the session back.
    pub fn clear_session(&self) -> String {
        String::new()
    }

    /// `Set-Cookie` that ties a login to this browser.
    pub fn set_login(&self, _value: &str) -> String {
        String::new()
    }

    /// `Set-Cookie` that forgets the login.
    pub fn clear_login(&self) -> String {
        String::new()
    }
}

/// The first well-formed value of a cookie in a `Cookie` header.
pub fn find<'a>(_header: &'a [u8], _name: &str) -> Option<&'a str> {
    None
}

/// A `Cookie` header without our cookies; `None` when nothing is left.
pub fn strip(header: &[u8]) -> Option<Cow<'_, [u8]>> {
    Some(Cow::Borrowed(header))
}
