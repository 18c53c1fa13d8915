//! What is to be done by the clock.

use std::time::Duration;

use super::{Command, Ring, Step};
use crate::base::Timestamp;

/// When the steps are taken that nobody takes by hand (`saml.rotate_keys = "auto"`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// A new key is made so long before the certificate of the active one ends.
    pub rotate_before: Duration,
    /// A new key is published for so long before it is used.
    pub publish_for: Duration,
    /// The one before it is retired so long afterwards.
    pub retire_after: Duration,
}

/// A key of the identity header, which has no certificate, should have a successor when it has signed
/// for so long.
pub const JWT_AGE: Duration = Duration::from_secs(730 * 86_400);

/// What is to be done now, if anything. `not_after` is the end of the active key's certificate (without
/// one, of its use), and `name` that of a new key.
///
/// A key that somebody holds back (`rotate --hold`) is theirs to publish.
pub fn due(
    ring: &Ring,
    policy: Policy,
    not_after: Option<Timestamp>,
    name: &str,
    now: Timestamp,
) -> Option<Command> {
    if now < due_at(ring, policy, not_after)? {
        return None;
    }
    // The policy is the operator's word on how long is long enough.
    Some(if ring.at(Step::Published).is_some() {
        Command::Promote { force: true }
    } else if ring.at(Step::Previous).is_some() {
        Command::Retire { name: None, force: true }
    } else {
        Command::Rotate { name: name.to_owned(), held_back: false }
    })
}

/// When the next step is taken that nobody takes by hand; `None` when there is none.
pub fn due_at(ring: &Ring, policy: Policy, not_after: Option<Timestamp>) -> Option<Timestamp> {
    let after = |step: Step, wait: Duration| {
        let key = ring.at(step)?;
        Some(key.since.map_or(Timestamp::EPOCH, |since| since.plus(wait)))
    };
    if ring.at(Step::Next).is_some() {
        return None;
    }
    after(Step::Published, policy.publish_for)
        .or_else(|| after(Step::Previous, policy.retire_after))
        .or_else(|| Some(not_after?.minus(policy.rotate_before)))
}
