//! Identity providers over time: metadata that is asked for again, keys that roll over, what waits for
//! an administrator, and days and months of it by a clock that is stepped.

mod binary;
mod federation;
mod host;
mod outage;
mod own_keys;
mod rules;
mod twins;
mod world;
