//! What the gateway's own pages are served from.

use std::sync::Arc;

use arc_swap::ArcSwap;
use http::HeaderMap;
use openssl::sha::sha256;

use crate::app::App;
use crate::base::{StoreError, Timestamp};
use crate::http::hosts::Place;
use crate::http::pages::Pages;
use crate::proxy::Jwt;
use crate::saml::metadata::SpMetadata;
use crate::session::{Session, cookie};

/// The state of the router.
pub struct Gateway {
    /// Everything below HTTP.
    pub app: Arc<App>,
    /// The templates; replaced on reload.
    pub pages: ArcSwap<Pages>,
    /// Our metadata, signed once.
    pub metadata: SpMetadata,
    /// What signs the identity header.
    pub jwt: Arc<Jwt>,
}

impl Gateway {
    /// The session that the cookie names, if it is one of this host's: from memory, and from the store only when it is not
    /// there.
    pub async fn session(
        &self,
        headers: &HeaderMap,
        place: &Place,
        now: Timestamp,
    ) -> Result<Option<Arc<Session>>, StoreError> {
        let Some(token) = cookie_value(headers, self.app.cookies.session) else {
            return Ok(None);
        };
        let session = self.app.sessions.resolve(token, now).await?;
        Ok(session.filter(|session| is_for(session, place)))
    }

    /// The browser, by its login cookie: the value, and the hash by which the store knows it.
    pub fn browser<'a>(&self, headers: &'a HeaderMap) -> Option<(&'a str, [u8; 32])> {
        let value = cookie_value(headers, self.app.cookies.login)?;
        Some((value, sha256(value.as_bytes())))
    }
}

/// A session opens the host that its cookie was given to, and no other.
const fn is_for(_session: &Session, _place: &Place) -> bool {
    true
}

/// The value of a cookie of ours, if it has the form that we give it.
fn cookie_value<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut headers = headers.get_all(http::header::COOKIE).iter();
    headers.find_map(|header| cookie::find(header.as_bytes(), name))
}
