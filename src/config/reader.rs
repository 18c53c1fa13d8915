//! Reads values key by key, and goes on after a mistake.
//!
//! In: a table as it was written and the keys that may stand in it. Out: typed values, `None`
//! where one is missing or wrong; each mistake is kept in the [`Reader`] with its place. Also
//! remembered: every value that is in effect, for `config show`.

use std::time::Duration;

use super::duration::parse_duration;
use super::keys::{Fallback, Key, Kind};
use super::nearest::{any_of, nearest};
use super::node::{Entry, Item, Node, default_node};
use super::problem::{Problem, Source};
use super::show::Effective;
use super::size::parse_size;
use crate::base::{ErrorCode, Rate, Timestamp};
use crate::directory::Share;

/// What has been found so far.
#[derive(Debug, Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<Problem>,
    pub(super) warnings: Vec<Problem>,
    pub(super) values: Vec<Effective>,
}

/// What is wrong with one value, and what to do.
#[derive(Debug)]
pub(super) struct Complaint {
    message: String,
    hint: Option<String>,
}

impl Complaint {
    /// About a key that exists, but not yet.
    pub(super) fn later() -> Self {
        Self::new(
            "is not available in this version",
            "remove it; what it would allow or demand does not happen yet",
        )
    }

    pub(super) fn new(message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { message: message.into(), hint: Some(hint.into()) }
    }
}

/// One table while it is read.
pub(super) struct Scope<'n> {
    keys: &'static [Key],
    /// `server`, `idp[corp]`.
    path: String,
    entries: &'n [Entry],
    /// The line of the table itself, for keys that are missing.
    source: Source,
}

impl<'n> Scope<'n> {
    pub(super) const fn new(
        keys: &'static [Key],
        path: String,
        entries: &'n [Entry],
        source: Source,
    ) -> Self {
        Self { keys, path, entries, source }
    }

    /// The path of a key in it.
    pub(super) fn path(&self, name: &str) -> String {
        format!("{}.{name}", self.path)
    }

    fn entry(&self, name: &str) -> Option<&'n Entry> {
        self.entries.iter().find(|entry| entry.key == name)
    }

    /// Whether the key was written, right or wrong.
    pub(super) fn is_set(&self, name: &str) -> bool {
        self.entry(name).is_some()
    }

    /// Where the key was written; the table itself where it was not.
    pub(super) fn source(&self, name: &str) -> Source {
        self.entry(name)
            .map_or_else(|| self.source.clone(), |entry| entry.node.source.clone())
    }
}

impl Reader {
    /// Adds a mistake.
    pub(super) fn wrong(&mut self, path: String, source: Source, complaint: Complaint) {
        let Complaint { message, hint } = complaint;
        let code = ErrorCode::ConfigValue;
        self.problems.push(Problem { code, path, source, message, hint });
    }

    /// Adds a mistake about a key of `scope`.
    pub(super) fn wrong_at(&mut self, scope: &Scope<'_>, name: &str, complaint: Complaint) {
        self.wrong(scope.path(name), scope.source(name), complaint);
    }

    /// Whether anything in `scope` is wrong already.
    pub(super) fn has_problem(&self, scope: &Scope<'_>) -> bool {
        self.problems.iter().any(|problem| problem.path.starts_with(&scope.path("")))
    }

    /// Adds something that is allowed and looks like a mistake.
    pub(super) fn warn(&mut self, path: String, source: Source, complaint: Complaint) {
        let Complaint { message, hint } = complaint;
        let code = ErrorCode::ConfigValue;
        self.warnings.push(Problem { code, path, source, message, hint });
    }

    /// Adds a warning about a key of `scope`.
    pub(super) fn warn_at(&mut self, scope: &Scope<'_>, name: &str, complaint: Complaint) {
        self.warn(scope.path(name), scope.source(name), complaint);
    }

    /// The value of a key, or its default. Says so when it is required and missing.
    fn value(&mut self, scope: &Scope<'_>, name: &str) -> Option<Node> {
        let key = scope.keys.iter().find(|key| key.name == name)?;
        let node = match (scope.entry(name), key.fallback) {
            (Some(entry), _) => Some(entry.node.clone()),
            (None, Fallback::Value(toml)) => default_node(toml),
            (None, Fallback::Words(_)) => None,
            (None, Fallback::Required) => {
                let hint = format!("add `{name} = {}`", key.sample);
                self.wrong_at(scope, name, Complaint::new("is missing", hint));
                return None;
            }
        };
        self.values.push(Effective::new(scope.path(name), node.as_ref(), key.secret));
        node
    }

    /// Replaces "not set" by the value that follows from other keys.
    pub(super) fn derived(&mut self, scope: &Scope<'_>, name: &str, value: &str) {
        let path = scope.path(name);
        if let Some(effective) = self.values.iter_mut().find(|value| value.path == path) {
            effective.derive(value);
        }
    }

    fn mistyped(&mut self, scope: &Scope<'_>, name: &str, node: &Node, wanted: &str) {
        let message = format!("is {}, and must be {wanted}", node.item.describe());
        let sample = scope.keys.iter().find(|key| key.name == name).map_or("", |key| key.sample);
        let hint = Some(format!("for example `{name} = {sample}`"));
        self.wrong(
            scope.path(name),
            node.source.clone(),
            Complaint { message, hint },
        );
    }

    /// A string.
    pub(super) fn text(&mut self, scope: &Scope<'_>, name: &str) -> Option<String> {
        let node = self.value(scope, name)?;
        match node.item {
            Item::Text(text) => Some(text),
            _ => {
                self.mistyped(scope, name, &node, "a string");
                None
            }
        }
    }

    /// A string that means something.
    pub(super) fn parsed<T>(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, Complaint>,
    ) -> Option<T> {
        let text = self.text(scope, name)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(complaint) => {
                self.wrong_at(scope, name, complaint);
                None
            }
        }
    }

    /// `true` or `false`; `None` only for a key without a default, or after a mistake.
    pub(super) fn boolean(&mut self, scope: &Scope<'_>, name: &str) -> Option<bool> {
        let node = self.value(scope, name)?;
        match node.item {
            Item::Boolean(value) => Some(value),
            _ => {
                self.mistyped(scope, name, &node, "true or false");
                None
            }
        }
    }

    /// A whole number from `least` to `most`.
    pub(super) fn integer(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<u32> {
        let node = self.value(scope, name)?;
        let number = match &node.item {
            Item::Number(text) => text.parse::<i128>().ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.mistyped(scope, name, &node, "a whole number");
            return None;
        };
        let value = u32::try_from(number).ok().filter(|value| range.contains(value));
        if value.is_none() {
            let (least, most) = (range.start(), range.end());
            let hint = format!("write a number from {least} to {most}");
            self.wrong_at(scope, name, Complaint::new(format!("is {number}"), hint));
        }
        value
    }

    /// A list of whole numbers, each from `least` to `most`.
    pub(super) fn integers(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        range: std::ops::RangeInclusive<u32>,
    ) -> Option<Vec<u32>> {
        let node = self.value(scope, name)?;
        let Item::List(nodes) = &node.item else {
            self.mistyped(scope, name, &node, "a list of whole numbers");
            return None;
        };
        let mut numbers = Vec::new();
        for node in nodes {
            let number = match &node.item {
                Item::Number(text) => text.parse::<u32>().ok(),
                _ => None,
            };
            match number.filter(|number| range.contains(number)) {
                Some(number) => numbers.push(number),
                None => {
                    let (least, most) = (range.start(), range.end());
                    let wanted = format!("a list of whole numbers from {least} to {most}");
                    self.mistyped(scope, name, node, &wanted);
                    return None;
                }
            }
        }
        Some(numbers)
    }

    /// A number above 0 and up to 1.
    pub(super) fn share(&mut self, scope: &Scope<'_>, name: &str) -> Option<Share> {
        let node = self.value(scope, name)?;
        let Item::Number(text) = &node.item else {
            self.mistyped(scope, name, &node, "a number");
            return None;
        };
        let share = Share::parse(text);
        if share.is_none() {
            let hint =
                "write a number above 0 and up to 1, with at most three places: 0.2 is a fifth";
            self.wrong_at(scope, name, Complaint::new(format!("is {text}"), hint));
        }
        share
    }

    /// A size such as `10MiB`.
    pub(super) fn size(&mut self, scope: &Scope<'_>, name: &str) -> Option<u64> {
        self.parsed(scope, name, |text| {
            parse_size(text).ok_or_else(|| {
                Complaint::new(
                    format!("\"{text}\" is not a size"),
                    "write a whole number and a unit: 64KiB, 10MiB or 2GB",
                )
            })
        })
    }

    /// A rate such as `30/m`; `Some(None)` is `off`.
    pub(super) fn rate(&mut self, scope: &Scope<'_>, name: &str) -> Option<Option<Rate>> {
        self.parsed(scope, name, |text| match text {
            "off" => Ok(None),
            _ => Rate::parse(text).map(Some).ok_or_else(|| {
                Complaint::new(
                    format!("\"{text}\" is not a rate"),
                    "write a whole number and a time: 5/s, 30/m or 1000/h; or off",
                )
            }),
        })
    }

    /// How long something is kept; `None` is for ever.
    pub(super) fn age(&mut self, scope: &Scope<'_>, name: &str) -> Option<Option<Duration>> {
        self.parsed(scope, name, |text| match text {
            "forever" => Ok(None),
            _ => match parse_duration(text) {
                Some(age) if !age.is_zero() => Ok(Some(age)),
                Some(_) => Err(Complaint::new(
                    "is zero: nothing would be kept at all",
                    "for example 365d, or forever",
                )),
                None => Err(Complaint::new(
                    format!("\"{text}\" is not a duration"),
                    "write a whole number and a unit: 90d; or forever",
                )),
            },
        })
    }

    /// A duration that is not zero.
    pub(super) fn span(&mut self, scope: &Scope<'_>, name: &str) -> Option<Duration> {
        let duration = self.duration(scope, name)?;
        if duration.is_zero() {
            let complaint =
                Complaint::new("is zero: nothing could ever be in time", "for example 10s");
            self.wrong_at(scope, name, complaint);
            return None;
        }
        Some(duration)
    }

    /// A list of strings, or one string, each with its place.
    fn located(&mut self, scope: &Scope<'_>, name: &str) -> Vec<(String, Source)> {
        let Some(node) = self.value(scope, name) else {
            return Vec::new();
        };
        self.strings(scope, name, node)
    }

    fn strings(&mut self, scope: &Scope<'_>, name: &str, node: Node) -> Vec<(String, Source)> {
        let nodes = match node.item {
            Item::List(nodes) => nodes,
            Item::Text(_) => vec![node],
            _ => {
                self.mistyped(scope, name, &node, "a string or a list of strings");
                return Vec::new();
            }
        };
        let mut texts = Vec::new();
        for node in nodes {
            match node.item {
                Item::Text(text) => texts.push((text, node.source)),
                _ => self.mistyped(scope, name, &node, "a list of strings only"),
            }
        }
        texts
    }

    /// A list of strings that are not empty.
    pub(super) fn texts(&mut self, scope: &Scope<'_>, name: &str) -> Vec<String> {
        self.parsed_list(scope, name, |text| not_empty(text).map(str::to_owned))
    }

    /// A list of strings that mean something; the wrong ones are left out.
    pub(super) fn parsed_list<T>(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        read: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Vec<T> {
        let values = self.located_list(scope, name, read).into_iter();
        values.map(|(value, _)| value).collect()
    }

    /// A list of strings that mean something, each with its place; the wrong ones are left out.
    pub(super) fn located_list<T>(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        read: impl Fn(&str) -> Result<T, Complaint>,
    ) -> Vec<(T, Source)> {
        let mut values = Vec::new();
        for (text, source) in self.located(scope, name) {
            match read(&text) {
                Ok(value) => values.push((value, source)),
                Err(complaint) => self.wrong(scope.path(name), source, complaint),
            }
        }
        values
    }

    /// A table of strings or lists of strings.
    pub(super) fn texts_by_name(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
    ) -> Vec<(String, Vec<String>)> {
        let Some(node) = self.value(scope, name) else {
            return Vec::new();
        };
        let Item::Table(entries) = node.item else {
            self.mistyped(scope, name, &node, "a table");
            return Vec::new();
        };
        let mut values = Vec::new();
        for Entry { key, node, .. } in entries {
            let texts = self.strings(scope, name, node).into_iter().map(|(text, _)| text);
            values.push((key, texts.collect()));
        }
        values
    }

    /// A table of strings, each with its place.
    pub(super) fn text_by_name(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
    ) -> Vec<(String, String, Source)> {
        let Some(node) = self.value(scope, name) else {
            return Vec::new();
        };
        let Item::Table(entries) = node.item else {
            self.mistyped(scope, name, &node, "a table");
            return Vec::new();
        };
        let mut values = Vec::new();
        for Entry { key, node, source } in entries {
            match node.item {
                Item::Text(text) => values.push((key, text, source)),
                _ => self.mistyped(scope, name, &node, "a table of strings"),
            }
        }
        values
    }

    /// A duration such as `15m`.
    pub(super) fn duration(&mut self, scope: &Scope<'_>, name: &str) -> Option<Duration> {
        self.parsed(scope, name, |text| {
            parse_duration(text).ok_or_else(|| {
                Complaint::new(
                    format!("\"{text}\" is not a duration"),
                    "write a whole number and a unit: 180s, 15m, 1h or 7d",
                )
            })
        })
    }

    /// A day, which is its first moment in UTC, or a time of RFC 3339; as a string or as TOML's own.
    pub(super) fn moment(&mut self, scope: &Scope<'_>, name: &str) -> Option<Timestamp> {
        let node = self.value(scope, name)?;
        let (Item::Text(text) | Item::Moment(text)) = &node.item else {
            self.mistyped(scope, name, &node, "a day");
            return None;
        };
        let moment = Timestamp::parse_moment(text);
        if moment.is_none() {
            let message = format!("\"{text}\" is not a day");
            let hint = "write 2027-01-31, or 2027-01-31T12:00:00Z";
            self.wrong_at(scope, name, Complaint::new(message, hint));
        }
        moment
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        self.parsed(scope, name, |text| choose(text, choices))
    }

    /// A list of some words, each once.
    pub(super) fn choices<T: Copy + PartialEq>(
        &mut self,
        scope: &Scope<'_>,
        name: &str,
        choices: &[(&str, T)],
    ) -> Vec<T> {
        let mut values = Vec::new();
        for value in self.parsed_list(scope, name, |text| choose(text, choices)) {
            if !values.contains(&value) {
                values.push(value);
            }
        }
        values
    }

    /// A table with keys of its own; `None` where it is not written.
    pub(super) fn inner<'n>(&mut self, scope: &Scope<'n>, name: &str) -> Option<Scope<'n>> {
        let key = scope.keys.iter().find(|key| key.name == name)?;
        let Kind::Inner(keys) = key.kind else {
            return None;
        };
        let Some(entry) = scope.entry(name) else {
            self.values.push(Effective::new(scope.path(name), None, key.secret));
            return None;
        };
        match &entry.node.item {
            Item::Table(entries) => Some(Scope::new(
                keys,
                scope.path(name),
                entries,
                entry.source.clone(),
            )),
            _ => {
                self.mistyped(scope, name, &entry.node, "a table");
                None
            }
        }
    }
}

fn choose<T: Copy>(text: &str, choices: &[(&str, T)]) -> Result<T, Complaint> {
    let found = choices.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>();
        let hint = match nearest(text, words.iter().copied()) {
            Some(word) => format!("did you mean \"{word}\"?"),
            None => format!("write {}", any_of(&words)),
        };
        Complaint::new(
            format!("\"{text}\" is not one of {}", words.join(", ")),
            hint,
        )
    })
}

/// A string with something in it and no space around it.
pub(super) fn not_empty(text: &str) -> Result<&str, Complaint> {
    match text.trim() {
        "" => Err(Complaint::new("is empty", "give it a value, or remove it")),
        trimmed if trimmed == text => Ok(text),
        _ => Err(Complaint::new(
            format!("\"{text}\" has spaces around it"),
            "values are compared character by character; remove the spaces",
        )),
    }
}
