//! Serves a router of the demo.

use std::convert::Infallible;

use axum::Router;
use tower::ServiceExt as _;

use crate::http::server::{Listener, Patience, serve};
use crate::tasks::Supervisor;

pub(super) fn listen(supervisor: &Supervisor, listener: Listener, router: Router) {
    let service = move |request, _| {
        let router = router.clone();
        async move {
            match router.oneshot(request).await {
                Ok(response) => response,
                Err(never) => {
                    let never: Infallible = never;
                    match never {}
                }
            }
        }
    };
    let stop = supervisor.stop_signal();
    supervisor.run_to_end(serve(vec![listener], service, stop, Patience::default()));
}
