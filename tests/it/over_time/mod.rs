//! Identity providers over time: metadata that is asked for again, keys that roll over, and what
//! waits for an administrator.

mod binary;
mod federation;
mod host;
mod rules;
mod twins;
mod world;
