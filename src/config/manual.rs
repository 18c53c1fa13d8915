//! The tables of `docs/configuration.md`, from the table of keys.

use super::keys::{
    Availability, Effect, Fallback, Key, Kind, SECTIONS, Section, Shape, environment_name,
};

/// Every section as Markdown: a heading, a sentence, and each key.
pub fn manual() -> String {
    let mut text = String::new();
    for section in SECTIONS {
        let (open, close) = match section.shape {
            Shape::Table => ("[", "]"),
            Shape::List => ("[[", "]]"),
        };
        text.push_str(&format!(
            "## `{open}{}{close}`\n\n{}\n",
            section.name, section.doc
        ));
        if section.shape == Shape::List {
            text.push_str("\nAny number of them; in the file only, not in the environment.\n");
        }
        for key in section.keys {
            entry(&mut text, section, &[key.name], key);
            if let Kind::Inner(inner) = key.kind {
                for inner in inner {
                    entry(&mut text, section, &[key.name, inner.name], inner);
                }
            }
        }
        text.push('\n');
    }
    text
}

fn entry(text: &mut String, section: &Section, path: &[&str], key: &Key) {
    let heading = format!(
        "\n### `{}.{}`\n\n{}\n\n",
        section.name,
        path.join("."),
        key.doc
    );
    text.push_str(&heading);
    if key.availability == Availability::Later {
        text.push_str("**Not available in this version**: setting it is an error.\n");
        return;
    }
    let fallback = match key.fallback {
        Fallback::Required => "required".to_owned(),
        Fallback::Value(value) => format!("`{value}`"),
        Fallback::Words(words) => words.to_owned(),
    };
    text.push_str(&format!("- Type: {}\n- Default: {fallback}\n", kind(key)));
    let same = matches!(key.fallback, Fallback::Value(value) if value == key.sample);
    if !same {
        text.push_str(&format!("- Example: `{} = {}`\n", key.name, key.sample));
    }
    if section.shape == Shape::Table && !matches!(key.kind, Kind::Inner(_)) {
        let name = environment_name(&[&[section.name], path].concat());
        text.push_str(&format!("- Environment: `{name}`"));
        if key.secret {
            text.push_str(&format!(
                ", or `{name}_FILE` with the name of a file that holds it"
            ));
        }
        text.push('\n');
    }
    let effect = match key.effect {
        Effect::Reload => "with the next reload",
        Effect::Restart => "with the next start",
    };
    text.push_str(&format!("- A change takes effect {effect}.\n"));
}

fn kind(key: &Key) -> String {
    let words = |words: &[&str]| {
        words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    };
    match key.kind {
        Kind::Text => "string".to_owned(),
        Kind::Texts => "string or list of strings".to_owned(),
        Kind::Boolean => "`true` or `false`".to_owned(),
        Kind::Integer => "whole number".to_owned(),
        Kind::Integers => "list of whole numbers".to_owned(),
        Kind::Share => "number above 0 and up to 1".to_owned(),
        Kind::Size => "size: a number and `B`, `KB`, `MB`, `GB`, `KiB`, `MiB` or `GiB`".to_owned(),
        Kind::Rate => "rate: a number and `/s`, `/m` or `/h`; or `off`".to_owned(),
        Kind::Age => "duration: a number and `s`, `m`, `h` or `d`; or `forever`".to_owned(),
        Kind::Duration => "duration: a number and `s`, `m`, `h` or `d`".to_owned(),
        Kind::Moment => "a day such as `2027-01-31`, or a time of RFC 3339".to_owned(),
        Kind::Choice(choices) => format!("one of {}", words(choices)),
        Kind::Choices(choices) => format!("list of {}", words(choices)),
        Kind::TextByName => "table of strings".to_owned(),
        Kind::TextsByName => "table of strings or lists of strings".to_owned(),
        Kind::Inner(_) => "table".to_owned(),
    }
}
