//! What notices look like.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Message;
use crate::notice::Notice;
use crate::notice::outbox::Parcel;

/// Longest subject of a mail.
const SUBJECT: usize = 120;

/// A line for each.
pub(super) fn log(parcel: &Parcel) {
    for entry in &parcel.entries {
        let Notice { key, text, advice, .. } = &entry.notice;
        // Whoever looks after the connections has said so already, at once.
        if key.starts_with("scim-state/") {
            continue;
        }
        if entry.stands {
            tracing::warn!(notice = key, advice, "{text}");
        } else {
            tracing::info!(notice = key, "{text}; it is over by now");
        }
    }
}

/// One line.
pub(super) fn subject(message: &Message<'_>) -> String {
    let host = message.gateway.host();
    let entries = &message.parcel.entries;
    let first = entries.first().map_or("", |entry| entry.notice.text.as_str());
    let first: String = first.chars().filter(|c| !c.is_control()).take(SUBJECT).collect();
    match entries.len() {
        0 | 1 => format!("[{host}] {first}"),
        more => format!("[{host}] {first} (and {} more)", more.saturating_sub(1)),
    }
}

/// The whole text.
pub(super) fn body(message: &Message<'_>) -> String {
    let mut text = format!("samlgate at {}\n", message.gateway.as_str());
    let (standing, over): (Vec<_>, Vec<_>) =
        message.parcel.entries.iter().partition(|entry| entry.stands);
    for (number, entry) in (1_usize..).zip(standing) {
        let Notice { text: said, advice, .. } = &entry.notice;
        let _ = write!(
            text,
            "\n{number}. {}\n   {}\n",
            sentence(said),
            sentence(advice)
        );
    }
    if !over.is_empty() {
        text.push_str("\nOver by now, nothing is to be done:\n");
        for entry in over {
            let _ = writeln!(text, "- {}", sentence(&entry.notice.text));
        }
    }
    text.push_str(
        "\n`samlgate notices list` shows what stands, `samlgate certs` what ends when.\n",
    );
    text
}

/// For programs.
pub(super) fn document(message: &Message<'_>, id: &str) -> Value {
    let notices = message.parcel.entries.iter().map(|entry| {
        let Notice { key, text, advice, detail, at } = &entry.notice;
        json!({
            "key": key, "text": text, "advice": advice, "detail": detail,
            "raised_at": at.to_saml(), "stands": entry.stands,
        })
    });
    json!({
        "id": id,
        "gateway": message.gateway.as_str(),
        "notices": notices.collect::<Vec<_>>(),
    })
}

/// What tells this parcel from every other one, however often it is sent.
pub(super) fn id(message: &Message<'_>) -> String {
    let parcel = message.parcel;
    let first = parcel.entries.iter().map(|entry| entry.notice.at.unix_micros()).min();
    format!("{}-{}", parcel.id, first.unwrap_or_default())
}

/// With a capital and a full stop; an address at the beginning stays as it is.
fn sentence(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let mut characters = text.chars();
    let begins_with_address =
        text.split_whitespace().next().is_some_and(|word| word.contains("://"));
    let first = characters.next().map(|first| match begins_with_address {
        true => first.to_string(),
        false => first.to_uppercase().to_string(),
    });
    let end = if text.ends_with(['.', '!', '?']) {
        ""
    } else {
        "."
    };
    format!("{}{}{end}", first.unwrap_or_default(), characters.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_not_written_with_a_capital() {
        assert_eq!(sentence("ask them"), "Ask them.");
        assert_eq!(
            sentence("https://idp/x has to answer!"),
            "https://idp/x has to answer!"
        );
    }

    #[test]
    fn a_full_stop_stands_behind_a_command_and_not_in_it() {
        assert_eq!(
            sentence("import a newer document: `samlgate idp import FILE --name corp`"),
            "Import a newer document: `samlgate idp import FILE --name corp`."
        );
    }
}
