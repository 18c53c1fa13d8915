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
use crate::http::seal::{Purpose, Seal};
use crate::http::state::Gateway;
use crate::session::{OpenSession, SessionToken};

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
        seal: &Seal,
        auth: &PublicUrl,
        now: Timestamp,
    ) -> Result<String, GatewayError> {
        let (page, at) = (self.page.to_string(), now.unix_seconds().to_string());
        let mark = mark(seal, Purpose::Asking, &[&page, &self.browser, &at])?;
        let query = [
            ("rd", page.as_str()),
            ("browser", &self.browser),
            ("at", &at),
            ("mark", &mark),
        ];
        Ok(auth.join(&links::with_query(links::AUTHORIZE, &query)))
    }

    /// Reads what we wrote, and nobody else.
    pub(super) fn read(query: &Fields, seal: &Seal, now: Timestamp) -> Result<Self, GatewayError> {
        let [page, browser, at, mark] =
            ["rd", "browser", "at", "mark"].map(|name| query.get(name).unwrap_or_default());
        let is_ours = seal.is_mark(
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
    bound.url(&gateway.seal, page, &secret, expires)
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
        seal: &Seal,
        site: &'a PublicUrl,
        browser: &'a str,
        now: Timestamp,
    ) -> Result<Self, GatewayError> {
        let [page, at, secret, mark] =
            ["rd", "until", "code", "mark"].map(|name| query.get(name).unwrap_or_default());
        let bound = Bound { site, browser };
        let [host, browser] = bound.parts();
        let is_ours = seal.is_mark(
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
    ) -> Result<(SessionToken, Arc<OpenSession>), GatewayError> {
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

    /// The address there that takes a code.
    fn url(
        &self,
        seal: &Seal,
        page: &str,
        secret: &str,
        expires: Timestamp,
    ) -> Result<String, GatewayError> {
        let at = expires.unix_seconds().to_string();
        let [host, browser] = self.parts();
        let mark = mark(seal, Purpose::Code, &[host, browser, page, &at, secret])?;
        let query = [
            ("rd", page),
            ("until", &at),
            ("code", secret),
            ("mark", &mark),
        ];
        Ok(self.site.join(&links::with_query(links::CALLBACK, &query)))
    }
}

fn mark(seal: &Seal, purpose: Purpose, parts: &[&str]) -> Result<String, GatewayError> {
    let mark = seal.mark(purpose, parts);
    let mark = mark.map_err(|error| GatewayError::new(ErrorCode::Internal, error))?;
    Ok(URL_SAFE_NO_PAD.encode(mark))
}

fn refused(detail: &str) -> GatewayError {
    GatewayError::new(ErrorCode::SessionHandover, detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BROWSER: &str = "browser";

    fn seal() -> Seal {
        Seal::new(Secret::new([7; 32]))
    }

    fn site(host: &str) -> PublicUrl {
        PublicUrl::parse(&format!("https://{host}")).unwrap()
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_unix_seconds(1_795_000_000 + seconds)
    }

    fn query(url: &str) -> Fields {
        Fields::of_query(url.split_once('?').map(|(_, query)| query))
    }

    fn code() -> String {
        let bound = Bound { site: &site("wiki.example.com"), browser: BROWSER };
        bound.url(&seal(), "/page?a=1&b", &"s".repeat(43), at(60)).unwrap()
    }

    fn refusal(url: &str, host: &str, browser: &str, now: Timestamp) -> Option<String> {
        let (query, site) = (query(url), site(host));
        let read = Code::read(&query, &seal(), &site, browser, now);
        read.err().map(|error| {
            assert_eq!(error.code, ErrorCode::SessionHandover);
            error.detail
        })
    }

    #[test]
    fn a_code_counts_on_its_host_in_its_browser_for_60_seconds() {
        let (code, wiki) = (code(), "wiki.example.com");
        assert!(code.starts_with("https://wiki.example.com/.samlgate/callback?rd=/page"));
        assert_eq!(refusal(&code, wiki, BROWSER, at(0)), None);
        assert_eq!(refusal(&code, wiki, BROWSER, at(59)), None);
        for (host, browser, now, why) in [
            (wiki, BROWSER, at(60), "older than 60 seconds"),
            (
                "other.example.com",
                BROWSER,
                at(0),
                "not for this host and this browser",
            ),
            (wiki, "another", at(0), "not for this host and this browser"),
        ] {
            let refusal = refusal(&code, host, browser, now).unwrap();
            assert!(refusal.contains(why), "{refusal}");
        }
        for (from, to) in [
            ("rd=/page", "rd=/other"),
            ("until=1", "until=2"),
            ("code=s", "code=t"),
            ("mark=", "mark=x"),
            ("mark=", "make="),
        ] {
            let changed = code.replace(from, to);
            assert_ne!(changed, code);
            assert!(
                refusal(&changed, wiki, BROWSER, at(0)).is_some(),
                "{changed}"
            );
        }
    }

    #[test]
    fn what_a_host_asks_for_is_read_as_it_was_written_and_not_for_long() {
        let page = ReturnTo::from_stored("https://wiki.example.com/page?a=1&b").unwrap();
        let asking = Asking::new(page.clone(), &[1; 32]);
        let url = asking.url(&seal(), &site("login.example.com"), at(0)).unwrap();
        assert!(url.starts_with("https://login.example.com/.samlgate/authorize?rd="));
        let read = |url: &str, now| Asking::read(&query(url), &seal(), now);
        assert_eq!(read(&url, at(299)).unwrap(), asking);
        for now in [at(300), at(-301)] {
            let late = read(&url, now).unwrap_err();
            assert_eq!(
                (late.code, late.return_to),
                (ErrorCode::SessionHandover, page.clone())
            );
        }
        let forged = url.replace("wiki.example.com", "evil.example");
        let refused = read(&forged, at(0)).unwrap_err();
        assert_eq!(refused.code, ErrorCode::SessionHandover);
        assert_eq!(
            refused.return_to,
            ReturnTo::root(),
            "nothing of it is believed"
        );
    }
}
