//! How much is tried: a sample in `make test`, everything in `make proof`.

use std::sync::LazyLock;

use proptest::prelude::ProptestConfig;

/// Whether `SAMLGATE_LONG_TESTS` is set, to anything but `0`.
pub(crate) static LONG: LazyLock<bool> = LazyLock::new(|| {
    std::env::var_os("SAMLGATE_LONG_TESTS").is_some_and(|value| !value.is_empty() && value != "0")
});

/// One number for each mode.
pub(crate) fn either<T>(short: T, long: T) -> T {
    if *LONG { long } else { short }
}

/// So many cases. No file is written for failures: a failure prints its input.
pub(crate) fn cases(short: u32, long: u32) -> ProptestConfig {
    ProptestConfig {
        cases: either(short, long),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}
