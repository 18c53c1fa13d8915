//! Free ports on loopback, for programs that cannot say which port they took.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports below those that the kernel hands out by itself (32768 and up): there, an outgoing
/// connection of any program can take one between the choice and its use.
const FIRST: u16 = 11_000;
/// For each test that runs at the same time.
const EACH: u16 = 250;
/// How many tests that can be; nextest numbers them from 0.
const SLOTS: u16 = 80;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on, out of a range that no other running test chooses from.
pub(crate) fn free() -> u16 {
    let first = FIRST + slot() * EACH;
    for _ in 0..EACH {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % EACH;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port is free from {first} on");
}

/// What nextest calls this test's slot; without nextest, the process decides.
fn slot() -> u16 {
    let slot = std::env::var_os("NEXTEST_TEST_GLOBAL_SLOT");
    let slot = slot.and_then(|slot| slot.to_str()?.parse::<u32>().ok());
    let slot = slot.unwrap_or_else(std::process::id);
    // Two copies of the repository that are tested at once begin at different slots.
    let place = env!("CARGO_MANIFEST_DIR").bytes().map(u32::from).sum::<u32>() * 2;
    u16::try_from((slot + place) % u32::from(SLOTS)).unwrap()
}
