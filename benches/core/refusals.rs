//! The messages of `tests/corpus`: what refusing each of them costs, beside accepting one.
//!
//! Beside which one is decided by what a stranger sees of a message: honest messages with the same
//! signatures in the same places, by keys of the same kind, with as much to be decrypted, and no
//! smaller. The five that are nearest in size count, by their median.

use std::rc::Rc;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::corpus::{self, Case, Expect, Form, Kind};
use crate::messages::{Idp, Outcome, Signed, World};
use samlgate::base::{ErrorCode, Timestamp};
use samlgate::xml::{Document, Element, Limits, Mode, ns};

/// A message of the corpus as it is posted, and who reads it.
pub(crate) struct Message {
    pub(crate) name: String,
    pub(crate) rows: Vec<String>,
    pub(crate) value: Vec<u8>,
    pub(crate) bytes: usize,
    pub(crate) accepted: bool,
    pub(crate) work: Work,
    pub(crate) read: corpus::ReadOne,
}

/// Every Response with this in its name.
pub(crate) fn messages(named: &str) -> Vec<Message> {
    let named = |case: &Case| case.path.display().to_string().contains(named);
    corpus::cases().into_iter().filter(named).filter_map(message).collect()
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
    let work = Work::of(
        &STANDARD.decode(&value).unwrap_or_default(),
        case.decrypt_keys.len(),
    );
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
        work,
        value,
        read,
    })
}

/// The corpus has no honest messages of the size of some of its attacks. These are some.
fn large(now: Timestamp) -> Outcome<Vec<Message>> {
    let idp = Idp::new(now)?;
    let world = Rc::new(World::new(idp.0.trusted()?, now)?);
    let sizes = [16_usize, 32, 64, 128, 250];
    let all = [Signed::Assertion, Signed::Both]
        .into_iter()
        .flat_map(|signed| sizes.map(|kilobytes| (signed, kilobytes)));
    let message = |(signed, kilobytes)| {
        let xml = idp.message(signed, kilobytes * 1024, 1, now)?;
        let world = Rc::clone(&world);
        let read = move |value: &[u8]| {
            let origin = world.origin().map_err(|_| ErrorCode::Internal)?;
            world.sign_in(value, origin).map(drop).map_err(|_| ErrorCode::Internal)
        };
        Ok(Message {
            name: format!("{signed:?}, {kilobytes} KB"),
            rows: Vec::new(),
            value: STANDARD.encode(&xml).into_bytes(),
            bytes: xml.len(),
            accepted: true,
            work: Work::of(xml.as_bytes(), 0),
            read: Box::new(read),
        })
    };
    all.map(message).collect()
}

/// The dear parts of a message: what OpenSSL has to do for it.
#[derive(Default)]
pub(crate) struct Work {
    /// There is no use for more than two.
    signatures: Vec<SignedBy>,
    /// Private operations: each of our keys is tried with each key in the message.
    pub(crate) decryptions: usize,
}

/// What a signature says it is made by, and what it says it covers.
#[derive(PartialEq, Eq)]
struct SignedBy {
    family: &'static str,
    /// Of its value: tells RSA 2048 from 4096, and three curves of ECDSA apart.
    length: usize,
    parent: String,
}

impl Work {
    fn of(xml: &[u8], decryption_keys: usize) -> Self {
        let Ok(document) = Document::parse(xml, Mode::Message, &Limits::default()) else {
            return Self::default();
        };
        let all = || document.root().descendants();
        let signatures = all().filter(|element| element.is(ns::DS, "Signature"));
        let encrypted = all().filter(|element| element.local_name() == "EncryptedData");
        Self {
            signatures: signatures.filter_map(made_by).take(2).collect(),
            decryptions: encrypted.count() * decryption_keys,
        }
    }

    /// Whether there is no less to be done.
    fn covers(&self, other: &Self) -> bool {
        let count = |all: &Self, one| all.signatures.iter().filter(|own| *own == one).count();
        self.decryptions >= other.decryptions
            && other.signatures.iter().all(|one| count(self, one) >= count(other, one))
    }

    fn signs_as_much(&self, other: &Self) -> bool {
        self.signatures.len() == other.signatures.len()
    }
}

fn made_by(signature: Element<'_>) -> Option<SignedBy> {
    let method = signature.child(ns::DS, "SignedInfo")?.child(ns::DS, "SignatureMethod")?;
    let algorithm = method.attribute("Algorithm")?;
    let family = ["ecdsa", "eddsa", "rsa"].into_iter().find(|one| algorithm.contains(one))?;
    let value = signature.child(ns::DS, "SignatureValue")?.text()?;
    // In characters of base64, without white space.
    let length = value.bytes().filter(|byte| !byte.is_ascii_whitespace()).count();
    let parent = signature.parent()?.local_name().to_owned();
    Some(SignedBy { family, length: length / 8, parent })
}

/// The rows about messages that want much time or memory.
pub(crate) fn is_greedy(row: &str) -> bool {
    const ROWS: [&str; 12] = [
        "XML-04", "XML-05", "XML-29", "XML-30", "XML-31", "XML-32", "XML-33", "XML-34", "TRN-06",
        "C14-15", "SLO-18", "ENC-14",
    ];
    ROWS.contains(&row)
}

/// The refusals that cost most, each as a multiple of an acceptance. `only`: reads those whose name
/// has this in it again and again, for a profiler.
pub(crate) fn print(only: Option<&str>, now: Timestamp) -> Outcome<()> {
    if let Some(only) = only {
        let messages = messages(only);
        for message in messages.iter().cycle().take(1000) {
            let _ = std::hint::black_box((message.read)(&message.value));
        }
        return Ok(());
    }
    let mut messages = messages("");
    messages.extend(large(now)?);
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
    let accepted = || timed().filter(|(message, _)| message.accepted);
    let mut found = Vec::new();
    for (message, took) in timed().filter(|(message, _)| !message.accepted) {
        let nearest = |fits: &dyn Fn(&Message) -> bool| {
            let mut near = accepted().filter(|(other, _)| fits(other)).collect::<Vec<_>>();
            near.sort_by_key(|(other, _)| other.bytes.abs_diff(message.bytes));
            near.truncate(5);
            near.sort_by(|one, other| one.1.total_cmp(&other.1));
            near.get(near.len() / 2).map(|(other, took)| (*took, *other))
        };
        let (work, no_smaller) = (&message.work, |other: &Message| {
            other.bytes >= message.bytes
        });
        let beside = nearest(&|other| no_smaller(other) && other.work.covers(work))
            .or_else(|| nearest(&|other| other.work.covers(work)))
            // Nobody would sign and encrypt in that way.
            .or_else(|| nearest(&|other| no_smaller(other) && other.work.signs_as_much(work)))
            .or_else(|| nearest(&|_| true));
        let Some((beside, other)) = beside else {
            continue;
        };
        found.push((took / beside, took, message, other));
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    for more in [1.0, 1.05] {
        let over = found.iter().filter(|(ratio, ..)| *ratio > more).count();
        println!(
            "{over} of {} refusals cost more than {more} acceptances",
            found.len()
        );
    }
    println!("   ratio |       µs |   bytes | refusal | beside");
    for (ratio, took, message, other) in found.iter().take(40) {
        println!(
            "{ratio:8.2} | {took:8.1} | {:7} | {} | {} ({})",
            message.bytes, message.name, other.name, other.bytes
        );
    }
    let greedy = found
        .iter()
        .filter(|(.., message, _)| message.rows.iter().any(|row| is_greedy(row)));
    let slowest = greedy.map(|(_, took, ..)| *took).fold(0.0, f64::max);
    println!("the slowest of the greedy ones: {:.2} ms", slowest / 1e3);
    Ok(())
}
