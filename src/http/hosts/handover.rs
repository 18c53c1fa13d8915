//! How a session comes to another host: asked for there, handed over at the auth host, taken there.
//!
//! 1. `wiki.example.com` has no session for a browser, and sends it to
//!    `{public_url}/.samlgate/authorize` with a request that carries our mark.
//! 2. The auth host knows the browser's session (or lets it sign in first), and sends it back to
//!    `https://wiki.example.com/.samlgate/callback` with a code.
//! 3. There the code is exchanged for a session of this host alone.
//!
//! Promised: a code counts once, for 60 seconds, on the host that it was made for, in the browser
//! that asked there. One that was stolen, changed or sent to another host opens nothing and uses
//! nothing up.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::sha256;

use crate::base::{ErrorCode, PublicUrl, ReturnTo, Secret, Timestamp, entropy};
use crate::http::error::GatewayError;
use crate::http::form::Fields;
use crate::http::links;
use crate::http::seal::Purpose;
use crate::http::state::Gateway;
use crate::session::{Session, SessionToken};

/// How long a code counts: it travels by one redirect.
const CODE_LIFETIME: Duration = Duration::from_secs(60);
/// How long a host may be asked for: one redirect too, on a page that somebody may reload.
const ASKING_LIFETIME: Duration = Duration::from_secs(5 * 60);

/// What another host asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asking {
    /// The page there that the person wanted.
    pub page: ReturnTo,
    /// The browser, by the hash of its login cookie there.
    pub browser: String,
}

impl Asking {
    /// For the browser whose login cookie has this hash.
    pub fn new(page: ReturnTo, browser: &[u8; 32]) -> Self {
        Self { page, browser: URL_SAFE_NO_PAD.encode(browser) }
    }

    /// The address at the auth host that answers it.
    pub fn url(
        &self,
        gateway: &Gateway,
        auth: &PublicUrl,
        now: Timestamp,
    ) -> Result<String, GatewayError> {
        let (page, at) = (self.page.to_string(), now.unix_seconds().to_string());
        let mark = mark(gateway, Purpose::Asking, &[&page, &self.browser, &at])?;
        let query = [
            ("rd", page.as_str()),
            ("browser", &self.browser),
            ("at", &at),
            ("mark", &mark),
        ];
        Ok(auth.join(&links::with_query(links::AUTHORIZE, &query)))
    }

    /// Reads what we wrote, and nobody else.
    pub(super) fn read(
        query: &Fields,
        gateway: &Gateway,
        now: Timestamp,
    ) -> Result<Self, GatewayError> {
        let [page, browser, at, mark] =
            ["rd", "browser", "at", "mark"].map(|name| query.get(name).unwrap_or_default());
        let is_ours = gateway.seal.is_mark(
            Purpose::Asking,
            &[page, browser, at],
            &URL_SAFE_NO_PAD.decode(mark).unwrap_or_default(),
        );
        let page = ReturnTo::from_stored(page).filter(|page| page.site().is_some());
        let Some(page) = page.filter(|_| is_ours) else {
            return Err(refused(
                "the request for a session does not come from a host of ours",
            ));
        };
        let at = at.parse().map_or(Timestamp::EPOCH, Timestamp::from_unix_seconds);
        if now >= at.plus(ASKING_LIFETIME) || at > now.plus(ASKING_LIFETIME) {
            let detail = "the request for a session is older than five minutes, or the clocks of \
                          our nodes differ by as much";
            return Err(refused(detail).going_to(&page));
        }
        Ok(Self { page, browser: browser.to_owned() })
    }
}

/// Makes a code for whoever asks; the address that takes it.
///
/// `token` is the one of the parent session. It waits in the store sealed, and by the code alone
/// (with our key) it can be opened.
pub async fn hand_over(
    gateway: &Gateway,
    asking: &Asking,
    token: &str,
    now: Timestamp,
) -> Result<String, GatewayError> {
    let app = &gateway.app;
    let Some(site) = asking.page.site() else {
        return Err(refused("the request for a session names no other host"));
    };
    let secret = entropy::token(app.entropy.as_ref());
    let expires = now.plus(CODE_LIFETIME);
    let bound = Bound { site, browser: &asking.browser };
    let sealed = gateway
        .seal
        .seal(
            Purpose::Code,
            &secret,
            &bound.parts(),
            token.as_bytes(),
            app.entropy.as_ref(),
        )
        .map_err(|error| GatewayError::new(ErrorCode::Internal, error))?;
    app.ports.kept.keep(sha256(secret.as_bytes()), &sealed, expires).await?;

    let page = asking.page.path().as_str();
    let at = expires.unix_seconds().to_string();
    let [host, browser] = bound.parts();
    let mark = mark(gateway, Purpose::Code, &[host, browser, page, &at, &secret])?;
    let query = [
        ("rd", page),
        ("until", &at),
        ("code", &secret),
        ("mark", &mark),
    ];
    Ok(site.join(&links::with_query(links::CALLBACK, &query)))
}

/// A code that is genuine, of this host and this browser, and in time. Whether it was used, the
/// store knows.
#[derive(Debug)]
pub struct Code<'a> {
    bound: Bound<'a>,
    secret: &'a str,
    /// The page to go on to.
    pub page: &'a str,
}

impl<'a> Code<'a> {
    /// Reads a code that came to `site`, in the browser with this login cookie.
    pub(super) fn read(
        query: &'a Fields,
        gateway: &Gateway,
        site: &'a PublicUrl,
        browser: &'a str,
        now: Timestamp,
    ) -> Result<Self, GatewayError> {
        let [page, at, secret, mark] =
            ["rd", "until", "code", "mark"].map(|name| query.get(name).unwrap_or_default());
        let bound = Bound { site, browser };
        let [host, browser] = bound.parts();
        let is_ours = gateway.seal.is_mark(
            Purpose::Code,
            &[host, browser, page, at, secret],
            &URL_SAFE_NO_PAD.decode(mark).unwrap_or_default(),
        );
        if !is_ours {
            let detail = "the code is not for this host and this browser, or was changed";
            return Err(refused(detail));
        }
        let until = at.parse().map_or(Timestamp::EPOCH, Timestamp::from_unix_seconds);
        if now >= until {
            return Err(refused("the code is older than 60 seconds"));
        }
        Ok(Self { bound, secret, page })
    }

    /// Uses the code up, and opens the session of this host.
    pub async fn redeem(
        self,
        gateway: &Gateway,
        now: Timestamp,
    ) -> Result<(SessionToken, Arc<Session>), GatewayError> {
        let app = &gateway.app;
        let key = sha256(self.secret.as_bytes());
        let sealed = app.ports.kept.take(&key, now).await?;
        let sealed = sealed.ok_or_else(|| refused("the code was used before"))?;
        let parts = self.bound.parts();
        let token = gateway.seal.open(Purpose::Code, self.secret, &parts, &sealed);
        let token = token.and_then(|token| String::from_utf8(token).ok()).map(Secret::new);
        let token = token.ok_or_else(|| refused("what the store kept does not open"))?;
        let ended = || refused("the session at the auth host has ended meanwhile");
        let parent = app.sessions.resolve(token.reveal(), now).await?.ok_or_else(ended)?;
        let host = self.bound.site.host();
        let opened = app.sessions.hand_over(&parent, host, app.entropy.as_ref(), now).await?;
        opened.ok_or_else(ended)
    }
}

/// Where a code counts.
#[derive(Clone, Copy, Debug)]
struct Bound<'a> {
    site: &'a PublicUrl,
    browser: &'a str,
}

impl<'a> Bound<'a> {
    fn parts(&self) -> [&'a str; 2] {
        [self.site.as_str(), self.browser]
    }
}

fn mark(gateway: &Gateway, purpose: Purpose, parts: &[&str]) -> Result<String, GatewayError> {
    let mark = gateway.seal.mark(purpose, parts);
    let mark = mark.map_err(|error| GatewayError::new(ErrorCode::Internal, error))?;
    Ok(URL_SAFE_NO_PAD.encode(mark))
}

fn refused(detail: &str) -> GatewayError {
    GatewayError::new(ErrorCode::SessionHandover, detail)
}
