//! The way to an application and back, over real sockets.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests may fail a test"
)]

mod bodies;
mod forged;
mod upgrade;
mod upstream;
mod wire;
mod world;
