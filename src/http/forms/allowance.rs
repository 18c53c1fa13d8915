//! How much may be kept for people whom nobody knows yet.

use std::sync::{Mutex, PoisonError};

use super::LIFETIME;
use crate::base::Timestamp;

/// Bytes that may be kept in 15 minutes: thousands of typed forms, or some dozens of large ones.
/// Without this end, strangers could fill the store.
const BYTES: usize = 64 * 1024 * 1024;

/// What is left of them.
#[derive(Debug, Default)]
pub struct Allowance(Mutex<Window>);

#[derive(Debug, Default)]
struct Window {
    begun: Option<Timestamp>,
    bytes: usize,
}

impl Allowance {
    /// Takes this much; whether there was as much left.
    pub fn take(&self, bytes: usize, now: Timestamp) -> bool {
        let mut window = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if window.begun.is_none_or(|begun| now >= begun.plus(LIFETIME)) {
            *window = Window { begun: Some(now), bytes: 0 };
        }
        let after = window.bytes.saturating_add(bytes);
        if after > BYTES {
            return false;
        }
        window.bytes = after;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_strangers_may_leave_here_has_an_end_and_a_new_beginning() {
        let allowance = Allowance::default();
        let begun = Timestamp::from_unix_seconds(1_795_000_000);
        for _ in 0..64 {
            assert!(allowance.take(1024 * 1024, begun));
        }
        assert!(!allowance.take(1, begun));
        assert!(!allowance.take(1, begun.plus(LIFETIME - std::time::Duration::from_secs(1))));
        assert!(allowance.take(1, begun.plus(LIFETIME)));
    }
}
