//! The messages of `tests/corpus`: what refusing each of them costs, beside accepting one.

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::corpus::{self, Case, Expect, Form, Kind};
use crate::messages::Outcome;

/// A message of the corpus as it is posted, and who reads it.
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) rows: Vec<String>,
    pub(crate) value: Vec<u8>,
    pub(crate) bytes: usize,
    pub(crate) accepted: bool,
    /// There is a key to decrypt with, and something to be decrypted.
    pub(crate) encrypted: bool,
    pub(crate) read: corpus::ReadOne,
}

/// Every Response.
pub(crate) fn messages() -> Vec<Message> {
    corpus::cases().into_iter().filter_map(message).collect()
}

fn message(case: Case) -> Option<Message> {
    if case.kind != Kind::Response {
        return None;
    }
    let (value, bytes) = match case.form {
        Form::Xml => (STANDARD.encode(&case.body).into_bytes(), case.body.len()),
        Form::Base64 => (case.body.clone(), case.body.len() / 4 * 3),
        // What is refused before there is a message costs nothing to speak of.
        Form::Posted | Form::Query => return None,
    };
    let encrypted = !case.decrypt_keys.is_empty() && contains(&case.body, b"EncryptedData");
    let read = corpus::reader(&case)?;
    // Some are accepted only in circumstances that are not made here.
    let accepted = read(&value).is_ok();
    if matches!(case.expect, Expect::Accept(_)) != accepted {
        return None;
    }
    Some(Message {
        name: case.path.display().to_string(),
        rows: case.rows.clone(),
        bytes: bytes.max(1),
        accepted,
        encrypted,
        value,
        read,
    })
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// The rows about messages that want much time or memory.
pub(crate) fn is_greedy(row: &str) -> bool {
    const ROWS: [&str; 12] = [
        "XML-04", "XML-05", "XML-29", "XML-30", "XML-31", "XML-32", "XML-33", "XML-34", "TRN-06",
        "C14-15", "SLO-18", "ENC-14",
    ];
    ROWS.contains(&row)
}

/// The refusals that cost most, each as a multiple of the acceptance of a message of its size: the
/// least of what the accepted ones of the corpus cost that are no smaller, and encrypted if it is.
pub(crate) fn print() -> Outcome<()> {
    let messages = messages();
    let mut least = vec![f64::MAX; messages.len()];
    // In turns, so that a busy moment of the machine does not hit one message alone.
    for _ in 0..12 {
        for (message, least) in messages.iter().zip(&mut least) {
            let begun = Instant::now();
            for _ in 0..20 {
                let turn = Instant::now();
                let _ = std::hint::black_box((message.read)(&message.value));
                *least = least.min(turn.elapsed().as_secs_f64() * 1e6);
                if begun.elapsed() > Duration::from_millis(4) {
                    break;
                }
            }
        }
    }
    let timed = || messages.iter().zip(least.iter().copied());
    let mut found = Vec::new();
    for (message, took) in timed().filter(|(message, _)| !message.accepted) {
        let alike = timed().filter(|(other, _)| {
            other.accepted && other.encrypted == message.encrypted && other.bytes >= message.bytes
        });
        let any =
            || timed().filter(|(other, _)| other.accepted && other.encrypted == message.encrypted);
        let beside = alike.map(|(_, took)| took).fold(f64::MAX, f64::min);
        // None is as large: then the dearest of those that are smaller.
        let beside = if beside < f64::MAX {
            beside
        } else {
            any().map(|(_, took)| took).fold(0.0, f64::max)
        };
        found.push((took / beside, took, message));
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    let over = found.iter().filter(|(ratio, ..)| *ratio > 1.0).count();
    println!(
        "\n{over} of {} refusals cost more than an acceptance",
        found.len()
    );
    println!("   ratio |       µs |   bytes | refusal");
    for (ratio, took, message) in found.iter().take(40) {
        println!(
            "{ratio:8.2} | {took:8.1} | {:7} | {}",
            message.bytes, message.name
        );
    }
    let greedy = found
        .iter()
        .filter(|(.., message)| message.rows.iter().any(|row| is_greedy(row)));
    let slowest = greedy.map(|(_, took, _)| *took).fold(0.0, f64::max);
    println!("the slowest of the greedy ones: {:.2} ms", slowest / 1e3);
    Ok(())
}
