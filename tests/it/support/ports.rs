//! Free ports on loopback, for programs that cannot say which port they took.

use std::net::TcpListener;

/// A port that nobody listens on right now.
///
/// The kernel hands these out in random order from some 28 000, so that another test gets the same
/// one before it is used is possible and has not been seen.
pub(crate) fn free() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}
