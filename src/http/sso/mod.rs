//! Signing in and out: the browser's side of SAML.

pub mod acs;
mod attempt;
pub mod login;
pub mod metadata;
pub mod sign_out;
pub mod user;

use crate::app::Live;
use crate::base::LocalPath;

/// Where the person wants to go (`rd`); what is no page behind us is `/`.
fn return_to(live: &Live, rd: Option<&str>) -> LocalPath {
    rd.and_then(|rd| LocalPath::parse(rd, &live.sp.public_url))
        .filter(|path| !path.is_gateway_page())
        .unwrap_or_else(LocalPath::root)
}
