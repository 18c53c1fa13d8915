//! How a connection is: healthy, failing, quarantined.
//!
//! In: its requests, one after the other, and the time. Out: a [`Transition`] where it is not what
//! it was. A pure function of both: a store keeps [`Health`] between two requests, so that all nodes
//! have one opinion, and a restart forgets nothing.
//!
//! Quarantine is a word and a notice. It refuses nothing: a client whose requests are refused can
//! not show that it is well again.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::discreet;
use super::lookups::{Gathering, LookUps};
use super::requests::ScimRequest;
use super::run::Run;
use super::stored;
use crate::base::{ConnectionName, Timestamp};

/// So many writes in a row, or requests without a good token, make a connection fail: one person
/// whom a client can not write is tried again a few times, and others between.
const IN_A_ROW: u32 = 10;
/// What is counted is as old as this: Entra ID is done with most of its runs by then, and an
/// administrator who has repaired something sees it.
const WINDOW: i64 = 10;
/// So many requests in that time are enough for a share of them to mean something.
const ENOUGH: u32 = 20;
/// More than this share of them failed: that of Entra ID, which quarantines us beyond 40 %.
const FAILING_PERCENT: u32 = 40;
/// No more than this share: well below, so that nobody swings between the two.
const WELL_PERCENT: u32 = 20;
/// Still failing after this time is quarantined: Entra ID comes every 40 minutes, so this is its
/// third try in vain. A new token or a gateway that was away is in order again by then.
pub const PATIENCE: Duration = Duration::from_secs(2 * 60 * 60);
/// Silent is who is not heard of for so many of their usual cycles,
const CYCLES: u32 = 3;
/// or for a day where nothing is known of those.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a connection is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its requests are met, by and large; or none came yet.
    #[default]
    Healthy,
    /// They are not.
    Failing,
    /// They have not been for two hours.
    Quarantined,
}

impl State {
    /// Every one.
    pub const ALL: [Self; 3] = [Self::Healthy, Self::Failing, Self::Quarantined];

    /// The word, for labels and tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Failing => "failing",
            Self::Quarantined => "quarantined",
        }
    }
}

/// Why a connection fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// Its token has expired, or was revoked; or what it signs in the place of one is refused.
    Token,
    /// Write after write is refused.
    Writes,
    /// Too many of its requests are.
    Share,
}

impl Why {
    /// What happens.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Token => {
                "its client comes with a token that has expired or was revoked, or signs what is \
                 refused"
            }
            Self::Writes => "its last ten changes were all refused",
            Self::Share => "more than 40 % of its requests within ten minutes failed",
        }
    }

    /// What to do about it.
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Token => {
                "enter a good token at the identity provider: `samlgate scim token rotate NAME` \
                 makes one; of a client with a key, `samlgate scim log NAME --failed` says why"
            }
            Self::Writes | Self::Share => {
                "samlgate scim log NAME --failed says which requests, and why; when it is \
                 repaired, start provisioning again at the identity provider"
            }
        }
    }
}

/// A connection became something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// What it was.
    pub before: State,
    /// What it is.
    pub after: State,
    /// Since when.
    pub since: Timestamp,
    /// Why it fails; `None` when it is well again.
    pub why: Option<Why>,
}

impl Transition {
    /// What happened, in one sentence.
    pub fn sentence(&self, connection: &ConnectionName) -> String {
        let why = self.why.map_or("its requests are met", Why::sentence);
        match self.after {
            State::Healthy => format!("provisioning by {connection} is well again"),
            State::Failing => format!("provisioning by {connection} fails: {why}"),
            State::Quarantined => {
                format!("provisioning by {connection} has failed for two hours: {why}")
            }
        }
    }

    /// What to do.
    pub fn advice(&self, connection: &ConnectionName) -> String {
        let advice = self.why.map_or("nothing is to be done", Why::advice);
        advice.replace("NAME", connection.as_str())
    }
}

/// What is known of a connection by its requests.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Health {
    /// What it is.
    pub state: State,
    /// Since when; `None` if it never was anything else.
    #[serde(with = "stored::maybe")]
    pub since: Option<Timestamp>,
    /// Why it fails.
    pub why: Option<Why>,
    /// When it was last heard of.
    #[serde(with = "stored::maybe")]
    pub last_request: Option<Timestamp>,
    /// When a request was last met.
    #[serde(with = "stored::maybe")]
    pub last_success: Option<Timestamp>,
    /// The last request that was refused, if that means anything.
    pub last_failure: Option<LastFailure>,
    /// What it is at.
    pub run: Option<Run>,
    /// What it was at before.
    pub last_run: Option<Run>,
    /// From the beginning of a run to that of the next, in seconds, on average.
    pub cycle: Option<u64>,
    /// Look-ups that the audit was not told of yet.
    pub look_ups: Gathering,
    minutes: Vec<Minute>,
    writes_refused: u32,
    tokens_refused: u32,
    last_was_good: bool,
}

/// A request that was refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LastFailure {
    /// When.
    #[serde(with = "stored::maybe")]
    pub at: Option<Timestamp>,
    /// The status of the answer.
    pub status: u16,
    /// `patch User`
    pub what: String,
    /// Why.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Minute(i64, u32, u32);

/// What a request says of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    /// It was met.
    Good,
    /// It was not, which means something.
    Bad,
    /// Clients ask so, and are answered so.
    Nothing,
}

impl Says {
    /// What a request says. Nobody there is the answer to a look-up, and done already is that to a
    /// deletion; taken (409), another version (412) and too often (429) make a client look and come
    /// again.
    pub fn of(request: &ScimRequest) -> Self {
        match request.status {
            404 if request.is_vain_look_up() || request.operation == "delete" => Self::Nothing,
            409 | 412 | 429 => Self::Nothing,
            // The log's own lines.
            0 => Self::Nothing,
            // What it holds says it one by one.
            status if status < 400 && request.operation == "bulk" => Self::Nothing,
            status if status < 400 => Self::Good,
            _ => Self::Bad,
        }
    }
}

impl Health {
    /// A request; what the audit is told of look-ups.
    pub fn take(&mut self, request: &ScimRequest, now: Timestamp) -> Vec<LookUps> {
        let says = Says::of(request);
        if request.status == 0 || request.operation == ScimRequest::UNPROVEN {
            return Vec::new();
        }
        self.last_request = self.last_request.max(Some(request.at));
        self.run_with(request);
        match says {
            Says::Nothing => {}
            Says::Good => {
                self.last_success = self.last_success.max(Some(request.at));
                self.good(request);
            }
            Says::Bad => {
                self.last_failure = Some(LastFailure {
                    at: Some(request.at),
                    status: request.status,
                    what: format!("{} {}", request.operation, request.resource),
                    detail: discreet::sentence(request.detail.as_deref().unwrap_or_default(), 200),
                });
                match (request.status, request.is_write()) {
                    (401, _) => self.tokens_refused = self.tokens_refused.saturating_add(1),
                    (_, true) => self.writes_refused = self.writes_refused.saturating_add(1),
                    (_, false) => {}
                }
            }
        }
        if says != Says::Nothing {
            self.last_was_good = says == Says::Good;
            self.count(request.at, says);
        }
        match request.is_look_up_of_people() {
            true => self.look_ups.take(request, now),
            false => Vec::new(),
        }
    }

    fn good(&mut self, request: &ScimRequest) {
        let was_token = self.tokens_refused >= IN_A_ROW;
        let was_writes = request.is_write() && self.writes_refused >= IN_A_ROW;
        self.tokens_refused = 0;
        if request.is_write() {
            self.writes_refused = 0;
        }
        // That was one fault, and it is over: it is not to be counted a second time, as a share.
        if (was_token || was_writes) && self.why != Some(Why::Share) {
            self.minutes.clear();
        }
    }

    fn count(&mut self, at: Timestamp, says: Says) {
        let now = minute(at);
        self.minutes.retain(|Minute(minute, ..)| *minute > now.saturating_sub(WINDOW));
        let place = self.minutes.iter().position(|Minute(minute, ..)| *minute == now);
        if place.is_none() {
            self.minutes.push(Minute(now, 0, 0));
        }
        let found = self.minutes.iter_mut().find(|Minute(minute, ..)| *minute == now);
        if let Some(Minute(_, good, bad)) = found {
            let count = if says == Says::Good { good } else { bad };
            *count = count.saturating_add(1);
        }
    }

    fn run_with(&mut self, request: &ScimRequest) {
        // Whoever is not let in is not at anything.
        if request.status == 401 {
            return;
        }
        if self.run.as_ref().is_none_or(|run| run.is_over(request.at)) {
            let begun = Run::beginning(request.at);
            if let Some(before) = self.run.replace(begun) {
                let gap = request.at.since(before.begun).as_secs();
                // As much of what was as of what is: a client that is set to another cycle is
                // known by it soon.
                let cycle = self.cycle.map_or(gap, |cycle| cycle.midpoint(gap));
                self.cycle = Some(cycle);
                self.last_run = Some(before);
            }
        }
        if let Some(run) = &mut self.run {
            run.take(request);
        }
    }

    /// What follows by now.
    pub fn review(&mut self, now: Timestamp) -> Option<Transition> {
        let before = self.state;
        let why = self.fails(now);
        let (after, why) = match (before, why) {
            (State::Healthy, None) => return None,
            (State::Healthy, Some(why)) => (State::Failing, Some(why)),
            (State::Failing, _) if self.is_well(now) => (State::Healthy, None),
            (State::Quarantined, _) if self.is_well(now) => (State::Healthy, None),
            (State::Failing, why) if self.is_beyond_patience() => {
                (State::Quarantined, why.or(self.why))
            }
            (State::Failing | State::Quarantined, _) => return None,
        };
        self.state = after;
        self.since = Some(now);
        self.why = why;
        Some(Transition { before, after, since: now, why })
    }

    fn fails(&self, now: Timestamp) -> Option<Why> {
        let (good, bad) = self.window(now);
        let all = good.saturating_add(bad);
        if self.tokens_refused >= IN_A_ROW {
            Some(Why::Token)
        } else if self.writes_refused >= IN_A_ROW {
            Some(Why::Writes)
        } else if all >= ENOUGH && bad.saturating_mul(100) > all.saturating_mul(FAILING_PERCENT) {
            Some(Why::Share)
        } else {
            None
        }
    }

    fn is_well(&self, now: Timestamp) -> bool {
        let (good, bad) = self.window(now);
        let all = good.saturating_add(bad);
        self.last_was_good
            && self.tokens_refused == 0
            && self.writes_refused == 0
            && bad.saturating_mul(100) <= all.saturating_mul(WELL_PERCENT)
    }

    /// Whether it still fails after all that time: whoever is silent shows nothing.
    fn is_beyond_patience(&self) -> bool {
        let failed = self.last_failure.as_ref().and_then(|failure| failure.at);
        match (self.since, failed) {
            (Some(since), Some(failed)) => failed.since(since) >= PATIENCE,
            _ => false,
        }
    }

    /// Good and bad of the last minutes.
    fn window(&self, now: Timestamp) -> (u32, u32) {
        let first = minute(now).saturating_sub(WINDOW);
        let of_now = self.minutes.iter().filter(|Minute(minute, ..)| *minute > first);
        of_now.fold((0, 0), |(good, bad), Minute(_, more_good, more_bad)| {
            (
                good.saturating_add(*more_good),
                bad.saturating_add(*more_bad),
            )
        })
    }

    /// Whether a review at this time would come to something.
    pub fn is_due(&self, now: Timestamp) -> bool {
        let mut copy = self.clone();
        copy.review(now).is_some() || copy.look_ups.due(now).is_some()
    }

    /// Since when nothing was heard of it, if that is longer than usual.
    pub fn silent_since(&self, now: Timestamp) -> Option<Timestamp> {
        let usual = self.cycle.map(|cycle| {
            Duration::from_secs(cycle.saturating_mul(CYCLES.into())).max(Duration::from_secs(3600))
        });
        let last = self.last_request?;
        (now.since(last) > usual.unwrap_or(DAY)).then_some(last)
    }

    /// The run that goes on.
    pub fn current_run(&self, now: Timestamp) -> Option<&Run> {
        self.run.as_ref().filter(|run| !run.is_over(now))
    }

    /// The last run that is over.
    pub fn finished_run(&self, now: Timestamp) -> Option<&Run> {
        match &self.run {
            Some(run) if run.is_over(now) => Some(run),
            _ => self.last_run.as_ref(),
        }
    }
}

const fn minute(at: Timestamp) -> i64 {
    at.unix_seconds().div_euclid(60)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::requests::tests::request;

    /// Requests as `times what status`, or `wait minutes`; then what it is.
    fn told(story: &str) -> Vec<(State, Option<Why>)> {
        let mut health = Health::default();
        let mut now = Timestamp::from_unix_seconds(1_000_000_020);
        let mut states = Vec::new();
        for line in story.split(", ") {
            let words: Vec<&str> = line.split(' ').collect();
            let number: u64 = words[0].parse().unwrap();
            if words[1] == "minutes" {
                for _ in 0..number {
                    now = now.plus(Duration::from_secs(60));
                    let found = health.review(now);
                    states.extend(found.map(|it| (it.after, it.why)));
                }
                continue;
            }
            for _ in 0..number {
                let request = request(words[1], words[2].parse().unwrap(), now);
                health.take(&request, now);
                states.extend(health.review(now).map(|it| (it.after, it.why)));
            }
        }
        states
    }

    #[test]
    fn a_connection_is_what_its_requests_say() {
        use State::{Failing, Healthy, Quarantined};
        for (story, expected) in [
            (
                "200 get 404, 200 create 409, 200 patch 412, 200 list 429, 50 delete 404",
                vec![],
            ),
            ("9 create 400, 1 create 201, 9 create 400", vec![]),
            ("10 create 400", vec![(Failing, Some(Why::Writes))]),
            ("10 create 503", vec![(Failing, Some(Why::Writes))]),
            (
                "9 create 400, 1 bulk 200, 1 create 400",
                vec![(Failing, Some(Why::Writes))],
            ),
            (
                "10 create 400, 30 get 200, 1 create 201",
                vec![(Failing, Some(Why::Writes)), (Healthy, None)],
            ),
            ("10 get 401", vec![(Failing, Some(Why::Token))]),
            (
                "30 get 401, 1 get 200",
                vec![(Failing, Some(Why::Token)), (Healthy, None)],
            ),
            // Anybody may say that they are the client.
            ("30 unproven 401", vec![]),
            ("11 list 200, 8 list 400", vec![]),
            ("12 list 200, 8 list 400", vec![]),
            ("11 list 200, 9 list 400", vec![(Failing, Some(Why::Share))]),
            // One success is no share, and what failed grows old.
            (
                "11 list 200, 9 list 400, 1 list 200",
                vec![(Failing, Some(Why::Share))],
            ),
            (
                "11 list 200, 9 list 400, 1 list 200, 11 minutes",
                vec![(Failing, Some(Why::Share)), (Healthy, None)],
            ),
            (
                "11 list 200, 9 list 400, 30 list 200",
                vec![(Failing, Some(Why::Share)), (Healthy, None)],
            ),
            // Quarantine is for who still fails after two hours, not for who is silent.
            (
                "10 create 400, 300 minutes",
                vec![(Failing, Some(Why::Writes))],
            ),
            (
                "10 create 400, 119 minutes, 1 create 400",
                vec![(Failing, Some(Why::Writes))],
            ),
            (
                "10 create 400, 40 minutes, 3 create 400, 40 minutes, 3 create 400, 40 minutes, \
                 1 create 400, 500 minutes, 1 create 400, 1 create 201",
                vec![
                    (Failing, Some(Why::Writes)),
                    (Quarantined, Some(Why::Writes)),
                    (Healthy, None),
                ],
            ),
        ] {
            assert_eq!(told(story), expected, "{story}");
        }
    }

    #[test]
    fn runs_are_told_apart_by_pauses() {
        let mut health = Health::default();
        let begin = Timestamp::from_unix_seconds(1_000_000_000);
        for cycle in 0..3 {
            let at = begin.plus(Duration::from_secs(2400 * cycle));
            for (second, what, status) in [
                (0, "get", 404),
                (1, "create", 201),
                (599, "patch", 400),
                (600, "get", 200),
            ] {
                let at = at.plus(Duration::from_secs(second));
                health.take(&request(what, status, at), at);
            }
        }
        let now = begin.plus(Duration::from_secs(4800 + 700));
        let run = health.current_run(now).unwrap();
        assert_eq!(
            (run.requests, run.created, run.looked_up, run.failed),
            (4, 1, 2, 1)
        );
        assert_eq!(
            health.finished_run(now).unwrap().begun,
            begin.plus(Duration::from_secs(2400))
        );
        assert_eq!(health.cycle, Some(2400));
        let later = begin.plus(Duration::from_secs(4800 + 5400));
        assert_eq!(health.current_run(later), None);
        assert_eq!(health.finished_run(later).unwrap().requests, 4);
        assert_eq!(health.silent_since(later), None);
        let much_later = later.plus(Duration::from_secs(3 * 2400));
        assert!(health.silent_since(much_later).is_some());
    }

    #[test]
    fn the_first_look_up_is_told_at_once_and_others_by_the_minute() {
        let mut health = Health::default();
        let begin = Timestamp::from_unix_seconds(1_000_000_000);
        let mut told = Vec::new();
        for second in 0..150 {
            let at = begin.plus(Duration::from_secs(second));
            let mut request = request("list", 200, at);
            request.filter = Some("userName eq ?".to_owned());
            request.matched = Some(second % 2);
            told.extend(health.take(&request, at));
        }
        let counts: Vec<u64> = told.iter().map(|look_ups| look_ups.lookups).collect();
        assert_eq!(counts, [1, 59, 60]);
        assert_eq!(told[1].by.get("userName"), Some(&59));
        assert_eq!(told[1].found, 30);
        let end = begin.plus(Duration::from_secs(185));
        assert!(health.look_ups.is_open() && health.is_due(end));
        assert_eq!(health.look_ups.due(end).unwrap().lookups, 30);
        assert!(!health.look_ups.is_open());
    }

    #[test]
    fn what_is_kept_is_read_again() {
        let mut health = Health::default();
        let now = Timestamp::from_unix_seconds(1_000_000_000);
        for _ in 0..10 {
            health.take(&request("create", 400, now), now);
        }
        health.review(now);
        let json = serde_json::to_string(&health).unwrap();
        assert_eq!(serde_json::from_str::<Health>(&json).unwrap(), health);
        assert_eq!(
            serde_json::from_str::<Health>("{}").unwrap(),
            Health::default()
        );
    }
}
