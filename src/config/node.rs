//! A configuration as it was written: every value with the place where it stands.
//!
//! The TOML parser's own tree borrows from the text and knows byte spans; this one owns its values
//! and knows lines, and a value from the environment fits in beside those of the file.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::problem::Source;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) item: Item,
    pub(super) source: Source,
}

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Text(String),
    Boolean(bool),
    Number(String),
    Moment(String),
    List(Vec<Node>),
    Table(Vec<Entry>),
}

/// A key of a table and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    /// Where the key stands; for a table this is its first line.
    pub(super) source: Source,
    pub(super) node: Node,
}

impl Item {
    /// What to call it in a message.
    pub(super) const fn describe(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Boolean(_) => "true or false",
            Self::Number(_) => "a number",
            Self::Moment(_) => "a date",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

/// Lines of one file.
pub(super) struct Lines<'t> {
    file: &'t str,
    text: &'t str,
}

impl<'t> Lines<'t> {
    pub(super) const fn new(file: &'t str, text: &'t str) -> Self {
        Self { file, text }
    }

    /// The line of a byte, from 1.
    pub(super) fn source(&self, offset: usize) -> Source {
        let before = self.text.as_bytes().iter().take(offset);
        let line = before.filter(|byte| **byte == b'\n').count() + 1;
        Source::File { file: self.file.to_owned(), line }
    }

    /// The whole table, in the order of the file.
    pub(super) fn table(&self, table: &DeTable<'_>) -> Vec<Entry> {
        let mut entries = table.iter().collect::<Vec<_>>();
        entries.sort_by_key(|(key, _)| key.span().start);
        let entry = |(key, value): (&Spanned<_>, &Spanned<DeValue<'_>>)| {
            let name: &std::borrow::Cow<'_, str> = key.get_ref();
            let source = self.source(key.span().start);
            Entry { key: name.to_string(), source, node: self.node(value) }
        };
        entries.into_iter().map(entry).collect()
    }

    fn node(&self, value: &Spanned<DeValue<'_>>) -> Node {
        let item = match value.get_ref() {
            DeValue::String(text) => Item::Text(text.to_string()),
            DeValue::Integer(number) => Item::Number(number.to_string()),
            DeValue::Float(number) => Item::Number(number.to_string()),
            DeValue::Boolean(value) => Item::Boolean(*value),
            DeValue::Datetime(moment) => Item::Moment(moment.to_string()),
            DeValue::Array(values) => {
                Item::List(values.iter().map(|value| self.node(value)).collect())
            }
            DeValue::Table(table) => Item::Table(self.table(table)),
        };
        Node { item, source: self.source(value.span().start) }
    }
}

/// A default of the table of keys, which is written in TOML. `None` if it is not.
pub(super) fn default_node(toml: &str) -> Option<Node> {
    let value = DeValue::parse(toml).ok()?;
    let mut node = Lines::new("", toml).node(&value);
    node.mark_default();
    Some(node)
}

impl Node {
    /// A string from an environment variable.
    pub(super) fn text(text: &str, source: &Source) -> Self {
        Self { item: Item::Text(text.to_owned()), source: source.clone() }
    }

    fn mark_default(&mut self) {
        self.source = Source::Default;
        if let Item::List(nodes) = &mut self.item {
            nodes.iter_mut().for_each(Self::mark_default);
        }
    }
}
