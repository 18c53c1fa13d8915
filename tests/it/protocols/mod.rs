//! The protocols that pass through the gateway, each by a real program on at least one side.

mod events;
mod goaway;
mod grpc;
mod h2_in;
mod h2_out;
mod large;
mod regressions;
mod reload;
mod world;
