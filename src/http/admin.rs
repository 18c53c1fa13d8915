//! The admin listener's answers for machines: `/livez`, `/readyz`, `/metrics`.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::response::Response;
use axum::routing::get;
use http::StatusCode;
use http::header;
use metrics_exporter_prometheus::PrometheusHandle;

use crate::telemetry;

/// Whether traffic should come here, and if not, why.
///
/// ```
/// use samlgate::http::admin::Readiness;
/// let readiness = Readiness::default();
/// readiness.not_ready("store", "the database does not answer");
/// assert!(!readiness.is_ready());
/// readiness.ready("store");
/// assert!(readiness.is_ready());
/// ```
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<Mutex<BTreeMap<&'static str, String>>>);

impl Readiness {
    /// Something that is needed is missing: `store`, `starting`, `stopping`.
    pub fn not_ready(&self, what: &'static str, reason: impl Into<String>) {
        self.reasons().insert(what, reason.into());
    }

    /// It is there (again).
    pub fn ready(&self, what: &'static str) {
        self.reasons().remove(what);
    }

    /// Nothing is missing.
    pub fn is_ready(&self) -> bool {
        self.reasons().is_empty()
    }

    fn reasons(&self) -> MutexGuard<'_, BTreeMap<&'static str, String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The routes; the console and its API are merged with them.
pub fn router(readiness: Readiness, metrics: PrometheusHandle) -> Router {
    Router::new()
        .route(
            "/livez",
            get(|| async { json(StatusCode::OK, r#"{"status":"alive"}"#.to_owned()) }),
        )
        .route("/readyz", get(readyz))
        .with_state(readiness)
        .merge(Router::new().route("/metrics", get(render)).with_state(metrics))
}

async fn readyz(State(readiness): State<Readiness>) -> Response {
    let reasons = readiness.reasons().clone();
    if reasons.is_empty() {
        json(StatusCode::OK, r#"{"status":"ready"}"#.to_owned())
    } else {
        let body = serde_json::json!({ "status": "not_ready", "reasons": reasons });
        json(StatusCode::SERVICE_UNAVAILABLE, body.to_string())
    }
}

async fn render(State(metrics): State<PrometheusHandle>) -> Response {
    let kind = [(
        header::CONTENT_TYPE,
        "text/plain; version=0.0.4; charset=utf-8",
    )];
    (kind, telemetry::render(&metrics)).into_response()
}

fn json(status: StatusCode, body: String) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/json"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    (status, headers, body).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    async fn ask(readiness: &Readiness, path: &str) -> (StatusCode, String) {
        let recorder = telemetry::recorder();
        metrics::with_local_recorder(&recorder, || {
            telemetry::describe();
            metrics::gauge!(telemetry::SESSIONS_ACTIVE).set(3.0);
        });
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let answer = router(readiness.clone(), recorder.handle()).oneshot(request).await.unwrap();
        let status = answer.status();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn readiness_says_what_is_missing_and_liveness_does_not_care() {
        let readiness = Readiness::default();
        readiness.not_ready("store", "the database does not answer");
        let (status, body) = ask(&readiness, "/readyz").await;
        assert_eq!(status, 503);
        assert_eq!(
            body,
            r#"{"reasons":{"store":"the database does not answer"},"status":"not_ready"}"#
        );
        assert_eq!(ask(&readiness, "/livez").await.0, 200);
        readiness.ready("store");
        assert_eq!(ask(&readiness, "/readyz").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_rendered_for_prometheus() {
        let (status, body) = ask(&Readiness::default(), "/metrics").await;
        assert_eq!(status, 200);
        assert!(body.contains("# TYPE samlgate_sessions_active gauge\nsamlgate_sessions_active 3"));
    }
}
