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
    let long_enough = |step: Step, wait: Duration| {
        let key = ring.at(step)?;
        Some(key.since.is_none_or(|since| now >= since.plus(wait)))
    };
    if ring.at(Step::Next).is_some() {
        return None;
    }
    if let Some(enough) = long_enough(Step::Published, policy.publish_for) {
        // The policy is the operator's word on how long is long enough.
        return enough.then_some(Command::Promote { force: true });
    }
    if let Some(enough) = long_enough(Step::Previous, policy.retire_after) {
        return enough.then_some(Command::Retire { name: None, force: true });
    }
    let ends = not_after?.minus(policy.rotate_before);
    (now >= ends).then(|| Command::Rotate { name: name.to_owned(), held_back: false })
}
