//! Forms that were sent without a session: kept, and sent again after login.
//!
//! 1. A form arrives whose sender has no session. Its body is sealed and kept ([`keep()`]), and the
//!    person is sent to sign in.
//! 2. They come back to a page of ours ([`page()`]) which sends a note to the form's address in the
//!    name of this browser: `samlgate-form=` and the token of the kept form. By itself where there
//!    is JavaScript, else by a button.
//! 3. A request with such a note goes on with the kept body in its place ([`replay()`]): byte for
//!    byte, with its files.
//!
//! Promised: nobody without the browser and the token finds out what was in it; it is sent once,
//! within 15 minutes; a form that another site's page sent is not kept. A note never reaches the
//! application.

mod allowance;
mod keep;
mod page;
mod replay;

pub use allowance::Allowance;
pub use keep::keep;
pub use page::{page, target};
pub use replay::{Note, replay};

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openssl::sha::sha256;

use crate::base::PublicUrl;

/// How long a form is kept: as long as a login may take.
const LIFETIME: Duration = crate::saml::pending::PendingLogin::LIFETIME;
/// The largest form that is kept, with its files. What people type is a few KiB, a photograph a few
/// MiB: the first must not be lost, the second can be chosen again. Whoever sends it is not known
/// yet, and what is kept is held in memory at once.
const LARGEST: usize = 1024 * 1024;

/// What a form is kept under, and bound to: only the same request of the same browser finds it.
#[derive(Debug)]
struct Ticket<'a> {
    token: &'a str,
    site: &'a str,
    browser: String,
    /// Path and query.
    target: &'a str,
}

impl<'a> Ticket<'a> {
    fn new(token: &'a str, site: &'a PublicUrl, browser: &[u8; 32], target: &'a str) -> Self {
        let browser = URL_SAFE_NO_PAD.encode(browser);
        Self { token, site: site.as_str(), browser, target }
    }

    fn bound_to(&self) -> [&str; 3] {
        [self.site, &self.browser, self.target]
    }

    /// Where it is in the store. None of the parts can contain a line's end.
    fn key(&self) -> [u8; 32] {
        let parts = [self.token, self.site, &self.browser, self.target];
        sha256(parts.join("\n").as_bytes())
    }
}

/// What is kept of a request.
#[derive(Debug, PartialEq, Eq)]
struct KeptForm {
    content_type: String,
    body: Vec<u8>,
}

impl KeptForm {
    fn write(&self) -> Vec<u8> {
        [self.content_type.as_bytes(), b"\n", &self.body].concat()
    }

    fn read(bytes: &[u8]) -> Option<Self> {
        let mut parts = bytes.splitn(2, |byte| *byte == b'\n');
        let content_type = String::from_utf8(parts.next()?.to_vec()).ok()?;
        Some(Self { content_type, body: parts.next()?.to_vec() })
    }
}
