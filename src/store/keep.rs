//! How long what is kept that is over.

use std::time::Duration;

/// At `expires` an assertion is refused as too old, so nothing is left to remember; the margin is
/// for a clock that is set back.
pub(super) const ONE_USE: Duration = Duration::from_secs(60 * 60);

/// A pending login is over after fifteen minutes; for the rest of the hour a late answer is still
/// led to the page that its person wanted, instead of being unknown.
pub(super) const PENDING: Duration = Duration::from_secs(60 * 60);

/// Other processes ask for ended sessions every few seconds.
pub(super) const ENDED: Duration = Duration::from_secs(60 * 60);

/// Anybody can make us write attempts. How long they are kept, `audit.keep_attempts` says.
pub(super) const MOST_ATTEMPTS: i64 = 100_000;

/// Longer than any session lasts that began with an assertion about a group that is gone.
pub(super) const NAMES: Duration = Duration::from_secs(90 * 24 * 60 * 60);
