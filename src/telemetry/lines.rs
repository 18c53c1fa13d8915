//! The JSON log: events of `tracing` → lines.
//!
//! They are what `tracing-subscriber` writes, byte for byte, for a tenth of its work: a line for
//! each sign-in was felt there. What is rare (an event inside a span: only libraries have some, and
//! only when somebody asks for more than `info`) is left to it.

use std::cell::RefCell;
use std::fmt;

use tracing::Event;
use tracing::Level;
use tracing::Metadata;
use tracing::Subscriber;
use tracing::field::Field;
use tracing::field::Visit;
use tracing_subscriber::fmt::FmtContext;
use tracing_subscriber::fmt::FormatEvent;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::registry::LookupSpan;

use super::access::Sink;
use super::access::write_time;
use crate::base::Clock as _;
use crate::base::Timestamp;
use crate::base::clock::SystemClock;
use crate::base::json;

/// Writes events, and leaves some to another.
pub(super) struct Lines<F>(pub(super) F);

impl<S, N, F> FormatEvent<S, N> for Lines<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        if context.parent_span().is_some() {
            return self.0.format_event(context, writer, event);
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            write(line, event, SystemClock.now());
            writer.write_str(std::str::from_utf8(line).map_err(|_| fmt::Error)?)
        })
    }
}

fn write(line: &mut Vec<u8>, event: &Event<'_>, now: Timestamp) {
    let metadata = event.metadata();
    line.extend_from_slice(b"{\"timestamp\":\"");
    write_time(line, now);
    line.extend_from_slice(b"\",\"level\":");
    json::string(line, metadata.level().as_str());
    event.record(&mut Fields(line));
    line.extend_from_slice(b",\"target\":");
    json::string(line, metadata.target());
    line.extend_from_slice(b"}\n");
}

/// Adds the fields of an event.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn named(&mut self, field: &Field) -> &mut Vec<u8> {
        self.0.push(b',');
        json::string(self.0, field.name());
        self.0.push(b':');
        self.0
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // Writing to a Vec can not fail.
        let _ = serde_json::to_writer(self.named(field), &value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        json::integer(self.named(field), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        json::number(self.named(field), value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        let word = if value { "true" } else { "false" };
        self.named(field).extend_from_slice(word.as_bytes());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        json::string(self.named(field), value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        json::string(self.named(field), &format!("{value:?}"));
    }
}

/// Where the lines go.
#[derive(Debug)]
pub(super) struct Out;

impl<'a> MakeWriter<'a> for Out {
    type Writer = Sink;

    fn make_writer(&'a self) -> Sink {
        Sink::of(Level::ERROR)
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Sink {
        Sink::of(*metadata.level())
    }
}

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use tracing_subscriber::fmt::format::Format;
    use tracing_subscriber::fmt::time::FormatTime;
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;

    /// What [`write_time`] is given.
    const NOW: Timestamp = Timestamp::from_unix_micros(1_795_253_400_000_456);

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    struct At;

    impl FormatTime for At {
        fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
            writer.write_str("2026-11-21T09:30:00.000456Z")
        }
    }

    /// Writes each event twice.
    struct Both<F>(F);

    impl<S, N, F> FormatEvent<S, N> for Both<F>
    where
        S: Subscriber + for<'a> LookupSpan<'a>,
        N: for<'a> FormatFields<'a> + 'static,
        F: FormatEvent<S, N>,
    {
        fn format_event(
            &self,
            context: &FmtContext<'_, S, N>,
            mut writer: Writer<'_>,
            event: &Event<'_>,
        ) -> fmt::Result {
            self.0.format_event(context, writer.by_ref(), event)?;
            let mut line = Vec::new();
            write(&mut line, event, NOW);
            writer.write_str(std::str::from_utf8(&line).unwrap())
        }
    }

    #[test]
    fn a_line_is_what_tracing_subscriber_writes() {
        let lines = Kept::default();
        let theirs = Format::default().json().flatten_event(true).with_current_span(false);
        let layer = tracing_subscriber::fmt::layer()
            .json()
            .with_writer(lines.clone())
            .event_format(Both(theirs.with_timer(At)));
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            let error = std::io::Error::other("no \"disk\"");
            let error: &(dyn std::error::Error + 'static) = &error;
            tracing::info!("plain");
            tracing::warn!(
                idp = Some("corp"),
                nobody = None::<&str>,
                text = "a\"b\\\n",
                number = -1,
                count = 7_u64,
                half = 0.5,
                yes = true,
                large = u128::MAX,
                shown = %"x y",
                debugged = ?Some("z"),
                error,
                r#type = "word",
                "with {} of everything",
                1
            );
            tracing::error!(target: "elsewhere", code = 5_u8, "again");
        });
        let lines = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
        let lines: Vec<_> = lines.lines().collect();
        assert_eq!(lines.len(), 6, "{lines:?}");
        for pair in lines.chunks(2) {
            assert_eq!(pair[0], pair[1]);
        }
    }
}
