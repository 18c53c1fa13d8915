//! `[session]`: how long a session may last.

use std::time::Duration;

/// Idle and absolute lifetime.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// Ends after this long without a request (`idle_timeout`).
    pub idle: Duration,
    /// Ends this long after sign-in whatever happens (`lifetime`), and never later than
    /// SessionNotOnOrAfter.
    pub absolute: Duration,
}
