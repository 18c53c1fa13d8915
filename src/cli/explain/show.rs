//! An explanation, for people and for programs.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use serde_json::{Value, json};

use super::explanation::{Accepted, Explanation, Facts, Person, Refused, SignedInAs};
use super::rules::NOT_REACHED;
use crate::base::{Check, Outcome, Timestamp};
use crate::cli::output::{self, Table};
use crate::saml::NameId;
use crate::saml::logout::ValidLogoutRequest;
use crate::saml::schema::Status;

/// What fits on a terminal of the usual width. Values beside a rule are cut to it; those of the
/// rule that is broken are not, and the JSON has all of them.
const WIDTH: usize = 80;

/// How text is marked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style {
    unicode: bool,
    colour: bool,
}

impl Style {
    /// As this process' output can show it. A file takes UTF-8; a terminal says what it takes.
    pub(super) fn of_process() -> Self {
        let terminal = std::io::stdout().is_terminal();
        let mut locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(std::env::var_os);
        let locale = locale.find(|value| !value.is_empty()).unwrap_or_default();
        let locale = locale.to_string_lossy().to_ascii_lowercase();
        Self {
            unicode: !terminal || locale.contains("utf-8") || locale.contains("utf8"),
            colour: terminal && std::env::var_os("NO_COLOR").is_none(),
        }
    }

    fn mark(self, outcome: Outcome) -> String {
        let (mark, colour) = match (outcome, self.unicode) {
            (Outcome::Pass, true) => ("✓", "32"),
            (Outcome::Pass, false) => ("ok  ", "32"),
            (Outcome::Fail, true) => ("✗", "1;31"),
            (Outcome::Fail, false) => ("FAIL", "1;31"),
            (Outcome::Skip, true) => ("–", "2"),
            (Outcome::Skip, false) => ("-   ", "2"),
        };
        self.paint(mark, colour)
    }

    fn paint(self, text: &str, colour: &str) -> String {
        match self.colour {
            true => format!("\x1b[{colour}m{text}\x1b[0m"),
            false => text.to_owned(),
        }
    }
}

/// For people.
pub(super) fn as_text(explanation: &Explanation, style: Style) -> String {
    let mut text = String::new();
    if let Some(facts) = &explanation.facts {
        text.push_str(&facts_text(facts));
    }
    let reached = |line: &&Check| line.values.found.as_deref() != Some(NOT_REACHED);
    let lines = explanation.checks.iter().filter(reached).collect::<Vec<_>>();
    let width = lines.iter().map(|line| line.name.len()).max().unwrap_or(0);
    for line in &lines {
        text.push_str(&check_text(line, width, style));
    }
    let rest = explanation.checks.len().saturating_sub(lines.len());
    if rest > 0 {
        let mark = style.mark(Outcome::Skip);
        let rules = if rest == 1 { "rule was" } else { "rules were" };
        text.push_str(&format!("{mark} {rest} more {rules} not reached\n"));
    }
    text.push('\n');
    match (&explanation.refused, &explanation.accepted) {
        (Some(refused), _) => text.push_str(&refused_text(refused, style)),
        (None, Some(Accepted::Person(person))) => text.push_str(&person_text(person, style)),
        (None, Some(Accepted::Logout(request))) => text.push_str(&logout_text(request, style)),
        (None, Some(Accepted::LoggedOut(status))) => {
            text.push_str(&logged_out_text(status, style));
        }
        (None, None) => {}
    }
    for note in &explanation.notes {
        text.push_str(&format!(
            "\nnote: {}",
            wrapped(&shown(note), 6).trim_start()
        ));
    }
    text
}

fn facts_text(facts: &Facts) -> String {
    let mut table = Table::plain();
    for (name, value) in &facts.said {
        table.row([*name, &shortened(value, WIDTH)]);
    }
    format!(
        "{}, which says of itself:\n{}\n",
        shown(&facts.kind),
        indented(&table.to_string())
    )
}

/// A rule that holds has one line, and the one that does not has both sides under it.
fn check_text(line: &Check, width: usize, style: Style) -> String {
    let (mark, name) = (style.mark(line.outcome), &line.name);
    // The mark, the name, and what is between them.
    let room = WIDTH.saturating_sub(width.saturating_add(4)).max(WIDTH / 4);
    let found = line.values.found.as_deref().map(|found| shortened(found, room));
    let beside = match (line.outcome, line.code) {
        (Outcome::Fail, Some(code)) => code.to_string(),
        _ => found.unwrap_or_default(),
    };
    let mut text = format!(
        "{}\n",
        format!("{mark} {name:<width$}  {beside}").trim_end()
    );
    if line.outcome == Outcome::Fail {
        let mut table = Table::plain();
        if let Some(expected) = &line.values.expected {
            table.row(["expected", &shown(expected)]);
        }
        if let Some(found) = &line.values.found {
            let found = if found.is_empty() { "(empty)" } else { found };
            table.row(["found", &shown(found)]);
        }
        text.push_str(&indented(&indented(&table.to_string())));
    }
    text
}

fn refused_text(refused: &Refused, style: Style) -> String {
    let verdict = style.paint("refused", "1;31");
    format!(
        "{verdict}: {}\n{}{}",
        refused.code,
        wrapped(&shown(&refused.detail), 2),
        wrapped(refused.remedy(), 2)
    )
}

fn person_text(person: &Person, style: Style) -> String {
    let Person { claims, user_name, profile, roles, signed_in_as } = person;
    let mut table = Table::plain();
    let mut row = |name: &str, value: Option<&str>| {
        if let Some(value) = value {
            table.row([name, &shown(value)]);
        }
    };
    row("user name", Some(user_name));
    row(
        "  that is",
        signed_in_as.as_ref().map(SignedInAs::shown).as_deref(),
    );
    for (name, value) in name_id_rows(claims.name_id.as_ref()) {
        row(name, Some(value));
    }
    row("SessionIndex", claims.session_index.as_deref());
    row("authenticated", Some(&claims.authn_instant.to_string()));
    row("  by", claims.authn_context.as_deref());
    row("e-mail", profile.email.as_deref());
    row("groups", Some(&list(&profile.groups)));
    let roles = roles.iter().map(ToString::to_string).collect::<Vec<_>>();
    row("roles", Some(&list(&roles)));
    let mut text = format!(
        "{}: this person would be let in\n{}",
        style.paint("accepted", "1;32"),
        indented(&table.to_string())
    );
    let mut attributes = Table::plain();
    for attribute in &claims.attributes {
        for value in attribute.values.iter() {
            attributes.row([shown(&attribute.name), shown(value)]);
        }
    }
    let attributes = attributes.to_string();
    if !attributes.is_empty() {
        text.push_str(&format!("\nattributes\n{}", indented(&attributes)));
    }
    text
}

fn name_id_rows(name_id: Option<&NameId>) -> Vec<(&'static str, &str)> {
    let Some(name_id) = name_id else {
        return vec![("NameID", "none")];
    };
    let parts = [
        ("  Format", &name_id.format),
        ("  NameQualifier", &name_id.name_qualifier),
        ("  SPNameQualifier", &name_id.sp_name_qualifier),
        ("  SPProvidedID", &name_id.sp_provided_id),
    ];
    let parts = parts.into_iter().filter_map(|(name, part)| Some((name, part.as_deref()?)));
    std::iter::once(("NameID", name_id.value.as_str())).chain(parts).collect()
}

fn logout_text(request: &ValidLogoutRequest, style: Style) -> String {
    let mut table = Table::plain();
    for (name, value) in name_id_rows(Some(&request.name_id)) {
        table.row([name, &shown(value)]);
    }
    let indexes = match request.session_indexes.is_empty() {
        true => "every session of this person".to_owned(),
        false => shown(&request.session_indexes.join(", ")),
    };
    table.row(["SessionIndex", &indexes]);
    format!(
        "{}: these sessions are to end\n{}",
        style.paint("accepted", "1;32"),
        indented(&table.to_string())
    )
}

fn logged_out_text(status: &Status, style: Style) -> String {
    let mut table = Table::plain();
    table.row(["status", &shown(&status.code)]);
    for (name, value) in [("  detail", &status.detail), ("  message", &status.message)] {
        if let Some(value) = value {
            table.row([name, &shown(value)]);
        }
    }
    format!(
        "{}: this answers a LogoutRequest of ours\n{}",
        style.paint("accepted", "1;32"),
        indented(&table.to_string())
    )
}

fn list(words: &[String]) -> String {
    match words.is_empty() {
        true => "none".to_owned(),
        false => words.join(", "),
    }
}

/// What a message says, on one line and without what plays tricks on a terminal.
fn shown(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    output::clean(text).replace('\n', " ").replace(turns, "\u{fffd}")
}

/// Of addresses and names of algorithms the end says most, of everything else the beginning.
fn shortened(text: &str, room: usize) -> String {
    let text = shown(text);
    let over = text.chars().count().saturating_sub(room);
    if over == 0 {
        return text;
    }
    let cut = over.saturating_add(1);
    match text.starts_with("http") || text.starts_with("urn:") {
        true => std::iter::once('…').chain(text.chars().skip(cut)).collect(),
        false => {
            let kept = room.saturating_sub(1);
            text.chars().take(kept).chain(std::iter::once('…')).collect()
        }
    }
}

/// Broken between words, with so many spaces before each line. Words stay whole, to be copied.
fn wrapped(text: &str, indent: usize) -> String {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split(' ') {
        let wide = line.chars().count().saturating_add(word.chars().count()).saturating_add(1);
        if !line.is_empty() && wide > WIDTH.saturating_sub(indent) {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines.iter().map(|line| format!("{:indent$}{line}\n", "")).collect()
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}

/// For programs.
pub(super) fn as_json(explanation: &Explanation) -> Value {
    let error = explanation.refused.as_ref().map(|refused| {
        json!({
            "code": refused.code.as_str(),
            "detail": refused.detail,
            "remedy": refused.remedy(),
        })
    });
    json!({
        "accepted": explanation.accepted.is_some(),
        "error": error,
        "checks": explanation.checks.iter().map(check_json).collect::<Value>(),
        "identity": explanation.accepted.as_ref().and_then(identity_json),
        "notes": explanation.notes,
    })
}

fn identity_json(accepted: &Accepted) -> Option<Value> {
    match accepted {
        Accepted::Person(person) => Some(person_json(person)),
        Accepted::Logout(request) => Some(json!({
            "name_id": request.name_id.value,
            "name_id_format": request.name_id.format,
            "name_qualifier": request.name_id.name_qualifier,
            "sp_name_qualifier": request.name_id.sp_name_qualifier,
            "session_indexes": request.session_indexes,
            "issuer": request.issuer,
            "attributes": {},
        })),
        Accepted::LoggedOut(_) => None,
    }
}

/// `known` and `linked` have an id.
fn signed_in_json(who: &SignedInAs) -> Value {
    match who {
        SignedInAs::New => json!({ "standing": "new" }),
        SignedInAs::Known { id, user_name, is_linked, linked_from } => json!({
            "standing": if *is_linked { "linked" } else { "known" },
            "id": id,
            "user_name": user_name,
            "idp": linked_from,
        }),
    }
}

fn check_json(line: &Check) -> Value {
    let skipped = line.outcome == Outcome::Skip;
    let found = line.values.found.as_deref();
    json!({
        "name": line.name,
        "result": line.outcome.as_str(),
        "code": line.code.map(|code| code.as_str()),
        "expected": line.values.expected,
        "found": found.filter(|_| !skipped),
        "reason": found.filter(|_| skipped),
    })
}

fn person_json(person: &Person) -> Value {
    let Person { claims, user_name, profile, roles, signed_in_as } = person;
    let mut attributes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for attribute in &claims.attributes {
        let values = attribute.values.iter();
        attributes.entry(&attribute.name).or_default().extend(values);
    }
    let name_id = claims.name_id.as_ref();
    let part = |part: fn(&NameId) -> Option<&str>| name_id.and_then(part);
    json!({
        "name_id": part(|name_id| Some(&name_id.value)),
        "name_id_format": part(|name_id| name_id.format.as_deref()),
        "name_qualifier": part(|name_id| name_id.name_qualifier.as_deref()),
        "sp_name_qualifier": part(|name_id| name_id.sp_name_qualifier.as_deref()),
        "session_index": claims.session_index,
        "session_not_on_or_after": claims.session_not_on_or_after.map(Timestamp::to_rfc3339),
        "authn_instant": claims.authn_instant.to_rfc3339(),
        "authn_context": claims.authn_context,
        "issuer": claims.issuer,
        "attributes": attributes,
        "user_name": user_name,
        "signed_in_as": signed_in_as.as_ref().map(signed_in_json),
        "email": profile.email,
        "display_name": profile.display_name,
        "groups": profile.groups,
        "roles": roles,
    })
}
