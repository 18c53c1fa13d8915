//! How much a request may be.

use std::time::Duration;

use crate::http::scim::operation::{Collection, Place};
use crate::scim::bulk::LARGEST_BULK;

/// A person with every attribute that the guides map is 5 KB; with a photo and certificates 500.
const USER: usize = 2 << 20;
/// Some 100,000 members at 80 bytes each, which is the largest group that Entra ID sends at once.
const GROUP: usize = 8 << 20;
/// A search has a filter of at most 16 KiB.
const SEARCH: usize = 64 << 10;
/// In this time a body comes, whatever its size: what is slower than 140 KB/s is no provisioning
/// client, and would hold a group's worth of memory.
pub(in crate::http::scim) const BODY_TIME: Duration = Duration::from_secs(60);
/// Members that an answer to a change lists. Beyond that it says 204, as Entra ID advises: "returning
/// all members isn't advisable".
pub(in crate::http::scim) const MEMBERS_ECHOED: u32 = 1000;

/// The most bytes of a body that is sent there.
pub(in crate::http::scim) const fn body(place: &Place) -> usize {
    match place {
        Place::All(Collection::Users) | Place::One(Collection::Users, _) => USER,
        Place::All(Collection::Groups) | Place::One(Collection::Groups, _) => GROUP,
        Place::Bulk => LARGEST_BULK,
        _ => SEARCH,
    }
}
