//! How much memory a Response takes at most while it is read, as a multiple of its size.
//!
//! The allocator of this program counts; what OpenSSL allocates for itself is not in it (some KB,
//! whatever the message). The base64 text is the caller's; everything made from it counts.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stopwatch and a table"
)]

mod messages;
#[expect(dead_code, reason = "what is timed is in the other program")]
mod refusals;

mod beyond_core;
#[expect(
    dead_code,
    unused_imports,
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "it is of the tests, most of which are not here"
)]
#[path = "../../tests/it/corpus/mod.rs"]
mod corpus;

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use peak_alloc::PeakAlloc;
use samlgate::base::Timestamp;

use messages::{Idp, Outcome, Signed, World};

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

fn main() -> Outcome<()> {
    let now = Timestamp::from_unix_seconds(1_795_253_400);
    let idp = Idp::new(now)?;
    let world = World::new(idp.0.trusted()?, now)?;
    println!(
        "message                                |  bytes | peak | times its size | ms | outcome"
    );
    for (signed, kilobytes) in [
        (Signed::Assertion, 4),
        (Signed::Assertion, 8),
        (Signed::Both, 8),
        (Signed::Both, 16),
        (Signed::Both, 64),
        (Signed::Both, 250),
    ] {
        let xml = idp.message(signed, kilobytes * 1024, 1, now)?;
        line(&world, &format!("{signed:?} {kilobytes} KiB"), xml)?;
    }
    for (name, xml) in greedy() {
        line(&world, name, xml)?;
    }
    corpus_refusals()
}

/// The messages of the corpus that take most for their size, and those that want to.
fn corpus_refusals() -> Outcome<()> {
    let mut found = Vec::new();
    for message in refusals::messages("") {
        let mut peak = 0;
        let mut least = f64::MAX;
        // The first time, OpenSSL and the keys make themselves ready.
        for _ in 0..3 {
            let before = ALLOCATOR.current_usage();
            ALLOCATOR.reset_peak_usage();
            let turn = Instant::now();
            let _ = (message.read)(&message.value);
            least = least.min(turn.elapsed().as_secs_f64() * 1e3);
            peak = ALLOCATOR.peak_usage().saturating_sub(before);
        }
        let times = f64::from(u32::try_from(peak)?) / f64::from(u32::try_from(message.bytes)?);
        found.push((times, peak, least, message));
    }
    found.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("\ntimes its size |   peak |  bytes |     ms | of the corpus, the 25 that take most");
    let print = |(times, peak, least, message): &(f64, usize, f64, refusals::Message)| {
        println!(
            "{times:14.2} | {peak:6} | {:6} | {least:6.3} | {}",
            message.bytes, message.name
        );
    };
    found.iter().take(25).for_each(print);
    println!("those that want to take much:");
    let greedy =
        |message: &refusals::Message| message.rows.iter().any(|row| refusals::is_greedy(row));
    found.iter().filter(|(.., message)| greedy(message)).for_each(print);
    Ok(())
}

/// What wants much for little. None of it is signed; all of it is refused.
fn greedy() -> Vec<(&'static str, String)> {
    let response = |content: &str| {
        format!(
            r#"<samlp:Response xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol" ID="_1">{content}</samlp:Response>"#
        )
    };
    let quarter = 255 * 1024;
    vec![
        (
            "refused: elements inside each other",
            "<a>".repeat(quarter / 3),
        ),
        (
            "refused: elements beside each other",
            response(&"<a/>".repeat(quarter / 5)),
        ),
        ("refused: 4000 elements", response(&"<a/>".repeat(4000))),
        (
            "refused: as many elements as there may be",
            response(&format!("<a>&#13;{}</a>", "x".repeat(64 - 12)).repeat(2000)),
        ),
        (
            "refused: as many empty elements as there may be",
            response(&format!("<a/>{}", "x".repeat(28)).repeat(4000)),
        ),
        (
            "refused: as many attributes as there may be",
            response(
                &format!(
                    "<b {}/>",
                    (10..70).map(|n| format!("a{n}='xxxx' ")).collect::<String>()
                )
                .repeat(300),
            ),
        ),
        (
            "refused: attributes",
            response(&format!(
                "<a {}/>",
                (0..quarter / 12).map(|n| format!("a{n}='' ")).collect::<String>()
            )),
        ),
        (
            "refused: 60 attributes each",
            response(
                &format!(
                    "<a {}/>",
                    (0..60).map(|n| format!("a{n}='' ")).collect::<String>()
                )
                .repeat(500),
            ),
        ),
        (
            "refused: IDs",
            response(&(0..4000).map(|n| format!("<a ID='_{n}'/>")).collect::<String>()),
        ),
        (
            "refused: references",
            response(&"<a>&#13;</a>".repeat(4000)),
        ),
        (
            "refused: one text of references",
            response(&"&#13;".repeat(quarter / 5)),
        ),
        (
            "refused: texts and comments",
            response(&" <!---->".repeat(quarter / 9)),
        ),
        (
            "refused: entities",
            format!("<!DOCTYPE a [<!ENTITY a '{}'>]><a/>", "a".repeat(quarter)),
        ),
    ]
}

fn line(world: &World, name: &str, xml: String) -> Outcome<()> {
    let bytes = xml.len();
    let value = STANDARD.encode(xml).into_bytes();
    let mut least = f64::MAX;
    let mut outcome = String::new();
    let mut peak = 0;
    for _ in 0..5 {
        let origin = world.origin()?;
        let before = ALLOCATOR.current_usage();
        ALLOCATOR.reset_peak_usage();
        let turn = Instant::now();
        let valid = world.sign_in(&value, origin);
        least = least.min(turn.elapsed().as_secs_f64() * 1e3);
        peak = ALLOCATOR.peak_usage().saturating_sub(before);
        outcome = match valid {
            Ok(_) => "accepted".to_owned(),
            Err(error) => error.to_string().chars().take(60).collect(),
        };
    }
    let times = f64::from(u32::try_from(peak)?) / f64::from(u32::try_from(bytes)?);
    println!("{name:38} | {bytes:6} | {peak:7} | {times:5.2} | {least:6.3} | {outcome}");
    Ok(())
}
