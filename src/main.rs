//! The `samlgate` program.

fn main() {}
