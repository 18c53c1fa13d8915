//! Logs and metrics: how they are written, and the names that people alert on.
//!
//! Metric names and their labels are public. No label holds a user, a path or a host that a
//! client chose.

pub mod access;
mod lines;
pub mod requests;
pub mod series;

use std::io::Write as _;
use std::net::IpAddr;

use http::Method;
use metrics::Unit;
use metrics::describe_counter;
use metrics::describe_gauge;
use metrics::describe_histogram;
use metrics_exporter_prometheus::BuildError;
use metrics_exporter_prometheus::Matcher;
use metrics_exporter_prometheus::PrometheusBuilder;
use metrics_exporter_prometheus::PrometheusHandle;
use metrics_exporter_prometheus::PrometheusRecorder;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::base::Timestamp;
use lines::Lines;

/// `telemetry.log`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogFormat {
    /// One JSON object a line.
    #[default]
    Json,
    /// For people.
    Text,
}

/// Why telemetry can not begin: it has begun already.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// Logs have a place already.
    #[error("the log is set up already")]
    Log(#[from] tracing_subscriber::util::TryInitError),
    /// Metrics have a place already.
    #[error("metrics are set up already: {0}")]
    Metrics(String),
}

/// Sends the log to `stderr`; `filter` is in the form of `RUST_LOG`, `info` when it is empty or
/// can not be read. Stdout is for the data of commands.
pub fn start_log(format: LogFormat, filter: &str, color: bool) -> Result<(), TelemetryError> {
    let filter = if filter.is_empty() { "info" } else { filter };
    let filter = EnvFilter::try_new(filter).unwrap_or_else(|_| EnvFilter::new("info"));
    let registry = tracing_subscriber::registry().with(filter);
    let layer = tracing_subscriber::fmt::layer();
    match format {
        LogFormat::Json => {
            let layer = layer.json().flatten_event(true).with_current_span(false);
            let layer = layer.map_event_format(Lines).with_writer(lines::Out);
            registry.with(layer).try_init()?;
        }
        LogFormat::Text => {
            registry.with(layer.with_writer(std::io::stderr).with_ansi(color)).try_init()?;
        }
    }
    access::begin(format == LogFormat::Json);
    Ok(())
}

/// Makes Prometheus' recorder the one of this process, and describes every metric.
pub fn start_metrics() -> Result<PrometheusHandle, TelemetryError> {
    let recorder = recorder();
    let handle = recorder.handle();
    metrics::set_global_recorder(recorder)
        .map_err(|error| TelemetryError::Metrics(error.to_string()))?;
    describe();
    metrics::gauge!(BUILD_INFO, "version" => env!("CARGO_PKG_VERSION")).set(1.0);
    Ok(handle)
}

/// A recorder with our buckets.
pub fn recorder() -> PrometheusRecorder {
    with_buckets(PrometheusBuilder::new())
        .unwrap_or_else(|_| PrometheusBuilder::new())
        .build_recorder()
}

fn with_buckets(builder: PrometheusBuilder) -> Result<PrometheusBuilder, BuildError> {
    let metric = |name: &str| Matcher::Full(name.to_owned());
    builder.set_buckets_for_metric(metric(LOGIN_DURATION), LOGIN)
}

/// The `method` label: the methods of RFC 9110 and PATCH; whatever else a client makes up is
/// `other`.
pub fn method_label(method: &Method) -> &'static str {
    METHODS.get(method_place(method)).copied().unwrap_or("other")
}

fn method_place(method: &Method) -> usize {
    match *method {
        Method::GET => 0,
        Method::HEAD => 1,
        Method::POST => 2,
        Method::PUT => 3,
        Method::DELETE => 4,
        Method::PATCH => 5,
        Method::OPTIONS => 6,
        Method::CONNECT => 7,
        Method::TRACE => 8,
        _ => 9,
    }
}

const METHODS: [&str; 10] = [
    "GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "CONNECT", "TRACE", "other",
];

/// Everything that is counted, in Prometheus' format.
pub fn render(recorder: &PrometheusHandle) -> String {
    // The exporter keeps what it has not summed up yet; upkeep sums it up.
    recorder.run_upkeep();
    let mut text = recorder.render();
    text.push_str(&requests::render());
    text.push_str(&series::render());
    text
}

/// Writes an address. The four numbers of most are written without the machinery of formatting.
pub fn write_address(out: &mut Vec<u8>, address: IpAddr) {
    let IpAddr::V4(address) = address else {
        // Writing to a Vec can not fail.
        let _ = write!(out, "{address}");
        return;
    };
    for (place, number) in address.octets().into_iter().enumerate() {
        if place > 0 {
            out.push(b'.');
        }
        if number >= 100 {
            out.push(b'0' + number / 100);
        }
        if number >= 10 {
            out.push(b'0' + number / 10 % 10);
        }
        out.push(b'0' + number % 10);
    }
}

/// A time as a gauge holds it.
#[expect(
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "seconds since 1970 are exact in an f64 for 285 million years"
)]
pub fn seconds(time: Timestamp) -> f64 {
    time.unix_seconds() as f64
}

macro_rules! metrics {
    ($($kind:ident $name:ident $text:literal $unit:ident $help:literal;)*) => {
        $(#[doc = concat!("`", $text, "`: ", $help)] pub const $name: &str = $text;)*

        /// Every metric.
        pub const ALL: &[&str] = &[$($name,)*];

        /// Tells the current recorder what every metric is.
        pub fn describe() {
            $($kind!($name, Unit::$unit, $help);)*
        }

        /// What a metric is.
        fn help(name: &str) -> &'static str {
            match name {
                $($name => $help,)*
                _ => "",
            }
        }
    };
}

metrics! {
    describe_gauge BUILD_INFO "samlgate_build_info" Count "Always 1; the labels say what runs.";
    describe_counter HTTP_REQUESTS "samlgate_http_requests_total" Count "Requests by route, method and status code.";
    describe_histogram HTTP_REQUEST_DURATION "samlgate_http_request_duration_seconds" Seconds "Time from the request's head to the answer's head.";
    describe_gauge HTTP_REQUESTS_IN_FLIGHT "samlgate_http_requests_in_flight" Count "Requests that are being answered.";
    describe_histogram OVERHEAD_DURATION "samlgate_overhead_duration_seconds" Seconds "Time in the gateway without the application.";
    describe_counter UPSTREAM_ERRORS "samlgate_upstream_errors_total" Count "Requests that an application did not answer, by route and kind.";
    describe_gauge UPSTREAM_HEALTHY "samlgate_upstream_healthy" Count "1 when an application takes part, 0 when it is left alone, by route and upstream.";
    describe_counter LOGINS "samlgate_logins_total" Count "Sign-ins by identity provider and result: ok, or the error code.";
    describe_histogram LOGIN_DURATION "samlgate_login_duration_seconds" Seconds "Time to answer the identity provider's message.";
    describe_counter IDP_EXCEPTIONS "samlgate_idp_exceptions_total" Count "Messages that were accepted by an exception for their identity provider only, by exception.";
    describe_gauge SESSIONS_ACTIVE "samlgate_sessions_active" Count "Open sessions.";
    describe_counter SESSION_LOOKUPS "samlgate_session_lookups_total" Count "Look-ups of sessions by source and result.";
    describe_counter SESSIONS_ENDED "samlgate_sessions_ended_total" Count "Sessions that ended, by reason.";
    describe_counter SCIM_REQUESTS "samlgate_scim_requests_total" Count "Requests of provisioning clients, by resource, operation and status.";
    describe_gauge SCIM_CONNECTION_STATE "samlgate_scim_connection_state" Count "1 for what a provisioning connection is, 0 for what it is not, by connection and state: healthy, failing, quarantined.";
    describe_gauge SCIM_TOKEN_NOT_AFTER "samlgate_scim_token_not_after_timestamp_seconds" Seconds "When a token of a provisioning connection expires; NaN once it was revoked.";
    describe_counter SCIM_LOG_DROPPED "samlgate_scim_log_dropped_total" Count "Requests of provisioning clients that are missing in their log, because more came than could be written.";
    describe_gauge SCIM_GUARD_PAUSED "samlgate_scim_guard_paused" Count "1 where deactivations of a connection wait until somebody has approved them, by connection.";
    describe_gauge CERTIFICATE_NOT_AFTER "samlgate_certificate_not_after_timestamp_seconds" Seconds "When a certificate in use expires.";
    describe_gauge IDP_CLOCK_OFFSET "samlgate_idp_clock_offset_seconds" Seconds "How far the clock of an identity provider is ahead of ours, as the median of its last sign-ins.";
    describe_counter NOTICES_SENT "samlgate_notices_sent_total" Count "Attempts to send notices, by channel and result: ok, error.";
    describe_gauge NOTICES_WAITING "samlgate_notices_waiting" Count "Notices that a channel has not taken yet, by channel.";
    describe_gauge METADATA_VALID_UNTIL "samlgate_metadata_valid_until_timestamp_seconds" Seconds "Until when the metadata of an identity provider may be used, where it says so.";
    describe_counter METADATA_REFRESH "samlgate_metadata_refresh_total" Count "Attempts to fetch metadata, by identity provider and result: ok, or the error code.";
    describe_gauge CONFIG_LAST_RELOAD_SUCCESSFUL "samlgate_config_last_reload_successful" Count "1 when the configuration in use is the one in the file.";
    describe_gauge CONFIG_LAST_RELOAD_SUCCESS "samlgate_config_last_reload_success_timestamp_seconds" Seconds "When the configuration in use was read.";
}

/// Half a millisecond to a minute: an application's page.
const DURATION: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    60.0,
];
/// Ten microseconds to a tenth of a second: ours.
const OVERHEAD: &[f64] = &[
    0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.0025, 0.005, 0.01, 0.025,
    0.1,
];
/// One millisecond to five seconds: signature, directory and session.
const LOGIN: &[f64] = &[
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn histograms_have_buckets() {
        let recorder = recorder();
        metrics::with_local_recorder(&recorder, || {
            describe();
            metrics::histogram!(LOGIN_DURATION, "idp" => "corp").record(0.002);
        });
        let text = render(&recorder.handle());
        let line = "samlgate_login_duration_seconds_bucket{idp=\"corp\",le=\"0.0025\"} 1";
        assert!(text.contains(line), "{text}");
        assert!(
            text.contains("# TYPE samlgate_http_requests_in_flight gauge"),
            "{text}"
        );
    }

    #[test]
    fn addresses_are_written_as_everywhere() {
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "192.0.2.45",
            "255.255.255.255",
            "10.100.99.9",
            "::1",
            "2001:db8::1",
        ] {
            let mut out = Vec::new();
            write_address(&mut out, text.parse().unwrap());
            assert_eq!(String::from_utf8(out).unwrap(), text);
        }
    }

    #[test]
    fn a_method_that_a_client_made_up_is_other() {
        assert_eq!(method_label(&Method::GET), "GET");
        assert_eq!(method_label(&Method::from_bytes(b"BREW").unwrap()), "other");
    }

    #[test]
    fn every_metric_begins_with_our_name() {
        assert!(ALL.iter().all(|name| name.starts_with("samlgate_")));
    }
}
