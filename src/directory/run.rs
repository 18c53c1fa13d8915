//! How far a client is with what it is at.
//!
//! In: its requests, one after the other. Out: what came of each [`Run`] of them: those that follow
//! each other without a pause of ten minutes. An identity provider compares its people with ours
//! from time to time (Entra ID every 40 minutes), and a first time, which may take hours.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::requests::{Effect, ScimRequest};
use super::stored;
use crate::base::Timestamp;

/// Requests that are further apart are not of one run: clients wait for a second when they are told
/// to, and some for five minutes when something fails.
pub const PAUSE: Duration = Duration::from_secs(600);

/// Requests that followed each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Run {
    /// When the first came.
    #[serde(with = "stored::time")]
    pub begun: Timestamp,
    /// When the last came.
    #[serde(with = "stored::time")]
    pub last: Timestamp,
    /// How many; those inside a bulk each for itself.
    pub requests: u64,
    /// People and groups that were made, linked or came back.
    pub created: u64,
    /// That were changed, but for those switched off.
    pub updated: u64,
    /// People who were switched off.
    pub deactivated: u64,
    /// That were removed.
    pub deleted: u64,
    /// Written, but so already.
    pub unchanged: u64,
    /// Looked up or listed.
    pub looked_up: u64,
    /// Refused, but for look-ups of what is not there.
    pub failed: u64,
    /// How far the last list is that is read page by page.
    pub listed: Option<Listed>,
}

/// How much of a list was read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listed {
    /// Up to which.
    pub seen: u64,
    /// Of how many.
    pub total: u64,
}

impl Listed {
    /// How much of it, in percent.
    pub fn percent(self) -> u64 {
        match self.total {
            0 => 100,
            total => self.seen.min(total).saturating_mul(100).checked_div(total).unwrap_or(100),
        }
    }
}

impl Default for Run {
    fn default() -> Self {
        Self::beginning(Timestamp::EPOCH)
    }
}

impl Run {
    /// None came yet.
    pub const fn beginning(at: Timestamp) -> Self {
        Self {
            begun: at,
            last: at,
            requests: 0,
            created: 0,
            updated: 0,
            deactivated: 0,
            deleted: 0,
            unchanged: 0,
            looked_up: 0,
            failed: 0,
            listed: None,
        }
    }

    /// Whether a request at this time is another run's.
    pub fn is_over(&self, at: Timestamp) -> bool {
        at.since(self.last) > PAUSE
    }

    /// Counts a request.
    pub fn take(&mut self, request: &ScimRequest) {
        self.last = self.last.max(request.at);
        self.requests = self.requests.saturating_add(1);
        // What it holds is counted one by one.
        if request.resource == "Bulk" && request.status < 400 {
            return;
        }
        let count = match request.effect {
            Some(Effect::Created | Effect::Linked | Effect::Returned) => &mut self.created,
            Some(Effect::Changed) => &mut self.updated,
            Some(Effect::Deactivated) => &mut self.deactivated,
            Some(Effect::Deleted) => &mut self.deleted,
            Some(Effect::Unchanged) => &mut self.unchanged,
            None if request.status < 400 || request.is_vain_look_up() => &mut self.looked_up,
            None => &mut self.failed,
        };
        *count = count.saturating_add(1);
        if let Some(page) = request.page
            && page.whole
        {
            let listed = Listed { seen: page.seen, total: page.total };
            self.listed = Some(listed);
        }
    }

    /// Requests in a second, on average.
    pub fn per_second(&self) -> f64 {
        let seconds = self.last.since(self.begun).as_secs_f64().max(1.0);
        f64::from(u32::try_from(self.requests).unwrap_or(u32::MAX)) / seconds
    }
}
