//! The way to an application and back, over real sockets.

mod bodies;
mod forged;
mod routes;
mod upgrade;
mod upstream;
mod wire;
mod world;
