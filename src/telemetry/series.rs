//! Gauges whose series vanish with what they tell of.
//!
//! A recorder keeps a series for ever once it was set. Those in here are replaced all at once.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A value, and the labels that tell it from others of its name.
pub type Series = (Vec<(&'static str, String)>, f64);

/// Of what there may be ten thousand series, so many are told of: Prometheus pays for each, in every
/// scrape. Whoever asks for all of it asks the API.
pub const MOST: usize = 1000;

/// Puts these in the place of all others of this name.
pub fn replace(name: &'static str, series: Vec<Series>) {
    lock().insert(name, series);
}

/// In Prometheus' format.
pub(super) fn render() -> String {
    let mut text = String::new();
    for (name, series) in lock().iter().filter(|(_, series)| !series.is_empty()) {
        let _ = writeln!(
            text,
            "# HELP {name} {}\n# TYPE {name} gauge",
            super::help(name)
        );
        for (labels, value) in series {
            let labels: Vec<String> = labels
                .iter()
                .map(|(name, value)| format!("{name}=\"{}\"", quoted(value)))
                .collect();
            let _ = writeln!(text, "{name}{{{}}} {value}", labels.join(","));
        }
        text.push('\n');
    }
    text
}

fn quoted(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

static ALL: Mutex<BTreeMap<&'static str, Vec<Series>>> = Mutex::new(BTreeMap::new());

fn lock() -> MutexGuard<'static, BTreeMap<&'static str, Vec<Series>>> {
    // Whoever panicked in here left plain numbers behind.
    ALL.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::IDP_CLOCK_OFFSET;

    #[test]
    fn what_is_gone_vanishes() {
        let one = |idp: &str| (vec![("idp", idp.to_owned())], 1.5);
        replace(IDP_CLOCK_OFFSET, vec![one("a\"b"), one("corp")]);
        let text = render();
        assert!(
            text.contains("samlgate_idp_clock_offset_seconds{idp=\"a\\\"b\"} 1.5\n"),
            "{text}"
        );
        replace(IDP_CLOCK_OFFSET, vec![one("corp")]);
        assert!(!render().contains("a\\\"b"));
    }
}
