//! Signing in and out: the browser's side of SAML.

pub mod acs;
mod arrival;
mod artifact;
mod attempt;
pub mod discovery;
mod entrance;
pub mod legacy;
pub mod login;
pub mod metadata;
mod roll_over;
pub mod sign_out;
pub(in crate::http) mod step_up;
pub mod user;
mod whose;

use crate::app::Live;
use crate::base::ReturnTo;
use crate::http::hosts::Place;

pub(super) use attempt::shorten;
pub(super) use roll_over::with_newer_keys;

/// Where a login that was begun a while ago leads: its host may have lost its routes since.
pub(super) fn still(live: &Live, to: &ReturnTo) -> ReturnTo {
    let auth = Place::default();
    auth.read(&to.to_string(), live).unwrap_or_else(|| auth.home())
}

/// Where the person wants to go (`rd`); what is no page behind us is `/` of this host.
fn return_to(live: &Live, place: &Place, rd: Option<&str>) -> ReturnTo {
    rd.and_then(|rd| place.read(rd, live))
        .filter(|to| to.path().is_landing())
        .unwrap_or_else(|| place.home())
}
