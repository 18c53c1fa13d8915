//! `config show`: every value in effect, with where it came from.

use serde_json::{Value, json};

use super::keys::{self, Effect};
use super::node::{Item, Node};
use super::problem::Source;

/// One value in effect.
#[derive(Clone, Debug)]
pub struct Effective {
    /// `server.listen`, `idp[corp].label`.
    pub path: String,
    /// The value; `Null` where the key is not set and has no value by itself. Passwords are
    /// already replaced by `***`.
    pub value: Value,
    /// Where it was written.
    pub source: Source,
}

impl Effective {
    pub(super) fn new(path: String, node: Option<&Node>, secret: bool) -> Self {
        let value = node.map_or(Value::Null, |node| to_json(&node.item, secret));
        let source = node.map_or(Source::Default, |node| node.source.clone());
        Self { path, value, source }
    }

    pub(super) fn derive(&mut self, value: &str) {
        if self.value.is_null() {
            self.value = Value::String(value.to_owned());
        }
    }

    /// The value as TOML would write it; `-` where there is none.
    pub fn display(&self) -> String {
        match &self.value {
            Value::Null => "-".to_owned(),
            value => to_toml(value),
        }
    }

    /// `{"key":…,"value":…,"source":"file","file":…,"line":…}`
    pub fn to_json(&self) -> Value {
        let mut object = json!({ "key": self.path, "value": self.value });
        if let Value::Object(fields) = &mut object {
            match &self.source {
                Source::File { file, line } => {
                    fields.insert("source".into(), json!("file"));
                    fields.insert("file".into(), json!(file));
                    fields.insert("line".into(), json!(line));
                }
                Source::Environment(name) => {
                    fields.insert("source".into(), json!("environment"));
                    fields.insert("variable".into(), json!(name));
                }
                Source::Argument(name) => {
                    fields.insert("source".into(), json!("argument"));
                    fields.insert("argument".into(), json!(name));
                }
                Source::Default => {
                    fields.insert("source".into(), json!("default"));
                }
            }
        }
        object
    }
}

/// The keys whose new values take effect only with the next start: what a reload has to say.
pub fn waiting_for_restart(old: &[Effective], new: &[Effective]) -> Vec<String> {
    let changed = |value: &&Effective| {
        let before = old.iter().find(|before| before.path == value.path);
        before.is_none_or(|before| before.value != value.value) && needs_restart(&value.path)
    };
    new.iter().filter(changed).map(|value| value.path.clone()).collect()
}

fn needs_restart(path: &str) -> bool {
    let key = path.split_once('.').and_then(|(section, rest)| {
        // `server.tls.key` is a part of `server.tls`.
        keys::section(section)?.key(rest.split('.').next().unwrap_or_default())
    });
    key.is_some_and(|key| key.effect == Effect::Restart)
}

fn to_json(item: &Item, secret: bool) -> Value {
    match item {
        Item::Text(text) | Item::Number(text) if secret => Value::String(redact(text)),
        Item::Number(text) if !secret => {
            text.parse().map_or_else(|_| Value::String(text.clone()), Value::Number)
        }
        Item::Text(text) | Item::Number(text) | Item::Moment(text) => Value::String(text.clone()),
        Item::Boolean(value) => Value::Bool(*value),
        Item::List(nodes) => nodes.iter().map(|node| to_json(&node.item, secret)).collect(),
        Item::Table(entries) => {
            let field =
                |entry: &super::node::Entry| (entry.key.clone(), to_json(&entry.node.item, secret));
            Value::Object(entries.iter().map(field).collect())
        }
    }
}

fn to_toml(value: &Value) -> String {
    match value {
        Value::Array(values) => {
            format!(
                "[{}]",
                values.iter().map(to_toml).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Object(fields) => {
            let field = |(key, value): (&String, &Value)| {
                format!("{} = {}", Value::String(key.clone()), to_toml(value))
            };
            format!(
                "{{ {} }}",
                fields.iter().map(field).collect::<Vec<_>>().join(", ")
            )
        }
        other => other.to_string(),
    }
}

/// Hides what may be a password: everything between `://` and the last `@`, and parameters.
pub(super) fn redact(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else {
        return if text == "embedded" {
            text.to_owned()
        } else {
            "***".to_owned()
        };
    };
    let (address, query) = match rest.split_once('?') {
        Some((address, _)) => (address, "?***"),
        None => (rest, ""),
    };
    match address.rsplit_once('@') {
        Some((_, host)) => format!("{scheme}://***@{host}{query}"),
        None => format!("{scheme}://{address}{query}"),
    }
}
