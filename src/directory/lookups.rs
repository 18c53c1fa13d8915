//! What the audit is told of look-ups.
//!
//! A client looks people up by the thousand, to compare them with its own. In: its look-ups. Out: a
//! [`LookUps`] for each event: the first after a quiet minute at once, and of those that follow one
//! a minute for all of them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::discreet;
use super::requests::ScimRequest;
use super::stored;
use crate::base::Timestamp;

/// For so long look-ups are gathered.
pub const MINUTE: Duration = Duration::from_secs(60);
/// So many attributes are told apart; clients ask by one or two.
const MOST_ATTRIBUTES: usize = 8;

/// Look-ups that one event tells of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LookUps {
    /// How many.
    pub lookups: u64,
    /// How many people they found.
    pub found: u64,
    /// By which attribute how many asked; `all` is a list of everybody.
    pub by: BTreeMap<String, u64>,
    /// The request, if it is one.
    pub request_id: Option<String>,
    /// The id of who was looked up, if it is one.
    pub target: Option<String>,
    /// From which address, if it is one.
    pub client: Option<String>,
}

/// What was not told yet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gathering {
    /// Since when look-ups are gathered.
    #[serde(with = "stored::maybe")]
    since: Option<Timestamp>,
    /// When the last came.
    #[serde(with = "stored::maybe")]
    last: Option<Timestamp>,
    gathered: LookUps,
}

impl Gathering {
    /// A look-up; what is to be told now.
    pub fn take(&mut self, request: &ScimRequest, now: Timestamp) -> Vec<LookUps> {
        let mut told: Vec<LookUps> = self.due(request.at.max(now)).into_iter().collect();
        let is_quiet = self.last.is_none_or(|last| request.at.since(last) >= MINUTE);
        self.last = Some(self.last.map_or(request.at, |last| last.max(request.at)));
        if is_quiet && self.gathered.lookups == 0 {
            self.since = Some(request.at);
            let mut first = LookUps::default();
            first.add(request);
            first.request_id.clone_from(&request.request_id);
            first.target.clone_from(&request.target);
            first.client.clone_from(&request.client);
            told.push(first);
        } else {
            self.gathered.add(request);
        }
        told
    }

    /// What was gathered for a minute.
    pub fn due(&mut self, now: Timestamp) -> Option<LookUps> {
        let is_due =
            self.gathered.lookups > 0 && self.since.is_none_or(|since| now.since(since) >= MINUTE);
        if !is_due {
            return None;
        }
        self.since = Some(now);
        Some(std::mem::take(&mut self.gathered))
    }

    /// Whether something waits to be told.
    pub const fn is_open(&self) -> bool {
        self.gathered.lookups > 0
    }
}

impl LookUps {
    fn add(&mut self, request: &ScimRequest) {
        self.lookups = self.lookups.saturating_add(1);
        let found = request.matched.unwrap_or_else(|| u64::from(request.status < 400));
        self.found = self.found.saturating_add(found);
        let by = match (&request.filter, &*request.operation) {
            (_, "get") => "id",
            (None, _) => "all",
            (Some(filter), _) => discreet::asked_for(filter).unwrap_or("other"),
        };
        let known = self.by.contains_key(by) || self.by.len() < MOST_ATTRIBUTES;
        let count = self.by.entry(if known { by } else { "other" }.to_owned()).or_default();
        *count = count.saturating_add(1);
    }
}
