//! Whether a chain is whole.
//!
//! In: events in their order. Out: where the chain is broken, or that it is not. Two things may be
//! missing, and the chain itself has to say so: the private half of an event that a later
//! `user.erased` of the same person names, and the events before the one that the last `audit.pruned`
//! names.

use std::borrow::Cow;
use std::collections::BTreeMap;

use openssl::sha::{Sha256, sha256};
use serde::Deserialize;

use super::chain::{BEGINNING, digest, link};
use crate::audit::{Chain, EventKind, RecordedEvent, sequences};
use crate::base::entropy::hex;

/// Goes through a chain from its beginning, and says where it is broken.
#[derive(Debug)]
pub(in crate::store) struct Walk {
    head: [u8; 32],
    passed: i64,
    pruned: i64,
    recorded: i64,
    missing: BTreeMap<i64, Missing>,
    erased: i64,
}

/// An event without its private half, until an erasure names it.
#[derive(Debug)]
struct Missing {
    user: Option<String>,
    /// What is left of an event of the first version. Its hash is of more than that; the erasure has
    /// a hash of what is left.
    left: Option<[u8; 32]>,
}

impl Walk {
    /// Before the first event. `recorded` of them have to be there at least: what is erased
    /// meanwhile is named behind those.
    pub(in crate::store) fn new(begin: &Begin, recorded: i64) -> Self {
        Self {
            head: begin.hash,
            passed: begin.last,
            pruned: begin.last,
            recorded,
            missing: BTreeMap::new(),
            erased: 0,
        }
    }

    /// How many events were passed: the next are those behind.
    pub(in crate::store) const fn passed(&self) -> i64 {
        self.passed
    }

    /// Passes the next event; what is wrong, if it does not follow.
    pub(in crate::store) fn pass(&mut self, event: &RecordedEvent) -> Result<(), Chain> {
        let sequence = self.passed.saturating_add(1);
        let line: Line<'_> = serde_json::from_str(&event.public).unwrap_or_default();
        if event.sequence != sequence || !line.repeats(event) || !self.follows(event, &line) {
            return Err(Chain::Broken { sequence });
        }
        if event.kind == EventKind::UserErased.as_str() && !self.names(event, &line) {
            return Err(Chain::Broken { sequence });
        }
        (self.head, self.passed) = (event.hash, sequence);
        Ok(())
    }

    /// Whether hash and digest are of what is there; notes what is not.
    fn follows(&mut self, event: &RecordedEvent, line: &Line<'_>) -> bool {
        let linked = event.hash == link(&self.head, &event.public);
        let user = || line.user.as_deref().map(str::to_owned);
        let missing = match (&line.private, &event.private) {
            (Some(known), Some(private)) => return linked && **known == digest(private),
            (Some(_), None) if linked => Missing { user: user(), left: None },
            (None, None) if !line.erased => return linked,
            (None, None) => {
                let left = Some(sha256(event.public.as_bytes()));
                Missing { user: user(), left }
            }
            (_, _) => return false,
        };
        let may = may_be_erased(&event.kind, missing.user.as_deref());
        self.missing.insert(event.sequence, missing);
        self.erased = self.erased.saturating_add(1);
        may
    }

    /// Whether what an erasure names is missing, and was of that person.
    fn names(&mut self, event: &RecordedEvent, line: &Line<'_>) -> bool {
        let public = line.public.as_ref();
        let Some(named) = public.and_then(|public| public.events.as_deref()) else {
            // Erasures of the first version named nothing.
            return true;
        };
        let Some(runs) = sequences::read(named) else {
            return false;
        };
        // What was erased while this walk goes on may have been passed before it was.
        let is_new = event.sequence > self.recorded;
        let mut is_all = true;
        let mut left = Sha256::new();
        for (first, last) in runs {
            if last >= event.sequence {
                return false;
            }
            is_all &= first > self.pruned;
            for sequence in first.max(self.pruned.saturating_add(1))..=last {
                match self.missing.remove(&sequence) {
                    Some(missing) => {
                        let is_theirs = missing.user.is_none() || missing.user == line.user();
                        if !is_theirs {
                            return false;
                        }
                        if let Some(hash) = missing.left {
                            left.update(&hash);
                        }
                    }
                    None if is_new => is_all = false,
                    None => return false,
                }
            }
        }
        let known = public.and_then(|public| public.left.as_deref());
        !is_all || known.is_none_or(|known| known == hex(&left.finish()))
    }

    /// The end.
    pub(in crate::store) fn end(self) -> Chain {
        if self.passed < self.recorded {
            return Chain::Broken { sequence: self.passed.saturating_add(1) };
        }
        if let Some((sequence, _)) = self.missing.first_key_value() {
            return Chain::Broken { sequence: *sequence };
        }
        Chain::Whole {
            events: self.passed,
            head: self.head,
            pruned: self.pruned,
            erased: self.erased,
        }
    }
}

/// Whether what an event says may be erased at all: it is of a person, or of an attempt to become
/// one.
pub(in crate::store) fn may_be_erased(kind: &str, user: Option<&str>) -> bool {
    let records = [
        EventKind::UserErased.as_str(),
        EventKind::AuditPruned.as_str(),
    ];
    let of_people = kind.starts_with("login.") || kind.starts_with("user_");
    !records.contains(&kind) && (user.is_some() || of_people)
}

/// The hash over what is left of events of the first version, as an erasure says it.
pub(in crate::store) fn hash_of_left<'a>(lines: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for line in lines {
        hash.update(&sha256(line.as_bytes()));
    }
    hex(&hash.finish())
}

/// Behind which event a chain begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::store) struct Begin {
    pub(in crate::store) last: i64,
    pub(in crate::store) hash: [u8; 32],
}

impl Begin {
    /// Nothing is pruned.
    pub(in crate::store) const FIRST: Self = Self { last: 0, hash: BEGINNING };

    /// As an `audit.pruned` says it.
    pub(in crate::store) fn read(public: &str) -> Option<Self> {
        let line: Line<'_> = serde_json::from_str(public).ok()?;
        let public = line
            .public
            .filter(|_| line.kind.as_deref() == Some(EventKind::AuditPruned.as_str()))?;
        let (last, hash) = (public.last?, public.hash?);
        let (digits, rest) = hash.as_bytes().as_chunks::<2>();
        let mut octets = [0_u8; 32];
        if digits.len() != octets.len() || !rest.is_empty() {
            return None;
        }
        for (octet, pair) in octets.iter_mut().zip(digits) {
            let pair = std::str::from_utf8(pair).ok()?;
            *octet = u8::from_str_radix(pair, 16).ok()?;
        }
        Some(Self { last, hash: octets })
    }
}

/// What of a public half decides.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(in crate::store) struct Line<'a> {
    sequence: Option<i64>,
    #[serde(borrow)]
    at: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    pub(in crate::store) kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(in crate::store) user: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(in crate::store) private: Option<Cow<'a, str>>,
    pub(in crate::store) erased: bool,
    #[serde(borrow)]
    public: Option<Public<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Public<'a> {
    #[serde(borrow)]
    events: Option<Cow<'a, str>>,
    #[serde(borrow)]
    left: Option<Cow<'a, str>>,
    last: Option<i64>,
    #[serde(borrow)]
    hash: Option<Cow<'a, str>>,
}

impl Line<'_> {
    fn user(&self) -> Option<String> {
        self.user.as_deref().map(str::to_owned)
    }

    /// Whether the columns that queries use say the same as the line that is hashed.
    fn repeats(&self, event: &RecordedEvent) -> bool {
        self.sequence == Some(event.sequence)
            && self.at.as_deref() == Some(&event.at.to_rfc3339())
            && self.kind.as_deref() == Some(&event.kind)
    }
}
