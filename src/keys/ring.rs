//! The keys of one use, and the steps that they take.

use std::time::Duration;

use crate::base::Timestamp;

/// What a key is for. Each use has keys and steps of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// Signs what we send to identity providers, and our metadata.
    Signing,
    /// Identity providers encrypt to it.
    Encryption,
    /// Signs the identity header of requests to applications.
    Jwt,
}

impl Use {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Signing, Self::Encryption, Self::Jwt];

    /// `signing`, `encryption`, `jwt`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Signing => "signing",
            Self::Encryption => "encryption",
            Self::Jwt => "jwt",
        }
    }

    /// The use with this name.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|usage| usage.as_str() == text)
    }

    /// The name of the key that the gateway makes on its first start; those that follow upon it begin
    /// with it.
    pub const fn first_name(self) -> &'static str {
        match self {
            Self::Signing => "sp-signing",
            Self::Encryption => "sp-encryption",
            Self::Jwt => "jwt-signing",
        }
    }
}

/// The step of a key as people read it, by the name of the key, which says what it is for.
fn spoken(name: &str, step: Step) -> &'static str {
    let usage = Use::ALL.into_iter().find(|usage| name.starts_with(usage.first_name()));
    usage.map_or(step.as_str(), |usage| step.for_people(usage))
}

/// Where a key is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// Made, and in nobody's hands.
    Next,
    /// Others are told of it, and it does not sign yet. One for encryption is offered first.
    Published,
    /// It signs; for encryption, it is the one that everybody should have by now.
    Active,
    /// It was active. Others are still told of it, and it still decrypts.
    Previous,
    /// Nobody is told of it any more. One for encryption still decrypts until its file is gone.
    Retired,
}

impl Step {
    /// All of them, in their order.
    pub const ALL: [Self; 5] = [
        Self::Next,
        Self::Published,
        Self::Active,
        Self::Previous,
        Self::Retired,
    ];

    /// As the folder of keys has it: the same for every use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Published => "published",
            Self::Active => "active",
            Self::Previous => "previous",
            Self::Retired => "retired",
        }
    }

    /// As people read it: an active key that signs is called so.
    pub const fn for_people(self, usage: Use) -> &'static str {
        match (self, usage) {
            (Self::Active, Use::Signing | Use::Jwt) => "signing",
            (step, _) => step.as_str(),
        }
    }

    /// The step with this name.
    pub fn find(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.as_str() == text)
    }

    /// What it means for a key of this use, in a sentence.
    pub const fn meaning(self, usage: Use) -> &'static str {
        match (self, usage) {
            (Self::Next, _) => "made, and in nobody's hands",
            (Self::Published, Use::Signing) => {
                "in our metadata, and does not sign yet: identity providers learn of it"
            }
            (Self::Published, Use::Encryption) => {
                "in our metadata in front of the other: identity providers begin to encrypt to it"
            }
            (Self::Published, Use::Jwt) => {
                "in the key set, and does not sign yet: applications learn of it"
            }
            (Self::Active, Use::Signing) => "signs our requests and our metadata",
            (Self::Active, Use::Encryption) => "in our metadata: identity providers encrypt to it",
            (Self::Active, Use::Jwt) => "signs the identity header",
            (Self::Previous, Use::Signing) => {
                "signs no more; still in our metadata, for requests that are under way"
            }
            (Self::Previous, Use::Encryption) => {
                "not in our metadata any more; still decrypts, for identity providers with an old copy"
            }
            (Self::Previous, Use::Jwt) => {
                "signs no more; still in the key set, for tokens that are out"
            }
            (Self::Retired, Use::Encryption) => {
                "nobody should use it any more; still decrypts until it is removed"
            }
            (Self::Retired, Use::Signing | Use::Jwt) => "used for nothing: it can be removed",
        }
    }
}

/// A key, by its name, and its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// `sp-signing-2026-11-22`: its file without the extension.
    pub name: String,
    /// Where it is on its way.
    pub step: Step,
    /// Since when; `None` for a key that was there before anybody counted.
    pub since: Option<Timestamp>,
}

impl Held {
    /// A key that comes to a step now.
    pub const fn new(name: String, step: Step, now: Timestamp) -> Self {
        Self { name, step, since: Some(now) }
    }
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Begins a roll-over with a key of this name.
    Rotate {
        /// The new key.
        name: String,
        /// Tells nobody of it yet: it stays at [`Step::Next`] until it is promoted.
        held_back: bool,
    },
    /// Takes the newest key one step further: `next` is published, `published` becomes active.
    Promote {
        /// Although not everybody can know of it yet.
        force: bool,
    },
    /// Ends a key: the previous one, or the one of this name.
    Retire {
        /// Which; the previous one without it.
        name: Option<String>,
        /// Although somebody may still need it.
        force: bool,
    },
    /// Takes a retired key out for good.
    Remove {
        /// Which.
        name: String,
    },
}

/// How long others may go on with what they know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waits {
    /// From the publication of a key until it may become active.
    pub promote: Duration,
    /// From the end of a key's activity until it may be retired.
    pub retire: Duration,
}

impl Waits {
    /// What others are told to go by: `cacheDuration` of our metadata, and the `max-age` of the key
    /// set. A request of ours is verified within minutes, a token within its five.
    pub const fn of(usage: Use, cache: Duration) -> Self {
        const MINUTE: u64 = 60;
        match usage {
            Use::Signing => Self { promote: cache, retire: Duration::from_secs(15 * MINUTE) },
            Use::Encryption => Self { promote: cache, retire: cache },
            Use::Jwt => Self {
                promote: Duration::from_secs(60 * MINUTE),
                retire: Duration::from_secs(10 * MINUTE),
            },
        }
    }
}

/// Why something is not done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// One roll-over at a time.
    #[error("a roll-over is under way: {name} is {}", step.as_str())]
    UnderWay {
        /// The key that is in the way.
        name: String,
        /// Its step.
        step: Step,
    },
    /// There is nothing to promote.
    #[error("there is no new key to promote")]
    NoNewKey,
    /// There is nothing to retire.
    #[error("there is no previous key to retire")]
    NoPreviousKey,
    /// Not everybody can know of it yet.
    #[error("{name} was published too short a time ago: until {}, some may not know it yet", until.to_saml())]
    PublishedJustNow {
        /// The key.
        name: String,
        /// When it is long enough.
        until: Timestamp,
    },
    /// Somebody may still need it.
    #[error("{name} was in use a short time ago: until {}, some may still need it", until.to_saml())]
    UsedJustNow {
        /// The key.
        name: String,
        /// When it is long enough.
        until: Timestamp,
    },
    /// Without it nothing is left.
    #[error("{name} is in use, and no other key is: begin with rotate")]
    OnlyKey {
        /// The key.
        name: String,
    },
    /// There is no key of this name.
    #[error("there is no key {name}")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// Its file is read by nobody but for decryption, or it has been retired.
    #[error("{name} is retired already")]
    RetiredAlready {
        /// The key.
        name: String,
    },
    /// Only what is retired is removed.
    #[error("{name} is {}, and not retired", spoken(name, *step))]
    NotRetired {
        /// The key.
        name: String,
        /// Its step.
        step: Step,
    },
    /// A name that is taken.
    #[error("there is a key {name} already")]
    Taken {
        /// The name.
        name: String,
    },
}

/// The keys of one use: exactly one is active, and at most one is on its way there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    usage: Use,
    keys: Vec<Held>,
}

impl Ring {
    /// These keys; `None` where not exactly one of them is active.
    pub fn new(usage: Use, keys: Vec<Held>) -> Option<Self> {
        let active = keys.iter().filter(|key| key.step == Step::Active).count();
        (active == 1).then_some(Self { usage, keys })
    }

    /// The one key that was there before anybody counted.
    pub fn first(usage: Use) -> Self {
        let name = usage.first_name().to_owned();
        Self {
            usage,
            keys: vec![Held { name, step: Step::Active, since: None }],
        }
    }

    /// What its keys are for.
    pub const fn usage(&self) -> Use {
        self.usage
    }

    /// All of them: by step, and the newest first among those of one step.
    pub fn iter(&self) -> impl Iterator<Item = &Held> {
        let mut keys: Vec<&Held> = self.keys.iter().collect();
        keys.sort_by(|one, other| (one.step, other.since).cmp(&(other.step, one.since)));
        keys.into_iter()
    }

    /// The key at a step, the newest where there are several.
    pub fn at(&self, step: Step) -> Option<&Held> {
        self.iter().find(|key| key.step == step)
    }

    /// The keys after a command.
    pub fn after(&self, command: &Command, waits: Waits, now: Timestamp) -> Result<Self, Refusal> {
        match command {
            Command::Rotate { name, held_back } => self.rotated(name, *held_back, now),
            Command::Promote { force } => self.promoted(*force, waits, now),
            Command::Retire { name: None, force } => {
                let previous = self.at(Step::Previous).ok_or(Refusal::NoPreviousKey)?;
                self.retired(&previous.name, *force, waits, now)
            }
            Command::Retire { name: Some(name), force } => self.retired(name, *force, waits, now),
            Command::Remove { name } => self.without(name),
        }
    }

    /// From when on a key may take its next step; `None` where there is nothing to wait for.
    pub fn safe_from(&self, key: &Held, waits: Waits) -> Option<Timestamp> {
        let wait = match key.step {
            Step::Published => waits.promote,
            Step::Previous => waits.retire,
            Step::Next | Step::Active | Step::Retired => return None,
        };
        Some(key.since?.plus(wait))
    }

    fn rotated(&self, name: &str, held_back: bool, now: Timestamp) -> Result<Self, Refusal> {
        for step in [Step::Next, Step::Published, Step::Previous] {
            if let Some(key) = self.at(step) {
                return Err(Refusal::UnderWay { name: key.name.clone(), step });
            }
        }
        if self.keys.iter().any(|key| key.name == name) {
            return Err(Refusal::Taken { name: name.to_owned() });
        }
        let step = if held_back {
            Step::Next
        } else {
            Step::Published
        };
        let mut after = self.clone();
        after.keys.push(Held::new(name.to_owned(), step, now));
        Ok(after)
    }

    fn promoted(&self, force: bool, waits: Waits, now: Timestamp) -> Result<Self, Refusal> {
        if let Some(next) = self.at(Step::Next) {
            return Ok(self.with(&next.name, Step::Published, now));
        }
        let published = self.at(Step::Published).ok_or(Refusal::NoNewKey)?;
        match self.safe_from(published, waits) {
            Some(until) if now < until && !force => {
                Err(Refusal::PublishedJustNow { name: published.name.clone(), until })
            }
            _ => {
                let mut after = self.clone();
                if let Some(active) = self.at(Step::Active) {
                    after = after.with(&active.name, Step::Previous, now);
                }
                Ok(after.with(&published.name, Step::Active, now))
            }
        }
    }

    fn retired(
        &self,
        name: &str,
        force: bool,
        waits: Waits,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let key = self.find(name)?;
        let name = key.name.clone();
        match (key.step, self.safe_from(key, waits)) {
            (Step::Active, _) => Err(Refusal::OnlyKey { name }),
            (Step::Retired, _) => Err(Refusal::RetiredAlready { name }),
            (Step::Previous, Some(until)) if now < until && !force => {
                Err(Refusal::UsedJustNow { name, until })
            }
            // A key that never signed is given up at any time: the active one stays.
            (Step::Next | Step::Published | Step::Previous, _) => {
                Ok(self.with(&name, Step::Retired, now))
            }
        }
    }

    fn without(&self, name: &str) -> Result<Self, Refusal> {
        let key = self.find(name)?;
        if key.step != Step::Retired {
            return Err(Refusal::NotRetired { name: key.name.clone(), step: key.step });
        }
        let mut after = self.clone();
        after.keys.retain(|key| key.name != name);
        Ok(after)
    }

    fn find(&self, name: &str) -> Result<&Held, Refusal> {
        let found = self.keys.iter().find(|key| key.name == name);
        found.ok_or_else(|| Refusal::Unknown { name: name.to_owned() })
    }

    fn with(&self, name: &str, step: Step, now: Timestamp) -> Self {
        let mut after = self.clone();
        for key in &mut after.keys {
            if key.name == name {
                *key = Held::new(key.name.clone(), step, now);
            }
        }
        after
    }
}
