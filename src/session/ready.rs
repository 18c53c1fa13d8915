//! What was made for a session once and serves its next requests: what an application is told of
//! it.
//!
//! Whoever makes it knows how it is written; here it is bytes. It is dropped when its time is over,
//! so that a session that nobody uses weighs no more than its person.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::base::Timestamp;

/// What one route is told of one session.
#[derive(Clone, Debug)]
pub struct Told {
    /// Whose it is: no two routes of any configuration have the same number.
    pub key: u64,
    /// When it has to be made anew.
    pub fresh_until: Timestamp,
    /// The route asked who it is, and lets them in: not only to what is public of it.
    pub admitted: bool,
    /// What is told, in one piece.
    pub bytes: Arc<[u8]>,
}

/// What the routes are told that a session uses: of most sessions one.
#[derive(Debug, Default)]
pub struct Ready(Mutex<Kept>);

#[derive(Debug, Default)]
enum Kept {
    #[default]
    None,
    One(Told),
    Several(Vec<Told>),
}

impl Ready {
    /// Nothing was made yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Kept::None))
    }

    /// What a route is told, if it is still good; of anybody, or only of whom it has let in.
    pub fn told(&self, key: u64, anybody: bool, now: Timestamp) -> Option<Arc<[u8]>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let told = kept.as_slice().iter().find(|told| told.key == key && now < told.fresh_until)?;
        (anybody || told.admitted).then(|| Arc::clone(&told.bytes))
    }

    /// Keeps what was made, and drops what is over.
    pub fn keep(&self, told: Told, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = told.key;
        kept.change(|all| {
            all.retain(|other| other.key != key && now < other.fresh_until);
            all.push(told);
        });
    }

    /// Drops what is over: nobody may come to use it.
    pub fn tidy(&self, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_slice().iter().any(|told| now >= told.fresh_until) {
            kept.change(|all| all.retain(|told| now < told.fresh_until));
        }
    }
}

impl Kept {
    const fn as_slice(&self) -> &[Told] {
        match self {
            Self::None => &[],
            Self::One(told) => std::slice::from_ref(told),
            Self::Several(all) => all.as_slice(),
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Vec<Told>)) {
        let mut all = match std::mem::take(self) {
            Self::None => Vec::new(),
            Self::One(told) => vec![told],
            Self::Several(all) => all,
        };
        change(&mut all);
        *self = match (all.len(), all.pop()) {
            (_, None) => Self::None,
            (1, Some(told)) => Self::One(told),
            (_, Some(told)) => {
                all.push(told);
                all.shrink_to_fit();
                Self::Several(all)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_made_serves_its_route_until_its_time_is_over() {
        let at = Timestamp::from_unix_seconds;
        let told = |key, seconds, admitted| Told {
            key,
            fresh_until: at(seconds),
            admitted,
            bytes: Arc::new([]),
        };
        let ready = Ready::new();
        ready.keep(told(1, 10, true), at(0));
        let is_told = |key, seconds| ready.told(key, false, at(seconds)).is_some();
        assert!(is_told(1, 9));
        ready.keep(told(2, 20, true), at(0));
        assert!(is_told(1, 9) && is_told(2, 9));
        assert!(!is_told(1, 10));
        assert!(!is_told(3, 0));
        ready.tidy(at(10));
        assert!(!is_told(1, 0));
        assert!(is_told(2, 0));
        ready.keep(told(2, 30, true), at(20));
        assert!(is_told(2, 25));
        ready.tidy(at(30));
        assert!(!is_told(2, 0));
    }

    #[test]
    fn what_was_made_for_a_public_path_lets_nobody_in() {
        let at = Timestamp::from_unix_seconds;
        let ready = Ready::new();
        let told = |admitted| Told { key: 1, fresh_until: at(10), admitted, bytes: Arc::new([]) };
        ready.keep(told(false), at(0));
        assert!(ready.told(1, false, at(0)).is_none());
        assert!(ready.told(1, true, at(0)).is_some());
        ready.keep(told(true), at(0));
        assert!(ready.told(1, false, at(0)).is_some());
    }
}
