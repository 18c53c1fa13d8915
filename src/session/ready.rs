//! What was made for a session once and serves its next requests: the header lines that an
//! application gets of it.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use crate::base::Timestamp;

/// Header lines of one session for one route.
#[derive(Debug)]
pub struct Lines {
    /// Whose they are: no two routes of any configuration have the same number.
    pub key: u64,
    /// When they have to be made anew.
    pub fresh_until: Timestamp,
    /// `name: value`, each with its CR LF.
    pub text: Box<[u8]>,
}

/// The lines of one session, for the routes that it uses.
#[derive(Debug, Default)]
pub struct Ready(Mutex<Vec<Arc<Lines>>>);

impl Ready {
    /// Nothing was made yet.
    pub const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The lines for a route, if they are still good.
    pub fn lines(&self, key: u64, now: Timestamp) -> Option<Arc<Lines>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.iter().find(|lines| lines.key == key && now < lines.fresh_until).cloned()
    }

    /// Keeps lines, and drops those whose time is over.
    pub fn keep(&self, lines: Arc<Lines>, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|other| other.key != lines.key && now < other.fresh_until);
        kept.push(lines);
    }

    /// Drops what is over: nobody may come to use it.
    pub fn tidy(&self, now: Timestamp) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|lines| now < lines.fresh_until);
        kept.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_serve_their_route_until_their_time_is_over() {
        let at = Timestamp::from_unix_seconds;
        let lines =
            |key, seconds| Arc::new(Lines { key, fresh_until: at(seconds), text: Box::default() });
        let ready = Ready::new();
        ready.keep(lines(1, 10), at(0));
        ready.keep(lines(2, 20), at(0));
        assert!(ready.lines(1, at(9)).is_some());
        assert!(ready.lines(1, at(10)).is_none());
        assert!(ready.lines(3, at(0)).is_none());
        ready.tidy(at(10));
        assert!(ready.lines(1, at(0)).is_none());
        assert!(ready.lines(2, at(0)).is_some());
    }
}
