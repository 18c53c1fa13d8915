//! People who sign in all the time, one after the other, while something else changes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::world::World;

/// How many do so side by side.
const SIDE_BY_SIDE: usize = 2;
/// How long a few logins may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// They go on until [`Self::end`].
pub(super) struct Logins {
    done: Arc<AtomicUsize>,
    enough: Arc<AtomicBool>,
    tasks: JoinSet<()>,
}

impl Logins {
    /// Each login is a browser of its own, which has to arrive at the application as who it is.
    pub(super) fn begin(world: &World) -> Self {
        let (done, enough) = (
            Arc::new(AtomicUsize::new(0)),
            Arc::new(AtomicBool::new(false)),
        );
        let mut tasks = JoinSet::new();
        for _ in 0..SIDE_BY_SIDE {
            let (done, enough) = (Arc::clone(&done), Arc::clone(&enough));
            let (way, mut visitor) = (world.way(), world.gateway.visitor());
            let [person, _] = world.people();
            tasks.spawn(async move {
                while !enough.load(Ordering::SeqCst) {
                    visitor.forget();
                    way.sign_in(&mut visitor, &person).await.is(&person);
                    done.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        Self { done, enough, tasks }
    }

    /// Waits until one has begun after this and arrived.
    pub(super) async fn one_more(&mut self) {
        let enough = self.done.load(Ordering::SeqCst) + SIDE_BY_SIDE + 1;
        let done = async {
            while self.done.load(Ordering::SeqCst) < enough {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            () = done => {}
            failed = self.tasks.join_next() => panic!("{failed:?}"),
            () = tokio::time::sleep(PATIENCE) => panic!("nobody arrives"),
        }
    }

    /// Waits until the last ones have arrived.
    pub(super) async fn end(mut self) {
        self.enough.store(true, Ordering::SeqCst);
        while let Some(task) = self.tasks.join_next().await {
            task.unwrap();
        }
    }
}
