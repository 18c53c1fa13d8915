//! Keeps asking upstreams how they are: `health` of the routes.

use std::sync::Arc;

use rustls::ClientConfig;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::{HealthCheck, Route, Upstream};
use crate::base::Stop;
use crate::proxy::balance::{Balancer, Balancers, Member};
use crate::proxy::client_tls::client_tls;
use crate::proxy::health::ask;

/// Asks every upstream of every route with `health`, each at its own pace, and begins anew with
/// the balancers of another configuration.
pub async fn keep(mut balancers: watch::Receiver<Arc<Balancers>>, mut stop: Stop) {
    loop {
        let current = Arc::clone(&balancers.borrow_and_update());
        // Dropped with this round: then nobody asks any more.
        let mut asking = JoinSet::new();
        for balancer in current.iter() {
            let route = balancer.route();
            let Some(check) = &route.health else {
                continue;
            };
            let tls = tls_of(route);
            for member in balancer.members() {
                asking.spawn(ask_for_ever(
                    Arc::clone(balancer),
                    Arc::clone(member),
                    check.clone(),
                    tls.clone(),
                ));
            }
        }
        let changed = async {
            if balancers.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        };
        tokio::select! {
            () = changed => {}
            () = stop.stopped() => return,
        }
    }
}

/// The machine's certificate authorities are read only where somebody needs them.
fn tls_of(route: &Route) -> Option<Arc<ClientConfig>> {
    let wanted = |upstream: &Upstream| matches!(upstream, Upstream::Tcp { tls: true, .. });
    if !route.upstreams.iter().any(wanted) {
        return None;
    }
    let tls = client_tls(route.upstream_tls.as_ref(), route.upstream_protocol);
    let tls = tls.inspect_err(|error| {
        tracing::warn!(route = route.name, %error, "https upstreams can not be asked");
    });
    tls.ok()
}

async fn ask_for_ever(
    balancer: Arc<Balancer>,
    member: Arc<Member>,
    check: HealthCheck,
    tls: Option<Arc<ClientConfig>>,
) {
    let route = balancer.route();
    loop {
        let found = ask(route, member.upstream(), tls.as_ref(), &check).await;
        if let Err(error) = &found {
            let upstream = member.name();
            tracing::debug!(route = route.name, upstream, %error, "an upstream is not well");
        }
        member.checked(found.is_ok(), &check);
        tokio::time::sleep(check.interval).await;
    }
}
