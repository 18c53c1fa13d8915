//! Keeps asking upstreams how they are: `health` of the routes.

use std::sync::Arc;

use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::access::HealthCheck;
use crate::base::Stop;
use crate::proxy::Pool;
use crate::proxy::balance::{Balancer, Balancers, Member};
use crate::proxy::health::ask;

/// Asks every upstream of every route with `health`, each at its own pace, and begins anew with
/// the balancers of another configuration.
pub async fn keep(pool: Pool, mut balancers: watch::Receiver<Arc<Balancers>>, mut stop: Stop) {
    loop {
        let current = Arc::clone(&balancers.borrow_and_update());
        // Dropped with this round: then nobody asks any more.
        let mut asking = JoinSet::new();
        for balancer in current.iter() {
            let route = balancer.route();
            let Some(check) = &route.health else {
                continue;
            };
            for member in balancer.members() {
                asking.spawn(ask_for_ever(
                    Arc::clone(balancer),
                    Arc::clone(member),
                    check.clone(),
                    pool.clone(),
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

async fn ask_for_ever(
    balancer: Arc<Balancer>,
    member: Arc<Member>,
    check: HealthCheck,
    pool: Pool,
) {
    let route = balancer.route();
    loop {
        let found = ask(&pool, route, member.upstream(), &check).await;
        if let Err(error) = &found {
            let upstream = member.name();
            tracing::debug!(route = route.name, upstream, %error, "an upstream is not well");
        }
        member.checked(found.is_ok(), &check);
        tokio::time::sleep(check.interval).await;
    }
}
