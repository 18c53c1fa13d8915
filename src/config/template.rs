//! `config template`: the commented sample, from the table of keys.

use super::keys::{Availability, Fallback, Key, SECTIONS, Section, Shape};

const HEAD: &str = "\
# Configuration of samlgate.
#
# A key behind a `#` is not set: it shows its default or, where a default is named above it, an
# example. docs/configuration.md describes every key. `samlgate config check` finds all mistakes at
# once, and `samlgate config show` prints what is in effect and why.
#
# Every key of a [section] can also come from the environment, which then wins:
# SAMLGATE_SERVER__PUBLIC_URL, SAMLGATE_SESSION__LIFETIME; lists are comma separated there.
# Durations are written 180s, 15m, 1h, 7d.
";

/// The sample, which is also `config/samlgate.toml`.
pub fn template() -> String {
    let mut text = HEAD.to_owned();
    for section in SECTIONS {
        let off = if section.active { "" } else { "# " };
        text.push('\n');
        comment(&mut text, section.doc);
        text.push_str(off);
        text.push_str(&header(section));
        text.push('\n');
        for key in section.keys.iter().filter(|key| key.availability == Availability::Now) {
            text.push('\n');
            comment(&mut text, &describe(key));
            let off = if section.active && key.active {
                ""
            } else {
                "# "
            };
            text.push_str(&format!("{off}{} = {}\n", key.name, key.sample));
        }
    }
    text
}

fn header(section: &Section) -> String {
    match section.shape {
        Shape::Table => format!("[{}]", section.name),
        Shape::List => format!("[[{}]]", section.name),
    }
}

fn describe(key: &Key) -> String {
    match key.fallback {
        Fallback::Value("[]") => format!("{} Default: none.", key.doc),
        Fallback::Value(value) if value != key.sample => format!("{} Default: {value}.", key.doc),
        Fallback::Words(words) => format!("{} Default: {words}.", key.doc),
        Fallback::Required if !key.active => format!("{} Required.", key.doc),
        Fallback::Required | Fallback::Value(_) => key.doc.to_owned(),
    }
}

/// Comment lines of at most 100 characters.
fn comment(text: &mut String, words: &str) {
    let mut line = String::from("#");
    for word in words.split_whitespace() {
        if line.chars().count() + 1 + word.chars().count() > 100 {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
