//! How long a Response takes from base64 to a valid assertion, beside what OpenSSL alone needs.
//!
//! A plain program instead of a benchmark framework: the two sides must take turns every
//! millisecond, so that a busy machine slows both alike, and the figure is the quotient of the
//! two fastest turns. Frameworks measure one after the other.
//!
//! ```text
//! cargo bench --bench core                    the table
//! cargo bench --bench core -- --stages        where the time goes
//! cargo bench --bench core -- --refusals      what each refusal of the corpus costs
//! cargo bench --bench core -- --write DIR     messages for other programs, valid for an hour
//! cargo bench --bench core -- --peer DIR      reads those, as many as a line on stdin says
//! ```
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a stopwatch and a table"
)]

mod floor;
mod messages;
mod peer;
mod refusals;
mod stages;

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

use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use samlgate::base::Timestamp;

use floor::{Floor, Octets};
use messages::{Idp, Outcome, Signed, World};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Different messages in one turn, so that no branch can be learned by heart.
const MESSAGES: usize = 8;

fn main() -> Outcome<()> {
    let arguments = std::env::args().skip(1).collect::<Vec<_>>();
    let arguments = arguments.iter().map(String::as_str).filter(|word| *word != "--bench");
    match arguments.collect::<Vec<_>>().as_slice() {
        ["--write", directory] => peer::write(directory.as_ref(), now()),
        ["--peer", directory] => peer::run(directory.as_ref(), now()),
        ["--stages", ..] => stages::print(now()),
        ["--refusals"] => refusals::print(None, now()),
        ["--refusals", name] => refusals::print(Some(name), now()),
        _ => {
            table(now())?;
            refusals::print(None, now())
        }
    }
}

fn now() -> Timestamp {
    let seconds = std::time::UNIX_EPOCH.elapsed().unwrap_or_default().as_secs();
    Timestamp::from_unix_seconds(i64::try_from(seconds).unwrap_or_default())
}

fn table(now: Timestamp) -> Outcome<()> {
    let idp = Idp::new(now)?;
    let world = World::new(idp.0.trusted()?, now)?;
    let mut floor = Floor::new(&world.keys)?;
    println!(
        "signed     |  bytes | floor µs min (median) | samlgate µs min (median) | ratio min (median) | ns per byte over the floor"
    );
    for (signed, kilobytes) in [
        (Signed::Assertion, 8),
        (Signed::Both, 8),
        (Signed::Both, 4),
        (Signed::Both, 16),
        (Signed::Both, 64),
        (Signed::Both, 250),
    ] {
        let cases = cases(&idp, signed, kilobytes * 1024, now)?;
        let rounds = if kilobytes > 16 { 300 } else { 2000 };
        let mut times = Times::default();
        for _ in 0..rounds {
            let turn = Instant::now();
            for case in &cases {
                std::hint::black_box(floor.run(&case.value, &case.octets)?);
            }
            let floor_took = turn.elapsed();
            let origins = cases.iter().map(|_| world.origin()).collect::<Outcome<Vec<_>>>()?;
            let turn = Instant::now();
            for (case, origin) in cases.iter().zip(origins) {
                std::hint::black_box(world.sign_in(&case.value, origin)?);
            }
            times.push(floor_took, turn.elapsed());
        }
        let bytes = cases.iter().map(|case| case.bytes).sum::<usize>() / cases.len();
        times.print(&format!("{signed:?}"), bytes);
    }
    Ok(())
}

struct Case {
    value: Vec<u8>,
    octets: Octets,
    bytes: usize,
}

fn cases(idp: &Idp, signed: Signed, bytes: usize, now: Timestamp) -> Outcome<Vec<Case>> {
    let case = |number| {
        let xml = idp.message(signed, bytes, number, now)?;
        let octets = Octets::of(&xml)?;
        let wanted = if signed == Signed::Both { 2 } else { 1 };
        if octets.signatures() != wanted {
            return Err("the floor has another number of signatures".into());
        }
        let value = STANDARD.encode(&xml).into_bytes();
        Ok(Case { value, octets, bytes: xml.len() })
    };
    (0..MESSAGES).map(case).collect()
}

/// What both sides took, turn by turn.
#[derive(Default)]
struct Times {
    floor: Vec<f64>,
    ours: Vec<f64>,
    ratio: Vec<f64>,
}

impl Times {
    fn push(&mut self, floor: Duration, ours: Duration) {
        let micros = |took: Duration| took.as_secs_f64() * 1e6 / 8.0;
        self.floor.push(micros(floor));
        self.ours.push(micros(ours));
        self.ratio.push(ours.as_secs_f64() / floor.as_secs_f64());
    }

    fn print(&mut self, signed: &str, bytes: usize) {
        let [
            (floor, floor_median),
            (ours, ours_median),
            (_, ratio_median),
        ] = [&mut self.floor, &mut self.ours, &mut self.ratio].map(|times| least_and_median(times));
        let over = (ours - floor) * 1e3 / f64::from(u32::try_from(bytes).unwrap_or(u32::MAX));
        println!(
            "{signed:10} | {bytes:6} | {floor:10.1} ({floor_median:6.1}) | {ours:13.1} ({ours_median:6.1}) | {:6.2} ({ratio_median:5.2}) | {over:5.2}",
            ours / floor
        );
    }
}

fn least_and_median(times: &mut [f64]) -> (f64, f64) {
    times.sort_by(f64::total_cmp);
    let at = |place: usize| times.get(place).copied().unwrap_or_default();
    (at(0), at(times.len() / 2))
}
