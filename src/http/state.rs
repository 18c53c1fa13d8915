//! What the gateway's own pages are served from.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use openssl::sha::sha256;

use crate::app::App;
use crate::base::{ErrorCode, ReturnTo, StoreError, Timestamp, entropy};
use crate::http::error::GatewayError;
use crate::http::forms::Allowance;
use crate::http::hosts::{Loops, Place};
use crate::http::pages::Pages;
use crate::http::rates::Rates;
use crate::http::scim::Scim;
use crate::http::seal::Seal;
use crate::proxy::Jwt;
use crate::session::{OpenSession, cookie};

/// The state of the router.
pub struct Gateway {
    /// Everything below HTTP.
    pub app: Arc<App>,
    /// The templates; replaced on reload.
    pub pages: ArcSwap<Pages>,
    /// What signs the identity header.
    pub jwt: Arc<Jwt>,
    /// What marks and seals what comes back to us.
    pub seal: Seal,
    /// How much may still be kept for people who are not signed in.
    pub allowance: Allowance,
    /// Browsers that sign in again and again.
    pub loops: Loops,
    /// Clients that ask too often; replaced on reload.
    pub rates: Arc<ArcSwap<Rates>>,
    /// Provisioning, where it is switched on.
    pub scim: Option<Scim>,
}

impl Gateway {
    /// The session that the cookie names, if it is one of this host's: from memory, and from the store only when it is not
    /// there.
    pub async fn session(
        &self,
        headers: &HeaderMap,
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<Arc<OpenSession>>, StoreError> {
        let Some(token) = self.session_token(headers) else {
            return Ok(None);
        };
        let session = self.app.sessions.resolve(token, now).await?;
        Ok(session.filter(|session| is_for(session, place)))
    }

    /// The value of the session cookie, if it has the form that we give it.
    pub fn session_token<'a>(&self, headers: &'a HeaderMap) -> Option<&'a str> {
        cookie_value(headers, self.app.cookies.session)
    }

    /// The browser, and a new name for one that has none yet: its login cookie is to be set.
    pub fn browser_or_new(&self, headers: &HeaderMap) -> (String, [u8; 32]) {
        let known = self.browser(headers).map(|(value, hash)| (value.to_owned(), hash));
        known.unwrap_or_else(|| {
            let fresh = entropy::token(self.app.entropy.as_ref());
            let hash = sha256(fresh.as_bytes());
            (fresh, hash)
        })
    }

    /// Where nodes share their sessions, another one may have signed this browser in, or out.
    pub async fn ask_other_nodes(&self, browser: &[u8; 32], now: Timestamp) {
        let sessions = &self.app.sessions;
        if !sessions.is_shared() {
            return;
        }
        match sessions.newest_of_browser(browser, now).await {
            Ok(Some(session)) => self.loops.signed_in(*browser, session.opened_at),
            Ok(None) => self.loops.signed_out(browser),
            // What this node has seen itself must do.
            Err(_) => {}
        }
    }

    /// Refuses to send a browser round once more that has just been round several times.
    pub fn check_loop(
        &self,
        place: &Place,
        browser: &[u8; 32],
        return_to: &ReturnTo,
        now: Timestamp,
    ) -> Result<(), GatewayError> {
        if !self.loops.is_looping(browser, now) {
            return Ok(());
        }
        let live = self.app.live();
        let detail = format!(
            "signed in again and again within a minute; public_url is {}, and this browser came to {}",
            live.sp.public_url,
            place.origin(&live)
        );
        Err(GatewayError::new(ErrorCode::SessionLoop, detail).going_to(return_to))
    }

    /// The browser, by its login cookie: the value, and the hash by which the store knows it.
    pub fn browser<'a>(&self, headers: &'a HeaderMap) -> Option<(&'a str, [u8; 32])> {
        let value = cookie_value(headers, self.app.cookies.login)?;
        Some((value, sha256(value.as_bytes())))
    }
}

/// A session opens the host that its cookie was given to, and no other.
fn is_for(session: &OpenSession, place: &Place) -> bool {
    session.host.as_deref() == place.host()
}

/// The value of a cookie of ours, if it has the form that we give it.
fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut headers = headers.get_all(http::header::COOKIE).iter();
    headers.find_map(|header| cookie::find(header.as_bytes(), name))
}
