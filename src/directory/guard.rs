//! A guard before people are deactivated by mistake, very many at once.
//!
//! A group that was taken out of an assignment, an empty export, a filter that matches nobody: to
//! a provisioning client each looks like everybody leaving. So a connection may deactivate or
//! delete so many people within a while, and the next one is refused, until somebody who runs the
//! gateway has said that it is meant. Nothing else that the client does is held up.
//!
//! The promise: who is counted is written in the same transaction as the change, so however many
//! ask at the same moment, no more go through; and what was refused is not written at all.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::{ConnectionName, StoreError, Timestamp};
use crate::directory::Operator;

/// How many may be deactivated: up to `people`, or a share of those whom the connection keeps and
/// who are active, whichever is more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Guard {
    /// Of all whom the connection provisions and who were active when the time began.
    pub share: Share,
    /// As many in any case: in a small company everybody is a large share.
    pub people: u32,
    /// Within this time.
    #[serde(with = "seconds")]
    pub window: Duration,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            share: Share(200),
            people: 25,
            window: Duration::from_secs(3600),
        }
    }
}

impl Guard {
    /// Lets everybody through.
    pub const fn off() -> Self {
        Self { share: Share(WHOLE), people: 0, window: Duration::ZERO }
    }

    /// Whether it stands in anybody's way.
    pub const fn is_on(&self) -> bool {
        self.share.0 < WHOLE
    }

    /// How many of so many people may be deactivated within the window.
    ///
    /// ```
    /// use samlgate::directory::Guard;
    /// let guard = Guard::default();
    /// assert_eq!((guard.most(10), guard.most(125), guard.most(1009)), (25, 25, 201));
    /// ```
    pub fn most(&self, people: u64) -> u64 {
        let share = people.saturating_mul(self.share.0.into()) / u64::from(WHOLE);
        share.max(self.people.into())
    }
}

impl fmt::Display for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.is_on() {
            return f.write_str("off");
        }
        let seconds = self.window.as_secs();
        let window = match seconds {
            0 => "0s".to_owned(),
            _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
            _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
            _ => format!("{seconds}s"),
        };
        write!(
            f,
            "{} or {} people in {window}",
            self.share.percent(),
            self.people
        )
    }
}

/// A part of a whole, in thousandths.
///
/// ```
/// use samlgate::directory::Share;
/// assert_eq!(Share::parse("0.2").unwrap().percent(), "20%");
/// assert_eq!(Share::parse("1.0").unwrap().percent(), "100%");
/// assert_eq!(Share::parse("0.125").unwrap().to_string(), "0.125");
/// for wrong in ["0", "0.0", "1.1", "0.2222", "20%", "-0.2", ".5", "0,2", ""] {
///     assert_eq!(Share::parse(wrong), None, "{wrong}");
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u16);

const WHOLE: u16 = 1000;

impl Share {
    /// All of it.
    pub const ALL: Self = Self(WHOLE);
    /// Half of it.
    pub const HALF: Self = Self(WHOLE / 2);

    /// Reads a number above 0 and up to 1, of at most three places.
    pub fn parse(text: &str) -> Option<Self> {
        let (whole, places) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|it| it.is_ascii_digit());
        if !digits(whole) || !digits(places) || places.len() > 3 {
            return None;
        }
        let places: u16 = format!("{places:0<3}").parse().ok()?;
        let share = whole.parse::<u16>().ok()?.checked_mul(WHOLE)?.checked_add(places)?;
        (1..=WHOLE).contains(&share).then_some(Self(share))
    }

    /// For people: `12.5%`.
    pub fn percent(self) -> String {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => format!("{whole}%"),
            (whole, tenth) => format!("{whole}.{tenth}%"),
        }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = format!("{}.{:03}", self.0 / WHOLE, self.0 % WHOLE);
        f.write_str(number.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(f64::from(self.0) / f64::from(WHOLE))
    }
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = f64::deserialize(deserializer)?;
        let wrong = "a share is a number above 0 and up to 1, of at most three places";
        Self::parse(&number.to_string()).ok_or_else(|| serde::de::Error::custom(wrong))
    }
}

/// Whole seconds.
mod seconds {
    use super::{Deserialize, Deserializer, Duration, Serializer};

    pub(super) fn serialize<S: Serializer>(
        duration: &Duration,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(duration.as_secs())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Duration, D::Error> {
        u64::deserialize(deserializer).map(Duration::from_secs)
    }
}

/// The guard stands in the way of a deactivation: nothing of it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paused {
    /// This deactivation was the first one too many; later ones find the pause there.
    pub began: bool,
    /// How many went through before.
    pub deactivated: u64,
    /// Of how many.
    pub people: u64,
}

/// How the guard of a connection stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GuardState {
    /// Whose guard it is.
    pub connection: ConnectionName,
    /// Since when it refuses deactivations, if it does.
    pub paused_at: Option<Timestamp>,
    /// How many went through lately.
    pub deactivated: u64,
    /// How many people were to be deactivated and were not.
    pub waiting: u64,
    /// What somebody who runs the gateway has let through beforehand.
    pub approval: Option<Approval>,
}

impl GuardState {
    /// The guard of a connection with which nothing has happened yet.
    pub const fn quiet(connection: ConnectionName) -> Self {
        Self {
            connection,
            paused_at: None,
            deactivated: 0,
            waiting: 0,
            approval: None,
        }
    }

    /// One word for it, for programs.
    pub fn word(&self, now: Timestamp) -> &'static str {
        match (&self.paused_at, &self.approval) {
            (Some(_), _) => "paused",
            (None, Some(approval)) if approval.holds(now) => "approved",
            _ => "watching",
        }
    }
}

/// Deactivations that go through, however many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Until then.
    pub until: Timestamp,
    /// No more than so many.
    pub people: Option<u64>,
}

impl Approval {
    /// Whether another one goes through.
    pub fn holds(&self, now: Timestamp) -> bool {
        now < self.until && self.people != Some(0)
    }
}

/// Somebody whose deactivation was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Their id.
    pub id: String,
    /// `userName`
    pub user_name: String,
    /// When it was last asked for.
    pub asked_at: Timestamp,
}

/// What those who run the gateway may ask of the guards, and tell them.
#[async_trait]
pub trait Guards: Send + Sync {
    /// How the guards stand, by the names of their connections; not of those with which nothing has
    /// happened.
    async fn guards(&self) -> Result<Vec<GuardState>, StoreError>;

    /// Who was to be deactivated and was not, the last asked first.
    async fn waiting(
        &self,
        connection: &ConnectionName,
        limit: u32,
    ) -> Result<Vec<Waiting>, StoreError>;

    /// Lets deactivations through. What it was like before; `None`: there is no such connection.
    async fn approve(
        &self,
        connection: &ConnectionName,
        approval: Approval,
        by: &Operator,
        now: Timestamp,
    ) -> Result<Option<GuardState>, StoreError>;

    /// Ends a pause, or an approval, and counts from the beginning: it was a mistake, and the client
    /// does not ask for it any more. What it was like before; `None`: there is no such connection.
    async fn resume(
        &self,
        connection: &ConnectionName,
        by: &Operator,
        now: Timestamp,
    ) -> Result<Option<GuardState>, StoreError>;
}
